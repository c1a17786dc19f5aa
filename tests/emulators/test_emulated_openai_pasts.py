"""Pasts put into the OpenAI emulator, read back, and gone on with; conversations locked."""

import asyncio
import base64
import time

import httpx2

from tests.emulators.openai_rig import (
    CONTROL,
    PIXEL,
    TEXT,
    Json,
    calling,
    error_of,
    got,
    new_run,
    posted,
)
from tests.emulators.openai_rig import clock as clock
from tests.emulators.openai_rig import http as http
from tests.emulators.openai_rig import openai as openai
from tests.emulators.vertex_world import HeldClock
from watibot.emulators.kit import Clock
from watibot.emulators.openai import OpenAI, create


def past(thread_id: str = "thread_old", **run: object) -> Json:
    message = {
        "id": f"msg_{thread_id}",
        "object": "thread.message",
        "created_at": 1_700_000_001,
        "thread_id": thread_id,
        "role": "user",
        "content": [{"type": "hologram", "hologram": {"x": 1}}],
        "metadata": {"watibot_item": "i-1"},
        "run_id": None,
    }
    step = {"id": f"step_{thread_id}", "type": "tool_calls", "step_details": {"x": 1}}
    file = {"id": f"file-{thread_id}", "object": "file", "purpose": "vision", "bytes": 9}
    content = base64.b64encode(PIXEL).decode()
    return {
        "thread": {"id": thread_id, "object": "thread", "created_at": 1_700_000_000},
        "messages": [message],
        "runs": [{"id": f"run_{thread_id}", "status": "completed", **run, "steps": [step]}],
        "files": {f"file-{thread_id}": {**file, "content": content}},
    }


async def test_pasts_come_back_word_for_word(http: httpx2.AsyncClient, openai: OpenAI) -> None:
    given = [past(), past("thread_older")]
    assert await posted(http, f"{CONTROL}/threads", given) == {"threads": 2}
    for each in given:
        assert await got(http, f"{CONTROL}/threads/{each['thread']['id']}") == each
    thread = "/v1/threads/thread_old"
    assert await got(http, thread) == given[0]["thread"]
    assert (await got(http, f"{thread}/messages"))["data"] == given[0]["messages"]
    run = "run_thread_old"
    assert (await got(http, f"{thread}/runs"))["data"] == [{"id": run, "status": "completed"}]
    assert (await got(http, f"{thread}/runs/{run}/steps"))["data"] == given[0]["runs"][0]["steps"]
    assert (await http.get("/v1/files/file-thread_old/content")).content == PIXEL
    again = {**TEXT, "metadata": {"watibot_item": "i-1"}}
    await posted(http, f"{thread}/messages", again)
    assert openai.summary()["messages_doubled"] == 1
    block = {**TEXT, "metadata": {"watibot_item": "i-2 i-3", "watibot_item_2": "i-1"}}
    await posted(http, f"{thread}/messages", block)
    assert openai.summary()["messages_doubled"] == 2
    await posted(http, f"{thread}/messages", {**TEXT, "metadata": {"watibot_item": "i-3"}})
    assert openai.summary()["messages_doubled"] == 3
    shown = await got(http, f"{CONTROL}/threads/thread_old")
    assert [each["role"] for each in shown["messages"]] == ["user"] * 4
    assert (await http.get(f"{CONTROL}/threads/thread_X")).status_code == 404


async def test_a_run_that_was_active_in_a_past_still_is(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    later = int(clock.at) + 100
    given = past(status="in_progress", expires_at=later)
    await posted(http, f"{CONTROL}/threads", given)
    assert (await http.post("/v1/threads/thread_old/messages", json=TEXT)).status_code == 400
    clock.at += 100
    assert (await http.post("/v1/threads/thread_old/messages", json=TEXT)).status_code == 200
    assert (await got(http, "/v1/threads/thread_old/runs"))["data"][0]["status"] == "expired"


async def test_a_guest_goes_on_with_a_past(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    await posted(http, f"{CONTROL}/threads", past())
    thread = "/v1/threads/thread_old"
    await posted(http, f"{thread}/messages", {**TEXT, "content": "¿Tienen parqueo?"})
    await new_run(http, thread)
    clock.at += 1
    [message, *_] = (await got(http, f"{thread}/messages"))["data"]
    assert "parqueo" in message["content"][0]["text"]["value"]


async def test_conversations_are_put_in_and_read_back(http: httpx2.AsyncClient) -> None:
    item = {"id": "x_1", "type": "hologram", "x": 1}
    given = {"conversation": {"id": "conv_1", "object": "conversation"}, "items": [item]}
    assert await posted(http, f"{CONTROL}/conversations", [given]) == {"conversations": 1}
    assert await got(http, f"{CONTROL}/conversations/conv_1") == given
    assert (await got(http, "/v1/conversations/conv_1/items"))["data"] == [item]


async def test_a_conversation_under_work_is_locked(http: httpx2.AsyncClient) -> None:
    conversation = await posted(http, "/v1/conversations", {})
    path = f"/v1/conversations/{conversation['id']}/items"
    lock = f"{CONTROL}/conversations/{conversation['id']}/lock"
    assert (await http.post(lock)).status_code == 204
    text = (
        "Another process is currently operating on this conversation. Please retry in a few "
        "seconds."
    )
    expected = (400, text, "conversation", "conversation_locked")
    body = {"model": "m", "input": "hola", "conversation": conversation["id"]}
    assert error_of(await http.post("/v1/responses", json=body)) == expected
    assert error_of(await http.post(path, json={"items": [TEXT]})) == expected
    assert (await http.delete(lock)).status_code == 204
    await posted(http, "/v1/responses", body)
    assert [each["role"] for each in (await got(http, path))["data"]] == ["assistant", "user"]


async def test_one_response_at_a_time_in_a_conversation() -> None:
    emulator = create(Clock(100.0, time.time()), {"run_ms": 5000})
    async with calling(emulator) as http:
        conversation = await posted(http, "/v1/conversations", {})
        body = {"model": "m", "input": "hola", "conversation": conversation["id"]}
        answers = await asyncio.gather(*(http.post("/v1/responses", json=body) for _ in range(3)))
        assert sorted(each.status_code for each in answers) == [200, 400, 400]
        await posted(http, "/v1/responses", body)
