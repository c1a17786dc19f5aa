"""The hotel's own facts: name, zone, office hours, people, accounts, texts, limits.

Read once at the start from the hotel file (TOML) by `wiring.py`. `instructions.py` gives them to
the model, `prompts.py` takes the local time from here, `tools/` compute with the hours and limits.
What concerns the machine and not the hotel is in `settings.py`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from watibot.errors import SettingsError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre"),
    *("octubre", "noviembre", "diciembre"),
)

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class Span:
    """Opening hours within one day, in minutes after local midnight; `end` is closed already."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_hour(self.start)}-{_hour(self.end)}"


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _span(value: Any) -> Span:
    shape = re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", str(value))
    if shape:
        hours = [int(number) for number in shape.groups()]
        span = Span(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
        if span.start < span.end <= 24 * 60:
            return span
    raise ValueError(
        'a span such as "07:00-22:00", the start before the end (past midnight: one span up to '
        "24:00 and one from 00:00 on the next day)"
    )


class Table(BaseModel):
    """A table of the file: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Identity(Table):
    """[hotel]"""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    name: Line
    time_zone: str
    country: str = Field(pattern=r"^[A-Z]{2}$")
    languages: tuple[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")], ...] = Field(
        min_length=1
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("an IANA time zone such as America/El_Salvador") from None
        return value


Spans = tuple[Annotated[Span, BeforeValidator(_span)], ...]


class Week(Table):
    """[office.hours]: the spans of each weekday; none is a closed day."""

    monday: Spans
    tuesday: Spans
    wednesday: Spans
    thursday: Spans
    friday: Spans
    saturday: Spans
    sunday: Spans

    @field_validator("*")
    @classmethod
    def _in_order(cls, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        if any(before.end > after.start for before, after in pairwise(spans)):
            raise ValueError("spans in order that do not overlap")
        return spans

    def of(self, weekday: int) -> tuple[Span, ...]:
        """The spans of a weekday, Monday being 0."""
        spans: tuple[Span, ...] = getattr(self, WEEKDAYS[weekday])
        return spans


class Office(Table):
    """[office]: when a person of the desk answers chats."""

    closed_on_holidays: bool = True
    extra_closed_days: tuple[date, ...] = ()
    hours: Week


class Person(Table):
    """[[staff]]: WATI assigns a chat to the one with role "desk", by e-mail."""

    name: Line
    role: Line
    email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$")


class PaymentAccount(Table):
    """[[payment_accounts]]: handed to guests to the letter."""

    bank: Line
    holder: Line
    number: Line
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    kind: Line


class Texts(Table):
    """[texts]: what the service says by itself when the model cannot."""

    apology: Line
    unreadable: Line
    handed_over: Line | None = None

    @field_validator("unreadable")
    @classmethod
    def _names_kinds(cls, value: str) -> str:
        if re.findall(r"[{}][^{}]*", value.replace("{kinds}", "")) or "{kinds}" not in value:
            raise ValueError("a text with {kinds} in it and no other braces")
        return value


class BookingLimits(Table):
    """[booking]: what `request_booking` accepts."""

    max_nights: int = Field(30, ge=1)
    max_guests: int = Field(12, ge=1)
    max_days_ahead: int = Field(365, ge=1)


class File(Table):
    """The whole file."""

    hotel: Identity
    office: Office
    staff: tuple[Person, ...] = ()
    payment_accounts: tuple[PaymentAccount, ...] = ()
    texts: Texts
    booking: BookingLimits = Field(default_factory=lambda: BookingLimits.model_validate({}))

    @model_validator(mode="after")
    def _calendar_exists(self) -> File:
        if self.office.closed_on_holidays:
            _calendar(self.hotel.country)
        return self


def _calendar(country: str) -> Any:
    """The country's public holidays, in Spanish where they are known by Spanish names. Grows by
    itself with each year that is asked for."""
    try:
        calendar = holidays.country_holidays(country)
    except NotImplementedError:
        raise ValueError("a country whose public holidays are known") from None
    if "es" in calendar.supported_languages:
        calendar = holidays.country_holidays(country, language="es")
    return calendar


@dataclass(frozen=True, slots=True)
class Hotel:
    """One hotel, as its file describes it."""

    id: str
    name: str
    zone: ZoneInfo
    country: str
    languages: tuple[str, ...]
    office: Office
    staff: tuple[Person, ...]
    payment_accounts: tuple[PaymentAccount, ...]
    texts: Texts
    booking: BookingLimits
    calendar: Any = field(repr=False, compare=False)

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
    try:
        raw = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise SettingsError(path.name, error.strerror or "no file", "the hotel file") from None
    except UnicodeDecodeError:
        raise SettingsError(path.name, "bytes that are not UTF-8", "TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path.name, f"broken TOML ({error})", "TOML") from None
    try:
        file = File.model_validate(raw)
        calendar = _calendar(file.hotel.country)
    except ValidationError as error:
        raise _readable(path.name, error) from None
    except ValueError:
        calendar = None  # nothing is closed on holidays, and none are known
    return Hotel(
        id=file.hotel.id,
        name=file.hotel.name,
        zone=ZoneInfo(file.hotel.time_zone),
        country=file.hotel.country,
        languages=file.hotel.languages,
        office=file.office,
        staff=file.staff,
        payment_accounts=file.payment_accounts,
        texts=file.texts,
        booking=file.booking,
        calendar=calendar,
    )


def _readable(file_name: str, error: ValidationError) -> SettingsError:
    mistakes = error.errors(include_url=False, include_context=False)
    # A misspelt key is two mistakes, one unknown and one missing: the unknown one says more.
    first = next((m for m in mistakes if m["type"] == "extra_forbidden"), mistakes[0])
    if not first["loc"]:
        country = first["input"]["hotel"]["country"]
        expected = first["msg"].removeprefix("Value error, ")
        return SettingsError(f"{file_name} [hotel] country", repr(country), expected)
    where = _place(file_name, first["loc"])
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        near = difflib.get_close_matches(key, _siblings(first["loc"][:-1]), n=1)
        expected = f"did you mean {near[0]}?" if near else "no such key"
        return SettingsError(where, "an unknown key", expected)
    if first["type"] == "missing":
        return SettingsError(where, "nothing", "a value")
    return SettingsError(where, repr(first["input"]), first["msg"].removeprefix("Value error, "))


def _place(file_name: str, loc: tuple[int | str, ...]) -> str:
    """`hotel.toml [office.hours] monday`, `hotel.toml [[staff]] 2 name`."""
    if len(loc) == 1:
        return f"{file_name} [{loc[0]}]"
    if isinstance(loc[1], int):
        return " ".join([file_name, f"[[{loc[0]}]]", str(loc[1] + 1), *map(str, loc[2:])])
    names = [part for part in loc if isinstance(part, str)]
    return f"{file_name} [{'.'.join(names[:-1])}] {names[-1]}"


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at `loc` knows."""
    table: dict[str, type[Table]] = {
        "": File,
        "hotel": Identity,
        "office": Office,
        "office.hours": Week,
        "staff": Person,
        "payment_accounts": PaymentAccount,
        "texts": Texts,
        "booking": BookingLimits,
    }
    return list(table[".".join(part for part in loc if isinstance(part, str))].model_fields)
