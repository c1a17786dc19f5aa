"""The store while the earlier database is taken over or given back: alone on it, or only looking.

`adopt.py` and `legacy.py` work on what is opened here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from watibot.errors import SettingsError, StoreError
from watibot.storage import schema
from watibot.storage.all_tables import metadata
from watibot.storage.legacy_file import reading
from watibot.storage.lock import database_file, hold_service_lock
from watibot.storage.writer import engine_for

URL = "WATIBOT_DATABASE_URL"


@contextmanager
def telling(url: str) -> Iterator[None]:
    """What goes wrong with the database is told as a StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _told(url, error) from None


@contextmanager
def stopped(url: str) -> Iterator[None]:
    """While no service is at work on the store. Raises StoreError when one is."""
    try:
        lock = hold_service_lock(url)
    except SettingsError:
        raise StoreError(f"{URL}: WatiBot is at work on the store: stop it first") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def alone(url: str, patience: float) -> Iterator[Connection]:
    """One transaction, on SQLite under the write lock; committed at the end, undone by whatever is
    raised. `patience`: seconds that another process may hold the lock."""
    engine = _plain_engine(url, patience)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("BEGIN")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if _under_way(connection):
                    connection.exec_driver_sql("ROLLBACK")
                raise
    finally:
        engine.dispose()


@contextmanager
def looking(url: str) -> Iterator[Connection | None]:
    """To read only, and without a trace. None if there are no tables of ours that can be asked."""
    path = database_file(url)
    if path is None:
        engine = engine_for(url)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SET default_transaction_read_only=on")
                yield connection if inspect(connection).has_table("adoptions") else None
        finally:
            engine.dispose()
        return
    if not path.is_file() or not path.stat().st_size:
        yield None
        return
    with reading(path) as opened:
        engine = create_engine(
            "sqlite://", creator=lambda: opened, poolclass=StaticPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            yield connection if inspect(connection).has_table("adoptions") else None


def driver(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection behind it."""
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def refuse_namesakes(old: sqlite3.Connection, path: Path) -> None:
    """Raises SettingsError when our tables cannot be made in this file: it has others of the same
    names."""
    names = {row[0].lower() for row in old.execute("SELECT name FROM sqlite_master")}
    taken = sorted(names & set(metadata.tables))
    if taken and "alembic_version" not in names:
        expected = f"another file for the store: then `watibot db adopt {path}` takes the rows over"
        raise SettingsError(URL, f"a table {taken[0]} of another system", expected)


def make_tables(connection: Connection) -> None:
    """Brings the schema up to date within the transaction that is under way."""
    from alembic.util import CommandError

    try:
        schema.migrate(connection)
    except CommandError:
        found, expected = "an unknown schema", f"schema {schema.NEWEST} or older: update watibot"
        raise SettingsError(URL, found, expected) from None


def _plain_engine(url: str, patience: float) -> Engine:
    if database_file(url) is None:
        return engine_for(url)
    # Without the store's pragmas: until it is adopted the file's journal stays as it is.
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"timeout": patience},
    )


def _under_way(connection: Connection) -> bool:
    if connection.invalidated:
        return False
    return connection.dialect.name != "sqlite" or driver(connection).in_transaction


def _told(url: str, error: Exception) -> StoreError:
    cause = getattr(error, "orig", None) or error
    if "locked" in str(cause):
        return StoreError(
            f"{URL}: another process is at work on the database: stop the old service, then try "
            "again. Nothing was changed"
        )
    return schema.cannot_open(url, error)
