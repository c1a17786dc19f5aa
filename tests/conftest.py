"""What tests of several folders start from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadgroup import LoadGroupScheduling

from tests import postgres as servers
from tests import redaction
from tests.once import made_once

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30  # bytes; a container often has 64 MB there


def pytest_configure() -> None:
    """Files in memory where there is enough: a store waits for the disk at each commit, and nothing
    here has to outlive the machine. TMPDIR chooses another place."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("TMPDIR", str(MEMORY))
        tempfile.tempdir = None  # whoever asked before was told the usual place


# Where killed processes take all there is of the machine, and where one browser serves all.
_TOGETHER = {
    "kill": ("tests/flow/test_kill.py", "tests/flow/test_migration_kill.py"),
    "browser": ("tests/browser/",),
}


class _Groups(LoadGroupScheduling):  # type: ignore[misc]
    """What is together in one worker. The marker `xdist_group` of pytest-xdist 3.8 is written into
    node ids, which pytest 9.2 does not let it do."""

    def _split_scope(self, nodeid: str) -> str:
        for group, beginnings in _TOGETHER.items():
            if nodeid.startswith(beginnings):
                return group
        return str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Groups:
    return _Groups(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """One server for each worker of pytest-xdist."""
    with servers.running() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _once() -> Iterator[None]:
    with made_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _ear() -> Iterator[None]:
    take_off = redaction.put_on()
    yield
    take_off()


@pytest.fixture(autouse=True)
def _no_guest_in_the_log(_ear: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Begun first and ended last: also what a fixture's end logs is looked at."""
    redaction.listen()
    yield
    folder = request.node.funcargs.get("tmp_path")
    if folder is not None:
        redaction.EAR.read(folder)
    leaks = redaction.EAR.leaks()
    redaction.EAR.forget()
    assert not leaks, "a guest's words or number are in the log:\n" + "\n".join(leaks[:5])
