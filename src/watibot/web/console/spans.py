"""Days and months by the hotel's clocks, as spans of time. Pure.

`today.py`, `money.py` and `live.py` ask the store for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Span:
    """`since <= at < until`. `first` is its first day."""

    first: date
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """A month's, as an address names it: 2026-11."""
        return f"{self.first:%Y-%m}"

    def days(self, zone: ZoneInfo) -> list[Span]:
        """Its days, in order."""
        count = (self.until.astimezone(zone).date() - self.first).days
        return [_day(self.first + timedelta(days=number), zone) for number in range(count)]


def day_of(now: datetime, zone: ZoneInfo) -> Span:
    return _day(now.astimezone(zone).date(), zone)


def month_of(now: datetime, zone: ZoneInfo) -> Span:
    return _month(now.astimezone(zone).date(), zone)


def month_named(name: str, zone: ZoneInfo) -> Span | None:
    """The month of an address; None if it names none."""
    found = _MONTH.fullmatch(name)
    return None if found is None else _month(date(int(found[1]), int(found[2]), 1), zone)


def months_before(month: Span, count: int, zone: ZoneInfo) -> list[Span]:
    """The month and those before it, the newest first."""
    made = [month]
    while len(made) < count:
        made.append(_month(made[-1].first - timedelta(days=1), zone))
    return made


def _day(day: date, zone: ZoneInfo) -> Span:
    return Span(day, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _month(day: date, zone: ZoneInfo) -> Span:
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(first, _midnight(first, zone), _midnight(following, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
