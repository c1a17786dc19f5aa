"""The store as it is at one moment, copied into a folder while a service writes on.

`backup.py` asks for it, `restore.py` puts it back. SQLite's own backup interface copies the pages
within one read transaction: in WAL mode writers go on meanwhile. PostgreSQL's tables are copied by
COPY within one REPEATABLE READ snapshot, and not by pg_dump: the host may have none or one that is
older than the server, and a copy of ours is counted and restored in the same way wherever it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from watibot.errors import StoreError, WatiBotError
from watibot.storage.all_tables import metadata
from watibot.storage.lock import database_file
from watibot.storage.writer import engine_for

SQLITE, POSTGRES = "sqlite", "postgresql"
STORE = "store.db"
VIEWS = "views.sql"
_PAGES = 2048  # copied at a time: 8 MB
VERSION_TABLE = "alembic_version"


class Unreadable(WatiBotError):
    """A copy that is no store. One line."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was copied: `files` by name, rows by table, guests' files that the rows name."""

    database: str
    schema: str
    files: tuple[str, ...]
    tables: dict[str, int]
    media: list[str]


def copy(url: str, folder: Path, progress: Callable[[int, int], None]) -> Snapshot:
    """Raises StoreError when there is no store at `url`."""
    path = database_file(url)
    if path is None:
        return _copy_postgres(url, folder, progress)
    if not path.is_file():
        raise StoreError(f"WATIBOT_DATABASE_URL: there is no store at {path}")
    return _copy_sqlite(path, folder, progress)


def counts(folder: Path, database: str) -> dict[str, int]:
    """The rows of each table of a copy. Raises Unreadable."""
    if database == SQLITE:
        with _opened(folder / STORE) as copied:
            return _sqlite_counts(copied)
    found = {}
    for path in sorted(folder.glob("*.copy")):
        with path.open("rb") as lines:
            next(lines)
            found[path.stem] = sum(1 for _ in lines)
    return found


# --- SQLite ---


def _copy_sqlite(path: Path, folder: Path, progress: Callable[[int, int], None]) -> Snapshot:
    target = folder / STORE
    with closing(sqlite3.connect(path, timeout=30)) as source:
        source.isolation_level = None
        source.execute("BEGIN")
        # From here on this connection sees one moment, and the copy does not begin anew when
        # somebody else writes.
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as copied:
            source.backup(
                copied, pages=_PAGES, progress=lambda _, left, of: progress(of - left, of), sleep=0
            )
            # One file, without a log beside it.
            copied.execute("PRAGMA journal_mode=DELETE")
    with _opened(target) as copied:
        wrong = copied.execute("PRAGMA quick_check(1)").fetchone()[0]
        if wrong != "ok":
            raise StoreError(f"{path}: the database is damaged: {wrong[:200]}")
        version = copied.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0]
        named = copied.execute(
            "SELECT DISTINCT path FROM media WHERE path IS NOT NULL ORDER BY path"
        )
        media = [name for (name,) in named]
        return Snapshot(SQLITE, version, (STORE,), _sqlite_counts(copied), media)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy, of which nothing is changed, not even a file beside it."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as found:
            yield found
    except sqlite3.DatabaseError as error:
        raise Unreadable(f"{path.name}: {error}") from None


def _sqlite_counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "ORDER BY name"
    ).fetchall()
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for (name,) in names
    }


# --- PostgreSQL ---


def _copy_postgres(url: str, folder: Path, progress: Callable[[int, int], None]) -> Snapshot:
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return _snapshot(connection, folder, progress)
    finally:
        engine.dispose()


def _snapshot(
    connection: Connection, folder: Path, progress: Callable[[int, int], None]
) -> Snapshot:
    there = postgres_tables(connection)
    if VERSION_TABLE not in there:
        raise StoreError("WATIBOT_DATABASE_URL: there is no store in this database")
    tables = sorted(set(there) & set(metadata.tables))
    rows = {}
    for number, table in enumerate(tables):
        progress(number, len(tables))
        columns = _columns(connection, table)
        with (folder / f"{table}.copy").open("wb") as out:
            out.write(f"{' '.join(columns)}\n".encode())
            with (
                driver(connection)
                .cursor()
                .copy(f"COPY (SELECT {quoted(columns)} FROM {table}) TO STDOUT") as stream
            ):
                for chunk in stream:
                    out.write(chunk)
        rows[table] = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    (folder / VIEWS).write_text(_views(connection), "utf-8")
    media = connection.exec_driver_sql(
        "SELECT DISTINCT path FROM media WHERE path IS NOT NULL ORDER BY path"
    )
    version = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
    files = (*(f"{table}.copy" for table in tables), VIEWS)
    return Snapshot(POSTGRES, version, files, rows, list(media.scalars()))


def postgres_tables(connection: Connection) -> list[str]:
    found = connection.exec_driver_sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    )
    return list(found.scalars())


def driver(connection: Connection) -> Any:
    """psycopg's own connection: SQLAlchemy knows no COPY."""
    return connection.connection.driver_connection


def quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _columns(connection: Connection, table: str) -> list[str]:
    found = connection.exec_driver_sql(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() "
        f"AND table_name = '{table}' ORDER BY ordinal_position"
    )
    return list(found.scalars())


def _views(connection: Connection) -> str:
    """Statements that make the views again: `threads`, after an adoption."""
    found = connection.exec_driver_sql(
        "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema() "
        "AND viewname = 'threads'"
    )
    return "".join(f"CREATE VIEW {name} AS {definition}\n" for name, definition in found)
