"""Gives the earlier database back: a table `threads` of the old shape, with what changed since.

`cli/db.py` is before it. In place the view goes and the table comes again, in one transaction; into
a new file the store stays as it is. `adopt.py` takes it over again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import and_, bindparam, delete, select

from watibot.conversations import Provider
from watibot.errors import SettingsError, StoreError
from watibot.storage import legacy_view
from watibot.storage.adopt import FORGET_ADOPTION, PATIENCE, adoption
from watibot.storage.legacy_file import BATCH, Shape, digest_of, insert
from watibot.storage.legacy_rows import Value, unpacked
from watibot.storage.legacy_store import URL, alone, driver, looking, stopped, telling
from watibot.storage.legacy_view import FLAGS, TIMES
from watibot.storage.lock import database_file
from watibot.storage.migration_tables import legacy_threads
from watibot.storage.rows import AnyRow, Tx, of_hotel
from watibot.storage.tables import conversations

_SHARED = (
    "provider",
    "thread_id",
    "last_guest_at",
    "migrated_at",
    "history_imported",
    "agent_context_injected",
    "vertex_context_injected",
    "context_checked_at",
)
_ADOPTED = (
    select(
        legacy_threads.c.position,
        legacy_threads.c.original,
        *(legacy_threads.c[name].label(f"old_{name}") for name in _SHARED),
        conversations,
    )
    .select_from(
        legacy_threads.outerjoin(
            conversations,
            and_(
                conversations.c.hotel_id == legacy_threads.c.hotel_id,
                conversations.c.conversation_id == legacy_threads.c.conversation_id,
            ),
        )
    )
    .where(of_hotel(legacy_threads), legacy_threads.c.position > bindparam("after"))
    .order_by(legacy_threads.c.position)
    .limit(BATCH)
)
_BEGUN = (
    select(conversations)
    .where(
        of_hotel(conversations),
        conversations.c.conversation_id > bindparam("after"),
        ~select(legacy_threads.c.position)
        .where(
            legacy_threads.c.hotel_id == conversations.c.hotel_id,
            legacy_threads.c.conversation_id == conversations.c.conversation_id,
        )
        .exists(),
    )
    .order_by(conversations.c.conversation_id)
    .limit(BATCH)
)
_FORGET_ROWS = delete(legacy_threads).where(of_hotel(legacy_threads))


@dataclass(frozen=True, slots=True)
class Restored:
    """What was given back. `rows` are all of the table; `changed` of them differ from what was
    adopted, `begun` began here. `left_out` are ids of conversations that the old table cannot hold:
    it wants a thread. `same`: the table is the adopted one, by its digest."""

    target: str
    in_place: bool
    rows: int
    changed: int
    begun: int
    left_out: tuple[str, ...]
    digest: str
    same: bool


def restore(
    url: str,
    hotel_id: str,
    to: Path | None,
    *,
    dry_run: bool = False,
    patience: float = PATIENCE,
) -> Restored:
    """Without `to` in the store's own file, if it was adopted in place. A dry run writes nothing.
    Raises SettingsError, and StoreError when another process holds the database."""
    if to is not None and to.exists():
        raise SettingsError(str(to), "a file that is there already", "a new name")
    with telling(url):
        if to is not None or dry_run:
            return _copy(url, hotel_id, to, dry_run)
        if database_file(url) is None:
            raise SettingsError(URL, "PostgreSQL", "a new file: watibot db restore-legacy FILE")
        with looking(url) as there:
            if there is None:
                raise _not_adopted()
        with stopped(url), alone(url, patience) as connection:
            tx = Tx(connection, hotel_id)
            done = _done(tx, in_place=True)
            legacy_view.drop(connection)
            restored = _give_back(tx, done, driver(connection), None)
            tx.run(_FORGET_ROWS)
            tx.run(FORGET_ADOPTION)
            return restored


def _copy(url: str, hotel_id: str, to: Path | None, dry_run: bool) -> Restored:
    with looking(url) as connection:
        if connection is None:
            raise _not_adopted()
        tx = Tx(connection, hotel_id)
        done = _done(tx, in_place=to is None)
        if dry_run or to is None:
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as target:
                return _give_back(tx, done, target, to)
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(to, isolation_level=None)) as target:
                target.execute("BEGIN")
                restored = _give_back(tx, done, target, to)
                target.execute("COMMIT")
                return restored
        except BaseException:
            to.unlink()
            raise


def _done(tx: Tx, *, in_place: bool) -> AnyRow:
    done = adoption(tx)
    if done is None:
        raise _not_adopted()
    if in_place and not done.shape["in_place"]:
        expected = "a new file: watibot db restore-legacy FILE"
        raise SettingsError(URL, "a store that took its rows from another file", expected)
    return done


def _not_adopted() -> SettingsError:
    return SettingsError(URL, "a store that has adopted nothing", "an adopted one")


def _give_back(tx: Tx, done: AnyRow, target: sqlite3.Connection, to: Path | None) -> Restored:
    shape = Shape.of(done.shape)
    changed = begun = 0
    left_out: list[str] = []
    try:
        target.execute(shape.sql[0])
        for row, original in _adopted(tx, shape):
            insert(target, row)
            changed += row != original
        for row in _begun(tx, shape):
            try:
                insert(target, row)
                begun += 1
            except sqlite3.IntegrityError:
                left_out.append(str(row[shape.known()["wa_id"]]))
        for sql in shape.sql[1:]:
            target.execute(sql)
    except sqlite3.IntegrityError as error:
        raise StoreError(f"{URL}: a row does not fit into the old table: {error}") from None
    rows = target.execute("SELECT count(*) FROM threads").fetchone()[0]
    digest = digest_of(target, shape)
    name = str(to) if to is not None else done.source
    same = digest == done.digest
    return Restored(name, to is None, rows, changed, begun, tuple(left_out), digest, same)


def _adopted(tx: Tx, shape: Shape) -> Iterator[tuple[dict[str, Value], dict[str, Value]]]:
    """Each adopted row as it is now, and as it was."""
    after = -1
    while found := tx.all(_ADOPTED, after=after):
        for row in found:
            original = {
                name: unpacked(value)
                for name, value in row.original.items()
                if name in shape.columns
            }
            yield {**original, **_changes(shape, row)}, original
        after = found[-1].position


def _begun(tx: Tx, shape: Shape) -> Iterator[dict[str, Value]]:
    """Conversations that began here, as rows of the old table."""
    after = ""
    while found := tx.all(_BEGUN, after=after):
        for row in found:
            yield {spelt: _now(name, row) for name, spelt in shape.known().items()}
        after = found[-1].conversation_id


def _changes(shape: Shape, row: AnyRow) -> dict[str, Value]:
    if row.conversation_id is None:
        return {}
    changes: dict[str, Value] = {}
    for name, spelt in shape.known().items():
        if name in ("wa_id", "created_at"):
            continue
        if name == "session_id":
            if row.session_id is not None:
                changes[spelt] = row.session_id
            continue
        if name == "thread_id" and row.thread_id is None:
            continue
        column = TIMES.get(name, "provider" if name == "vertex_migrated" else name)
        if getattr(row, column) != getattr(row, f"old_{column}"):
            changes[spelt] = _now(name, row)
    return changes


def _now(name: str, row: AnyRow) -> Value:
    """A column's value as the conversation has it."""
    if name == "wa_id":
        return str(row.conversation_id)
    if name == "vertex_migrated":
        return int(row.provider != Provider.OPENAI)
    value: Any = getattr(row, TIMES.get(name, name))
    if name in FLAGS:
        return int(value)
    if name in TIMES or name == "created_at":
        return None if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
    text: str | None = value
    return text
