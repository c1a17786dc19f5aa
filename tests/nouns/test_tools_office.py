"""Open or closed: hours, holidays, zones, and days on which clocks are shifted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.invented import caller, hotel
from watibot.hotel import Hotel
from watibot.office import status
from watibot.toolcalls import ToolCall
from watibot.tools.office import check_office_status, report
from watibot.tools.toolkit import run

SALVADOR = "America/El_Salvador"


def at(text: str, zone: str = SALVADOR, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


Seen = tuple[bool, str | None, str | None]


def seen(house: Hotel, now: datetime) -> Seen:
    """(open, closes at, opens at) with the times to the minute."""
    found = status(house, now.astimezone(UTC))
    return found.open, shown(found.closes_at), shown(found.opens_at)


def shown(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M}" if moment else None


ORDINARY = [
    ("2026-11-20T06:59", (False, None, "2026-11-20T07:00")),  # a Friday
    ("2026-11-20T07:00", (True, "2026-11-20T22:00", None)),
    ("2026-11-20T21:59:59", (True, "2026-11-20T22:00", None)),
    ("2026-11-20T22:00", (False, None, "2026-11-21T07:00")),
    ("2026-11-21T12:29", (True, "2026-11-21T12:30", None)),
    ("2026-11-21T12:30", (False, None, "2026-11-21T13:30")),  # the break
    ("2026-11-21T23:00", (False, None, "2026-11-23T07:00")),  # over a closed Sunday
    ("2026-11-22T12:00", (False, None, "2026-11-23T07:00")),
    ("2026-12-23T22:30", (False, None, "2026-12-26T07:00")),  # over an own day and Christmas
    ("2026-12-25T12:00", (False, None, "2026-12-26T07:00")),
    ("2026-12-31T23:59", (False, None, "2027-01-02T07:00")),  # over the year's end
]


@pytest.mark.parametrize(("now", "expected"), ORDINARY)
def test_status(tmp_path: Path, now: str, expected: Seen) -> None:
    assert seen(hotel(tmp_path), at(now)) == expected


MADRID = ((SALVADOR, "Europe/Madrid"), ("holidays = true", "holidays = false"))

# On Sunday 2026-03-29 02:00 becomes 03:00; on Sunday 2026-10-25 03:00 becomes 02:00.
SHIFTED: list[tuple[str, str, Seen]] = [
    ("08:00-18:00", "2026-03-29T07:59", (False, None, "2026-03-29T08:00")),
    ("08:00-18:00", "2026-03-29T08:00", (True, "2026-03-29T18:00", None)),
    ("08:00-18:00", "2026-10-25T17:59", (True, "2026-10-25T18:00", None)),
    ("00:00-24:00", "2026-10-25T23:30", (True, "2026-10-26T00:00", None)),
    ("00:00-04:00", "2026-03-29T03:30", (True, "2026-03-29T04:00", None)),
]


@pytest.mark.parametrize(("sunday", "now", "expected"), SHIFTED)
def test_days_with_a_shift(tmp_path: Path, sunday: str, now: str, expected: Seen) -> None:
    house = hotel(tmp_path, *MADRID, ("sunday = []", f'sunday = ["{sunday}"]'))
    assert seen(house, at(now, "Europe/Madrid")) == expected


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_open_twice(tmp_path: Path, fold: int) -> None:
    house = hotel(tmp_path, *MADRID, ("sunday = []", 'sunday = ["01:00-05:00"]'))
    assert seen(house, at("2026-10-25T02:30", "Europe/Madrid", fold))[0]


def test_the_zone_is_the_hotels(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # Monday, 07:00 in El Salvador
    assert status(hotel(tmp_path), now).open
    assert not status(hotel(tmp_path, (SALVADOR, "Pacific/Honolulu")), now).open


def test_open_through_midnight(tmp_path: Path) -> None:
    house = hotel(
        tmp_path,
        ('saturday = ["07:00-12:30", "13:30-22:00"]', 'saturday = ["18:00-24:00"]'),
        ("sunday = []", 'sunday = ["00:00-02:00"]'),
    )
    assert seen(house, at("2026-11-21T23:00")) == (True, "2026-11-22T02:00", None)
    assert seen(house, at("2026-11-22T01:00")) == (True, "2026-11-22T02:00", None)


def hours(span: str, *, holidays: str) -> list[tuple[str, str]]:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    changes = [(f'{day} = ["07:00-22:00"]', f"{day} = [{span}]") for day in days]
    changes.append(('saturday = ["07:00-12:30", "13:30-22:00"]', f"saturday = [{span}]"))
    changes += [
        ("sunday = []", f"sunday = [{span}]"),
        ("holidays = true", f"holidays = {holidays}"),
    ]
    return [*changes, ('["2026-12-24"]', "[]")]


def test_around_the_clock_and_never(tmp_path: Path) -> None:
    always = hotel(tmp_path, *hours('"00:00-24:00"', holidays="false"))
    assert seen(always, at("2026-11-21T23:00")) == (True, None, None)
    until_christmas = hotel(tmp_path, *hours('"00:00-24:00"', holidays="true"))
    assert seen(until_christmas, at("2026-11-21T23:00")) == (True, "2026-12-25T00:00", None)
    never = hotel(tmp_path, *hours("", holidays="false"))
    assert seen(never, at("2026-11-21T23:00")) == (False, None, None)


def test_the_report_is_in_words(tmp_path: Path) -> None:
    assert report(status(hotel(tmp_path), at("2026-12-25T12:00"))) == {
        "open": False,
        "local_time": "viernes 25 de diciembre de 2026, 12:00",
        "closed_today_because": "Navidad",
        "opens_at": "sábado 26 de diciembre de 2026, 07:00",
    }


SATURDAY = ["07:00-12:30", "13:30-22:00"]
DAYS: list[tuple[str | None, dict[str, Any] | None]] = [
    (None, None),
    ("2026-11-21", {"date": "sábado 21 de noviembre de 2026", "hours": SATURDAY}),
    ("2026-11-22", {"date": "domingo 22 de noviembre de 2026", "hours": "closed"}),
    (
        "2026-12-25",
        {"date": "viernes 25 de diciembre de 2026", "hours": "closed", "holiday": "Navidad"},
    ),
]


@pytest.mark.parametrize(("day", "answer"), DAYS)
async def test_the_tool(tmp_path: Path, day: str | None, answer: dict[str, Any] | None) -> None:
    tool = check_office_status(hotel(tmp_path))
    assert not tool.effect
    arguments = {"day": day} if day else {}
    result = await run((tool,), ToolCall("check_office_status", arguments), caller())
    assert result.response["open"] is True
    assert result.response["closes_at"] == "viernes 20 de noviembre de 2026, 22:00"
    assert result.response.get("asked_day") == answer
