"""The Vertex emulator's sessions and tokens over raw HTTP: its answers, and what it refuses."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.emulators.vertex_world import (
    EVENT,
    SESSIONS,
    HeldClock,
    Json,
    append,
    calling,
    error_of,
    new_session,
)
from watibot.emulators.kit import serve
from watibot.emulators.vertex import Vertex, create


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


# Sessions


async def test_a_session_lives(http: httpx2.AsyncClient) -> None:
    name = SESSIONS.removeprefix("/v1beta1/") + "/g-1"
    state = {"lang": "es"}
    body = {"user_id": "u", "sessionState": state, "labels": {"hotel": "h1"}, "ttl": "604800s"}
    operation = (await http.post(f"{SESSIONS}?session_id=g-1", json=body)).json()
    assert operation["name"].startswith(f"{name}/operations/")
    assert "done" not in operation
    done = (await http.get(f"/v1beta1/{operation['name']}")).json()
    assert done["done"] is True
    assert done["response"]["name"] == name
    session = (await http.get(f"{SESSIONS}/g-1")).json()
    assert session == {
        "name": name,
        "userId": "u",
        "sessionState": state,
        "labels": {"hotel": "h1"},
        "createTime": "2026-11-20T10:14:16Z",
        "updateTime": "2026-11-20T10:14:16Z",
        "expireTime": "2026-11-27T10:14:16Z",
    }
    patched = await http.patch(
        f"{SESSIONS}/g-1?updateMask=display_name,ttl", json={"displayName": "d", "ttl": "86400s"}
    )
    assert patched.json()["displayName"] == "d"
    assert patched.json()["expireTime"] < session["expireTime"]
    assert (await http.delete(f"{SESSIONS}/g-1")).json()["name"].startswith(name)
    assert (await http.get(f"{SESSIONS}/g-1")).status_code == 404


async def test_a_session_expires(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    session = await new_session(http, ttl="86400s")
    clock.at += 86_399
    assert (await http.get(session)).status_code == 200
    clock.at += 1
    assert (await http.get(SESSIONS)).json() == {}
    assert error_of(await http.get(session)) == (
        404,
        "NOT_FOUND",
        "Session (projectNumber: p, reasoningEngineId: 123, sessionId: g-1) not found.",
    )
    await new_session(http)


@pytest.mark.parametrize("session_id", ["A1", "a_b", "-a", "a-", "a" * 64, "ñ"])
async def test_refuses_a_bad_session_id(http: httpx2.AsyncClient, session_id: str) -> None:
    answer = await http.post(f"{SESSIONS}?sessionId={session_id}", json={"userId": "u"})
    assert error_of(answer)[0] == 400
    violations = answer.json()["error"]["details"][0]["fieldViolations"]
    assert violations == [{"field": "name", "description": "Invalid Session resource name."}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userId": "u" * 129},
        {"userId": "u", "ttl": "86399s"},
        {"userId": "u", "ttl": "1 day"},
        {"userId": "u", "ttl": "86400s", "expireTime": "2030-01-01T00:00:00Z"},
        {"userId": "u", "labels": {"Hotel": "h"}},
        {"userId": "u", "etag": "x"},
        {"userId": 7},
        [],
    ],
)
async def test_refuses_a_bad_session(http: httpx2.AsyncClient, body: Any) -> None:
    assert error_of(await http.post(SESSIONS, json=body))[:2] == (400, "INVALID_ARGUMENT")


async def test_an_id_is_taken_once(http: httpx2.AsyncClient) -> None:
    await new_session(http)
    again = await http.post(f"{SESSIONS}?sessionId=g-1", json={"userId": "u"})
    assert error_of(again)[:2] == (409, "ALREADY_EXISTS")


async def test_lists_sessions(http: httpx2.AsyncClient, vertex: Vertex) -> None:
    vertex.change({"session_writes_per_minute": 0})
    for number in range(105):
        labels = {"n": str(number % 2)}
        await new_session(http, f"s-{number}", userId=f"u{number % 3}", labels=labels)
    first = (await http.get(f"{SESSIONS}?pageSize=1000")).json()
    assert len(first["sessions"]) == 100
    token = first["nextPageToken"]
    second = (await http.get(SESSIONS, params={"pageToken": token})).json()
    assert [len(second["sessions"]), "nextPageToken" in second] == [5, False]
    found = await http.get(SESSIONS, params={"filter": 'user_id="u1" AND labels.n="0"'})
    assert {each["userId"] for each in found.json()["sessions"]} == {"u1"}
    newest = await http.get(SESSIONS, params={"orderBy": "create_time desc", "pageSize": "1"})
    assert newest.json()["sessions"][0]["name"].endswith("/s-104")
    foreign = await http.get(SESSIONS, params={"filter": 'user_id="u1"', "pageToken": token})
    assert foreign.status_code == 400


@pytest.mark.parametrize("query", ["filter=name%3D1", "orderBy=name", "pageSize=-1", "limit=1"])
async def test_refuses_a_bad_listing(http: httpx2.AsyncClient, query: str) -> None:
    assert (await http.get(f"{SESSIONS}?{query}")).status_code == 400


async def test_polls_until_the_operation_is_done(http: httpx2.AsyncClient, vertex: Vertex) -> None:
    vertex.change({"lro_pending_polls": 2})
    operation = (await http.post(f"{SESSIONS}?sessionId=g-1", json={"userId": "u"})).json()
    url = f"/v1beta1/{operation['name']}"
    polls = [(await http.get(url)).json().get("done", False) for _ in range(3)]
    assert polls == [False, False, True]
    assert (await http.post(f"{url}:cancel")).json() == {}
    assert (await http.post(f"{url}:wait?timeout=1s")).json()["done"] is True
    listed = (await http.get(f"{SESSIONS}/g-1/operations")).json()["operations"]
    assert [each["name"] for each in listed] == [operation["name"]]
    vertex.change({"lro_custom_id_400": True})
    assert 'Since the idType "sessions"' in error_of(await http.get(url))[2]


# Events


async def test_events_keep_the_order_of_their_time_stamps(http: httpx2.AsyncClient) -> None:
    session = await new_session(http)
    for second in (3, 1, 2):
        assert await append(http, session, second, rawEvent={"id": f"e{second}"}) == {}
    listed = (await http.get(f"{session}/events")).json()["sessionEvents"]
    assert [each["rawEvent"]["id"] for each in listed] == ["e1", "e2", "e3"]
    assert listed[0]["timestamp"] == "2026-11-22T10:00:01.500Z"
    query = {"orderBy": "timestamp desc", "pageSize": "2"}
    newest = (await http.get(f"{session}/events", params=query)).json()
    await append(http, session, 9, rawEvent={"id": "e9"})
    query["pageToken"] = newest["nextPageToken"]
    older = (await http.get(f"{session}/events", params=query)).json()
    ids = [each["rawEvent"]["id"] for each in newest["sessionEvents"] + older["sessionEvents"]]
    assert ids == ["e3", "e2", "e1"]
    assert "nextPageToken" not in older


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('timestamp>="2026-11-22T10:00:02.5Z"', [2, 3]),
        ('timestamp > "2026-11-22T05:00:02.5-05:00"', [3]),
        ('timestamp>="2026-11-22T10:00:02Z" AND timestamp<"2026-11-22T10:00:03Z"', [2]),
        ('timestamp<="2026-11-22T10:00:01.5Z"', [1]),
    ],
)
async def test_filters_events(http: httpx2.AsyncClient, text: str, expected: list[int]) -> None:
    session = await new_session(http)
    for second in (1, 2, 3):
        await append(http, session, second, rawEvent={"id": second})
    listed = (await http.get(f"{session}/events", params={"filter": text})).json()
    assert [each["rawEvent"]["id"] for each in listed["sessionEvents"]] == expected


async def test_pages_hold_a_hundred_events(http: httpx2.AsyncClient) -> None:
    session = await new_session(http)
    for number in range(101):
        await append(http, session, number % 60)
    first = (await http.get(f"{session}/events?pageSize=500")).json()
    rest = await http.get(f"{session}/events", params={"pageToken": first["nextPageToken"]})
    assert [len(first["sessionEvents"]), len(rest.json()["sessionEvents"])] == [100, 1]


async def test_state_delta_is_merged(http: httpx2.AsyncClient) -> None:
    session = await new_session(http, sessionState={"a": 1, "b": 1})
    await append(http, session, 1, actions={"state_delta": {"b": 2, "some_key": {"c_d": 3}}})
    merged = (await http.get(session)).json()["sessionState"]
    assert merged == {"a": 1, "b": 2, "some_key": {"c_d": 3}}


async def test_snake_case_and_url_safe_bytes_come_back_as_google_writes_them(
    http: httpx2.AsyncClient,
) -> None:
    session = await new_session(http)
    part = {"function_call": {"name": "f", "args": {"my_key": 1}}, "thought_signature": "-__-Pj8"}
    await append(http, session, 1, content={"role": "model", "parts": [part]})
    listed = (await http.get(f"{session}/events")).json()["sessionEvents"]
    assert listed[0]["content"]["parts"] == [
        {"functionCall": {"name": "f", "args": {"my_key": 1}}, "thoughtSignature": "+//+Pj8="}
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"content": {"role": "user", "parts": [{"text": "a", "part_metadata": {}}]}},
            'Invalid JSON payload received. Unknown name "part_metadata" at '
            "'event.content.parts[0]': Cannot find field.",
        ),
        ({"content": {"role": "system", "parts": []}}, "Please use a valid role: user, model."),
        ({"author": None}, "Field: event.author"),
        ({"invocationId": ""}, "Field: event.invocation_id"),
        ({"timestamp": None}, "Field: event.timestamp"),
        ({"timestamp": "yesterday"}, "Invalid value at 'event.timestamp'"),
        (
            {"content": {"role": "model", "parts": [{"thoughtSignature": "!"}]}},
            "Invalid value at 'event.content.parts[0].thought_signature' (TYPE_BYTES)",
        ),
        ({"eventMetadata": {"turn_complete": "yes"}}, "event.event_metadata.turn_complete"),
    ],
)
async def test_refuses_a_bad_event(http: httpx2.AsyncClient, change: Json, message: str) -> None:
    session = await new_session(http)
    answer = await http.post(f"{session}:appendEvent", json={**EVENT, **change})
    assert error_of(answer)[:2] == (400, "INVALID_ARGUMENT")
    assert message in error_of(answer)[2]


async def test_v1_lacks_what_v1beta1_added(http: httpx2.AsyncClient) -> None:
    session = await new_session(http)
    part = {"text": "a", "mediaProcessing": "STATIC"}
    event = {**EVENT, "content": {"role": "user", "parts": [part]}}
    assert (await http.post(f"{session}:appendEvent", json=event)).status_code == 200
    older = session.replace("v1beta1", "v1")
    assert (await http.post(f"{older}:appendEvent", json=event)).status_code == 400


async def test_quotas_hold_for_a_project_and_region(
    http: httpx2.AsyncClient, clock: HeldClock, vertex: Vertex
) -> None:
    session = await new_session(http)
    answers = [await append(http, session, 1) for _ in range(301)]
    assert answers[299] == {}
    assert answers[300]["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert answers[300]["error"]["message"] == (
        "Quota exceeded for quota metric 'Session Event Append Requests' and limit 'Session Event "
        "Append Requests per minute per region' of service 'aiplatform.googleapis.com'"
    )
    for number in range(99):
        await new_session(http, f"s-{number}")
    assert (await http.delete(session)).status_code == 429
    elsewhere = SESSIONS.replace("europe-west1", "us-central1")
    assert (await http.post(elsewhere, json={"userId": "u"})).status_code == 200
    clock.at += 61
    assert (await http.delete(session)).status_code == 200
    assert vertex.summary()["throttled_429"] == 2


async def test_the_test_can_see_sessions_and_doubled_events(http: httpx2.AsyncClient) -> None:
    session = await new_session(http)
    await append(http, session, 1, rawEvent={"id": "e1"})
    await append(http, session, 1, eventMetadata={"customMetadata": {}})
    metadata = {"customMetadata": {"event_id": "e1"}}
    await append(http, session, 2, eventMetadata=metadata)
    shown = (await http.get("/_emulator/sessions")).json()
    assert [(each["name"].split("/")[-1], each["events"]) for each in shown] == [("g-1", 3)]
    events = (await http.get("/_emulator/sessions/g-1/events")).json()
    assert [each["ownId"] for each in events] == ["e1", None, "e1"]
    summary = (await http.get("/_emulator/summary")).json()
    assert (summary["sessions"], summary["events"], summary["events_doubled"]) == (1, 3, 1)


async def test_compact_is_not_there(http: httpx2.AsyncClient) -> None:
    session = await new_session(http)
    assert error_of(await http.post(f"{session}:compact", json={}))[1] == "UNIMPLEMENTED"


# Tokens


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer x"}, {"authorization": "emu"}])
async def test_asks_for_a_token(vertex: Vertex, header: dict[str, str]) -> None:
    async with serve(vertex.app()) as url, httpx2.AsyncClient(base_url=url) as http:
        assert error_of(await http.get(SESSIONS, headers=header))[:2] == (401, "UNAUTHENTICATED")


async def test_gives_tokens_that_it_accepts(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/token", data={"assertion": ""})).status_code == 400
    token = (await http.post("/token", data={"assertion": "jwt"})).json()
    assert token["expires_in"] == 3600
    header = {"authorization": f"Bearer {token['access_token']}"}
    assert (await http.get(SESSIONS, headers=header)).status_code == 200
