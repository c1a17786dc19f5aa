"""A backup becomes the store again. `cli/restore.py` is before it, `backup.py` made what it reads.

Everything is read and compared before anything is touched, the service's lock is held, and the
store is put in its place in one step: a file's new name, or one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from watibot.storage import backup, schema, snapshots
from watibot.storage.all_tables import metadata
from watibot.storage.backup import IS_MEDIA, MEDIA, BackupError, Manifest, Progress
from watibot.storage.lock import database_file, hold_service_lock
from watibot.storage.writer import engine_for

# What a database has before anybody wrote to it.
_EMPTY = {snapshots.VERSION_TABLE, "quotas"}


@dataclass(frozen=True, slots=True)
class Restored:
    """`aside`: where the store lies that was there before. `waiting`: guests' messages and bubbles
    that waited at the moment of the backup."""

    manifest: Manifest
    media: int
    aside: Path | None
    waiting: int


def restore(
    path: Path, url: str, data_dir: Path, now: datetime, progress: Progress, *, replace: bool
) -> Restored:
    """Puts the backup at `path` into the store at `url`, whose schema is the newest afterwards.
    Raises BackupError when the backup is not whole or the store has rows and `replace` is not said;
    SettingsError while a service runs; StoreError when the database is away."""
    manifest, wrong = backup.check(path, progress)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BackupError(f"{path}: {wrong[0]}{more}")
    kind = make_url(url).get_backend_name()
    if kind != manifest.database:
        raise BackupError(f"{path}: a copy of {manifest.database}, and the store is {kind}")
    if manifest.schema > schema.NEWEST:
        raise BackupError(f"{path}: its schema {manifest.schema} is newer: update watibot")
    try:
        with _sole(url):
            rows = _rows(url)
            if rows != 0 and not replace:
                found = "cannot be read" if rows is None else f"has {rows:,} rows already"
                raise BackupError(f"the store {found}: --replace to give it up")
            media = _media_back(path, data_dir, progress)
            aside = _put_back(path, url, manifest, now, rows != 0)
            schema.upgrade(url)
            return Restored(manifest, media, aside, _waiting(url))
    except (SQLAlchemyError, OSError) as error:
        raise schema.cannot_open(url, error) from None


@contextmanager
def _sole(url: str) -> Iterator[None]:
    lock = hold_service_lock(url)
    try:
        yield
    finally:
        lock.release()


def _rows(url: str) -> int | None:
    """How many rows are at `url` already; None when the file there is no store that can be read."""
    path = database_file(url)
    if path is not None and not path.is_file():
        return 0
    try:
        with _connected(url) as connection:
            return sum(_counted(connection, but=_EMPTY).values())
    except DatabaseError as error:
        if path is None or isinstance(error, OperationalError):
            raise
        return None


def _counted(connection: Connection, but: set[str]) -> dict[str, int]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        names = list(found.scalars())
    else:
        names = sorted(set(snapshots.postgres_tables(connection)) & set(metadata.tables))
    return {
        name: connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()
        for name in names
        if name not in but
    }


def _media_back(path: Path, data_dir: Path, progress: Progress) -> int:
    """Guests' files that are not there; what is there has the same bytes, or it is made anew."""
    names = backup.media_names(path)
    for number, name in enumerate(names):
        progress("files back", number, len(names))
        assert IS_MEDIA.fullmatch(name)
        target = data_dir / MEDIA / name
        if target.is_file() and backup.digest_of(target) == target.name:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        making = target.with_name(f".{target.name}")
        backup.copied(path / MEDIA / name, making)
        os.replace(making, target)
    return len(names)


def _put_back(path: Path, url: str, manifest: Manifest, now: datetime, there: bool) -> Path | None:
    file = database_file(url)
    if file is None:
        with _connected(url) as connection:
            _load(connection, path, manifest)
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    making = file.with_name(f".{file.name}.restoring")
    backup.copied(path / snapshots.STORE, making)
    backup.sync(making)
    aside = file.with_name(f"{file.name}.before-{now:%Y%m%dT%H%M%SZ}") if there else None
    if file.is_file():
        _set_aside(file, aside)
    os.replace(making, file)
    backup.sync(file.parent)
    return aside


def _set_aside(file: Path, aside: Path | None) -> None:
    """The old store under another name as well. Its log must not be there when its name belongs to
    the new one; a damaged store keeps it, under the other name."""
    try:
        with closing(sqlite3.connect(file, timeout=5)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise BackupError(f"{file} is in use by another process ({error})") from None
    except sqlite3.DatabaseError:
        pass
    for suffix in ("-wal", "-shm"):
        log = file.with_name(file.name + suffix)
        if aside is not None and log.is_file():
            os.rename(log, aside.with_name(aside.name + suffix))
        log.unlink(missing_ok=True)
    if aside is not None:
        os.link(file, aside)


def _load(connection: Connection, path: Path, manifest: Manifest) -> None:
    """All of it in one transaction: the schema of the backup, its rows, the numbers that follow."""
    run = connection.exec_driver_sql
    run("BEGIN")
    for table in {*metadata.tables, snapshots.VERSION_TABLE}:
        run(f"DROP TABLE IF EXISTS {table} CASCADE")
    schema.migrate(connection, manifest.schema)
    for table in manifest.tables:
        run(f"TRUNCATE {table}")
        with (path / f"{table}.copy").open("rb") as rows:
            columns = snapshots.quoted(next(rows).decode().split())
            with (
                snapshots.driver(connection)
                .cursor()
                .copy(f"COPY {table} ({columns}) FROM STDIN") as stream
            ):
                while chunk := rows.read(1024 * 1024):
                    stream.write(chunk)
    counted = _counted(connection, but=set())
    if {name: counted[name] for name in manifest.tables} != dict(manifest.tables):
        raise BackupError(f"{path}: not all rows could be put back; nothing was changed")
    for table, column, sequence in run(_NUMBERED).all():
        run(f"SELECT setval('{sequence}', max({column})) FROM {table} HAVING max({column}) > 0")
    if views := (path / snapshots.VIEWS).read_text("utf-8"):
        snapshots.driver(connection).execute(views)
    run("COMMIT")


# First the columns, or the function would be asked about every table of the server.
_NUMBERED = """
WITH own AS MATERIALIZED (
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema()
), numbered AS MATERIALIZED (
    SELECT table_name, column_name,
           pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence
    FROM own
)
SELECT table_name, column_name, sequence FROM numbered WHERE sequence IS NOT NULL
"""


def _waiting(url: str) -> int:
    with _connected(url) as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT (SELECT count(*) FROM messages WHERE state IN ('waiting', 'in_turn')) "
                "+ (SELECT count(*) FROM bubbles WHERE state IN ('waiting', 'sending'))"
            ).scalar_one()
        )


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
