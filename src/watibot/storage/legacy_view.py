"""The view `threads`: what the operator's own scripts read after the adoption.

`adopt.py` makes it, `legacy.py` takes it away. A row's values are the original ones for as long as
the conversation says the same; then ours, times as `YYYY-MM-DD HH:MM:SS` in UTC.

Two arms, because each finds its rows by an index of its own: rows that were adopted, and
conversations that began here.
"""

from __future__ import annotations

from sqlalchemy import Connection

from watibot.conversations import Provider
from watibot.storage.legacy_file import Shape, quoted
from watibot.storage.legacy_rows import KNOWN
from watibot.storage.statements import Driver

# The view's column -> the same in `legacy_threads` and in `conversations`.
TIMES = {
    "last_updated": "last_guest_at",
    "last_agent_context_check": "context_checked_at",
    "migration_date": "migrated_at",
}
FLAGS = ("history_imported", "agent_context_injected", "vertex_context_injected")


def drop(connection: Connection) -> None:
    Driver(connection).run("DROP VIEW IF EXISTS threads")


def make(connection: Connection, hotel_id: str, shape: Shape) -> None:
    """Instead of one that is there. It shows this hotel's conversations only."""
    drop(connection)
    Driver(connection).run(_sql(connection.dialect.name == "sqlite", hotel_id, shape))


def _sql(sqlite: bool, hotel_id: str, shape: Shape) -> str:
    columns = {name: (_adopted(sqlite, name, shape), _ours(sqlite, name)) for name in KNOWN}
    if sqlite:
        for name in shape.shown():
            columns[quoted(name)] = (_original(sqlite, name), "NULL")
    adopted = ", ".join(f"{old} AS {name}" for name, (old, _) in columns.items())
    began = ", ".join(f"{ours} AS {name}" for name, (_, ours) in columns.items())
    hotel = f"'{hotel_id}'"
    return (
        f"CREATE VIEW threads AS SELECT {adopted} FROM legacy_threads AS l"
        " LEFT JOIN conversations AS c"
        f" ON c.hotel_id = {hotel} AND c.conversation_id = l.conversation_id"
        f" WHERE l.hotel_id = {hotel}"
        f" UNION ALL SELECT {began} FROM conversations AS c WHERE c.hotel_id = {hotel}"
        " AND NOT EXISTS (SELECT 1 FROM legacy_threads AS l"
        f" WHERE l.hotel_id = {hotel} AND l.conversation_id = c.conversation_id)"
    )


def _adopted(sqlite: bool, name: str, shape: Shape) -> str:
    spelt = shape.known().get(name)
    original = None if spelt is None else _original(sqlite, spelt)
    if name == "wa_id":
        return "l.wa_id"
    if name == "session_id":
        return "c.session_id" if original is None else f"coalesce(c.session_id, {original})"
    if original is None:
        return _ours(sqlite, name)
    if name == "created_at":
        return original
    same = _same(sqlite, name)
    if name == "thread_id":
        same = f"c.thread_id IS NULL OR {same}"
    if not sqlite and (name in FLAGS or name == "vertex_migrated"):
        # PostgreSQL's columns have one type: what the original means, as a number.
        original = _flag(f"l.{name}") if name in FLAGS else _moved("l")
    ours = _ours(sqlite, name)
    return f"CASE WHEN l.conversation_id IS NULL OR {same} THEN {original} ELSE {ours} END"


def _same(sqlite: bool, name: str) -> str:
    column = TIMES.get(name, "provider" if name == "vertex_migrated" else name)
    return f"c.{column} {'IS' if sqlite else 'IS NOT DISTINCT FROM'} l.{column}"


def _ours(sqlite: bool, name: str) -> str:
    if name == "wa_id":
        return "c.conversation_id"
    if name in FLAGS:
        return _flag(f"c.{name}")
    if name == "vertex_migrated":
        return _moved("c")
    if name in ("thread_id", "session_id"):
        return f"c.{name}"
    seconds = f"c.{TIMES.get(name, name)} / 1000000"
    if sqlite:
        return f"strftime('%Y-%m-%d %H:%M:%S', {seconds}, 'unixepoch')"
    return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


def _flag(column: str) -> str:
    return f"CAST({column} AS INTEGER)"


def _moved(table: str) -> str:
    openai, vertex = Provider.OPENAI.value, Provider.VERTEX.value
    return f"CASE {table}.provider WHEN '{openai}' THEN 0 WHEN '{vertex}' THEN 1 END"


def _original(sqlite: bool, name: str) -> str:
    if sqlite:
        return f"json_extract(l.original, '$.\"{name}\"')"
    return f"(CAST(l.original AS json) ->> '{name}')"
