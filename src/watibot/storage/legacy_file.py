"""The earlier database as a file: its table's shape and rows, a copy, reading without a trace.

`adopt.py` and `legacy.py` come here with an SQLite connection; `legacy_rows.py` knows what the
values mean. Only `back_up` and `insert` write.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from watibot.errors import SettingsError, StoreError
from watibot.storage.legacy_rows import (
    KNOWN,
    Undecodable,
    Value,
    decoded,
    digest,
    fingerprint,
    packed,
)

BATCH = 1000  # rows in memory at once
_WAL = 2  # the header's bytes 18 and 19 in this journal mode
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """The table `threads`: its stored columns in order, and the SQL that makes it, its indexes and
    its triggers, the table first."""

    columns: tuple[str, ...]
    sql: tuple[str, ...]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(tuple(stored["columns"]), tuple(stored["sql"]))

    def stored(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "sql": list(self.sql)}

    def known(self) -> dict[str, str]:
        """Our name of a column -> the table's own spelling."""
        return {name: self.columns[place] for name, place in _places(self.columns)}

    def unknown(self) -> list[str]:
        return [column for column in self.columns if column.lower() not in KNOWN]

    def shown(self) -> list[str]:
        """The unknown ones with names that need no quoting anywhere."""
        return [column for column in self.unknown() if _PLAIN_NAME.fullmatch(column)]

    def meant(self, row: Sequence[Value]) -> dict[str, Value]:
        """A row's values by our names."""
        return {name: row[place] for name, place in _places(self.columns)}

    def original(self, row: Sequence[Value]) -> dict[str, Any]:
        """A row without loss, for JSON."""
        return {name: packed(value) for name, value in zip(self.columns, row, strict=True)}


@lru_cache(maxsize=16)
def _places(columns: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Our names of known columns, and where each stands."""
    spelt = {column.lower(): place for place, column in enumerate(columns)}
    return tuple((name, spelt[name]) for name in KNOWN if name in spelt)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def kind_of_threads(connection: sqlite3.Connection) -> str | None:
    """`table`, `view`, or None where nothing has that name."""
    found = connection.execute(
        "SELECT type FROM sqlite_master WHERE lower(name) = 'threads' AND type IN ('table', 'view')"
    ).fetchone()
    return None if found is None else str(found[0])


def shape_of(connection: sqlite3.Connection, name: str) -> Shape:
    """Raises SettingsError unless it is the table of the earlier application. `name`: the file's,
    for the error."""
    if kind_of_threads(connection) != "table":
        raise SettingsError(name, "no table threads", "the earlier system's database")
    # Generated columns are made anew by the table's own SQL.
    columns = tuple(
        row[1] for row in connection.execute("PRAGMA table_xinfo(threads)") if row[6] == 0
    )
    sql = connection.execute(
        "SELECT sql FROM sqlite_master WHERE lower(tbl_name) = 'threads' AND sql IS NOT NULL"
        " AND type IN ('table', 'index', 'trigger')"
        " ORDER BY type = 'table' DESC, type = 'index' DESC, rowid"
    )
    shape = Shape(columns, tuple(row[0] for row in sql))
    missing = {"wa_id", "thread_id"} - set(shape.known())
    if missing:
        found = f"a table threads without {' and '.join(sorted(missing))}"
        raise SettingsError(name, found, "the earlier system's database")
    return shape


def rows_of(connection: sqlite3.Connection, shape: Shape) -> Iterator[list[tuple[Value, ...]]]:
    """All rows in their order, a batch at a time."""
    before = connection.text_factory
    connection.text_factory = decoded
    try:
        names = ", ".join(quoted(column) for column in shape.columns)
        cursor = connection.execute(f"SELECT {names} FROM threads")
        while rows := cursor.fetchmany(BATCH):
            yield rows
    finally:
        connection.text_factory = before


def digest_of(connection: sqlite3.Connection, shape: Shape) -> str:
    """Of all rows and columns."""
    return digest(
        fingerprint(shape.original(row)) for rows in rows_of(connection, shape) for row in rows
    )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as it is now, until the end; makes no file beside it unless its journal needs it.
    Raises SettingsError when it is no database, StoreError when it changed unnoticed meanwhile."""
    # In WAL mode, and read in the ordinary way, it would be given -wal and -shm files. Without
    # them there is no lock either: that nobody wrote is asked at the end.
    untouched = _state(path) if _is_wal(path) and not _wal_size(path) else None
    uri = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if untouched else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)
    try:
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            expected = "an SQLite database that can be read"
            raise SettingsError(str(path), str(error), expected) from None
        yield connection
    finally:
        connection.close()
    if untouched and (_wal_size(path) or _state(path) != untouched):
        raise StoreError(f"{path}: another process wrote in it: stop the old service, try again")


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:] == bytes((_WAL, _WAL))


def _wal_size(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def backup_name(path: Path, now: datetime) -> Path:
    """A free one beside the file."""
    copy = first = path.with_name(f"{path.name}.before-watibot-{now:%Y%m%dT%H%M%SZ}")
    number = 1
    while copy.exists():
        number += 1
        copy = first.with_name(f"{first.name}-{number}")
    return copy


def back_up(path: Path, now: datetime) -> Path:
    """A copy beside the file, for its owner only. Whoever calls holds the write lock."""
    copy = backup_name(path, now)
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        # Another connection sees what is committed, which is what the lock holds fast.
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except BaseException:
        copy.unlink()
        raise
    return copy


def insert(connection: sqlite3.Connection, row: Mapping[str, Value]) -> None:
    """One row; `row` by the table's own names. Raises sqlite3.IntegrityError."""
    names = ", ".join(quoted(column) for column in row)
    # A cast keeps bytes as they are: text that is not UTF-8 cannot be bound as text.
    marks = ", ".join(
        "CAST(? AS TEXT)" if isinstance(value, Undecodable) else "?" for value in row.values()
    )
    values = [value.raw if isinstance(value, Undecodable) else value for value in row.values()]
    connection.execute(f"INSERT INTO threads ({names}) VALUES ({marks})", values)
