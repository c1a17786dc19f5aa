"""Brings a database to the newest schema before `store.py` opens it.

Alembic is imported only when there is something to do: a start must be quick.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, inspect, make_url

from watibot.errors import SettingsError, StoreError
from watibot.storage.lock import database_file
from watibot.storage.writer import engine_for

NEWEST = "0004"  # a test holds it to migrations/versions
MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA = 0x5741_5450  # the key of PostgreSQL's advisory lock


def check(url: str) -> str | None:
    """The stored schema's version; None if there is none yet. Creates no file."""
    path = database_file(url)
    if path is not None and not path.is_file():
        return None
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            return _version(connection)
    finally:
        engine.dispose()


def upgrade(url: str) -> None:
    """Applies the migrations that are missing, one process at a time, all of them or none."""
    path = database_file(url)
    if path is None:
        _upgrade(url, _alone_on_postgres)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Before the first connection: two of them switching a new file to WAL at once fail at once.
    file = os.open(path.with_name(path.name + ".schema.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        _upgrade(url, nullcontext)
    finally:
        os.close(file)


def _upgrade(url: str, alone: Callable[[Connection], AbstractContextManager[object]]) -> None:
    if check(url) == NEWEST:
        return
    engine = engine_for(url)
    try:
        with engine.connect() as connection, alone(connection):
            _refuse_newer(_version(connection))
            _apply(connection)
    finally:
        engine.dispose()


def cannot_open(url: str, error: Exception) -> StoreError:
    """One line about it, without the password."""
    name = make_url(url).render_as_string(hide_password=True)
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).split()) or type(cause).__name__
    return StoreError(f"WATIBOT_DATABASE_URL: {name} cannot be opened: {words[:200]}")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM alembic_version"
    ).scalar()
    return found


def _refuse_newer(stored: str | None) -> None:
    if stored is not None and stored > NEWEST:
        raise SettingsError(
            "WATIBOT_DATABASE_URL", f"schema {stored}", f"schema {NEWEST} or older: update watibot"
        )


def migrate(connection: Connection, to: str = "head") -> None:
    """Applies what is missing, up to this version, within the transaction that is under way."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _apply(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
    try:
        migrate(connection)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


@contextmanager
def _alone_on_postgres(connection: Connection) -> Iterator[None]:
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({_SCHEMA})")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_SCHEMA})")
