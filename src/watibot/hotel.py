"""The hotel's own facts: name, zone, office hours, people, accounts, texts, words, limits.

Read once at the start from the hotel file (`hotelfile.py`) by `wiring.py`. `instructions.py` gives
them to the model, `prompts.py` takes the local time from here, `tools/` compute with the hours and
limits. What concerns the machine and not the hotel is in `settings/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from watibot.hotelfile import (
    BookingLimits,
    File,
    Office,
    PaymentAccount,
    Payments,
    Person,
    Translation,
    Words,
    calendar_of,
    read,
)
from watibot.texts import BUILT_IN, FALLBACK, Texts

DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre"),
    *("octubre", "noviembre", "diciembre"),
)


@dataclass(frozen=True, slots=True)
class Hotel:
    """One hotel, as its file describes it. `texts` are in its first language."""

    id: str
    name: str
    zone: ZoneInfo
    country: str
    languages: tuple[str, ...]
    office: Office
    staff: tuple[Person, ...]
    payment_accounts: tuple[PaymentAccount, ...]
    texts: Texts
    words: Words
    booking: BookingLimits
    payments: Payments
    translations: Mapping[str, Texts] = field(repr=False)
    calendar: Any = field(repr=False, compare=False)

    def texts_in(self, language: str) -> Texts:
        """What the service says in one of `languages`."""
        return self.translations.get(language, self.texts)

    def local(self, moment: datetime) -> datetime:
        """An aware time as the hotel's clocks show it."""
        return moment.astimezone(self.zone)

    def holiday(self, day: date) -> str | None:
        """The name of the public holiday on this day."""
        return self.calendar.get(day) if self.calendar is not None else None

    def closure(self, day: date) -> str | None:
        """Why the office is closed on this day though its weekday has hours, in Spanish."""
        if day in self.office.extra_closed_days:
            return self.holiday(day) or "día de cierre del hotel"
        return self.holiday(day) if self.office.closed_on_holidays else None

    def spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """When the office is open on this local day: aware starts and ends, in order."""
        if self.closure(day):
            return ()
        midnight = datetime.combine(day, time(), self.zone)
        # Wall-clock arithmetic: "07:00" stays 07:00 on a day on which the clocks are shifted.
        return tuple(
            (midnight + timedelta(minutes=span.start), midnight + timedelta(minutes=span.end))
            for span in self.office.hours.of(day.weekday())
        )

    @property
    def desk_email(self) -> str | None:
        """To whom WATI assigns an escalated chat."""
        return next((p.email for p in self.staff if p.role == "desk" and p.email), None)


def day_in_words(day: date) -> str:
    """`domingo 22 de noviembre de 2026`."""
    return f"{DAYS[day.weekday()]} {day.day} de {MONTHS[day.month - 1]} de {day.year}"


def moment_in_words(moment: datetime) -> str:
    """`domingo 22 de noviembre de 2026, 18:00`, in the zone that the time carries."""
    return f"{day_in_words(moment)}, {moment:%H:%M}"


def load(path: Path) -> Hotel:
    """Reads the hotel file. Raises SettingsError, which names the first mistake."""
    file, tables = read(path)
    try:
        calendar = calendar_of(file.hotel.country)
    except ValueError:
        calendar = None  # nothing is closed on holidays, and none are known
    first, *further = file.hotel.languages
    return Hotel(
        id=file.hotel.id,
        name=file.hotel.name,
        zone=ZoneInfo(file.hotel.time_zone),
        country=file.hotel.country,
        languages=file.hotel.languages,
        office=file.office,
        staff=file.staff,
        payment_accounts=file.payment_accounts,
        texts=_texts(first, file.texts, file),
        words=file.words,
        booking=file.booking,
        payments=file.payments,
        translations={code: _texts(code, tables.get(code), file) for code in further},
        calendar=calendar,
    )


def _texts(language: str, own: Translation | None, file: File) -> Texts:
    """The hotel's own texts over those that are built in."""
    built_in = BUILT_IN.get(language, BUILT_IN[FALLBACK])
    texts = replace(built_in, **(own.model_dump(exclude_none=True) if own else {}))
    return replace(
        texts, stopped=texts.stopped.replace("{word}", " / ".join(file.words.guest_resume))
    )
