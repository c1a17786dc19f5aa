"""Adoption from a file, into both databases; the way back, and adopting once more after it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests import old_database as old
from tests.clocks import NOON
from tests.contract.stores import Hand
from watibot.conversations import Conversation, Provider
from watibot.errors import SettingsError, StoreError
from watibot.storage import adopt, legacy, legacy_file, looks, records
from watibot.storage import store as storage
from watibot.storage.all_tables import metadata
from watibot.storage.writer import engine_for

HOTEL = "posada"
LATER = datetime(2026, 11, 20, 19, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thread_store.db"


def take(url: str, file: Path | None = None, hotel: str = HOTEL, **more: Any) -> adopt.Report:
    return adopt.adopt(url, hotel, file, more.pop("now", NOON), **more)


def view(url: str, query: str) -> list[Any]:
    with engine_for(url).connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def found(url: str, conversation_id: str) -> Conversation:
    with looks.looking(url, HOTEL) as tx:
        one = records.conversation(tx, conversation_id)
        assert one is not None
        return one


# --- from a file ---


def test_a_file_stays_as_it_is(store_url: str, path: Path) -> None:
    old.make(path)
    before = path.read_bytes()
    looked = take(store_url, path, dry_run=True)
    report = take(store_url, path)
    assert looked == report
    assert (report.in_place, report.backup, report.fresh) == (False, None, 3)
    assert path.read_bytes() == before
    assert found(store_url, "50370000001").provider is Provider.OPENAI
    query = "SELECT wa_id, thread_id, last_updated, last_agent_context_check, session_id"
    assert view(store_url, f"{query} FROM threads WHERE wa_id = 'fb:4001'") == [
        ("fb:4001", "thread_eva", "2026-11-18 10:00:00", "2026-11-18T11:00:00", None)
    ]
    flags = "history_imported, agent_context_injected, vertex_migrated, vertex_context_injected"
    assert view(store_url, f"SELECT {flags} FROM threads ORDER BY wa_id") == [
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 0, 0),
    ]
    with engine_for(store_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_file_that_is_written_meanwhile(store_url: str, path: Path) -> None:
    """In WAL mode, where reading without a trace takes no lock."""
    old.make(path, wal=True)
    with pytest.raises(StoreError, match="stop the old service"), legacy_file.reading(path):
        old.run(path, "DELETE FROM threads")
    old.run(path, *(f"INSERT INTO threads (wa_id, thread_id) VALUES ('{n}', '')" for n in "ab"))
    assert take(store_url, path).rows == 2


def test_ours_in_the_view(store_url: str, path: Path) -> None:
    """On both databases alike."""
    odd = ("walk-in", b"\x00", "2026-11-18T10:00:00", None, 1, 0, None)
    take(store_url, old.make(path, [old.ANA, odd]))
    with engine_for(store_url).connect() as connection:
        connection.exec_driver_sql(
            "UPDATE conversations SET last_guest_at = 61000000, provider = 'vertex',"
            " migrated_at = 62000000, session_id = 'c-1', thread_id = 'thread_new'"
        )
    query = (
        "SELECT thread_id, last_updated, created_at, vertex_migrated, migration_date, session_id"
    )
    assert view(store_url, f"{query} FROM threads WHERE wa_id = '50370000001'") == [
        ("thread_new", "1970-01-01 00:01:01", old.ANA[3], 1, "1970-01-01 00:01:02", "c-1")
    ]
    assert view(store_url, f"{query} FROM threads WHERE wa_id = 'walk-in'") == [
        ('{"blob":"00"}', "2026-11-18T10:00:00", None, None, None, None)
    ]
    with pytest.raises(Exception, match="view"), engine_for(store_url).connect() as connection:
        connection.exec_driver_sql("DELETE FROM threads")


def test_a_file_that_has_grown(store_url: str, path: Path) -> None:
    old.make(path)
    take(store_url, path)
    again = take(store_url, path, now=LATER)
    assert (again.adopted_at, again.fresh) == (NOON, 0)

    old.run(
        path,
        "INSERT INTO threads (wa_id, thread_id) VALUES ('50370000002', 'thread_new')",
        "UPDATE threads SET thread_id = 'thread_2', last_updated = '2026-11-20 18:30:00'"
        " WHERE wa_id = '50370000001'",
        "DELETE FROM threads WHERE wa_id = 'ig:4002'",
    )
    assert take(store_url, path, now=LATER, dry_run=True).fresh == 2
    grown = take(store_url, path, now=LATER)
    assert (grown.adopted_at, grown.rows, grown.fresh, grown.met) == (None, 3, 2, 2)
    ana = found(store_url, "50370000001")
    assert (ana.thread_id, ana.last_guest_at) == ("thread_2", LATER.replace(hour=18, minute=30))
    assert found(store_url, "50370000002").thread_id == "thread_new"
    names = "SELECT wa_id, thread_id FROM threads ORDER BY thread_id"
    assert view(store_url, names) == [
        ("50370000001", "thread_2"),
        ("fb:4001", "thread_eva"),
        ("ig:4002", "thread_luz"),
        ("50370000002", "thread_new"),
    ]
    assert take(store_url, path).adopted_at == LATER


@pytest.mark.parametrize("answered", [True, False])
async def test_a_conversation_that_the_store_has(
    store_url: str, path: Path, answered: bool
) -> None:
    async with await storage.open(store_url, HOTEL) as store:
        hand = Hand(store)
        await hand.hear()
        if answered:
            _, bubbles = await hand.answer("buenas")
            await hand.send(bubbles[0])
            await hand.release()
        before = await store.conversation("50370000001")
        assert before is not None
    old.make(path)
    report = await asyncio.to_thread(take, store_url, path)
    after = found(store_url, "50370000001")
    assert report.met == 1
    assert after.provider is (Provider.VERTEX if answered else Provider.OPENAI)
    assert after.thread_id == "thread_ana"
    assert after.last_guest_at == before.last_guest_at
    assert after.fence == before.fence
    shown = view(store_url, "SELECT last_updated FROM threads WHERE wa_id = '50370000001'")
    assert shown == [(f"{before.last_guest_at:%Y-%m-%d %H:%M:%S}",)]


async def test_a_guest_whom_the_store_knows_by_another_name(store_url: str, path: Path) -> None:
    async with await storage.open(store_url, HOTEL) as store:
        await Hand(store).hear(
            conversation_id="bsuid:SV.1", address="50370000001", aliases=("50370000002",)
        )
    rows = [old.ANA, ("+50370000002", "thread_2", "2026-11-20", None, 0, 0, None)]
    report = await asyncio.to_thread(take, store_url, old.make(path, rows))
    assert (report.collisions, report.met) == (1, 1)
    assert found(store_url, "bsuid:SV.1").thread_id == "thread_2"
    assert view(store_url, "SELECT count(*) FROM conversations") == [(1,)]


def test_the_view_is_one_hotels(store_url: str, path: Path) -> None:
    take(store_url, old.make(path))
    other = old.make(path.with_name("other.db"), [("50370000008", "thread_8", *old.ANA[2:])])
    take(store_url, other, "faro")
    assert view(store_url, "SELECT wa_id FROM threads") == [("50370000008",)]
    assert view(store_url, "SELECT count(*) FROM conversations") == [(4,)]


# --- the way back ---

ODD: Sequence[Any] = (
    *(b"\x00\xff", "caf\xe9", 2**63 - 1, -0.5, float("inf"), None, "1e5", "  7 ", "a\x00b"),
)
COLUMNS = (*old.REQUIRED, *old.OPTIONAL)


@pytest.mark.parametrize("columns", [COLUMNS[:count] for count in range(2, 8)], ids=len)
@pytest.mark.parametrize("planned", [0, 2, 4])
def test_there_and_back(path: Path, columns: Sequence[str], planned: int) -> None:
    names = (*columns, *old.PLANNED[:planned], 'extra BLOB DEFAULT "x"', '"odd ""name" NUMERIC')
    width = len(names) - 2
    rows = [
        (f"5037000000{number}", f"thread_{number}", *([value] * width))
        for number, value in enumerate(ODD)
    ]
    indexed = "CREATE INDEX by_extra ON threads(extra)"
    old.make(path, rows, names, afterwards=(*old.AFTERWARDS[1:], indexed))
    old.run(path, "UPDATE threads SET extra = CAST(x'ff00fe' AS TEXT) WHERE wa_id LIKE '%3'")
    before, made = old.whole(path), old.schema(path)
    report = take(f"sqlite:///{path}")
    assert report.unknown_columns == ("extra", 'odd "name')
    shown = old.ask(path, "SELECT extra FROM threads WHERE wa_id = '50370000001'")
    assert shown == [("caf\xe9",)]
    restored = legacy.restore(f"sqlite:///{path}", HOTEL, None)
    assert (restored.same, restored.changed, restored.begun) == (True, 0, 0)
    assert restored.digest == report.digest
    assert (old.whole(path), old.schema(path)) == (before, made)


def test_what_has_changed_since_is_given_back(path: Path, tmp_path: Path) -> None:
    odd = ("walk-in", "thread_odd", "soon", None, 7, 0, None)
    old.make(path, [old.ANA, old.EVA, old.LUZ, odd])
    url = f"sqlite:///{path}"
    take(url)
    old.run(
        path,
        "UPDATE conversations SET last_guest_at = 61000000, history_imported = 1,"
        " thread_id = 'thread_new' WHERE conversation_id = 'fb:4001'",
        *(
            "INSERT INTO conversations (hotel_id, conversation_id, channel, address, owner,"
            " last_guest_at, created_at, session_generation, fence, thread_id) VALUES"
            f" ('posada', '{name}', 'whatsapp', '{name}', 'bot', 1000000, 2000000, 0, 0, {thread})"
            for name, thread in (("50370000008", "'thread_8'"), ("50370000009", "NULL"))
        ),
    )
    before = old.trace(tmp_path)
    looked = legacy.restore(url, HOTEL, None, dry_run=True)
    assert old.trace(tmp_path) == before
    copy = legacy.restore(url, HOTEL, tmp_path / "copy.db")
    assert {name: old.trace(tmp_path)[name] for name in before} == before
    restored = legacy.restore(url, HOTEL, None)

    assert looked == restored
    assert (copy.target, copy.in_place) == (str(tmp_path / "copy.db"), False)
    assert old.whole(tmp_path / "copy.db") == old.whole(path)
    assert old.schema(tmp_path / "copy.db") == old.schema(path)
    assert (restored.rows, restored.changed, restored.begun, restored.same) == (5, 1, 1, False)
    assert restored.left_out == ("50370000009",)
    assert old.ask(path, "SELECT * FROM threads") == [
        old.ANA,
        ("fb:4001", "thread_new", "1970-01-01 00:01:01", "2025-08-01", 1, 1, old.EVA[6]),
        old.LUZ,
        odd,
        ("50370000008", "thread_8", "1970-01-01 00:00:01", "1970-01-01 00:00:02", 0, 0, None),
    ]


def test_the_old_application_goes_on_and_is_adopted_again(path: Path) -> None:
    url = f"sqlite:///{path}"
    old.make(path)
    take(url)
    old.run(
        path,
        "UPDATE conversations SET last_guest_at = 1795082401000000"
        " WHERE conversation_id != 'ig:4002'",
        "UPDATE conversations SET thread_id = 'thread_3' WHERE conversation_id = 'ig:4002'",
    )
    legacy.restore(url, HOTEL, None)
    with pytest.raises(SettingsError, match="adopted nothing"):
        legacy.restore(url, HOTEL, None)
    old.run(
        path,
        "UPDATE threads SET thread_id = 'thread_2' WHERE wa_id = '50370000001'",
        "UPDATE threads SET last_updated = '2026-11-20 12:00:00' WHERE wa_id = 'fb:4001'",
        "UPDATE threads SET thread_id = 'thread_luz' WHERE wa_id = 'ig:4002'",
        "INSERT INTO threads (wa_id, thread_id) VALUES ('50370000002', 'thread_new')",
    )
    again = take(url, now=LATER)
    assert (again.adopted_at, again.rows, again.met) == (None, 4, 3)
    assert found(url, "50370000001").thread_id == "thread_2"
    assert found(url, "fb:4001").last_guest_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert found(url, "ig:4002").thread_id == "thread_luz"
    assert found(url, "50370000002").provider is Provider.OPENAI


def test_who_was_cut_over_stays_so(path: Path) -> None:
    url = f"sqlite:///{old.make(path)}"
    take(url)
    old.run(path, "UPDATE conversations SET provider = 'vertex', migrated_at = 5")
    legacy.restore(url, HOTEL, None)
    take(url)
    assert found(url, "50370000001").provider is Provider.VERTEX
    assert old.ask(path, "SELECT DISTINCT vertex_migrated FROM threads") == [(1,)]


def test_restoring_from_a_store_that_took_a_file(store_url: str, path: Path) -> None:
    old.make(path)
    with pytest.raises(SettingsError, match="adopted nothing"):
        legacy.restore(store_url, "nobody", path.with_name("none.db"))
    assert not path.with_name("none.db").exists()
    take(store_url, path)
    with pytest.raises(SettingsError, match="a new file"):
        legacy.restore(store_url, HOTEL, None)
    with pytest.raises(SettingsError, match="there already"):
        legacy.restore(store_url, HOTEL, path)
    given = path.with_name("given.db")
    restored = legacy.restore(store_url, HOTEL, given)
    assert restored.same
    assert (old.whole(given), old.schema(given)) == (old.whole(path), old.schema(path))
    assert given.stat().st_mode & 0o777 == 0o600


def test_nothing_is_made_where_there_is_nothing(path: Path) -> None:
    for dry_run in (True, False):
        with pytest.raises(SettingsError, match="adopted nothing"):
            legacy.restore(f"sqlite:///{path}", HOTEL, None, dry_run=dry_run)
    assert old.trace(path.parent).keys() <= {"thread_store.db.lock"}


def test_a_row_without_a_type_of_its_own(path: Path) -> None:
    """A column without a type keeps whatever it is given."""
    rows = [(number, "thread", value) for number, value in enumerate((1, 1.0, "1", b"1", None))]
    old.make(path, rows, ("wa_id", "thread_id", "last_updated"), afterwards=())
    before = old.whole(path)
    take(f"sqlite:///{path}")
    legacy.restore(f"sqlite:///{path}", HOTEL, None)
    assert old.whole(path) == before
    with sqlite3.connect(path) as connection:
        kinds = connection.execute("SELECT typeof(last_updated) FROM threads ORDER BY rowid")
        assert [row[0] for row in kinds] == ["integer", "real", "text", "blob", "null"]
