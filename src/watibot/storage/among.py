"""`among(column, "ids")`: a column's value is one of a list that is bound as a whole.

What statements use for `IN`: SQLAlchemy's own is written anew for each list, which for a batch of
messages took longer than the query. SQLite is given the list as JSON, PostgreSQL as an array; both
use the column's index.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Text,
    TypeDecorator,
    bindparam,
    column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from watibot.storage.columns import Name, storable


class _Values(TypeDecorator[list[Any]]):
    """A list of names or numbers as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, each: TypeEngine[Any]) -> None:
        super().__init__()
        self.each = Text() if isinstance(each, Name) else each

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.each) if dialect.name == "postgresql" else Text()

    def bind_processor(self, dialect: Dialect) -> Callable[[list[Any] | None], Any]:
        if dialect.name == "sqlite":
            return lambda values: json.dumps(_storable(values))
        return _storable


def _storable(values: list[Any] | None) -> list[Any]:
    return [storable(each) if isinstance(each, str) else each for each in values or ()]


class _Elements(FunctionElement[Any]):
    """A list's elements as rows."""

    name = "elements"
    inherit_cache = True


@compiles(_Elements, "sqlite")
def _json(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each{compiler.process(element.clause_expr, **options)}"


@compiles(_Elements, "postgresql")
def _array(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"unnest{compiler.process(element.clause_expr, **options)}"


def among(wanted: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether the column's value is in the list that is bound as `name`."""
    rows = _Elements(bindparam(name, type_=_Values(wanted.type))).table_valued(
        column("value", wanted.type), name="value"
    )
    return wanted.in_(select(rows.c.value))
