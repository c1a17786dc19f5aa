"""The adoption of the earlier database in place: what it makes, keeps and refuses."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests import old_database as old
from tests.clocks import NOON
from watibot.conversations import Conversation, Provider
from watibot.errors import SettingsError, StoreError
from watibot.storage import adopt, legacy
from watibot.storage import store as storage
from watibot.storage.all_tables import metadata
from watibot.storage.writer import engine_for

HOTEL = "posada"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BACKUP = "thread_store.db.before-watibot-20261120T180000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thread_store.db"


def take(path: Path, file: Path | None = None, **more: Any) -> adopt.Report:
    return adopt.adopt(f"sqlite:///{path}", HOTEL, file, NOON, **more)


def give_back(path: Path) -> legacy.Restored:
    return legacy.restore(f"sqlite:///{path}", HOTEL, None)


async def conversation(path: Path, conversation_id: str) -> Conversation:
    async with await storage.open(f"sqlite:///{path}", HOTEL) as store:
        found = await store.conversation(conversation_id)
        assert found is not None
        return found


def test_the_schemas_exam_does_not_mind_the_view(path: Path) -> None:
    take(old.make(path, afterwards=()))
    with closing(engine_for(f"sqlite:///{path}").connect()) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


async def test_rows_become_conversations(path: Path) -> None:
    before = old.whole(old.make(path))
    report = take(path)

    assert (report.rows, report.fresh, report.met) == (3, 3, 0)
    assert report.channels == {"whatsapp": 1, "facebook": 1, "instagram": 1}
    assert (report.with_thread, report.without_thread, report.problems) == (3, 0, ())
    ana = await conversation(path, "50370000001")
    assert (ana.provider, ana.thread_id) == (Provider.OPENAI, "thread_ana")
    assert ana.last_guest_at == datetime(2026, 11, 19, 10, tzinfo=UTC)
    eva = await conversation(path, "fb:4001")
    assert (eva.channel, eva.address) == ("facebook", "4001")
    assert (await conversation(path, "ig:4002")).last_guest_at == EPOCH
    flags = "history_imported, agent_context_injected, context_checked_at IS NOT NULL"
    query = f"SELECT {flags} FROM conversations ORDER BY conversation_id"
    assert old.ask(path, query) == [(1, 0, 0), (0, 1, 1), (0, 0, 0)]

    assert report.backup == str(path.with_name(BACKUP))
    assert old.whole(Path(report.backup)) == before
    assert old.ask(path, "SELECT * FROM notes") == [("50370000001", "a note")]


def test_the_view_shows_the_old_values_until_ours_change(path: Path) -> None:
    old.make(path)
    take(path)
    ana = f"SELECT {', '.join(legacy_columns())} FROM threads WHERE wa_id = '50370000001'"
    assert old.ask(path, ana) == [(*old.ANA, None, 0, None, 0)]

    seconds = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
    old.run(
        path,
        f"UPDATE conversations SET last_guest_at = {seconds} * 1000000, provider = 'vertex',"
        f" migrated_at = {seconds} * 1000000, session_id = 'c-1', vertex_context_injected = 1"
        " WHERE conversation_id = '50370000001'",
    )
    noon = "2026-11-20 12:00:00"
    changed = ("50370000001", "thread_ana", noon, *old.ANA[3:], "c-1", 1, noon, 1)
    assert old.ask(path, ana) == [changed]
    begin(path, "50370000009", "NULL")
    times = ("1970-01-01 00:00:01", "1970-01-01 00:00:02")
    began = ("50370000009", None, *times, 0, 0, None, None, 1, None, 0)
    assert old.ask(path, "SELECT * FROM threads WHERE wa_id = '50370000009'") == [began]
    assert old.ask(path, "SELECT count(*) FROM threads") == [(4,)]
    for statement in ("DELETE FROM threads", "INSERT INTO threads (wa_id) VALUES ('x')"):
        with pytest.raises(sqlite3.OperationalError, match="view"):
            old.run(path, statement)


def legacy_columns() -> tuple[str, ...]:
    names = (*old.REQUIRED, *old.OPTIONAL, *old.PLANNED)
    return tuple(column.split()[0] for column in names)


def begin(path: Path, conversation_id: str, thread: str) -> None:
    """A conversation that began here."""
    old.run(
        path,
        "INSERT INTO conversations (hotel_id, conversation_id, channel, address, owner,"
        " last_guest_at, created_at, session_generation, fence, thread_id)"
        f" VALUES ('posada', '{conversation_id}', 'whatsapp', '{conversation_id}', 'bot',"
        f" 1000000, 2000000, 0, 0, {thread})",
    )


def test_the_views_queries_find_rows_by_an_index(path: Path) -> None:
    old.make(path)
    take(path)
    for where in ("wa_id = '50370000001'", "vertex_migrated = 1", "session_id = 's'"):
        plan = old.ask(path, f"EXPLAIN QUERY PLAN SELECT thread_id FROM threads WHERE {where}")
        steps = [row[3] for row in plan]
        assert not any(step.startswith(("SCAN l", "SCAN c")) for step in steps), steps
    by_id = old.ask(path, "EXPLAIN QUERY PLAN SELECT 1 FROM threads WHERE wa_id = '1'")
    found = " ".join(row[3] for row in by_id)
    assert "ix_legacy_threads_wa_id (hotel_id=? AND wa_id=?)" in found
    assert "sqlite_autoindex_conversations_1 (hotel_id=? AND conversation_id=?)" in found


def test_rows_that_are_no_conversation(path: Path) -> None:
    newer = ("+503 7000-0001", "thread_new", "2026-11-20", None, 0, 0, None)
    rows = [
        old.ANA,
        newer,
        ("", "thread_1", None, None, 0, 0, None),
        ("test", "thread_2", "soon", "2030-01-01", 0, 0, None),
        ("50370000002", " ", None, None, 0, 0, None),
    ]
    report = take(old.make(path, rows))
    assert [(each.row, each.reason) for each in report.problems] == [
        (1, "the same guest as another row"),
        (3, "empty"),
        (4, "no number"),
    ]
    assert (report.channels, report.collisions) == ({"whatsapp": 2}, 1)
    assert (report.with_thread, report.without_thread) == (1, 1)
    assert report.odd_times == {"last_updated unreadable": 1, "created_at in the future": 1}
    assert old.ask(path, "SELECT wa_id, thread_id, vertex_migrated FROM threads ORDER BY 1") == [
        ("", "thread_1", None),
        ("+503 7000-0001", "thread_new", 0),
        ("50370000001", "thread_ana", None),
        ("50370000002", " ", 1),
        ("test", "thread_2", None),
    ]
    query = "SELECT conversation_id, thread_id, provider FROM conversations ORDER BY 1"
    assert old.ask(path, query) == [
        ("50370000001", "thread_new", "openai"),
        ("50370000002", None, "vertex"),
    ]


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2500])
def test_a_dry_run_changes_nothing(path: Path, wal: bool, count: int) -> None:
    rows = [(f"5037{number:07}", f"thread_{number}", *old.ANA[2:]) for number in range(count)]
    old.make(path, rows, wal=wal)
    before = old.trace(path.parent)
    looked = take(path, dry_run=True)
    assert old.trace(path.parent) == before
    report = take(path)
    assert looked == report
    assert report.rows == count


def test_the_backup_is_its_owners_and_has_a_name_of_its_own(path: Path) -> None:
    path.with_name(BACKUP).touch()
    report = take(old.make(path))
    assert report.backup == str(path.with_name(f"{BACKUP}-2"))
    assert stat.S_IMODE(Path(report.backup).stat().st_mode) == 0o600


def test_adopting_twice_changes_nothing(path: Path) -> None:
    old.make(path)
    first = take(path)
    before = old.trace(path.parent)
    for dry_run in (True, False):
        again = adopt.adopt(f"sqlite:///{path}", HOTEL, None, datetime.now(UTC), dry_run=dry_run)
        assert (again.adopted_at, again.digest, again.rows) == (NOON, first.digest, 3)
        assert old.trace(path.parent) == before


async def test_the_service_refuses_a_store_that_is_not_adopted(path: Path, tmp_path: Path) -> None:
    old.make(path)
    before = old.trace(tmp_path)["thread_store.db"]
    with pytest.raises(SettingsError, match="run `watibot db adopt` first"):
        await storage.open(f"sqlite:///{path}", HOTEL, sole=True)
    assert old.trace(tmp_path)["thread_store.db"] == before
    take(path)
    async with await storage.open(f"sqlite:///{path}", HOTEL, sole=True):
        for work in (take, give_back):
            with pytest.raises(StoreError, match="stop it first"):
                await asyncio.to_thread(work, path)


def test_what_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        take(path)
    path.write_bytes(b"not a database, and longer than a header of a hundred bytes" * 3)
    with pytest.raises(SettingsError, match="an SQLite database that can be read"):
        take(path, dry_run=True)
    with pytest.raises(StoreError, match="not a database"):
        take(path)
    path.unlink()
    old.make(path, [], ["wa_id TEXT"], afterwards=())
    with pytest.raises(SettingsError, match="a table threads without thread_id"):
        take(path)
    old.run(path, "DROP TABLE threads")
    with pytest.raises(SettingsError, match="no table threads"):
        take(path)
    path.unlink()
    old.make(path, afterwards=["CREATE TABLE messages (words TEXT)"])
    with pytest.raises(SettingsError, match="a table messages of another system"):
        take(path)
    with pytest.raises(SettingsError, match="watibot db adopt FILE"):
        adopt.adopt("postgresql://nobody@127.0.0.1:1/none", HOTEL, None, NOON)
    shutil.copy(path, tmp_path / "other.db")
    for dry_run in (True, False):
        with pytest.raises(SettingsError, match="run `watibot db adopt` first"):
            take(tmp_path / "other.db", path, dry_run=dry_run)
        with pytest.raises(StoreError, match="cannot be opened"):
            adopt.adopt("postgresql://no@127.0.0.1:1/no", HOTEL, path, NOON, dry_run=dry_run)


def test_fifty_thousand_rows(path: Path) -> None:
    rows = [
        (f"5037{number:07}", f"thread_{number}", 1795082400 + number, None, number % 2, 0, None)
        for number in range(50_000)
    ]
    old.make(path, rows, afterwards=())
    before = old.whole(path)
    report = take(path)
    assert (report.rows, report.with_thread, report.problems) == (50_000, 50_000, ())
    restored = give_back(path)
    assert (restored.digest, restored.same) == (report.digest, True)
    assert old.whole(path) == before
