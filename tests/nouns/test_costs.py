"""Costs: every line by hand from the price list."""

from __future__ import annotations

from datetime import date

import pytest

from watibot import costs
from watibot.modelcalls import Usage

MILLION = 1_000_000
BEFORE, AFTER = date(2026, 12, 31), date(2027, 1, 1)
FLASH = "gemini-3.8-flash"


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


def test_a_cached_token_is_never_dearer() -> None:
    for price in costs.load().prices:
        for rates in (price.rates, price.long):
            assert rates.cached < rates.input < rates.output
