"""`migrate run` when a source, the target or the disk does not do its part."""

from __future__ import annotations

import pytest

from tests.migrating import GUEST, Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.errors import Cause, ProviderError
from watibot.migration.crew import Mark, Stopped
from watibot.ports.migrations import State
from watibot.providers.archive import Archive

OTHER = "50370000002"


def fails(cause: Cause, **more: float) -> ProviderError:
    return ProviderError("outside", cause, "for a test", **more)  # type: ignore[arg-type]


async def test_a_source_that_goes_stops_the_run(stage: Stage) -> None:
    """Not a line changes for what was not read."""
    await stage.settled()
    await stage.settled(OTHER)
    await stage.verb("run", GUEST)
    stage.threads.gone = True
    before = stage.dump()
    with pytest.raises(Stopped, match="assistants is gone"):
        await stage.verb("run")
    assert stage.dump() == before
    assert (await stage.move(OTHER)).state is State.PENDING
    stage.threads.gone = False
    await stage.verbs("run", "verify")


async def test_refused_credentials_stop_the_run(stage: Stage) -> None:
    await stage.settled()
    stage.threads.fail("read", fails(Cause.UNAUTHORISED))
    before = stage.dump()
    with pytest.raises(Stopped):
        await stage.verb("run")
    assert stage.dump() == before
    stage.sessions.fail("create", fails(Cause.UNAUTHORISED))
    with pytest.raises(Stopped):
        await stage.verb("run")
    await stage.verbs("run", "verify")
    assert await stage.faults() == []


@pytest.mark.parametrize("where", ["read", "append"])
async def test_a_provider_that_asks_for_patience_is_given_it(stage: Stage, where: str) -> None:
    await stage.settled()
    outside = stage.threads if where == "read" else stage.sessions
    outside.fail(where, fails(Cause.THROTTLED, retry_after=7))
    outside.fail(where, fails(Cause.THROTTLED, retry_after=40))
    await stage.verbs("run", "verify")
    assert [wait for wait in stage.clock.slept if wait in (7, 40)] == [7, 40]
    assert await stage.faults() == []


@pytest.mark.parametrize("where", ["read", "append"])
async def test_one_that_never_gets_well_puts_it_off(stage: Stage, where: str) -> None:
    await stage.settled()
    await stage.settled(OTHER)
    outside = stage.threads if where == "read" else stage.sessions
    for _ in range(20):
        outside.fail(where, fails(Cause.UNAVAILABLE))
    told = await stage.verb("run")
    assert [outcome.mark for outcome in told] == [Mark.LATER, Mark.LATER]
    assert all("unavailable" in (outcome.move.problem or "") for outcome in told)
    outside._failures.clear()
    await stage.verbs("run", "verify")
    assert await stage.faults() + await stage.faults(OTHER) == []


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.TIMEOUT])
@pytest.mark.parametrize("arrived", [False, True])
async def test_an_answer_that_is_lost(stage: Stage, cause: Cause, *, arrived: bool) -> None:
    await stage.settled(messages=6)
    for method in ("create", "append", "append"):
        stage.sessions.fail(method, fails(cause), arrived=arrived)
    await stage.verbs("run", "verify")
    assert await stage.faults() == []


async def test_a_source_that_was_gone_before_leaves_what_it_may_have_pending(stage: Stage) -> None:
    """Nobody can say that a thread is missing while the one who may have it is not there."""
    await stage.settled()
    await stage.settled(OTHER)
    await stage.verb("run", GUEST)
    stage.threads.gone = True
    await stage.here.means.sources.look()
    first, second = await stage.verb("run")
    assert (first.mark, first.why) == (Mark.SAME, "")  # the archive has it
    assert (second.mark, second.move.state) == (Mark.LATER, State.PENDING)
    assert "its source is gone" in second.why
    stage.threads.gone = False
    await stage.here.means.sources.look()
    await stage.verbs("run", "verify")


async def test_a_disk_that_takes_nothing_stops_the_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.settled()

    async def put(*_: object) -> None:
        raise OSError(28, "No space left on device", "archive/threads/x")

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "put", put)
        with pytest.raises(Stopped, match="No space left on device"):
            await stage.verb("run")
    assert (await stage.move(GUEST)).problem is None
    await stage.verbs("run", "verify")
