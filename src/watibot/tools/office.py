"""Whether a person of the desk answers chats now, and when next.

`check_office_status` asks for the model; `booking.py` and `escalate.py` use `report` for what
they tell about waiting. The hours are computed in `watibot/office.py`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from watibot.hotel import Hotel, day_in_words, moment_in_words
from watibot.office import OfficeStatus, status
from watibot.toolcalls import Caller, Tool
from watibot.tools.toolkit import declare


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
