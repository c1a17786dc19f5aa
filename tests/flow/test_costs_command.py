"""`watibot costs`: a month's money as people and machines read it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET
from watibot.charges import Charge, Operation, Use
from watibot.cli.costs import Bill, app
from watibot.errors import SettingsError
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage
from watibot.ports.charges import Reach, Sum
from watibot.storage import charges, looks, schema

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
FLASH = "gemini-3.8-flash"


def charge(
    at: datetime,
    micros: int | None,
    guest: str = "g1",
    turn: str | None = "t1",
    channel: ChannelName = ChannelName.WHATSAPP,
    operation: Operation = Operation.ANSWER,
    model: str = FLASH,
) -> Charge:
    occasion = Occasion(operation, guest, channel, turn)
    use = Use("gemini", operation, model, "global", Usage(41_105, 40_000, 200), occasion=occasion)
    return Charge(at, use, micros, channel)


def day(number: int, hour: int = 18, month: int = 11) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


CHARGES = [
    charge(day(1, 5), 999_999, "g0", "t0"),  # still October at the hotel
    charge(day(13, 19), 1_400_000),
    charge(day(20, 5), 700_000, "g2", "t2", ChannelName.INSTAGRAM),  # the 19th at the hotel
    charge(day(20, 17), 30_000, "g2", "t3", ChannelName.INSTAGRAM, model="gemini-9"),
    charge(day(20, 17), None, "g2", "t3", ChannelName.INSTAGRAM, model="gemini-9"),
    charge(day(20, 17), 750, "g2", None, operation=Operation.EVENT, model=""),
    charge(day(1, 6, 12), 5_000_000, "g9", "t9"),
]


def standing_still() -> str:
    """A clock that is a thousand times slower, and at NOW just now."""
    return f"0.001@{(NOW.timestamp() - 0.001 * time.time()) / 0.999:.0f}"


def test_nothing_with_a_price_is_no_average() -> None:
    found = Bill("2026-11", Sum("", 0, 3, 3), None, None, Reach(2, 3, 1), {}, [])
    assert [found.each(count) for count in (3, 2, 1)] == [None] * 3
    some = Bill("2026-11", Sum("", 90, 1, 3), None, None, Reach(2, 3, 1), {}, [])
    assert some.each(3) == 30


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    for variable, value in {
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "WATIBOT_DATABASE_URL": url,
        "WATIBOT_HOTEL_FILE": str(HOTEL),
        "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        "WATIBOT_CLOCK": standing_still(),
        "WATI_BASE_URL": "http://127.0.0.1:1",
        "WATI_TOKEN": "invented",
        "VERTEX_PROJECT": "invented",
        "VERTEX_ENGINE_ID": "1",
    }.items():
        monkeypatch.setenv(variable, value)
    schema.upgrade(url)
    return url


def keep(url: str, *kept: Charge) -> None:
    with looks.changing(url, "casa-jacaranda") as tx:
        charges.add(tx, kept)


def costs(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, SettingsError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def read(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(costs("--json", *arguments))
    return found


def test_a_month_for_machines(url: str) -> None:
    keep(url, *CHARGES)
    found = read()
    total = 1_400_000 + 700_000 + 30_000 + 750
    assert (found["month"], found["total"]["micros"]) == ("2026-11", total)
    assert (found["total"]["charges"], found["total"]["without_price"]) == (5, 1)
    assert found["today"]["micros"] == 30_750
    assert found["budget"] == 50_000_000
    # Of the last seven days all, for ten days and twelve hours that are left.
    assert found["forecast"] == pytest.approx(total + total * 10.5 / 7, rel=1e-4)
    assert (found["turns"], found["conversations"], found["bookings"]) == (3, 2, 0)
    assert (found["calls"], found["per_call"]) == (4, round((total - 750) / 3))
    assert found["per_turn"] == round(total / 3)
    assert found["per_conversation"] == round(total / 2)
    assert found["per_booking"] is None
    by = {name: [(one["key"], one["micros"]) for one in sums] for name, sums in found["by"].items()}
    assert by == {
        "channel": [("whatsapp", 1_400_750), ("instagram", 730_000)],
        "operation": [("answer", 2_130_000), ("event", 750)],
        "model": [(FLASH, 2_100_000), ("gemini-9", 30_000), ("", 750)],
        "day": [("2026-11-13", 1_400_000), ("2026-11-19", 700_000), ("2026-11-20", 30_750)],
    }


def test_another_month(url: str) -> None:
    keep(url, *CHARGES)
    october = read("--month", "2026-10")
    assert (october["total"]["micros"], october["today"], october["forecast"]) == (
        999_999,
        None,
        None,
    )
    assert read("--month", "2026-12")["total"]["micros"] == 5_000_000
    assert read("--month", "2027-02")["total"]["charges"] == 0
    for wrong in ("2026-13", "november", "0000-01"):
        costs("--month", wrong, status=2)


def test_for_people_in_80_columns(url: str) -> None:
    keep(url, *CHARGES)
    shown = costs()
    assert max(map(len, shown.splitlines())) <= 80
    for words in (
        "Hotel Casa Jacaranda, 2026-11",
        "$2.1308",
        "4.3% of $50.00",
        "$0.710250",  # per turn
        "2 of them, $0.05 wanted",
        "gemini-3.8-flash",
        "1 use has no price on the list",
        "not confirmed",
    ):
        assert words in shown


def test_nothing_yet(url: str) -> None:
    shown = costs()
    assert "less than a day is known" in shown
    assert "Nothing was charged." in shown
    assert read()["per_call"] is None


def test_a_price_list_of_ones_own(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[calls.wati]\nmonth = 59.5\n")
    monkeypatch.setenv("COSTS_PRICES_FILE", str(prices))
    assert read()["plans"] == {"wati": 59_500_000}
    assert "$59.50" in costs()
    prices.write_text("[calls.wati]\nmonth = -1\n")
    with pytest.raises(SettingsError, match="COSTS_PRICES_FILE"):
        costs()
