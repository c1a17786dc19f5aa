"""The exam of `ports.Model`, sat by the fake and by the client; then what the client sends.

For the client each answer is a fault of the emulator: status 200 and the answer as its body.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.clocks import FakeClock, JumpingClock
from tests.fakes_vertex import FakeModel, says, settings_at, static_tokens
from watibot.emulators import kit, vertex
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelRequest, Usage
from watibot.ports.outside import Clock, Model
from watibot.providers.gemini import Gemini
from watibot.quotas import Rate
from watibot.toolcalls import Caller, Tool, ToolCall


class Stay(BaseModel):
    nights: int = Field(description="Nights, 1 or more")


async def free_rooms(stay: Stay, caller: Caller) -> dict[str, Any]:
    raise NotImplementedError


TOOLS = (Tool("free_rooms", "Which rooms are free", Stay, effect=False, run=free_rooms),)
GUEST = {"role": "user", "parts": [{"text": "¿Tienen sitio para 2 noches? 🙂"}]}
REQUEST = ModelRequest("Eres la recepción del hotel.", (GUEST,), TOOLS)


@asynccontextmanager
async def client_of(
    app: Starlette, clock: Clock, *, per_minute: float = 60_000
) -> AsyncIterator[Gemini]:
    async with kit.serve(app) as url:
        client = Gemini(settings_at(url), clock, static_tokens(), calls=Rate(per_minute))
        try:
            yield client
        finally:
            await client.close()


def emulator() -> vertex.Vertex:
    return vertex.create(kit.Clock(), {})


def answered(parts: list[dict[str, Any]], finish: str = "STOP") -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}],
        "usageMetadata": {
            "promptTokenCount": 1200,
            "cachedContentTokenCount": 1000,
            "candidatesTokenCount": 24,
            "thoughtsTokenCount": 16,
            "totalTokenCount": 1240,
        },
        "modelVersion": "gemini-3.8-flash",
    }


SIGNED = {"thoughtSignature": "c2lnbmVk"}
ROOMS = ToolCall("free_rooms", {"nights": 2}, "c1")
ROOMS_PART = {"functionCall": {"name": "free_rooms", "args": {"nights": 2}, "id": "c1"}, **SIGNED}


@pytest.fixture(params=["fake", "emulated"])
async def sits(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Model]]:
    """Makes a model whose next answer is `step`, which on the wire is `status` and `body`."""
    if request.param == "fake":
        yield lambda step, status, body: FakeModel([step])
        return
    stand_in = emulator()
    async with client_of(stand_in.app(), JumpingClock()) as client:

        def emulated(step: object, status: int, body: object) -> Model:
            stand_in.faults.create({"status": status, "body": body})
            return client

        yield emulated


@pytest.mark.parametrize(
    ("step", "parts", "finish"),
    [
        (says("Sí."), [{"text": "Sí.", **SIGNED}], "STOP"),
        (says("", ROOMS), [ROOMS_PART], "STOP"),
        (says("Miro.", ROOMS), [{"text": "Miro."}, ROOMS_PART], "STOP"),
        (says("Sí, ten", finish="MAX_TOKENS"), [{"text": "Sí, ten", **SIGNED}], "MAX_TOKENS"),
    ],
)
async def test_an_answer(
    sits: Callable[..., Model], step: Any, parts: list[dict[str, Any]], finish: str
) -> None:
    answer = await sits(step, 200, answered(parts, finish)).generate(REQUEST)
    assert answer == step
    assert answer.usage == Usage(prompt=1200, cached=1000, output=40, thoughts=16)


NO_CANDIDATE = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
TEXT = [{"text": "Sí"}]


def google_error(code: int, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": "X", "details": list(details)}}


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}


@pytest.mark.parametrize(
    ("status", "body", "cause", "detail", "retry_after"),
    [
        (200, NO_CANDIDATE, Cause.BLOCKED, "PROHIBITED_CONTENT", None),
        (200, {"usageMetadata": {}}, Cause.BLOCKED, "no candidate", None),
        (200, answered(TEXT, "SAFETY"), Cause.BLOCKED, "SAFETY", None),
        (200, answered([], "MALFORMED_FUNCTION_CALL"), Cause.BLOCKED, "MALFORMED", None),
        (200, answered([], "UNEXPECTED_TOOL_CALL"), Cause.BLOCKED, "UNEXPECTED", None),
        (200, answered([{"text": " "}]), Cause.BLOCKED, "STOP", None),
        (
            200,
            answered([{"text": "Hm", "thought": True}], "MAX_TOKENS"),
            Cause.BLOCKED,
            "MAX",
            None,
        ),
        (200, "<html>", Cause.LOST, "not a JSON object", None),
        (400, google_error(400, "Corrupted thought signature."), Cause.SIGNATURE, "Corru", None),
        (400, google_error(400, "Invalid role."), Cause.INVALID, "Invalid role.", None),
        (401, google_error(401, "No token."), Cause.UNAUTHORISED, "No token.", None),
        (404, google_error(404, "No model."), Cause.NOT_FOUND, "No model.", None),
        (429, google_error(429, "Quota.", RETRY_INFO), Cause.THROTTLED, "Quota.", 7.5),
        (503, "<html>overloaded</html>", Cause.UNAVAILABLE, "overloaded", None),
    ],
)
async def test_no_answer(
    sits: Callable[..., Model],
    status: int,
    body: Any,
    cause: Cause,
    detail: str,
    retry_after: float | None,
) -> None:
    step = ProviderError("gemini", cause, detail, status=status, retry_after=retry_after)
    with pytest.raises(ProviderError, match=detail) as caught:
        await sits(step, status, body).generate(REQUEST)
    assert (caught.value.cause, caught.value.retry_after) == (cause, retry_after)


# --- the client alone -------------------------------------------------------------------------


def recorder(kept: list[bytes], answer: dict[str, Any]) -> Starlette:
    """Keeps each request's body and always gives the same answer."""

    async def take(request: Request) -> Response:
        kept.append(await request.body())
        return JSONResponse(answer)

    return Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])


# Fields that no SDK knows, signatures in the standard alphabet, keys in an order of their own.
MODEL_STEP = {
    "parts": [
        {"thought": True, "text": "…", "aFieldOfNextYear": {"b": [1, 2.5, None]}},
        {
            "thoughtSignature": "+//+Pj8=",
            "functionCall": {"args": {"z": 1, "a": 2}, "name": "free_rooms", "id": "c1"},
        },
    ],
    "role": "model",
    "another_one": "",
}
RESULT = {"name": "free_rooms", "id": "c1", "response": {"rooms": 3}}
PROMPTS: tuple[tuple[dict[str, Any], ...], ...] = (
    (GUEST,),
    (GUEST, MODEL_STEP, {"role": "user", "parts": [{"functionResponse": RESULT}]}),
)


async def test_contents_travel_word_for_word_and_the_rest_never_changes() -> None:
    kept: list[bytes] = []
    answer = {"candidates": [{"content": MODEL_STEP, "finishReason": "STOP"}]}
    async with client_of(recorder(kept, answer), JumpingClock()) as client:
        for contents in PROMPTS:
            got = await client.generate(replace(REQUEST, contents=contents))
            assert json.dumps(got.content) == json.dumps(MODEL_STEP)
            assert (got.text, got.usage) == ("", Usage())
    static = []
    for contents, body in zip(PROMPTS, kept, strict=True):
        contents_sent = json.dumps(list(contents)).encode()
        before, _, after = body.partition(contents_sent)
        assert after, "the contents are not in the body as they are"
        static.append((before, after))
    assert static[0] == static[1]
    assert json.loads(kept[0]) == {
        "contents": [GUEST],
        "systemInstruction": {"role": "user", "parts": [{"text": "Eres la recepción del hotel."}]},
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}},
        "tools": [{"functionDeclarations": [DECLARATION]}],
    }


DECLARATION = {
    "name": "free_rooms",
    "description": "Which rooms are free",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"nights": {"type": "integer", "description": "Nights, 1 or more"}},
        "required": ["nights"],
    },
}


async def test_the_emulator_takes_what_is_sent() -> None:
    """The emulator refuses each field that Google's discovery document does not have."""
    stand_in = emulator()
    async with client_of(stand_in.app(), JumpingClock()) as client:
        await client.warm_up()
        first = await client.generate(REQUEST)
        assert first.model == "gemini-3.8-flash"
        assert first.usage.prompt > 0
        results: list[dict[str, Any]] = [
            {"functionResponse": {"name": call.name, "id": call.call_id, "response": {}}}
            for call in first.calls
        ]
        parts = results or [{"text": "Gracias"}]
        second = (GUEST, first.content, {"role": "user", "parts": parts})
        await client.generate(replace(REQUEST, contents=second))
        await client.generate(replace(REQUEST, tools=()))


@pytest.mark.parametrize(("drop", "cause"), [("before", Cause.LOST), ("after", Cause.LOST)])
async def test_a_call_is_never_repeated(drop: str, cause: Cause) -> None:
    stand_in = emulator()
    async with client_of(stand_in.app(), JumpingClock()) as client:
        await client.generate(REQUEST)
        fault = stand_in.faults.create({"drop": drop})
        with pytest.raises(ProviderError) as caught:
            await client.generate(REQUEST)
        assert (caught.value.cause, fault.spent) == (cause, 1)


async def test_an_answer_that_does_not_come() -> None:
    stand_in, clock = emulator(), FakeClock()
    async with client_of(stand_in.app(), clock) as client:
        stand_in.faults.create({"delay_seconds": 60})
        call = asyncio.ensure_future(client.generate(replace(REQUEST, timeout=30)))
        await clock.advance(29)
        assert not call.done()
        await clock.advance(2)
        with pytest.raises(ProviderError) as caught:
            await call
    assert caught.value.cause is Cause.TIMEOUT


async def test_a_server_that_is_not_there() -> None:
    settings = settings_at("http://127.0.0.1:1")
    client = Gemini(settings, JumpingClock(), static_tokens(), calls=Rate(60))
    with pytest.raises(ProviderError) as caught:
        await client.generate(REQUEST)
    await client.close()
    assert caught.value.cause is Cause.UNREACHABLE


async def test_calls_keep_their_own_rate_and_a_pause_that_is_named() -> None:
    stand_in, clock = emulator(), JumpingClock()
    async with client_of(stand_in.app(), clock, per_minute=60) as client:
        for _ in range(3):
            await client.generate(REQUEST)
        assert clock.slept == [0, 1, 1]
        quota = google_error(429, "Quota.", RETRY_INFO)
        stand_in.faults.create({"status": 429, "body": quota, "times": 1})
        with pytest.raises(ProviderError):
            await client.generate(REQUEST)
        await client.generate(REQUEST)
        assert clock.slept[-1] == pytest.approx(7.5, abs=0.01)


async def test_no_guests_word_in_an_error() -> None:
    stand_in = emulator()
    async with client_of(stand_in.app(), JumpingClock()) as client:
        message = """Invalid value at 'contents[0]': "Soy Ana Gil, 50370000001" (50370000001)"""
        stand_in.faults.create({"status": 400, "body": google_error(400, message)})
        with pytest.raises(ProviderError) as caught:
            await client.generate(REQUEST)
    assert caught.value.detail == """Invalid value at 'contents[0]': "..." (######)"""
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
