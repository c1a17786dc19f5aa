"""Fresh stores for the contract suites, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import postgres as servers
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.storage.store import SqlStore


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    server: servers.Postgres = request.getfixturevalue("postgres")
    return server.store()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    """It, open, for the hotel `posada`."""
    async with await storage.open(store_url, "posada") as opened:
        yield opened
