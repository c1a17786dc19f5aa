"""The earlier system's database, invented, and what tests ask of it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

REQUIRED = ("wa_id TEXT PRIMARY KEY", "thread_id TEXT NOT NULL")
OPTIONAL = (
    "last_updated TIMESTAMP",
    "created_at TIMESTAMP",
    "history_imported BOOLEAN DEFAULT 0",
    "agent_context_injected INTEGER DEFAULT 0",
    "last_agent_context_check TEXT",
)
PLANNED = (
    "session_id TEXT",
    "vertex_migrated BOOLEAN DEFAULT 0",
    "migration_date TIMESTAMP",
    "vertex_context_injected INTEGER DEFAULT 0",
)
AFTERWARDS = (
    "CREATE INDEX idx_last_updated ON threads(last_updated)",
    "CREATE TABLE notes (wa_id TEXT, note TEXT)",
    "CREATE TRIGGER noted AFTER DELETE ON threads BEGIN"
    " INSERT INTO notes VALUES (old.wa_id, 'gone'); END",
    "INSERT INTO notes VALUES ('50370000001', 'a note')",
)
ANA = ("50370000001", "thread_ana", "2026-11-19T10:00:00", "2025-07-01 09:00:00", 1, 0, None)
EVA = ("fb:4001", "thread_eva", "2026-11-18 10:00:00", "2025-08-01", 0, 1, "2026-11-18T11:00:00")
LUZ = ("ig:4002", "thread_luz", None, None, 0, 0, None)


def make(
    path: Path,
    rows: Sequence[Sequence[Any]] = (ANA, EVA, LUZ),
    columns: Sequence[str] = (*REQUIRED, *OPTIONAL),
    *,
    afterwards: Sequence[str] = AFTERWARDS,
    wal: bool = False,
) -> Path:
    """A file with the table `threads`, filled in the order of `columns`."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE threads ({', '.join(columns)})")
        for statement in afterwards:
            connection.execute(statement)
        add(connection, rows)
        connection.execute("COMMIT")
    return path


def add(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO threads VALUES ({marks})", rows)


def run(path: Path, *statements: str) -> None:
    """As the earlier application or an operator would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def ask(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def ask_bytes(path: Path, query: str) -> list[Any]:
    """Texts as they are stored."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute(query).fetchall()


def whole(path: Path) -> list[Any]:
    """All rows of `threads`, each value with its type, to the byte."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [row[1].decode() for row in connection.execute("PRAGMA table_info(threads)")]
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        wanted = ", ".join(f"typeof({name}), {name}" for name in quoted)
        return [names, *connection.execute(f"SELECT {wanted} FROM threads ORDER BY rowid")]


def schema(path: Path) -> list[Any]:
    """What makes the table, its indexes and its triggers."""
    return ask(
        path,
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'threads' ORDER BY type, name",
    )


def trace(folder: Path) -> dict[str, str]:
    """Every file of a folder, by the digest of its bytes."""
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.iterdir())
        if each.is_file()
    }
