"""Whatever the earlier table holds, it comes back to the byte, and the view agrees with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import old_database as old
from tests.clocks import NOON
from watibot.storage import adopt, legacy

NAMES = ("last_updated", "created_at", "history_imported", "agent_context_injected")
MORE = ("last_agent_context_check", "session_id", "vertex_migrated", "migration_date", "Extra")
TYPES = ("", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC", "TIMESTAMP", "BOOLEAN")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.sampled_from(["2026-11-19T10:00:00Z", "2030-01-01", "soon", 1795082400, "1795082400000"])
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(["0", "1", "true", " ", ""]),
    times,
    texts,
    st.binary(max_size=8),
)
phones = st.integers(0, 9).map(lambda number: f"5037000000{number}")
wa_ids = st.one_of(
    phones,
    phones.map(lambda phone: f"+{phone[:3]} {phone[3:7]}-{phone[7:]}"),
    phones.map(lambda phone: f"fb:{phone}"),
    phones.map(lambda phone: f"ig:{phone}"),
    values,
)
threads = st.one_of(phones.map(lambda phone: f"thread_{phone}"), values)


@st.composite
def tables(
    draw: st.DrawFn, kinds: tuple[str, ...] = TYPES
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows."""
    names = draw(st.lists(st.sampled_from(NAMES + MORE), unique=True))
    given_kinds = [draw(st.sampled_from(kinds)) for _ in names]
    columns = ["wa_id", "thread_id", *(f"{n} {k}" for n, k in zip(names, given_kinds, strict=True))]
    row = st.tuples(wa_ids, threads, *(values for _ in names))
    return columns, draw(st.lists(row, max_size=6))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables())
def test_there_and_back(table: tuple[list[str], list[tuple[Any, ...]]]) -> None:
    columns, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "thread_store.db"
        old.make(path, rows, columns, afterwards=())
        before, made = old.whole(path), old.schema(path)
        url = f"sqlite:///{path}"
        report = adopt.adopt(url, "posada", None, NOON)
        assert report.backup is not None
        assert old.whole(Path(report.backup)) == before
        named = sum(report.channels.values())
        assert named + len(report.problems) == len(rows) == report.rows
        assert old.ask(path, "SELECT count(*) FROM conversations") == [(named,)]
        assert old.ask(path, "SELECT count(*) FROM threads") == [(len(rows),)]
        legacy.restore(url, "posada", None)
        assert (old.whole(path), old.schema(path)) == (before, made)
        again = adopt.adopt(url, "posada", None, NOON)
        assert (again.digest, again.rows) == (report.digest, len(rows))
        assert again.channels == report.channels


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(kinds=("",)), seconds=st.integers(0, 2**31), flags=st.integers(0, 7))
def test_the_view_and_the_table_that_is_given_back_agree(
    table: tuple[list[str], list[tuple[Any, ...]]], seconds: int, flags: int
) -> None:
    """Columns without a type keep what they are given, so that the two can be compared."""
    columns, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "thread_store.db"
        numbered = [(*row, number) for number, row in enumerate(rows)]
        old.make(path, numbered, [*columns, "number"], afterwards=())
        url = f"sqlite:///{path}"
        adopt.adopt(url, "posada", None, NOON)
        changes = [
            f"last_guest_at = {seconds} * 1000000, context_checked_at = {seconds} * 1000000",
            "history_imported = true, agent_context_injected = true",
            f"provider = 'vertex', migrated_at = {seconds} * 1000000, session_id = 'c-1'",
        ]
        for bit, change in enumerate(changes):
            if flags & 1 << bit:
                old.run(path, f"UPDATE conversations SET {change}")
        query = f"SELECT {', '.join(columns[1:])} FROM threads ORDER BY number"
        shown = old.ask(path, query)
        legacy.restore(url, "posada", None)
        assert [len(row) for row in shown] == [len(columns) - 1] * len(rows)
        for row, there in zip(shown, old.ask_bytes(path, query), strict=True):
            pairs = zip(row, there, strict=True)
            assert [each for each in pairs if not _alike(*each)] == []


def _alike(shown: Any, there: Any) -> bool:
    """The view shows in brackets what JSON has no form for."""
    if isinstance(shown, str) and shown.startswith("{"):
        return isinstance(there, bytes | float)
    if isinstance(shown, float) and isinstance(there, float):
        return shown == pytest.approx(there)
    if isinstance(there, bytes):
        return bool(shown == there.decode())
    return bool(shown == there)
