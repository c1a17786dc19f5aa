"""What a model call costs, from the provider's own usage figures and a dated price list.

The list (`providers/prices.toml`) and the sum for one call are there, and `watibot doctor --live`
shows with them what its own call cost. The calls that answer guests are not charged yet. Money is
whole micro-dollars: a price of $0.75 for a million tokens is 0.75 micro-dollars for one.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from watibot.modelcalls import Usage

_LONG_PROMPT = 200_000  # tokens
_VERSION = re.compile(r"-\d{3}$")


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-dollars for one token."""

    input: Decimal
    cached: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from a day on. `elsewhere` is the factor for locations but `global`."""

    model: str
    begins: date
    rates: Rates
    long: Rates
    elsewhere: Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list. `session_event`: micro-dollars for storing one event of a session, None where
    it is not known; `session_event_confirmed`: whether the provider's own page says so."""

    prices: tuple[Price, ...]
    session_event: Decimal | None = None
    session_event_confirmed: bool = False

    def of(self, model: str, on: date) -> Price | None:
        """The price of a model on a day; None for a model that is not on the list."""
        name = _VERSION.sub("", model)
        begun = [price for price in self.prices if price.model == name and price.begins <= on]
        return max(begun, key=lambda price: price.begins, default=None)

    def cost(self, usage: Usage, model: str, on: date, location: str) -> int | None:
        """Micro-dollars for one call (the tier for long prompts is decided call by call); None for
        a model that is not on the list, so that it is not mistaken for a free one."""
        price = self.of(model, on)
        if price is None:
            return None
        rates = price.long if usage.prompt > _LONG_PROMPT else price.rates
        amount = (
            rates.input * (usage.prompt - usage.cached)
            + rates.cached * usage.cached
            + rates.output * usage.output
        )
        if location != "global":
            amount *= price.elsewhere
        return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def parse(text: str) -> Prices:
    """A price list in the form that `providers/prices.toml` describes."""
    listed = tomllib.loads(text, parse_float=Decimal)
    sessions = listed.get("sessions", {})
    thousand = sessions.get("thousand_events")
    return Prices(
        tuple(map(_price, listed.get("price", ()))),
        None if thousand is None else Decimal(thousand) * 1_000,
        bool(sessions.get("confirmed", False)),
    )


def load() -> Prices:
    """The list that comes with this version."""
    return parse((Path(__file__).parent / "providers" / "prices.toml").read_text("utf-8"))


def _price(entry: dict[str, Any]) -> Price:
    return Price(
        model=entry["model"],
        begins=entry.get("from", date.min),
        rates=_rates(entry),
        long=_rates(entry.get("long", entry)),
        elsewhere=Decimal(entry.get("elsewhere", 1)),
    )


def _rates(entry: dict[str, Any]) -> Rates:
    return Rates(Decimal(entry["input"]), Decimal(entry["cached"]), Decimal(entry["output"]))
