"""Statements as the driver takes them: between SQLAlchemy's words and the database's.

`rows.Tx` calls this for every statement. SQLAlchemy stays the vocabulary and compiles each of them
once for each database; its `execute` is not used, because it costs 50 to 90 us for each statement
and 4 us more for each row that is inserted, which was 60 % of the writer's time. Only our own types
and booleans are converted here, all other values are the driver's already.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import Boolean, Connection, Dialect, Executable, Insert, Select, TypeDecorator
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
Convert = Callable[[Any], Any]
Values = Mapping[str, Any]

LARGEST_INSERT = 64  # rows; PostgreSQL and SQLite take 32,766 values and more
_ONE_ROW = re.compile(r"(.* VALUES )(\([^()]*\))(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement's text and what its values and rows need. `binds` are in the text's order.
    `row` makes a named tuple; None for a statement that returns nothing."""

    sql: str
    binds: tuple[tuple[str, Convert | None], ...]
    constants: dict[str, Any]
    row: Callable[[Iterable[Any]], Any] | None
    columns: tuple[tuple[int, Convert], ...]
    width: int

    def bound(self, values: Values) -> tuple[str, list[Any]]:
        """The text and the driver's values."""
        if self.constants:
            values = {**self.constants, **values}
        return self.sql, [
            values[name] if convert is None else convert(values[name])
            for name, convert in self.binds
        ]

    @property
    def packed(self) -> str:
        """SQLite's text for the rows as one JSON value."""
        names = ", ".join(f"c{number}" for number in range(self.width))
        rows = f"json_group_array(json_array({names}))"
        return f"WITH found({names}) AS ({self.sql}) SELECT {rows} FROM found"

    def inserted(self, rows: Sequence[Values]) -> tuple[str, list[Any]]:
        """The same for an INSERT of several rows at once: one text for each number of rows."""
        bound = [
            row[name] if convert is None else convert(row[name])
            for row in rows
            for name, convert in self.binds
        ]
        return _of_rows(self.sql, len(rows)), bound

    def read(self, found: Iterable[Sequence[Any]]) -> list[Any]:
        """Rows as named tuples."""
        assert self.row is not None
        if not self.columns:
            return [self.row(each) for each in found]
        made = []
        for each in found:
            values = list(each)
            for index, convert in self.columns:
                values[index] = convert(values[index])
            made.append(self.row(values))
        return made


@lru_cache(maxsize=1024)
def prepared(statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> Prepared:
    """`names` are those of the values: an UPDATE sets the ones that are columns, an INSERT fills
    them."""
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=list(names)))  # type: ignore[attr-defined]
    assert compiled.positiontup is not None, "the engine's paramstyle is positional"
    named, kinds = _returned(statement)
    return Prepared(
        compiled.string,
        tuple(
            (name, _converter(compiled.binds[name].type, dialect)) for name in compiled.positiontup
        ),
        {name: value for name, value in compiled.params.items() if value is not None},
        _maker(named) if named else None,
        tuple(
            (index, convert)
            for index, kind in enumerate(kinds)
            if (convert := _reader(kind, dialect)) is not None
        ),
        len(kinds),
    )


@lru_cache(maxsize=1024)
def _of_rows(sql: str, count: int) -> str:
    if count == 1:
        return sql
    parts = _ONE_ROW.fullmatch(sql)
    assert parts is not None
    return parts[1] + ", ".join([parts[2]] * count) + parts[3]


def _maker(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    named: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    make: Callable[[Iterable[Any]], Any] = named._make
    return make


def _returned(statement: Executable) -> tuple[list[str], list[TypeEngine[Any]]]:
    """Names and types of what comes back."""
    if isinstance(statement, Select):
        described = statement.column_descriptions
        return [each["name"] for each in described], [each["type"] for each in described]
    if isinstance(statement, Insert):
        returned = list(statement.exported_columns)
        return [str(each.key) for each in returned], [each.type for each in returned]
    return [], []


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if not isinstance(kind, (TypeDecorator, Boolean)):
        return None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if not isinstance(kind, (TypeDecorator, Boolean)):
        return None
    return kind.dialect_impl(dialect).result_processor(dialect, None)


class Driver:
    """A connection's own `execute`. Its errors are SQLAlchemy's all the same, without values."""

    __slots__ = ("_connection", "_execute")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        made: Any = connection.connection.driver_connection
        self._execute = made.execute

    def ask(self, fetch: Callable[[Any], T], sql: str, values: Sequence[Any] = ()) -> T:
        """What `fetch` takes from the cursor."""
        dialect = self._connection.dialect
        errors: Any = dialect.loaded_dbapi.Error
        try:
            return fetch(self._execute(sql, values))
        except errors as error:
            made: Any = self._connection.connection.driver_connection
            lost = dialect.is_disconnect(error, made, None)
            told = DBAPIError.instance(
                sql,
                None,
                error,
                errors,
                hide_parameters=True,
                connection_invalidated=lost,
                dialect=dialect,
            )
            if lost:
                self._connection.invalidate(error)
            raise told from error

    def run(self, sql: str) -> None:
        """A word that has no values and no answer: BEGIN, COMMIT."""
        self.ask(_nothing, sql)


def _nothing(_: Any) -> None:
    return None
