"""The schema's exam, on both databases; one service per store; the writer's groups."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from tests.clocks import NOON
from tests.postgres import Postgres
from watibot.errors import SettingsError
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.storage.all_tables import metadata
from watibot.storage.writer import Writer, engine_for


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/store.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


def test_the_migrations_make_the_tables(store_url: str) -> None:
    with engine_for(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        for table in metadata.sorted_tables:
            found = {index["name"] for index in inspect(connection).get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= found


def test_the_partial_indexes_are_the_same(tmp_path: Path) -> None:
    """compare_metadata does not look at their conditions."""
    migrated, made = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/made.db"
    schema.upgrade(migrated)
    with engine_for(made).connect() as connection:
        metadata.create_all(connection)
    assert _sql(migrated) == _sql(made)


def _sql(url: str) -> dict[str, str]:
    with engine_for(url).connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        )
        return {
            name: " ".join(sql.replace('"', "").split()).replace("( ", "(")
            for name, sql in rows
            if not name.startswith(("sqlite_", "alembic_"))
        }


def test_the_newest_version_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.NEWEST]


def test_upgrading_twice_changes_nothing(empty_url: str) -> None:
    assert schema.check(empty_url) is None
    schema.upgrade(empty_url)
    schema.upgrade(empty_url)
    assert schema.check(empty_url) == schema.NEWEST


def test_a_newer_schema_is_refused(empty_url: str) -> None:
    schema.upgrade(empty_url)
    with engine_for(empty_url).connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="update watibot"):
        schema.upgrade(empty_url)


async def test_parallel_upgrades_do_not_meet(empty_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(schema.upgrade, empty_url) for _ in range(4)))
    assert schema.check(empty_url) == schema.NEWEST


async def test_a_second_service_is_refused(store_url: str) -> None:
    async with await storage.open(store_url, "posada", sole=True):
        with pytest.raises(SettingsError) as refused:
            await storage.open(store_url, "posada", sole=True)
        assert "in use by another service" in str(refused.value)
        assert "\n" not in str(refused.value)
        async with await storage.open(store_url, "posada") as beside:
            assert (await beside.counts())["conversations"] == 0
    async with await storage.open(store_url, "posada", sole=True):
        pass


class WrongError(Exception):
    """Raised by a closure."""


async def test_one_failure_in_a_group_undoes_only_itself(store_url: str) -> None:
    writer = Writer(store_url, asyncio.get_running_loop())

    def add(connection: Connection, number: int) -> int:
        connection.exec_driver_sql(
            "INSERT INTO quarantine (hotel_id, channel, reason, raw, at) "
            f"VALUES ('posada', 'wati', '{number}', '', 0)"
        )
        if number % 3 == 0:
            raise WrongError(number)
        return number

    results = await asyncio.gather(
        *(writer.write(lambda connection, n=n: add(connection, n)) for n in range(30)),  # type: ignore[misc]
        return_exceptions=True,
    )
    kept = await writer.read(
        lambda connection: (
            connection.exec_driver_sql("SELECT reason FROM quarantine").scalars().all()
        )
    )
    await writer.close()
    right = [n for n in range(30) if n % 3]
    assert [result for result in results if isinstance(result, int)] == right
    assert sum(isinstance(result, WrongError) for result in results) == 10
    assert sorted(map(int, kept)) == right


async def test_closing_commits_what_was_handed_in(store_url: str) -> None:
    async with await storage.open(store_url, "posada") as store:
        kept = [
            asyncio.ensure_future(store.quarantine("wati", str(n), b"", NOON)) for n in range(20)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*kept)
    async with await storage.open(store_url, "posada") as store:
        assert (await store.counts())["quarantine"] == 20
