"""What tests of several folders start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres as servers
from tests import redaction


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """One server for each worker of pytest-xdist."""
    with servers.running() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _ear() -> Iterator[None]:
    take_off = redaction.put_on()
    yield
    take_off()


@pytest.fixture(autouse=True)
def _no_guest_in_the_log(_ear: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Begun first and ended last: also what a fixture's end logs is looked at."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    if folder is not None:
        redaction.EAR.read(folder)
    leaks = redaction.EAR.leaks()
    redaction.EAR.forget()
    assert not leaks, "a guest's words or number are in the log:\n" + "\n".join(leaks[:5])
