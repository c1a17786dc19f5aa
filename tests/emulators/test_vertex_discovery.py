"""Google's discovery document against the emulator: every exchange of a run, and the field list."""

import json
from importlib.resources import files
from typing import Any

import httpx2
import pytest

from tests.emulators.discovery import Discovery, compact
from tests.emulators.vertex_world import EVENT, TOOLS, Json, user
from watibot.emulators.kit import Clock, serve
from watibot.emulators.vertex import create

DISCOVERY = Discovery()
CALL = {"id": "c", "name": "f", "args": {"a": [1, None, "x"]}}


def test_the_emulators_fields_are_googles() -> None:
    text = (files("watibot.emulators") / "data" / "vertex_schema.json").read_text()
    assert json.loads(text) == compact()


def run_of(version: str) -> list[tuple[str, str, Json | None]]:
    """Calls in their order; {operation} and {cache} are names that earlier answers gave."""
    project = f"/{version}/projects/p/locations"
    sessions = f"{project}/europe-west1/reasoningEngines/123/sessions"
    one = f"{sessions}/g-1"
    model = f"{project}/eu/publishers/google/models/gemini-3.8-flash"
    system = {"role": "user", "parts": [{"text": "Rules. " * 3000}]}
    event: Json = {
        **EVENT,
        "content": {"role": "model", "parts": [{"function_call": CALL}]},
        "actions": {"state_delta": {"k": 1}},
        "eventMetadata": {"custom_metadata": {"event_id": "e"}, "turn_complete": True},
        "rawEvent": {"id": "e"},
    }
    body = {"userId": "u", "labels": {"hotel": "h"}, "ttl": "604800s", "sessionState": {"a": 1}}
    desk = user("¿Está abierta la recepción?")
    blob = {"inlineData": {"mime_type": "audio/ogg", "data": "T2dnUzEyMw=="}}
    cache = {"model": model.removeprefix(f"/{version}/"), "systemInstruction": system}
    return [
        ("POST", f"{sessions}?sessionId=g-1", body),
        ("POST", f"{sessions}?sessionId=g-1", body),
        ("GET", f"/{version}/{{operation}}", None),
        ("GET", f"{one}/operations", None),
        ("POST", f"/{version}/{{operation}}:wait?timeout=1s", None),
        ("POST", f"/{version}/{{operation}}:cancel", None),
        ("DELETE", f"/{version}/{{operation}}", None),
        ("GET", one, None),
        ("GET", f"{sessions}?filter=user_id%3D%22u%22&pageSize=5&orderBy=create_time", None),
        ("PATCH", f"{one}?updateMask=displayName", {"displayName": "d"}),
        ("POST", f"{one}:appendEvent", event),
        ("POST", f"{one}:appendEvent", event),
        ("GET", f"{one}/events?orderBy=timestamp+desc&pageSize=1", None),
        ("POST", f"{one}:compact", {"compaction": {"summarization": {"mode": "AUTO"}}}),
        ("POST", f"{model}:generateContent", {"contents": [desk], "tools": TOOLS}),
        (
            "POST",
            f"{model}:generateContent",
            {"contents": [user("hi")], "systemInstruction": system},
        ),
        (
            "POST",
            f"{model}:generateContent",
            {"contents": [user("hi")], "systemInstruction": system},
        ),
        ("POST", f"{model}:generateContent", {"contents": [{"role": "user", "parts": [blob]}]}),
        ("POST", f"{model}:countTokens", {"contents": [desk]}),
        ("POST", f"{project}/eu/cachedContents", cache),
        ("GET", f"{project}/eu/cachedContents?pageSize=1", None),
        ("GET", f"/{version}/{{cache}}", None),
        ("PATCH", f"/{version}/{{cache}}", {"ttl": "7200s"}),
        ("DELETE", f"/{version}/{{cache}}", None),
        ("GET", f"/{version}/{{cache}}", None),
        ("DELETE", one, None),
        ("GET", one, None),
    ]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_every_exchange_of_a_run_is_as_google_says(version: str) -> None:
    vertex = create(Clock(), {"journal_bodies": True})
    headers = {"authorization": "Bearer emu"}
    names = {"operation": "", "cache": ""}
    run = run_of(version)
    async with (
        serve(vertex.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=headers) as http,
    ):
        for method, path, body in run:
            answer = await http.request(method, path.format(**names), json=body)
            name = answer.json().get("name", "")
            if "/operations/" in name:
                names["operation"] = name
            if "/cachedContents/" in name:
                names["cache"] = name
    exchanges: list[Any] = vertex.journal.since(kind="exchange")
    assert len(exchanges) == len(run)
    problems = {
        f"{each['operation']} {each['status']}": found
        for each in exchanges
        if (
            found := DISCOVERY.check(
                each["method"], each["path"], each["query"], each["request"], each["response"]
            )
        )
    }
    assert problems == {}
    statuses = [each["status"] for each in exchanges if each["status"] != 200]
    assert statuses == [409, 501, 404, 404]


SESSION = "/v1/projects/p/locations/l/reasoningEngines/1/sessions"


@pytest.mark.parametrize(
    ("method", "path", "query", "request_body", "response_body", "problem"),
    [
        ("POST", f"{SESSION}/s:interact", {}, {}, {}, "no such method in v1"),
        ("GET", SESSION, {"limit": "1"}, None, {}, "query: unknown parameter 'limit'"),
        ("GET", f"{SESSION}/s", {}, {"a": 1}, {}, "request: this method takes no body"),
        ("POST", SESSION, {}, {"etag": "x"}, {}, "request: unknown field 'etag'"),
        ("GET", f"{SESSION}/s", {}, None, {"create_time": ""}, "response: unknown field"),
        ("GET", f"{SESSION}/s", {}, None, {"createTime": "today"}, "response.createTime"),
        ("GET", f"{SESSION}/s", {}, None, {"labels": {"a": 1}}, "response.labels.a: 1 is no str"),
        ("GET", SESSION, {}, None, {"sessions": {}}, "dict where a list is expected"),
        (
            "POST",
            f"{SESSION}/s:appendEvent",
            {},
            {"content": {"parts": [{"thought_signature": "!"}]}},
            {},
            "request.content.parts[0].thought_signature: '!' is no string (byte)",
        ),
        (
            "GET",
            f"{SESSION}/s",
            {},
            None,
            {"error": {"code": "404", "message": "m", "status": "NOT_FOUND"}},
            "error.code: '404' is no integer",
        ),
    ],
)
def test_the_judge_finds_what_is_wrong(
    method: str,
    path: str,
    query: dict[str, str],
    request_body: Json | None,
    response_body: Json,
    problem: str,
) -> None:
    found = DISCOVERY.check(method, path, query, request_body, response_body)
    assert len(found) == 1
    assert problem in found[0]
