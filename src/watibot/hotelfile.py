"""The hotel file (TOML) as it is read: its tables, and the one line that each mistake gives.

`hotel.py` makes the `Hotel` of it; what each value means stands in `samples/hotel.toml`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from datetime import date
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


class Translation(Table):
    """[texts.en] and the like: the hotel's own texts in a further language."""

    apology: Line | None = None
    unreadable: Line | None = None
    handed_over: Line | None = None
    waits: Line | None = None
    waits_closed: Line | None = None
    limited: Line | None = None
    held_back: Line | None = None
    stopped: Line | None = None
    resumed: Line | None = None
    refused: Line | None = None
    payment_accepted: Line | None = None
    payment_rejected: Line | None = None

    @field_validator("unreadable")
    @classmethod
    def _names_kinds(cls, value: str | None) -> str | None:
        return _with(value, "kinds")

    @field_validator("waits_closed")
    @classmethod
    def _says_when(cls, value: str | None) -> str | None:
        return _with(value, "when")

    @field_validator("stopped")
    @classmethod
    def _says_the_word(cls, value: str | None) -> str | None:
        return _with(value, "word")

    @field_validator(
        "apology",
        "handed_over",
        "waits",
        "limited",
        "held_back",
        "resumed",
        "refused",
        "payment_accepted",
        "payment_rejected",
    )
    @classmethod
    def _as_it_is(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"[{}]", value):
            raise ValueError("a text without braces: nothing is filled in here")
        return value


def _with(value: str | None, name: str) -> str | None:
    place = f"{{{name}}}"
    if value is not None and (
        re.search(r"[{}]", value.replace(place, "")) or value.count(place) != 1
    ):
        raise ValueError(f"a text with {place} in it and no other braces")
    return value


class OwnTexts(Translation):
    """[texts]: what the service says by itself, in the hotel's first language."""

    apology: Line
    unreadable: Line


class Words(Table):
    """[words]: what guests and colleagues write, alone in a message, to silence the assistant and
    to wake it."""

    guest_stop: tuple[Line, ...] = Field(("ALTO", "PARAR", "STOP"), min_length=1)
    guest_resume: tuple[Line, ...] = Field(("CONTINUAR", "START"), min_length=1)
    staff_stop: tuple[Line, ...] = Field(("#pausa",), min_length=1)
    staff_resume: tuple[Line, ...] = Field(("#bot",), min_length=1)

    @model_validator(mode="after")
    def _one_meaning(self) -> Words:
        for stop, resume in (
            (self.guest_stop, self.guest_resume),
            (self.staff_stop, self.staff_resume),
        ):
            if {word.casefold() for word in stop} & {word.casefold() for word in resume}:
                raise ValueError("words that do not both silence and wake the assistant")
        return self


class Payments(Table):
    """[payments]: when a proof of payment agrees with a booking. `tolerance` is in units of the
    currency, the days are counted from today."""

    deposit_percent: float = Field(100, gt=0, le=100)
    tolerance: float = Field(0.5, ge=0)
    days_back: int = Field(7, ge=0)
    days_ahead: int = Field(1, ge=0)


class BookingLimits(Table):
    """[booking]: what `request_booking` accepts."""

    max_nights: int = Field(30, ge=1)
    max_guests: int = Field(12, ge=1)
    max_days_ahead: int = Field(365, ge=1)


class File(Table):
    """The whole file, the tables within [texts] left out."""

    hotel: Identity
    office: Office
    staff: tuple[Person, ...] = ()
    payment_accounts: tuple[PaymentAccount, ...] = ()
    texts: OwnTexts
    words: Words = Field(default_factory=lambda: Words.model_validate({}))
    booking: BookingLimits = Field(default_factory=lambda: BookingLimits.model_validate({}))
    payments: Payments = Field(default_factory=lambda: Payments.model_validate({}))

    @model_validator(mode="after")
    def _calendar_exists(self) -> File:
        if self.office.closed_on_holidays:
            calendar_of(self.hotel.country)
        return self


def calendar_of(country: str) -> Any:
    """The country's public holidays, in Spanish where they are known by Spanish names. Grows by
    itself with each year that is asked for. Raises ValueError for one that is not known."""
    try:
        calendar = holidays.country_holidays(country)
    except NotImplementedError:
        raise ValueError("a country whose public holidays are known") from None
    if "es" in calendar.supported_languages:
        calendar = holidays.country_holidays(country, language="es")
    return calendar


def read(path: Path) -> tuple[File, dict[str, Translation]]:
    """The file, and the tables within [texts] by language. Raises SettingsError, which names the
    first mistake."""
    raw = _toml(path)
    tables: dict[str, Any] = {}
    if isinstance(texts := raw.get("texts"), dict):
        tables = {key: value for key, value in texts.items() if isinstance(value, dict)}
        raw["texts"] = {key: value for key, value in texts.items() if key not in tables}
    try:
        file = File.model_validate(raw)
    except ValidationError as error:
        raise _readable(path.name, error) from None
    return file, {
        language: _translation(path.name, language, table, file.hotel.languages)
        for language, table in tables.items()
    }


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise SettingsError(path.name, error.strerror or "no file", "the hotel file") from None
    except UnicodeDecodeError:
        raise SettingsError(path.name, "bytes that are not UTF-8", "TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path.name, f"broken TOML ({error})", "TOML") from None


def _translation(
    file_name: str, language: str, table: dict[str, Any], languages: tuple[str, ...]
) -> Translation:
    if language not in languages[1:]:
        others = ", ".join(f"[texts.{code}]" for code in languages[1:])
        expected = "the texts of the first language in [texts] itself"
        raise SettingsError(
            f"{file_name} [texts.{language}]",
            "a table for no further language of [hotel] languages",
            f"{others}; {expected}" if others else expected,
        )
    try:
        return Translation.model_validate(table)
    except ValidationError as error:
        raise _readable(file_name, error, ("texts", language)) from None


def _readable(
    file_name: str, error: ValidationError, under: tuple[int | str, ...] = ()
) -> SettingsError:
    mistakes = error.errors(include_url=False, include_context=False)
    # A misspelt key is two mistakes, one unknown and one missing: the unknown one says more.
    first = next((m for m in mistakes if m["type"] == "extra_forbidden"), mistakes[0])
    if not first["loc"]:
        country = first["input"]["hotel"]["country"]
        expected = first["msg"].removeprefix("Value error, ")
        return SettingsError(f"{file_name} [hotel] country", repr(country), expected)
    loc = (*under, *first["loc"])
    where = _place(file_name, loc)
    if first["type"] == "extra_forbidden":
        key = str(loc[-1])
        near = difflib.get_close_matches(key, _siblings(loc[:-1]), n=1)
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
        "texts": OwnTexts,
        "words": Words,
        "booking": BookingLimits,
        "payments": Payments,
    }
    names = ".".join(part for part in loc if isinstance(part, str))
    return list(table.get(names, Translation).model_fields)
