"""Takes over the operator's earlier database, in place or from a file, and proves that it did.

`cli/db.py` is before it. In place: the write lock, a copy, our tables, the survey, the
conversations, the proof, the old table away, the view `threads` instead, all in one transaction.
`legacy.py` is the way back.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, inspect, select

from watibot.errors import SettingsError, StoreError
from watibot.storage import legacy_view, schema
from watibot.storage.legacy_file import (
    Shape,
    back_up,
    backup_name,
    digest_of,
    kind_of_threads,
    reading,
    rows_of,
    shape_of,
)
from watibot.storage.legacy_intake import prove, take_in
from watibot.storage.legacy_store import (
    URL,
    alone,
    driver,
    looking,
    make_tables,
    refuse_namesakes,
    stopped,
    telling,
)
from watibot.storage.legacy_survey import Survey, survey
from watibot.storage.lock import database_file
from watibot.storage.migration_tables import adoptions
from watibot.storage.rows import AnyRow, Tx, of_hotel

PATIENCE = 5.0  # seconds that another process may hold the file

_ADOPTION = select(adoptions).where(of_hotel(adoptions))
FORGET_ADOPTION = delete(adoptions).where(of_hotel(adoptions))
_NEW_ADOPTION = insert(adoptions)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is no conversation: its number, counted from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an adoption did, or would do. Rows are counted once each: `channels` and `problems` are
    all of them. `adopted_at` is set when it was done earlier and nothing was left to do. `fresh`
    rows are new or changed since an earlier adoption; `met` is the number of conversations that the
    store had already. `digest` is SHA-256 over all rows and columns."""

    source: str
    in_place: bool
    rows: int
    digest: str
    backup: str | None = None
    adopted_at: datetime | None = None
    channels: Mapping[str, int] = field(default_factory=dict)
    with_thread: int = 0
    without_thread: int = 0
    problems: tuple[Problem, ...] = ()
    collisions: int = 0
    odd_times: Mapping[str, int] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()
    fresh: int = 0
    met: int = 0


def refuse_unadopted(url: str) -> None:
    """Raises SettingsError while the store's `threads` is still the earlier system's table."""
    path = database_file(url)
    if path is None or not path.is_file() or not path.stat().st_size:
        return
    try:
        with reading(path) as connection:
            kind = kind_of_threads(connection)
    except SettingsError:
        return  # whoever opens it next says why it cannot be
    if kind == "table":
        found = "a table threads of an earlier system"
        raise SettingsError(URL, found, "an adopted one: run `watibot db adopt` first")


def adopt(
    url: str,
    hotel_id: str,
    file: Path | None,
    now: datetime,
    *,
    dry_run: bool = False,
    patience: float = PATIENCE,
) -> Report:
    """Without `file` the store's own file is adopted in place; with it, its rows come into the
    store and it stays as it is. A dry run creates and changes nothing. Raises SettingsError, and
    StoreError when another process holds the database; then everything is as it was."""
    store = database_file(url)
    path = store if file is None else file
    if path is None:
        raise SettingsError(URL, "PostgreSQL", "the earlier file's name: watibot db adopt FILE")
    if not path.is_file():
        raise SettingsError(str(path), "no such file", "the earlier system's database")
    in_place = store is not None and store.is_file() and os.path.samefile(store, path)
    with telling(url):
        if not in_place:
            refuse_unadopted(url)
        if dry_run:
            return _look(url, hotel_id, path, in_place, now)
        with stopped(url):
            if in_place:
                return _in_place(url, hotel_id, path, now, patience)
            return _from_file(url, hotel_id, path, now, patience)


def _look(url: str, hotel_id: str, path: Path, in_place: bool, now: datetime) -> Report:
    with reading(path) as old, looking(url) as connection:
        tx = None if connection is None else Tx(connection, hotel_id)
        done = None if tx is None else adoption(tx)
        if in_place and done is not None and kind_of_threads(old) != "table":
            return _already(done)
        shape = shape_of(old, str(path))
        if in_place:
            refuse_namesakes(old, path)
        found = survey(tx, rows_of(old, shape), shape, now)
        report = _report(path, backup_name(path, now) if in_place else None, shape, found)
        if done is not None and not report.fresh:
            return replace(report, adopted_at=done.adopted_at)
        return report


def _in_place(url: str, hotel_id: str, path: Path, now: datetime, patience: float) -> Report:
    copies: list[Path] = []
    try:
        with alone(url, patience) as connection:
            old = driver(connection)
            tx = Tx(connection, hotel_id)
            if kind_of_threads(old) != "table" and inspect(connection).has_table("adoptions"):
                done = adoption(tx)
                if done is not None:
                    return _already(done)
            shape = shape_of(old, str(path))
            refuse_namesakes(old, path)
            copies.append(back_up(path, now))
            with reading(copies[0]) as kept:
                kept_digest = digest_of(kept, shape_of(kept, str(copies[0])))
            make_tables(connection)
            report = _take_over(tx, old, shape, path, copies[0], now)
            _proven(kept_digest == report.digest, "the backup")
            old.execute("DROP TABLE threads")
            legacy_view.make(connection, hotel_id, shape)
            return report
    except BaseException:
        for copy in copies:
            copy.unlink()
        raise


def _from_file(url: str, hotel_id: str, path: Path, now: datetime, patience: float) -> Report:
    schema.upgrade(url)
    with alone(url, patience) as connection, reading(path) as old:
        if "threads" in inspect(connection).get_table_names():
            raise SettingsError(URL, "a table threads", "a store of WatiBot's own")
        tx = Tx(connection, hotel_id)
        shape = shape_of(old, str(path))
        report = _take_over(tx, old, shape, path, None, now)
        if report.adopted_at is None:
            legacy_view.make(connection, hotel_id, shape)
        return report


def _take_over(
    tx: Tx, old: sqlite3.Connection, shape: Shape, path: Path, copy: Path | None, now: datetime
) -> Report:
    """`copy`: the backup of a table that is adopted in place."""
    found = survey(tx, rows_of(old, shape), shape, now)
    report = _report(path, copy, shape, found)
    done = adoption(tx)
    if done is not None and not report.fresh:
        return replace(report, adopted_at=done.adopted_at)
    take_in(tx, rows_of(old, shape), shape, found, now)
    _proven(prove(tx, found), "what was stored")
    row = {
        "adopted_at": now,
        "source": report.source,
        "backup": report.backup,
        "row_count": report.rows,
        "digest": report.digest,
        "shape": {"in_place": copy is not None, **shape.stored()},
    }
    tx.run(FORGET_ADOPTION)
    tx.add(_NEW_ADOPTION, [row])
    return report


def adoption(tx: Tx) -> AnyRow | None:
    """The hotel's row of `adoptions`."""
    return tx.one(_ADOPTION)


def _already(done: AnyRow) -> Report:
    in_place = bool(done.shape["in_place"])
    return Report(done.source, in_place, done.row_count, done.digest, done.backup, done.adopted_at)


def _report(path: Path, copy: Path | None, shape: Shape, found: Survey) -> Report:
    problems = tuple(
        Problem(number, entry.problem)
        for number, entry in enumerate(found.entries, 1)
        if entry.problem is not None
    )
    return Report(
        source=str(path),
        in_place=copy is not None,
        rows=len(found.entries),
        digest=found.digest,
        backup=None if copy is None else str(copy),
        channels=dict(found.channels),
        with_thread=found.with_thread,
        without_thread=found.without_thread,
        problems=problems,
        collisions=found.collisions,
        odd_times=dict(found.odd_times),
        unknown_columns=tuple(shape.unknown()),
        fresh=sum(entry.fresh for entry in found.entries),
        met=len(found.met),
    )


def _proven(same: bool, which: str) -> None:
    if not same:
        raise StoreError(f"{URL}: {which} differs from the old table. Nothing was changed")
