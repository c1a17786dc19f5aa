"""What it costs to use a provider, from the provider's own figures and a dated price list.

The adapters say what they used (`charges.Use`), `service/charging.py` asks here what it costs and
keeps the answer; the list is `providers/prices.toml` or one of the operator's own. Money is whole
micro-dollars, rounded once for each charge: a price of $0.75 for a million tokens is 0.75
micro-dollars for one. What has no price on the list costs None: unknown, and never nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from watibot.errors import SettingsError
from watibot.modelcalls import Usage

VARIABLE = "COSTS_PRICES_FILE"
BUILT_IN = Path(__file__).parent / "providers" / "prices.toml"
_LONG_PROMPT = 200_000  # tokens
_VERSION = re.compile(r"-\d{3}$")
_ONE = Decimal(1)
_MICROS = Decimal(1_000_000)


class Used(Protocol):
    """What of a `charges.Use` decides its price; `charges.py` stands above this module."""

    @property
    def provider(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def quantity(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-dollars for one token."""

    input: Decimal
    cached: Decimal
    output: Decimal
    audio: Decimal
    cached_audio: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from a day on. `long`: when the prompt is above 200,000 tokens.
    `elsewhere` is the factor for locations but `global`. `storage`: micro-dollars for keeping one
    token in an explicit cache for an hour, None where it is not known or not offered;
    `storage_confirmed`: whether the provider's own page says so."""

    model: str
    begins: date
    rates: Rates
    long: Rates
    elsewhere: Decimal
    storage: Decimal | None = None
    storage_confirmed: bool = True
    source: str = ""

    def factor(self, location: str) -> Decimal:
        return _ONE if location == "global" else self.elsewhere


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list. `session_event`: micro-dollars for storing one event of a session, None where
    it is not known; `session_event_confirmed`: whether the provider's own page says so. By
    provider, `calls`: micro-dollars for one request; `plans`: micro-dollars that are paid for a
    month, whatever is used."""

    prices: tuple[Price, ...]
    session_event: Decimal | None = None
    session_event_confirmed: bool = False
    calls: Mapping[str, Decimal] = field(default_factory=dict)
    plans: Mapping[str, int] = field(default_factory=dict)

    def of(self, model: str, on: date) -> Price | None:
        """The price of a model on a day; None for a model that is not on the list."""
        names = (model, _VERSION.sub("", model))
        begun = [price for price in self.prices if price.model in names and price.begins <= on]
        return max(begun, key=lambda price: price.begins, default=None)

    def cost(self, usage: Usage, model: str, on: date, location: str) -> int | None:
        """Micro-dollars for the tokens of one call (the tier for long prompts is decided call by
        call); None for a model that is not on the list, so that it is not mistaken for a free
        one."""
        price = self.of(model, on)
        if price is None:
            return None
        rates = price.long if usage.prompt > _LONG_PROMPT else price.rates
        heard = usage.audio - usage.cached_audio
        amount = (
            rates.input * (usage.prompt - usage.cached - heard)
            + rates.audio * heard
            + rates.cached * (usage.cached - usage.cached_audio)
            + rates.cached_audio * usage.cached_audio
            + rates.output * usage.output
        )
        return whole(amount * price.factor(location))

    def price(self, use: Used, on: date) -> int | None:
        """Micro-dollars for a use on a day; None where the list does not say, or where nobody has
        counted the tokens."""
        match use.operation:
            case "event":
                return _times(self.session_event, use.quantity)
            case "call":
                return _times(self.calls.get(use.provider), use.quantity)
            case "storage":
                price = self.of(use.model, on)
                if price is None or price.storage is None:
                    return None
                return whole(price.storage * use.quantity * price.factor(use.location))
            case _:
                if not use.usage.prompt:
                    return None
                return self.cost(use.usage, use.model, on, use.location)


def whole(amount: Decimal) -> int:
    """Whole micro-dollars, a half upwards."""
    return int(amount.quantize(_ONE, ROUND_HALF_UP))


def dollars(micros: int, places: int = 2) -> str:
    """`$12.35`, for people."""
    return f"${Decimal(micros) / _MICROS:,.{places}f}"


def _times(each: Decimal | None, quantity: int) -> int | None:
    return None if each is None else whole(each * quantity)


def load(path: Path | None = None) -> Prices:
    """The list at `path`, or the one that comes with this version. Raises SettingsError, which
    names the first entry that is wrong."""
    path = path or BUILT_IN
    try:
        text = path.read_text("utf-8")
    except OSError:
        raise SettingsError(VARIABLE, f"no file at {path}", "a file that can be read") from None
    except UnicodeDecodeError:
        raise SettingsError(VARIABLE, "bytes that are not UTF-8", "text in UTF-8") from None
    return parse(text)


def parse(text: str) -> Prices:
    """A price list in the form that `providers/prices.toml` describes. Raises SettingsError."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(VARIABLE, f"no TOML ({error})", "a price list in TOML") from None
    try:
        listed = _List.model_validate(tables)
    except ValidationError as error:
        raise _readable(tables, error) from None
    thousand = listed.sessions.thousand_events
    return Prices(
        tuple(map(_price, listed.price)),
        None if thousand is None else thousand * 1_000,
        listed.sessions.confirmed,
        {
            name: one.thousand * 1_000
            for name, one in listed.calls.items()
            if one.thousand is not None
        },
        {name: whole(one.month * _MICROS) for name, one in listed.calls.items() if one.month},
    )


# --- the file -------------------------------------------------------------------------------------


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("a number")
    return value


Dollars = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    """A table of the file: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Tokens(_Table):
    """US dollars for a million tokens."""

    input: Dollars
    cached: Dollars
    output: Dollars
    audio: Dollars | None = None
    cached_audio: Dollars | None = None

    def rates(self) -> Rates:
        """Sound costs what everything else costs where nothing is said."""
        audio = self.input if self.audio is None else self.audio
        cached_audio = self.cached if self.cached_audio is None else self.cached_audio
        return Rates(self.input, self.cached, self.output, audio, cached_audio)


class _Entry(_Tokens):
    model: str = Field(min_length=1)
    begins: date = Field(date.min, alias="from")
    long: _Tokens | None = None
    elsewhere: Annotated[Dollars, Field(gt=0)] = _ONE
    storage: Dollars | None = None
    storage_confirmed: bool = True
    source: str = ""


class _Sessions(_Table):
    thousand_events: Dollars | None = None
    confirmed: bool = False
    source: str = ""


class _Calls(_Table):
    thousand: Dollars | None = None
    month: Dollars | None = None
    source: str = ""


class _List(_Table):
    price: tuple[_Entry, ...] = ()
    sessions: _Sessions = _Sessions()
    calls: dict[str, _Calls] = {}

    @model_validator(mode="after")
    def _once(self) -> _List:
        seen = set()
        for entry in self.price:
            if (entry.model, entry.begins) in seen:
                raise ValueError(f"one price of {entry.model} for each day, not two")
            seen.add((entry.model, entry.begins))
        return self


def _price(entry: _Entry) -> Price:
    return Price(
        entry.model,
        entry.begins,
        entry.rates(),
        (entry.long or entry).rates(),
        entry.elsewhere,
        entry.storage,
        entry.storage_confirmed,
        entry.source,
    )


def _readable(tables: dict[str, Any], error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False, include_context=False)[0]
    where = [str(each) for each in first["loc"]]
    if where[:1] == ["price"] and len(where) > 1:
        entry = tables["price"][int(where[1])]
        model = entry.get("model") if isinstance(entry, dict) else None
        where[:2] = [f"[[price]] number {int(where[1]) + 1} ({model or 'no model'})"]
    kind = first["type"]
    if kind == "missing":
        found = "nothing"
    elif kind == "extra_forbidden":
        found = f"an unknown name {where.pop()!r}"
    elif isinstance(first["input"], (dict, list, _List)):
        found = "what does not fit"
    else:
        found = repr(str(first["input"]))
    expected = _EXPECTED.get(kind, first["msg"].removeprefix("Value error, "))
    if kind.startswith("date"):
        expected = "a day such as 2027-01-01"
    return SettingsError(VARIABLE, f"{found} in {', '.join(where) or 'the list'}", expected)


_EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "the names that providers/prices.toml explains",
    "greater_than_equal": "0 or more",
    "greater_than": "more than 0",
    "finite_number": "a number",
    "tuple_type": "[[price]] tables",
    "model_type": "a table",
}
