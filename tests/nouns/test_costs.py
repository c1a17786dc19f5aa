"""Costs: every line by hand from the price list."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from watibot import costs
from watibot.charges import Operation, Use
from watibot.costs import Prices
from watibot.errors import SettingsError
from watibot.modelcalls import Usage

MILLION = 1_000_000
BEFORE, AFTER = date(2026, 12, 31), date(2027, 1, 1)
FLASH = "gemini-3.8-flash"
HEARD = Usage(prompt=1_000, cached=400, output=10, audio=600, cached_audio=300)


@pytest.mark.parametrize(
    ("usage", "model", "on", "location", "expected"),
    [
        (Usage(), FLASH, BEFORE, "global", 0),
        (Usage(prompt=MILLION // 10), FLASH, BEFORE, "global", 75_000),
        (Usage(prompt=MILLION // 10, cached=MILLION // 10), FLASH, BEFORE, "global", 7_500),
        (Usage(output=MILLION, thoughts=MILLION), FLASH, BEFORE, "global", 3_750_000),
        (Usage(prompt=41_105), FLASH, BEFORE, "global", 30_829),
        (Usage(prompt=41_105, cached=40_000, output=200), FLASH, BEFORE, "global", 4_579),
        (Usage(prompt=41_105, cached=40_000, output=200), FLASH, AFTER, "global", 9_158),
        (Usage(prompt=100_000), FLASH, BEFORE, "eu", 82_500),
        (Usage(prompt=100_000), FLASH + "-001", BEFORE, "global", 75_000),
        (Usage(prompt=100_000), "gemini-3.5-flash", BEFORE, "eu", 150_000),
        (Usage(prompt=1_000, output=1_000), "gemini-4-argon", date(2026, 11, 30), "us", 13_200),
        (Usage(prompt=1_000, output=1_000), "gemini-4-argon", date(2026, 12, 1), "us", 26_400),
        (Usage(prompt=200_000), "gemini-2.5-pro", BEFORE, "global", 250_000),
        (Usage(prompt=200_001, output=10), "gemini-2.5-pro", BEFORE, "global", 500_153),
        # Sound: 300 at 0.50, 300 cached at 0.05, 300 words at 0.25, 100 cached at 0.025, output.
        (HEARD, "gemini-3.1-flash-lite", BEFORE, "global", 258),  # 150 + 15 + 75 + 2.5 + 15, up
        (HEARD, FLASH, BEFORE, "global", 518),  # 450 + 30 + 37.5: no price of its own
        (Usage(prompt=100_000), "gemini-9", BEFORE, "global", None),
        (Usage(prompt=100_000), "gemini-3.8", BEFORE, "global", None),
    ],
)
def test_what_a_call_costs(
    usage: Usage, model: str, on: date, location: str, expected: int | None
) -> None:
    assert costs.load().cost(usage, model, on, location) == expected


def test_a_price_does_not_count_before_its_day() -> None:
    prices = costs.parse(
        '[[price]]\nmodel = "m"\nfrom = 2027-01-01\ninput = 1\ncached = 1\noutput = 1\n'
    )
    assert prices.of("m", BEFORE) is None
    assert prices.cost(Usage(prompt=3), "m", AFTER, "global") == 3


def use(operation: Operation, **more: object) -> Use:
    facts: dict[str, object] = {"provider": "gemini", "model": FLASH, "location": "global"}
    return Use(operation=operation, **(facts | more))  # type: ignore[arg-type]


USES = [
    ("an answer", use(Operation.ANSWER, usage=Usage(41_105, 40_000, 200)), BEFORE, 4_579),
    (
        "a receipt, in Europe",
        use(Operation.RECEIPT, usage=Usage(1_000), location="eu"),
        BEFORE,
        825,
    ),
    ("a cache that is written", use(Operation.CACHE, usage=Usage(41_105)), BEFORE, 30_829),
    ("it is kept", use(Operation.STORAGE, quantity=41_105), BEFORE, 20_553),
    (
        "it is kept in Europe",
        use(Operation.STORAGE, quantity=40_000, location="eu"),
        BEFORE,
        22_000,
    ),
    ("nobody knows for how much", use(Operation.STORAGE, quantity=41_105), AFTER, None),
    ("nor where there are none", use(Operation.STORAGE, model="gemini-4-argon"), BEFORE, None),
    ("three events", use(Operation.EVENT, provider="sessions", quantity=3), BEFORE, 750),
    ("requests in a plan", use(Operation.CALL, provider="wati", quantity=7), BEFORE, 0),
    ("requests to somebody else", use(Operation.CALL, provider="x", quantity=7), BEFORE, None),
    ("a run of a known model", use(Operation.RUN, usage=Usage(1_000)), BEFORE, 750),
    ("of an unknown one", use(Operation.RUN, model="gpt-4o", usage=Usage(1_000)), BEFORE, None),
    ("nobody counted the tokens", use(Operation.ANSWER), BEFORE, None),
]


@pytest.mark.parametrize(("name", "used", "on", "expected"), USES)
def test_what_a_use_costs(name: str, used: Use, on: date, expected: int | None) -> None:
    assert costs.load().price(used, on) == expected


def test_a_list_without_a_price_knows_none() -> None:
    assert Prices(()).price(use(Operation.EVENT), BEFORE) is None
    assert Prices(()).price(use(Operation.CALL, provider="wati"), BEFORE) is None


def test_half_a_micro_dollar_is_rounded_up() -> None:
    prices = Prices((), session_event=Decimal("0.5"))
    events = [use(Operation.EVENT, quantity=count) for count in (1, 2, 3)]
    assert [prices.price(each, BEFORE) for each in events] == [1, 1, 2]


def test_every_price_has_a_source_and_guesses_are_marked() -> None:
    prices = costs.load()
    assert all(price.source for price in prices.prices)
    marked = {price.model for price in prices.prices if not price.storage_confirmed}
    assert marked == {
        "gemini-3.5-flash",
        "gemini-3.5-flash-lite",
        "gemini-3.1-flash-lite",
        "gemini-3.1-pro-preview",
        "gemini-2.5-pro",
    }
    assert not prices.session_event_confirmed


M = 'model = "m"\ninput = 1\ncached = 0.1\noutput = 2\n'
WRONG = [
    ("input = ", "no TOML"),
    ("[[price]]\n" + M.replace("0.1", "'0.1'"), "'0.1' in [[price]] number 1 (m), cached"),
    ("[[price]]\n" + M + "[[price]]\n" + M.replace("2", "-2"), "number 2 (m), output"),
    ("[[price]]\n" + M.replace("2", "inf"), "number 1 (m), output"),
    ("[[price]]\n" + M.replace("2", "nan"), "number 1 (m), output"),
    ("[[price]]\n" + M.replace("2", "true"), "number 1 (m), output"),
    (
        "[[price]]\n" + M.replace('model = "m"', ""),
        "nothing in [[price]] number 1 (no model), model",
    ),
    ("[[price]]\n" + M + "ouput = 3\n", "unknown name 'ouput' in [[price]] number 1 (m)"),
    ("[[price]]\n" + M + "from = 2027\n", "number 1 (m), from"),
    ("[[price]]\n" + M + "elsewhere = 0\n", "number 1 (m), elsewhere"),
    ("[[price]]\n" + M + "long = { input = 2 }\n", "number 1 (m), long, cached"),
    ("[[price]]\n" + M + "[[price]]\n" + M, "one price of m for each day, not two"),
    ("[[prices]]\n" + M, "unknown name 'prices' in the list"),
    ("price = 5", "price"),
    ("[sessions]\nthousand_events = '1'\n", "'1' in sessions, thousand_events"),
    ("[calls]\nwati = 5\n", "'5' in calls, wati"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_bad_list_is_one_readable_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        costs.load(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith("COSTS_PRICES_FILE: found ")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no file at"):
        costs.load(tmp_path / "none.toml")
    (tmp_path / "latin").write_bytes(b"# \xe9")
    with pytest.raises(SettingsError, match="not UTF-8"):
        costs.load(tmp_path / "latin")


def test_a_list_of_ones_own_replaces_the_other() -> None:
    prices = costs.parse("[calls.wati]\nthousand = 2.5\nmonth = 59\n[[price]]\n" + M)
    assert prices.price(use(Operation.CALL, provider="wati", quantity=3), BEFORE) == 7_500
    assert prices.plans == {"wati": 59_000_000}
    assert prices.of(FLASH, BEFORE) is None
    assert prices.of("m-001", BEFORE) == prices.of("m", BEFORE)


@pytest.mark.parametrize(
    ("micros", "places", "shown"),
    [
        (0, 2, "$0.00"),
        (12_345_678, 2, "$12.35"),
        (12_345, 4, "$0.0123"),
        (1_234_000_000, 2, "$1,234.00"),
    ],
)
def test_dollars(micros: int, places: int, shown: str) -> None:
    assert costs.dollars(micros, places) == shown


def test_a_cached_token_is_never_dearer() -> None:
    for price in costs.load().prices:
        for rates in (price.rates, price.long):
            assert rates.cached < rates.input < rates.output
