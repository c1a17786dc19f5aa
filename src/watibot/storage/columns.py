"""The types of the columns: times, words, names and JSON, the same on both databases.

`tables.py` uses them; they give their processors themselves, one call for each value instead of
two, because an inbound message has two dozen values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The same backwards."""
    return _EPOCH + timedelta(microseconds=value)


def storable(text: str) -> str:
    """Text without what a database cannot hold (NUL, half surrogates), which JSON escapes can
    carry in."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _bound_text(value: str | None) -> str | None:
    if value is None or (value.isascii() and "\x00" not in value):
        return value
    return storable(value)


class Moment(TypeDecorator[datetime]):
    """An aware time as integer microseconds since the epoch: exact, ordered, portable."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        return lambda value: None if value is None else micros(value)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[int | None], datetime | None]:
        return lambda value: None if value is None else moment(value)


class Words(TypeDecorator[str]):
    """Text from outside, made storable."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        return _bound_text


class Name(TypeDecorator[str]):
    """An id, ours or a provider's: like Words, compared byte by byte on both databases."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(collation=collation))

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        return _bound_text


class Json(TypeDecorator[dict[str, Any]]):
    """Compact JSON as text, escaped to ASCII so that any string of a provider's fits and comes back
    as it was."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else json.loads(value)
