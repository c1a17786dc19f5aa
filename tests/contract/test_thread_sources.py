"""The exams of `ports.ThreadSource` and `ports.Threads`: the fake and the live sources sit them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.openai_standin import StandIn
from tests.contract.source_rigs import RIGS, Rig, client_of, fault
from tests.fakes_threads import FakeThreads, Kept, message
from watibot.errors import Cause, ProviderError
from watibot.ports.threads import ActiveRun, Threads
from watibot.providers.assistants import AssistantsServer
from watibot.threads import items_in


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param]() as made:
        yield made


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 250])
async def test_all_of_it_in_order_and_word_for_word(rig: Rig, count: int) -> None:
    expected = await rig.seed("a", count)
    raw = await rig.source.read(rig.ref("a"))
    assert list(raw.messages) == expected
    assert len(expected) >= count
    assert (raw.form, raw.source) == (rig.form, rig.source.name)
    assert (list(raw.errors), dict(raw.files)) == ([], {})


async def test_a_thread_keeps_its_name(rig: Rig) -> None:
    await rig.seed("a", 3)
    asked = rig.ref("a")
    raw = await rig.source.read(asked)
    assert raw.thread_id == (asked.thread_id or raw.thread_id)
    assert raw.thread_id
    assert asked.address not in raw.thread_id
    assert raw.thread["created_at"] > 0
    assert (await rig.source.read(asked)).thread_id == raw.thread_id


async def test_what_it_gives(rig: Rig) -> None:
    await rig.seed("a", 3)
    assert await rig.source.gives(rig.ref("a")) is True
    assert await rig.source.gives(rig.ref("b")) is True  # whether it is there is asked by `read`
    assert await rig.source.check()


async def test_one_missing_thread_is_not_the_end(rig: Rig) -> None:
    await rig.seed("a", 3)
    with pytest.raises(ProviderError) as caught:
        await rig.source.read(rig.ref("b"))
    assert (caught.value.cause, caught.value.transient) == (Cause.NOT_FOUND, False)
    assert len((await rig.source.read(rig.ref("a"))).messages) >= 3


async def test_the_end_is_not_a_missing_thread(rig: Rig) -> None:
    await rig.seed("a", 3)
    rig.end()
    for call in (rig.source.read(rig.ref("a")), rig.source.read(rig.ref("b")), rig.source.check()):
        with pytest.raises(ProviderError) as caught:
            await call
        assert caught.value.cause is Cause.GONE


@pytest.mark.parametrize(
    ("cause", "transient", "retry_after"),
    [
        (Cause.THROTTLED, True, 7.0),
        (Cause.UNAVAILABLE, True, None),
        (Cause.UNAUTHORISED, False, None),
        (Cause.LOST, True, None),
    ],
)
async def test_failures(rig: Rig, cause: Cause, transient: bool, retry_after: float | None) -> None:
    expected = await rig.seed("a", 120)
    rig.fail(cause)
    with pytest.raises(ProviderError) as caught:
        await rig.source.read(rig.ref("a"))
    error = caught.value
    assert (error.cause, error.transient, error.retry_after) == (cause, transient, retry_after)
    assert list((await rig.source.read(rig.ref("a"))).messages) == expected


@dataclass
class Server:
    """A thread server under examination, what it keeps, and how to make it fail."""

    threads: Threads
    kept: dict[str, Kept]
    fail: Any


@asynccontextmanager
async def fake_server() -> AsyncIterator[Server]:
    fake = FakeThreads()

    def fail(cause: Cause, *, arrived: bool = False) -> None:
        fake.fail("*", ProviderError("openai", cause), arrived=arrived)

    yield Server(fake, fake.kept, fail)


@asynccontextmanager
async def real_server() -> AsyncIterator[Server]:
    stand_in = StandIn()

    def fail(cause: Cause, *, arrived: bool = False) -> None:
        if arrived:
            stand_in.faults.create({"times": 1, "drop": "after"})
        else:
            fault(stand_in)(cause)

    async with client_of(stand_in) as http:
        yield Server(AssistantsServer(http), stand_in.kept, fail)


@pytest.fixture(params=[fake_server, real_server], ids=["fake", "assistants"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with request.param() as made:
        messages = [message("thread_a", n) for n in range(130)]
        made.kept["thread_a"] = Kept({"id": "thread_a"}, messages)
        yield made


def run(n: int, status: str, **more: Any) -> dict[str, Any]:
    return {"id": f"run_{n}", "object": "thread.run", "status": status, "steps": [], **more}


@pytest.mark.parametrize("count", [1, 20, 100, 120, 500])
async def test_the_newest_come_first(server: Server, count: int) -> None:
    expected = server.kept["thread_a"].messages[::-1][:count]
    assert await server.threads.newest("thread_a", count) == expected


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_what_is_added_carries_our_id(server: Server, role: str) -> None:
    made = await server.threads.add("thread_a", role, "Llego a las 3 🏨", "item-1")
    (newest,) = await server.threads.newest("thread_a", 1)
    assert (newest["id"], newest["role"], items_in(newest)) == (made, role, ("item-1",))
    assert newest["content"][0]["text"]["value"] == "Llego a las 3 🏨"
    assert len(server.kept["thread_a"].messages) == 131


@pytest.mark.parametrize("status", ["queued", "in_progress", "requires_action", "cancelling"])
async def test_nothing_is_added_while_a_run_is_active(server: Server, status: str) -> None:
    server.kept["thread_a"].runs += [run(1, "completed"), run(2, status)]
    with pytest.raises(ProviderError) as caught:
        await server.threads.add("thread_a", "user", "Hola", "item-1")
    assert (caught.value.cause, caught.value.transient) == (Cause.BUSY, True)
    assert "run_2" in str(caught.value)
    assert len(server.kept["thread_a"].messages) == 130


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], None),
        ([run(1, "failed"), run(2, "completed")], None),
        ([run(1, "completed"), run(2, "incomplete")], None),
        ([run(1, "expired")], None),
        ([run(1, "completed"), run(2, "queued")], ("run_2", "queued", None, {})),
        (
            [run(1, "requires_action", expires_at=1_760_000_600, metadata={"turn": "t1"})],
            ("run_1", "requires_action", 1_760_000_600, {"turn": "t1"}),
        ),
        ([run(1, "cancelling", expires_at=None, metadata=None)], ("run_1", "cancelling", None, {})),
    ],
)
async def test_the_active_run(
    server: Server, runs: list[dict[str, Any]], expected: tuple[Any, ...] | None
) -> None:
    server.kept["thread_a"].runs += runs
    assert _told(await server.threads.active_run("thread_a")) == expected


def _told(active: ActiveRun | None) -> tuple[Any, ...] | None:
    if active is None:
        return None
    expires = active.expires_at and int(active.expires_at.timestamp())
    return active.run_id, active.status, expires, dict(active.metadata)


async def test_cancelling(server: Server) -> None:
    server.kept["thread_a"].runs += [run(1, "completed"), run(2, "requires_action")]
    await server.threads.cancel("thread_a", "run_2")
    assert server.kept["thread_a"].runs[1]["status"] == "cancelled"
    for ended in ("run_1", "run_2"):
        await server.threads.cancel("thread_a", ended)
    assert [each["status"] for each in server.kept["thread_a"].runs] == ["completed", "cancelled"]


async def test_a_thread_that_is_not_there(server: Server) -> None:
    for call in (
        server.threads.newest("thread_b", 1),
        server.threads.add("thread_b", "user", "Hola", "item-1"),
        server.threads.active_run("thread_b"),
        server.threads.cancel("thread_b", "run_1"),
    ):
        with pytest.raises(ProviderError) as caught:
            await call
        assert caught.value.cause is Cause.NOT_FOUND


async def test_a_block_carries_all_of_our_ids(server: Server) -> None:
    names = [f"{number:032x}" for number in range(200)]
    await server.threads.add("thread_a", "user", "=== ... ===", *names)
    (newest,) = await server.threads.newest("thread_a", 1)
    assert list(items_in(newest)) == names
    assert len(newest["metadata"]) == 14


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_write_is_never_repeated(server: Server, arrived: bool) -> None:
    server.fail(Cause.LOST, arrived=arrived)
    with pytest.raises(ProviderError) as caught:
        await server.threads.add("thread_a", "user", "Hola", "item-1")
    assert caught.value.cause is Cause.LOST
    found = [items_in(each) for each in await server.threads.newest("thread_a", 2)]
    assert found.count(("item-1",)) == int(arrived)


@pytest.mark.parametrize("cause", [Cause.UNAVAILABLE, Cause.THROTTLED, Cause.UNAUTHORISED])
async def test_a_write_that_is_refused(server: Server, cause: Cause) -> None:
    server.fail(cause)
    with pytest.raises(ProviderError) as caught:
        await server.threads.add("thread_a", "user", "Hola", "item-1")
    assert caught.value.cause is cause
    assert len(server.kept["thread_a"].messages) == 130
