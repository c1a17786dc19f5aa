"""One service per store, and one migration: a second process is refused before it touches
anything.

`store.open(sole=True)` takes the service's lock; commands that read or write shortly take none. The
migration's lock is beside it: `watibot migrate` takes it for what writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError

from watibot.errors import SettingsError, StoreError
from watibot.storage.writer import engine_for

# The keys of PostgreSQL's advisory locks: "WATI", "WATM".
_SERVICE = 0x5741_5449
_MIGRATION = 0x5741_544D
_HOLDER = (
    f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {_MIGRATION} AND granted"
)


class Lock(Protocol):
    """Held until it is released or the process ends, however it ends."""

    def release(self) -> None: ...


class _FileLock:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        os.close(self._file)


class _AdvisoryLock:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def release(self) -> None:
        # A closed connection's locks go when its server process notices: the next service may be
        # quicker. If the connection is lost already, they are gone.
        with contextlib.suppress(SQLAlchemyError):
            self._connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        self._connection.close()
        self._connection.engine.dispose()


def database_file(url: str) -> Path | None:
    """The file of an SQLite URL; None for PostgreSQL."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def hold_service_lock(url: str) -> Lock:
    """Raises SettingsError when another process serves this store."""
    path = database_file(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _FileLock(path.with_name(path.name + ".lock"))
        except BlockingIOError:
            raise _taken(str(path)) from None
    engine = engine_for(url)
    connection = engine.connect()
    taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_SERVICE})").scalar_one()
    if not taken:
        _AdvisoryLock(connection).release()
        raise _taken(make_url(url).render_as_string(hide_password=True))
    return _AdvisoryLock(connection)


def hold_migration_lock(url: str) -> Lock:
    """For a store that was opened already. Raises StoreError, which says who holds it, when another
    migration is under way."""
    path = database_file(url)
    if path is not None:
        path = path.with_name(path.name + ".migrating")
        try:
            lock = _second_try(path)
        except BlockingIOError:
            holder = path.read_text("ascii", "replace").strip()
            raise _under_way(f"process {holder}" if holder else "another process") from None
        path.write_text(f"{os.getpid()}\n", "ascii")  # the same file: the lock stays ours
        return lock
    engine = engine_for(url)
    connection = engine.connect()
    taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_MIGRATION})").scalar_one()
    if not taken:
        number = connection.exec_driver_sql(_HOLDER).scalar()
        _AdvisoryLock(connection).release()
        raise _under_way(f"PostgreSQL's connection {number}")
    return _AdvisoryLock(connection)


def _second_try(path: Path) -> Lock:
    """Who asks for the holder holds the lock for that moment (`migration_holder`)."""
    try:
        return _FileLock(path)
    except BlockingIOError:
        time.sleep(0.05)
        return _FileLock(path)


def migration_holder(url: str) -> str | None:
    """Who holds the migration's lock, for a store that is there; None if nobody does."""
    path = database_file(url)
    if path is not None:
        path = path.with_name(path.name + ".migrating")
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return path.read_text("ascii", "replace").strip() or "?"
        finally:
            os.close(file)
        return None
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            number = connection.exec_driver_sql(_HOLDER).scalar()
    finally:
        engine.dispose()
    return None if number is None else str(number)


def _under_way(holder: str) -> StoreError:
    return StoreError(f"another migration is under way ({holder}): wait for its end")


def _taken(name: str) -> SettingsError:
    return SettingsError(
        "WATIBOT_DATABASE_URL", f"{name} in use by another service", "a store of its own"
    )
