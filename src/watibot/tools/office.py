"""Whether a person of the desk answers chats now, and when next.

`check_office_status` is the model's way to ask; `booking.py` and `escalate.py` use the same
`status` for what they tell about waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from watibot.hotel import Hotel, day_in_words, moment_in_words
from watibot.toolcalls import Caller, Tool
from watibot.tools.toolkit import declare

# Longer than any row of holidays; an office that does not open within it has no hours at all.
DAYS_AHEAD = 60


@dataclass(frozen=True, slots=True)
class OfficeStatus:
    """The office at one moment. Times are aware, in the hotel's zone. `closes_at` is None for an
    office that is closed or never closes, `opens_at` for one that is open or never opens.
    `closure` says why the local day has no hours though its weekday has."""

    local: datetime
    open: bool
    closes_at: datetime | None
    opens_at: datetime | None
    closure: str | None


def status(hotel: Hotel, now: datetime) -> OfficeStatus:
    """The office at `now` (aware)."""
    local = hotel.local(now)
    today = local.date()
    closure = hotel.closure(today)
    # Instants are compared: two times of one zone would compare by their wall clocks.
    for start, end in _stretches(hotel, today):
        if end.timestamp() <= now.timestamp():
            continue
        if start.timestamp() > now.timestamp():
            return OfficeStatus(local, False, None, start, closure)
        around_the_clock = end.date() - today >= timedelta(days=DAYS_AHEAD)
        return OfficeStatus(local, True, None if around_the_clock else end, None, closure)
    return OfficeStatus(local, False, None, None, closure)


def _stretches(hotel: Hotel, first: date) -> Iterator[tuple[datetime, datetime]]:
    """The opening hours from a day on; spans that touch (midnight) are one stretch."""
    current: tuple[datetime, datetime] | None = None
    for ahead in range(DAYS_AHEAD):
        for start, end in hotel.spans(first + timedelta(days=ahead)):
            if current and start.timestamp() <= current[1].timestamp():
                current = current[0], end
                continue
            if current:
                yield current
            current = start, end
    if current:
        yield current


def report(found: OfficeStatus) -> dict[str, Any]:
    """A status in words for the model."""
    words: dict[str, Any] = {"open": found.open, "local_time": moment_in_words(found.local)}
    if found.closure:
        words["closed_today_because"] = found.closure
    if found.closes_at:
        words["closes_at"] = moment_in_words(found.closes_at)
    if found.opens_at:
        words["opens_at"] = moment_in_words(found.opens_at)
    return words


class OfficeArguments(BaseModel):
    """A day, if the guest asks about one."""

    day: date | None = Field(
        None, description="A day the guest asks about, YYYY-MM-DD; leave out to ask about now"
    )


def check_office_status(hotel: Hotel) -> Tool:
    """The tool."""

    async def check_office_status(arguments: OfficeArguments, caller: Caller) -> dict[str, Any]:
        """Whether the reservations office is open at this moment and when it closes or opens next,
        in the hotel's local time, holidays and special days included. With `day`, also that day's
        hours. Not for the hours of the pool, the restaurant or check-in."""
        answer = report(status(hotel, caller.now))
        if arguments.day is not None:
            answer["asked_day"] = _day(hotel, arguments.day)
        return answer

    return declare(check_office_status, effect=False)


def _day(hotel: Hotel, day: date) -> dict[str, Any]:
    spans = [f"{start:%H:%M}-{end:%H:%M}" for start, end in hotel.spans(day)]
    answer: dict[str, Any] = {"date": day_in_words(day), "hours": spans or "closed"}
    reason = hotel.closure(day) or hotel.holiday(day)
    return {**answer, "holiday": reason} if reason else answer
