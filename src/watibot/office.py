"""Whether a person of the desk answers chats now, and when next. Pure.

`tools/office.py` tells the model, `service/` and `tools/escalate.py` tell guests who wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from watibot.hotel import DAYS, MONTHS, Hotel

# Longer than any row of holidays; an office that does not open within it has no hours at all.
DAYS_AHEAD = 60

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


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


def when_people_answer(hotel: Hotel, now: datetime, language: str) -> str:
    """For a guest who waits for a person: that one answers, or when the office opens. Never a
    promise of minutes."""
    texts = hotel.texts_in(language)
    found = status(hotel, now)
    if found.opens_at is None:  # open, or never open
        return texts.waits
    return texts.waits_closed.format(when=when_in_words(found.opens_at, found.local, language))


def when_in_words(moment: datetime, local: datetime, language: str) -> str:
    """A time to come as a guest reads it, both in the hotel's zone: `hoy a las 13:30`, `mañana a
    las 7:00`, `el lunes 23 de noviembre a las 7:00`; `today at 1:30 p.m.`, `on Monday, November 23,
    at 7:00 a.m.`; figures in a language that is not built in."""
    ahead = (moment.date() - local.date()).days
    match language:
        case "es":
            days = ("hoy", "mañana")
            day = f"el {DAYS[moment.weekday()]} {moment.day} de {MONTHS[moment.month - 1]}"
            article = "la" if moment.hour == 1 else "las"
            return f"{days[ahead] if ahead < 2 else day} a {article} {moment:%-H:%M}"
        case "en":
            days = ("today", "tomorrow")
            day = f"on {_DAYS[moment.weekday()]}, {_MONTHS[moment.month - 1]} {moment.day},"
            half = "a.m." if moment.hour < 12 else "p.m."
            return f"{days[ahead] if ahead < 2 else day} at {moment:%-I:%M} {half}"
        case _:
            return f"{moment:%d/%m/%Y %H:%M}"
