"""What the tests of the OpenAI emulator share: it, a client over raw HTTP, words, an error's
parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.emulators.vertex_world import HeldClock
from watibot.emulators.kit import serve
from watibot.emulators.openai import OpenAI, create

Json = dict[str, Any]
KEY = "sk-emulator"
HEADERS = {"authorization": f"Bearer {KEY}", "openai-beta": "assistants=v2"}
ASSISTANT = "asst_hotel"
TOOLS_ASKED = "Is the front desk open? I want to talk to a person"
CONTROL = "/_emulator"
PIXEL = b"\x89PNG\r\n\x1a\n-"
TEXT = {"role": "user", "content": "x"}


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def openai(clock: HeldClock) -> OpenAI:
    return create(clock, {})


@pytest.fixture
async def http(openai: OpenAI) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(openai) as client:
        yield client


@asynccontextmanager
async def calling(emulator: OpenAI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the emulator that has its key and sends OpenAI's header."""
    async with (
        serve(emulator.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=HEADERS) as client,
    ):
        yield client


async def posted(http: httpx2.AsyncClient, path: str, body: Any = None) -> Json:
    answer = await http.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


async def got(http: httpx2.AsyncClient, path: str) -> Json:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def new_thread(http: httpx2.AsyncClient, *texts: str) -> str:
    messages = [{"role": "user", "content": text} for text in texts]
    thread = await posted(http, "/v1/threads", {"messages": messages})
    return f"/v1/threads/{thread['id']}"


async def new_run(http: httpx2.AsyncClient, thread: str, **more: Any) -> str:
    run = await posted(http, f"{thread}/runs", {"assistant_id": ASSISTANT, **more})
    assert run["status"] == "queued"
    return f"{thread}/runs/{run['id']}"


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def calls_of(run: Json) -> list[Json]:
    calls: list[Json] = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return calls


def error_of(answer: httpx2.Response) -> tuple[int, str, str | None, str | None]:
    """Status, message, param, code."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["message"], error["param"], error["code"]


async def uploaded(http: httpx2.AsyncClient, purpose: str) -> str:
    files = {"file": ("foto.png", PIXEL, "image/png")}
    answer = await http.post("/v1/files", data={"purpose": purpose}, files=files)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])
