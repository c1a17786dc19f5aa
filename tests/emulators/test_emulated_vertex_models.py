"""The Vertex emulator's models and caches over raw HTTP: its answers, and what it refuses."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.emulators.vertex_world import (
    GENERATE,
    MODEL,
    PROJECT,
    SESSIONS,
    TOOLS,
    HeldClock,
    Json,
    calling,
    error_of,
    user,
)
from watibot.emulators.vertex import Vertex, create
from watibot.emulators.vertex_wire import Call


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def vertex(clock: HeldClock) -> Vertex:
    return create(clock, {})


@pytest.fixture
async def http(vertex: Vertex) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(vertex) as client:
        yield client


# Models


async def generate(http: httpx2.AsyncClient, *contents: Json, **more: Any) -> httpx2.Response:
    return await http.post(GENERATE, json={"contents": list(contents), **more})


async def test_answers_a_guest(http: httpx2.AsyncClient) -> None:
    body = (await generate(http, user("What time is breakfast?"))).json()
    candidate = body["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert "Breakfast is served" in candidate["content"]["parts"][0]["text"]
    usage = body["usageMetadata"]
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["totalTokenCount"] == sum(usage[part] for part in parts)
    assert usage["promptTokenCount"] == 1 + 6
    assert usage["trafficType"] == "ON_DEMAND"
    assert body["modelVersion"] == "gemini-3.8-flash"
    assert {"responseId", "createTime"} <= set(body)


async def test_counts_media(http: httpx2.AsyncClient) -> None:
    pdf = b"%PDF-1.7 /Type /Pages /Type /Page /Type/Page"
    sizes = {"image/png": b"x", "audio/ogg": b"x" * 4000, "application/pdf": pdf}
    blobs = [
        {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}
        for kind, data in sizes.items()
    ]
    body = {"contents": [{"role": "user", "parts": blobs}]}
    counted = (await http.post(f"{MODEL}:countTokens", json=body)).json()
    by_modality = {each["modality"]: each["tokenCount"] for each in counted["promptTokensDetails"]}
    assert by_modality == {"TEXT": 1, "IMAGE": 1120, "AUDIO": 64, "DOCUMENT": 1120}
    assert counted["totalTokens"] == 2305


async def test_repeated_beginnings_are_cached(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    system = {"parts": [{"text": "The hotel has rules. " * 1000}]}

    async def cached(*contents: Json, **more: Any) -> int:
        answer = await generate(http, *contents, **{"systemInstruction": system, **more})
        return int(answer.json()["usageMetadata"].get("cachedContentTokenCount", 0))

    assert await cached(user("hola")) == 0
    assert await cached(user("thanks")) == 5250 + 1
    assert (
        await cached(user("hola"), {"role": "model", "parts": [{"text": "a"}]}, user("b")) == 5252
    )
    changed = {"parts": [{"text": system["parts"][0]["text"] + "New."}]}
    assert await cached(user("hola"), systemInstruction=changed) == 5120
    short = {"parts": [{"text": "Be short. " * 100}]}
    assert [await cached(user("hola"), systemInstruction=short) for _ in range(2)] == [0, 0]
    clock.at += 86_401
    assert await cached(user("hola")) == 0


async def test_a_tool_round(http: httpx2.AsyncClient) -> None:
    asked = user("¿Está abierta la recepción? Quiero hablar con una persona")
    model = (await generate(http, asked, tools=TOOLS)).json()["candidates"][0]["content"]
    calls = [part["functionCall"] for part in model["parts"]]
    responses = [
        {"functionResponse": {"id": c["id"], "name": c["name"], "response": {"output": {}}}}
        for c in calls
    ]
    first, second = model["parts"]
    unsigned = {"functionCall": first["functionCall"]}
    dummy = base64.b64encode(b"skip_thought_signature_validator").decode()
    table: list[tuple[list[Json], list[Json], str | None]] = [
        ([first, second], responses, None),
        ([unsigned | {"thoughtSignature": dummy}, second], responses, None),
        ([unsigned, second], responses, "`default_api:check_office_status` in the 2. content"),
        ([unsigned | {"thoughtSignature": "QUJD"}, second], responses, "Corrupted thought sig"),
        ([first, second], responses[:1], "number of function response parts"),
        ([first, second], [responses[0], responses[0]], "matches no function call"),
    ]
    for parts, results, problem in table:
        replayed = {"role": "model", "parts": parts}
        answer = await generate(http, asked, replayed, {"role": "user", "parts": results})
        if problem is None:
            assert answer.json()["candidates"][0]["content"]["parts"][0]["text"]
        else:
            assert error_of(answer)[0] == 400
            assert problem in error_of(answer)[2]
    old_turn = [
        {"role": "model", "parts": [unsigned, second]},
        {"role": "user", "parts": responses},
    ]
    later = await generate(http, asked, *old_turn, user("gracias"))
    assert later.status_code == 200
    other = GENERATE.replace("3.8-flash", "3.5-flash")
    foreign = [asked, model, {"role": "user", "parts": responses}]
    assert "Corrupted" in error_of(await http.post(other, json={"contents": foreign}))[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contents": []}, "at least one contents field is required"),
        (
            {"contents": [{"role": "system", "parts": [{"text": "a"}]}]},
            "Content with system role is not supported.",
        ),
        ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "must be either 'user'"),
        ({"contents": [{"parts": [{"text": "a"}]}]}, "valid role"),
        ({"contents": [{"role": "user", "parts": []}]}, "at least one parts field"),
        ({"contents": [user("")]}, "empty text parameter"),
        ({"contents": [user("a")], "messages": []}, 'Unknown name "messages": Cannot find field.'),
        ({"tools": [{"name": "f"}]}, "Unknown name \"name\" at 'tools[0]'"),
        ({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}, "Invalid function name"),
        (
            {"generationConfig": {"thinking_config": {"thinking_level": "MINIMAL"}}},
            "Thinking level MINIMAL is not supported",
        ),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "SOME"}}},
            "generation_config.thinking_config.thinking_level",
        ),
        (
            {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/gif"}}]}]},
            "image/gif, which is not supported",
        ),
        (
            {
                "contents": [
                    {
                        "role": "user",
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "#"}}],
                    }
                ]
            },
            "Base64 decoding failed",
        ),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
                ]
            },
            "immediately after a function call turn",
        ),
        ({"cachedContent": "c", "tools": []}, "should not be set in the request when using cached"),
    ],
)
async def test_refuses_a_bad_prompt(http: httpx2.AsyncClient, change: Json, message: str) -> None:
    answer = await http.post(GENERATE, json={"contents": [user("a")], **change})
    assert error_of(answer)[:2] == (400, "INVALID_ARGUMENT")
    assert message in error_of(answer)[2]


async def test_refuses_a_picture_above_the_limit(http: httpx2.AsyncClient) -> None:
    blob = {"mimeType": "image/png", "data": "AAAA" * (2 * 1024 * 1024 + 400_000)}
    answer = await generate(http, {"role": "user", "parts": [{"inlineData": blob}]})
    assert "exceeds" in error_of(answer)[2]


@pytest.mark.parametrize(
    ("location", "model", "expected"),
    [
        ("global", "gemini-3.8-flash", 200),
        ("us", "gemini-3.8-flash", 200),
        ("europe-west1", "gemini-3.8-flash", 404),
        ("europe-west1", "gemini-3.5-flash", 200),
        ("global", "gemini-2.5-pro", 404),
        ("global", "gemini-9", 404),
    ],
)
async def test_serves_models_where_google_does(
    http: httpx2.AsyncClient, location: str, model: str, expected: int
) -> None:
    url = f"{PROJECT}/locations/{location}/publishers/google/models/{model}:generateContent"
    answer = await http.post(url, json={"contents": [user("hola")]})
    assert answer.status_code == expected
    if expected == 404:
        assert "was not found or your project does not have access" in error_of(answer)[2]


async def test_max_tokens_cut_the_answer(http: httpx2.AsyncClient) -> None:
    config = {"maxOutputTokens": 2}
    body = (await generate(http, user("breakfast?"), generationConfig=config)).json()
    assert body["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert body["usageMetadata"]["candidatesTokenCount"] == 2


async def test_model_latency_and_quota(clock: HeldClock, http: httpx2.AsyncClient) -> None:
    settings = {"model_latency_ms": 1500, "model_calls_per_minute": 1}
    assert (await http.patch("/_emulator/settings", json=settings)).status_code == 200
    before = clock.at
    assert (await generate(http, user("hola"))).status_code == 200
    assert clock.at - before == 1.5
    throttled = await generate(http, user("hola"))
    assert error_of(throttled)[:2] == (429, "RESOURCE_EXHAUSTED")
    details = throttled.json()["error"]["details"]
    assert details[-1] == {
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": "10s",
    }


async def test_a_safety_block_is_a_fault(http: httpx2.AsyncClient) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    fault = {"operation": "generateContent", "times": 1, "status": 200, "body": blocked}
    made = (await http.post("/_emulator/faults", json=fault)).json()
    assert (await generate(http, user("hola"))).json() == blocked
    assert "candidates" in (await generate(http, user("hola"))).json()
    assert (await http.get(f"/_emulator/faults/{made['id']}")).json()["spent"] == 1


# Explicit caches


async def test_an_explicit_cache(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    url = f"{PROJECT}/locations/eu/cachedContents"
    model = MODEL.removeprefix("/v1beta1/")
    system = {"role": "user", "parts": [{"text": "Rules. " * 3000}]}
    body = {"model": model, "ttl": "3600s", "systemInstruction": system, "displayName": "h1"}
    cache = (await http.post(url, json=body)).json()
    assert cache["usageMetadata"]["totalTokenCount"] == 5250
    assert "systemInstruction" not in cache
    answer = await generate(http, user("hola"), cachedContent=cache["name"])
    assert answer.json()["usageMetadata"]["cachedContentTokenCount"] == 5250
    patched = await http.patch(f"/v1beta1/{cache['name']}", json={"ttl": "7200s"})
    assert patched.json()["expireTime"] > cache["expireTime"]
    assert (await http.get(url)).json()["cachedContents"] == [patched.json()]
    clock.at += 7200
    assert (await http.get(f"/v1beta1/{cache['name']}")).status_code == 404
    assert (await generate(http, user("a"), cachedContent=cache["name"])).status_code == 404


async def test_tools_in_a_cache_are_called(http: httpx2.AsyncClient) -> None:
    system = {"role": "user", "parts": [{"text": "Rules. " * 3000}]}
    model = MODEL.removeprefix("/v1beta1/")
    body = {"model": model, "ttl": "3600s", "systemInstruction": system, "tools": TOOLS}
    cache = (await http.post(f"{PROJECT}/locations/eu/cachedContents", json=body)).json()
    asks = user("¿Está abierta la oficina de reservas?")
    without = (await generate(http, asks, tools=TOOLS, systemInstruction=system)).json()
    served = (await generate(http, asks, cachedContent=cache["name"])).json()
    assert served["candidates"] == without["candidates"]
    assert "functionCall" in served["candidates"][0]["content"]["parts"][0]
    counted = (served["usageMetadata"], without["usageMetadata"])
    assert counted[0]["promptTokenCount"] == counted[1]["promptTokenCount"]
    assert counted[0]["cachedContentTokenCount"] == cache["usageMetadata"]["totalTokenCount"]


async def test_a_cache_of_another_model_is_refused(http: httpx2.AsyncClient) -> None:
    system = {"role": "user", "parts": [{"text": "Rules. " * 3000}]}
    model = MODEL.removeprefix("/v1beta1/").replace("3.8-flash", "3.7-flash")
    body = {"model": model, "systemInstruction": system}
    cache = (await http.post(f"{PROJECT}/locations/eu/cachedContents", json=body)).json()
    answer = await generate(http, user("hola"), cachedContent=cache["name"])
    assert answer.status_code == 400
    assert "and by the cache differ" in error_of(answer)[2]


@pytest.mark.parametrize(("percent", "expected"), [(100, 9), (70, 7), (0, 0)])
async def test_how_often_implicit_caching_serves(
    http: httpx2.AsyncClient, percent: int, expected: int
) -> None:
    await http.patch("/_emulator/settings", json={"implicit_hit_percent": percent})
    system = {"parts": [{"text": "The hotel has rules. " * 1000}]}
    hits = 0
    for _ in range(10):
        answer = await generate(http, user("hola"), systemInstruction=system)
        hits += "cachedContentTokenCount" in answer.json()["usageMetadata"]
    assert hits == expected


async def test_a_small_cache_is_refused(http: httpx2.AsyncClient) -> None:
    body = {"model": MODEL.removeprefix("/v1beta1/"), "contents": [user("Rules. " * 10)]}
    answer = await http.post(f"{PROJECT}/locations/eu/cachedContents", json=body)
    assert error_of(answer)[2] == (
        "Cached content is too small. total_token_count=19, min_total_token_count=4096"
    )


async def test_unknown_paths_and_broken_json(http: httpx2.AsyncClient) -> None:
    assert (await http.post(f"{SESSIONS}/g-1:interact", json={})).status_code == 404
    broken = await http.post(SESSIONS, content=b"{", headers={"content-type": "application/json"})
    assert "Invalid JSON payload received" in error_of(broken)[2]


def test_a_large_prompt_is_cheap(vertex: Vertex) -> None:
    """A prompt of 10,000 tokens of instructions and 20 contents: about 3 ms at most, no network."""
    system = {"parts": [{"text": "The hotel has rules. " * 2000}]}
    contents = [user("hola"), {"role": "model", "parts": [{"text": "buenos días"}]}] * 10
    body = {"contents": [*contents, user("¿hay piscina?")], "systemInstruction": system}
    routed = vertex._route("POST", GENERATE)
    assert routed is not None
    operation, names = routed
    names.pop("version")
    call = Call("v1beta1", names, {}, body)
    operation.handle(call)
    began = time.process_time()
    for _ in range(50):
        operation.handle(call)
    assert (time.process_time() - began) / 50 < 0.003
