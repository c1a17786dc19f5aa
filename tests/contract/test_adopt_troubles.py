"""The adoption while others write, and when it fails in the middle."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests import old_database as old
from tests.clocks import NOON
from watibot.errors import StoreError
from watibot.storage import adopt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thread_store.db"


def take(path: Path, **more: Any) -> adopt.Report:
    return adopt.adopt(f"sqlite:///{path}", "posada", None, NOON, **more)


OLD_APPLICATION = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
for line in sys.stdin:
    try:
        connection.execute(line)
        print("done", flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""


@contextmanager
def old_application(path: Path) -> Iterator[Any]:
    """A process that writes when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", OLD_APPLICATION, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def say(statement: str) -> str:
        process.stdin.write(f"{statement}\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        return process.stdout.readline().strip()  # type: ignore[union-attr]

    try:
        yield say
    finally:
        process.communicate()


@pytest.mark.parametrize("wal", [False, True])
def test_a_process_that_writes_at_the_same_time(path: Path, wal: bool) -> None:
    old.make(path, wal=wal)
    insert = "INSERT INTO threads (wa_id, thread_id) VALUES ('{0}', 'thread_{0}')"
    with old_application(path) as say:
        assert say(insert.format("50370000002")) == "done"
        assert say("BEGIN IMMEDIATE") == "done"
        assert say(insert.format("50370000003")) == "done"
        with pytest.raises(StoreError, match="stop the old service"):
            take(path, patience=0.05)
        adopting = threading.Thread(target=take, args=(path,), kwargs={"patience": 60})
        adopting.start()
        assert say("COMMIT") == "done"
        adopting.join()
        assert "cannot modify threads because it is a view" in say(insert.format("50370000004"))
        assert say("SELECT thread_id FROM threads WHERE wa_id = '50370000003'") == "done"
    found = old.ask(path, "SELECT wa_id FROM threads WHERE wa_id LIKE '503%' ORDER BY 1")
    assert found == [("50370000001",), ("50370000002",), ("50370000003",)]


def test_the_lock_is_held_from_the_first_look_on(path: Path) -> None:
    old.make(path)
    replies: list[str] = []
    with old_application(path) as say:

        def traced(statement: str) -> None:
            if "lower(name) = 'threads'" in statement:
                replies.append(say("INSERT INTO threads (wa_id, thread_id) VALUES ('1', '1')"))

        with connecting(lambda connection: connection.set_trace_callback(traced)):
            assert take(path).rows == 3
    assert set(replies) == {"database is locked"}


@contextmanager
def connecting(prepare: Callable[[sqlite3.Connection], None]) -> Iterator[None]:
    """What is done to every connection that the product's engines open."""

    def opened(connection: Any, _: object) -> None:
        prepare(connection)

    event.listen(Engine, "connect", opened)
    try:
        yield
    finally:
        event.remove(Engine, "connect", opened)


class Refuse:
    """Lets the statement fail that does the wanted thing, on every connection that is opened."""

    def __init__(self, action: int, name: str) -> None:
        self.wanted = (action, name)
        self.met = 0

    def __call__(self, action: int, first: str | None, *_: object) -> int:
        if (action, first) != self.wanted:
            return sqlite3.SQLITE_OK
        self.met += 1
        return sqlite3.SQLITE_DENY


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (sqlite3.SQLITE_CREATE_TABLE, "conversations"),
        (sqlite3.SQLITE_INSERT, "legacy_threads"),
        (sqlite3.SQLITE_INSERT, "conversations"),
        (sqlite3.SQLITE_INSERT, "adoptions"),
        (sqlite3.SQLITE_DROP_TABLE, "threads"),
        (sqlite3.SQLITE_CREATE_VIEW, "threads"),
        (sqlite3.SQLITE_TRANSACTION, "COMMIT"),
    ],
)
def test_a_failure_at_any_step_leaves_everything_as_it_was(
    path: Path, action: int, name: str
) -> None:
    old.make(path)
    before = path.read_bytes()
    refuse = Refuse(action, name)
    with (
        connecting(lambda connection: connection.set_authorizer(refuse)),
        pytest.raises(StoreError, match="not authorized"),
    ):
        take(path)
    assert refuse.met == 1
    assert path.read_bytes() == before
    assert sorted(old.trace(path.parent)) == ["thread_store.db", "thread_store.db.lock"]
    assert take(path).rows == 3


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (("threads", "thread_id"), "the backup differs"),
        (("legacy_threads", "original"), "what was stored differs"),
    ],
)
def test_what_was_copied_is_compared(path: Path, column: tuple[str, str], told: str) -> None:
    """The column is read as NULL."""
    old.make(path)
    before = path.read_bytes()

    def hide(action: int, table: str | None, name: str | None, *_: object) -> int:
        hidden = action == sqlite3.SQLITE_READ and (table, name) == column
        return sqlite3.SQLITE_IGNORE if hidden else sqlite3.SQLITE_OK

    with (
        connecting(lambda connection: connection.set_authorizer(hide)),
        pytest.raises(StoreError, match=told),
    ):
        take(path)
    assert path.read_bytes() == before
