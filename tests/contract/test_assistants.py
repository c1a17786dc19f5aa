"""What the assistants server has beyond the exam: runs and steps, files, listing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.channel_rigs import hand
from tests.clocks import JumpingClock
from tests.contract.openai_standin import Row, StandIn
from tests.contract.source_rigs import client_of, openai_group
from tests.fakes_threads import FakeThreads, message, ref
from watibot.emulators import openai as openai_emulator
from watibot.emulators.kit import Clock, serve
from watibot.emulators.past import pasts
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.providers.assistants import AssistantsServer
from watibot.providers.conversations_api import ConversationsApi
from watibot.providers.openai_http import OpenAIHttp


def run(n: int, steps: int = 1, status: str = "completed") -> Row:
    each = [
        {
            "id": f"step_{n}_{m}",
            "type": "tool_calls",
            "step_details": {"tool_calls": [{"id": "call_1", "output": None}], "x": 1.5},
        }
        for m in range(steps)
    ]
    return {
        "id": f"run_{n}",
        "object": "thread.run",
        "status": status,
        "usage": None,
        "steps": each,
    }


@asynccontextmanager
async def server(stand_in: StandIn) -> AsyncIterator[AssistantsServer]:
    async with client_of(stand_in) as http:
        yield AssistantsServer(http)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [run(1, 0)],
        [run(1, 3), run(2, 0), run(3, 120, "failed")],
        [run(n, 1, "queued" if n == 129 else "completed") for n in range(130)],
    ],
)
async def test_runs_with_all_their_steps(runs: list[Row]) -> None:
    stand_in = StandIn()
    stand_in.put("thread_a", [message("thread_a", 1)], runs)
    async with server(stand_in) as source:
        raw = await source.read(ref("thread_a"))
    assert raw.runs == tuple(runs)
    assert raw.errors == ()


async def test_steps_are_asked_for_eight_at_a_time() -> None:
    stand_in = StandIn()
    busiest = now = 0
    for name in "abc":
        stand_in.put(f"thread_{name}", [], [run(n) for n in range(30)])
    answer, eight = stand_in._steps, asyncio.Event()

    async def counted(request: Request) -> Response:
        nonlocal busiest, now
        now += 1
        busiest = max(busiest, now)
        if now >= 8:
            asyncio.get_running_loop().call_later(0.02, eight.set)  # a ninth would come by then
        await eight.wait()
        now -= 1
        return await answer(request)

    stand_in._steps = counted  # type: ignore[method-assign]
    async with server(stand_in) as source:
        await asyncio.gather(*(source.read(ref(f"thread_{name}")) for name in "abc"))
    assert busiest == 8


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_server_without_steps(status: int) -> None:
    stand_in = StandIn(steps_status=status)
    stand_in.put("thread_a", [message("thread_a", 1)], [run(1), run(2)])
    async with server(stand_in) as source:
        raw = await source.read(ref("thread_a"))
    assert (raw.runs, len(raw.messages)) == (None, 1)
    assert [(each["object"], each["id"]) for each in raw.errors] == [
        ("run_steps", "run_1"),
        ("run_steps", "run_2"),
    ]


async def test_steps_that_are_kept_no_longer() -> None:
    stand_in = StandIn()
    runs = [run(1), run(2)]
    stand_in.put("thread_a", [message("thread_a", 1)], runs)
    stand_in.steps_missing.add("run_1")
    async with server(stand_in) as source:
        raw = await source.read(ref("thread_a"))
    bare = {key: value for key, value in runs[0].items() if key != "steps"}
    assert raw.runs == (bare, runs[1])
    assert [(each["id"], each["error"]) for each in raw.errors] == [
        ("run_1", "not_found_or_expired")
    ]


async def test_a_server_without_runs() -> None:
    stand_in = StandIn()
    stand_in.put("thread_a", [message("thread_a", 1)], [run(1)])
    gone = {"error": {"message": "Invalid URL (GET /v1/threads/thread_a/runs)"}}
    stand_in.faults.create({"operation": "runs", "status": 404, "body": gone})
    async with server(stand_in) as source:
        raw = await source.read(ref("thread_a"))
    assert (raw.runs, len(raw.messages)) == (None, 1)
    assert [(each["object"], each["id"]) for each in raw.errors] == [("runs", "thread_a")]


@pytest.mark.parametrize("operation", ["runs", "steps"])
async def test_an_end_in_the_middle_is_no_server_without_steps(operation: str) -> None:
    stand_in = StandIn()
    stand_in.put("thread_a", [message("thread_a", 1)], [run(n) for n in range(20)])
    name = f"_{operation}"
    answer = getattr(stand_in, name)

    async def last_one(request: Request) -> Response:
        stand_in.change({"sunset": True})
        return stand_in._door(request) or await answer(request)

    setattr(stand_in, name, last_one)
    async with server(stand_in) as source:
        with pytest.raises(ProviderError) as caught:
            await source.read(ref("thread_a"))
    assert caught.value.cause is Cause.GONE


@pytest.mark.parametrize(
    ("operation", "fault", "cause"),
    [
        ("runs", {"status": 503}, Cause.UNAVAILABLE),
        ("steps", {"status": 429}, Cause.THROTTLED),
        ("steps", {"drop": "before"}, Cause.LOST),
        ("steps", {"status": 401}, Cause.UNAUTHORISED),
        ("messages", {"status": 500}, Cause.UNAVAILABLE),
    ],
)
async def test_half_an_answer_is_none(operation: str, fault: Row, cause: Cause) -> None:
    stand_in = StandIn()
    runs = [run(n) for n in range(20)]
    stand_in.put("thread_a", [message("thread_a", 1)], runs)
    stand_in.faults.create({"operation": operation, "times": 1, **fault})
    async with server(stand_in) as source:
        with pytest.raises(ProviderError) as caught:
            await source.read(ref("thread_a"))
        assert caught.value.cause is cause
        assert (await source.read(ref("thread_a"))).runs == tuple(runs)


def with_files(n: int, *file_ids: str) -> Row:
    citation = {"type": "file_citation", "file_citation": {"file_id": file_ids[0]}}
    text = {"type": "text", "text": {"value": "【4:0†source】", "annotations": [citation]}}
    images = [{"type": "image_file", "image_file": {"file_id": each}} for each in file_ids[1:]]
    attachments = [{"file_id": file_ids[-1], "tools": []}]
    said = {"content": [text, *images], "attachments": attachments}
    return {**message("thread_a", n), **said, "metadata": {"file_id": "not-a-file"}}


async def test_files_that_messages_name() -> None:
    stand_in = StandIn()
    messages = [with_files(n, "file-price", f"file-{n}", "file-lost") for n in range(3)]
    stand_in.put("thread_a", messages)
    stand_in.put("thread_b", messages)
    for name in ("file-price", "file-0", "file-1", "file-2"):
        stand_in.files[name] = ({"id": name, "bytes": 3, "purpose": "vision"}, b"abc")
    async with server(stand_in) as source:
        raw = await source.read(ref("thread_a"))
        assert dict(raw.files) == {name: stand_in.files[name][0] for name in stand_in.files}
        assert raw.errors == (
            {"object": "file", "id": "file-lost", "error": "not_found_or_expired", "detail": ""},
        )
        assert list(raw.messages) == messages
        again = await source.read(ref("thread_b"))
    assert (again.files, again.errors) == (raw.files, raw.errors)
    asked = [each for each in stand_in.asked() if "/files/" in each]
    assert sorted(asked) == sorted(set(asked))
    assert len(asked) == 5


async def test_a_file_that_cannot_be_asked_for_now_fails_the_read() -> None:
    stand_in = StandIn()
    stand_in.put("thread_a", [with_files(1, "file-1")])
    stand_in.files["file-1"] = ({"id": "file-1"}, None)
    stand_in.faults.create({"operation": "file", "times": 1, "status": 503})
    async with server(stand_in) as source:
        with pytest.raises(ProviderError) as caught:
            await source.read(ref("thread_a"))
        assert caught.value.cause is Cause.UNAVAILABLE
        assert list((await source.read(ref("thread_a"))).files) == ["file-1"]


@pytest.mark.parametrize(("name", "expected"), [("file-1", b"abc"), ("file-2", None), ("no", None)])
async def test_the_bytes_of_a_file(name: str, expected: bytes | None) -> None:
    stand_in = StandIn()
    stand_in.files = {"file-1": ({}, b"abc"), "file-2": ({"purpose": "assistants"}, None)}
    async with client_of(stand_in) as http:
        for source in (AssistantsServer(http), ConversationsApi(http)):
            assert await source.file(name) == expected
        stand_in.faults.create({"times": 1, "status": 503})
        with pytest.raises(ProviderError):
            await AssistantsServer(http).file(name)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"lists_threads": True}, frozenset(f"thread_{n}" for n in range(130))),
        ({}, None),
        ({"unnamed": True}, None),
    ],
)
async def test_listing_threads(options: dict[str, Any], expected: frozenset[str] | None) -> None:
    stand_in = StandIn(**options)
    for n in range(130):
        stand_in.put(f"thread_{n}", [])
    async with server(stand_in) as source:
        assert await source.thread_ids() == expected
        stand_in.change({"sunset": True})
        with pytest.raises(ProviderError) as caught:
            await source.thread_ids()
    assert caught.value.cause is Cause.GONE


async def test_a_list_for_browsers_is_no_list() -> None:
    stand_in = StandIn(lists_threads=True)
    words = {"error": {"message": "Your request must be made with a session key", "code": None}}
    stand_in.faults.create({"operation": "threads", "status": 401, "body": words})
    async with server(stand_in) as source:
        assert await source.thread_ids() is None


@pytest.mark.parametrize(
    ("thread_id", "assistants", "conversations"),
    [
        ("thread_a", True, False),
        ("conv_a", False, True),
        ("thread_m", True, True),
        ("", False, False),
        (None, False, False),
    ],
)
async def test_whose_it_is(thread_id: str | None, assistants: bool, conversations: bool) -> None:
    async with client_of(StandIn()) as http:
        mapped = ConversationsApi(http, {"thread_m": "conv_m"})
        assert await AssistantsServer(http).gives(ref(thread_id)) is assistants
        assert await FakeThreads().gives(ref(thread_id)) is assistants
        assert await mapped.gives(ref(thread_id)) is conversations


async def test_generated_pasts_through_the_emulator() -> None:
    made = [each.export for each in pasts(20, 7, hotel_day=date(2026, 8, 1))]
    emulator = openai_emulator.create(Clock(), {})
    async with serve(emulator.app()) as url, hand(url) as control:
        await control.post("/_emulator/threads", json=made)
        group = openai_group(url, api_key="sk-emulator")
        clock = JumpingClock()
        http = OpenAIHttp(group, clock, LocalQuota(60_000, clock, 1000))
        source = AssistantsServer(http)
        for each in made:
            raw = await source.read(ref(each["thread"]["id"]))
            assert raw.thread == each["thread"]
            assert list(raw.messages) == each["messages"]
            assert list(raw.runs or ()) == each["runs"]
            assert raw.errors == ()
        await http.close()


@pytest.mark.parametrize("thread_id", ["../files/a", "thread_a?b", "thread a", "", "..", "x" * 201])
async def test_what_no_thread_is_called_is_not_asked_for(thread_id: str) -> None:
    stand_in = StandIn()
    async with server(stand_in) as source:
        assert await source.gives(ref(thread_id)) is False
        for call in (source.read(ref(thread_id)), source.add(thread_id, "user", "Hola", "item-1")):
            with pytest.raises(ProviderError) as caught:
                await call
            assert caught.value.cause is Cause.NOT_FOUND
    assert stand_in.seen == []
