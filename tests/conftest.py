"""What tests of several folders start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres as servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """One server for each worker of pytest-xdist."""
    with servers.running() as server:
        yield server
