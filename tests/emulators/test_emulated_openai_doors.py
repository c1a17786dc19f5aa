"""The doors of the OpenAI emulator: paths and keys by mode, the sunset, limits, lost answers."""

from pathlib import Path

import httpx2
import pytest

from tests.emulators.openai_rig import (
    ASSISTANT,
    HEADERS,
    KEY,
    TEXT,
    Json,
    error_of,
    got,
    new_run,
    new_thread,
    posted,
    uploaded,
)
from tests.emulators.openai_rig import clock as clock
from tests.emulators.openai_rig import http as http
from tests.emulators.openai_rig import openai as openai
from tests.emulators.vertex_world import HeldClock
from watibot.emulators.kit import serve
from watibot.emulators.launch import settings_for
from watibot.emulators.openai import OpenAI, create

BEARER = {"authorization": f"Bearer {KEY}"}
BETA = {"openai-beta": "assistants=v2"}
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
)
WRONG_KEY = (
    "Incorrect API key provided: sk-w****ng. You can find your API key at "
    "https://platform.openai.com/account/api-keys."
)
NO_BETA = (
    "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by "
    "setting the header 'OpenAI-Beta: assistants=v2'."
)
SESSION_KEY = (
    "Your request to GET /v1/threads must be made with a session key (that is, it can only be made "
    "from the browser). You made it with the following key type: secret."
)
NO_THREAD = "No thread found with id 'thread_X'."
NO_VERSION = "Missing required query parameter: api-version"
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource."
)
PROJECT = "/api/projects/hotel"
V1, CLASSIC = "?api-version=v1", "?api-version=2024-05-01-preview"
GONE = "Invalid URL (GET /v1/threads/thread_X)"


@pytest.mark.parametrize(
    ("mode", "path", "headers", "expected"),
    [
        ("assistants", "/v1/threads/thread_X", {}, (401, NO_KEY, None)),
        (
            "assistants",
            "/v1/threads/thread_X",
            {"authorization": "Bearer sk-wrong"},
            (401, WRONG_KEY, "invalid_api_key"),
        ),
        ("assistants", "/v1/threads/thread_X", BEARER, (400, NO_BETA, "invalid_beta")),
        ("assistants", "/v1/assistants", BEARER, (400, NO_BETA, "invalid_beta")),
        ("assistants", "/v1/threads/thread_X", BEARER | BETA, (404, NO_THREAD, None)),
        ("assistants", "/v1/threads", BEARER | BETA, (401, SESSION_KEY, None)),
        ("assistants", "/v1/foo", BEARER, (404, "Invalid URL (GET /v1/foo)", None)),
        (
            "assistants",
            "/v1/conversations",
            BEARER,
            (404, "Invalid URL (GET /v1/conversations)", None),
        ),
        ("sunset", "/v1/threads/thread_X", BEARER | BETA, (404, GONE, None)),
        ("sunset", "/v1/threads/thread_X", {}, (404, GONE, None)),
        ("sunset", "/v1/assistants", BEARER, (404, "Invalid URL (GET /v1/assistants)", None)),
        ("sunset", "/v1/threads", BEARER, (404, "Invalid URL (GET /v1/threads)", None)),
        ("sunset", f"/openai/threads/thread_X{CLASSIC}", {}, (404, "Resource not found", "404")),
        ("sunset", f"{PROJECT}/threads{V1}", BEARER, (404, "Resource not found", "404")),
        ("assistants", f"{PROJECT}/threads{V1}", BEARER, (404, "Resource not found", "404")),
        ("foundry", "/v1/threads/thread_X", BEARER | BETA, (404, GONE, None)),
        ("foundry", f"{PROJECT}/threads/thread_X{V1}", BEARER, (404, NO_THREAD, None)),
        ("foundry", f"{PROJECT}/threads/thread_X", BEARER, (400, NO_VERSION, "BadRequest")),
        ("foundry", f"{PROJECT}/threads{V1}", {"api-key": KEY}, (401, DENIED, "401")),
        (
            "assistants",
            f"/openai/threads/thread_X{CLASSIC}",
            {"api-key": KEY},
            (404, NO_THREAD, None),
        ),
        ("assistants", "/openai/threads/x", {"api-key": KEY}, (400, NO_VERSION, "BadRequest")),
        ("assistants", f"/openai/threads/x{CLASSIC}", {"api-key": "x"}, (401, DENIED, "401")),
        ("assistants", "/openai/v1/threads/thread_X", {"api-key": KEY}, (404, NO_THREAD, None)),
    ],
)
async def test_doors(
    openai: OpenAI, mode: str, path: str, headers: Json, expected: tuple[int, str, str | None]
) -> None:
    openai.change({"mode": mode})
    async with serve(openai.app()) as url, httpx2.AsyncClient(base_url=url) as http:
        answer = await http.get(path, headers=headers)
    status, text, _, code = error_of(answer)
    assert (status, text, code) == expected
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("mode", ["sunset", "foundry"])
async def test_after_the_sunset_conversations_responses_and_files_live_on(
    http: httpx2.AsyncClient, openai: OpenAI, mode: str
) -> None:
    thread = await new_thread(http, "hola")
    run = await new_run(http, thread)
    openai.change({"mode": mode})
    text = f"Invalid URL (GET {run})"
    assert error_of(await http.get(run)) == (404, text, None, None)
    await uploaded(http, "vision")
    conversation = await posted(http, "/v1/conversations", {})
    body = {"model": "gpt-5", "input": "hola", "conversation": conversation["id"]}
    assert (await posted(http, "/v1/responses", body))["status"] == "completed"
    openai.change({"mode": "assistants"})
    assert (await got(http, run))["status"] == "completed"


def test_a_mode_that_there_is_not(openai: OpenAI) -> None:
    with pytest.raises(ValueError, match="mode 'x' is none of"):
        openai.change({"mode": "x"})


async def test_foundry_lists_threads_and_knows_no_incomplete_run(
    openai: OpenAI, clock: HeldClock
) -> None:
    openai.change({"mode": "foundry", "context_tokens": 300})
    async with (
        serve(openai.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=BEARER) as http,
    ):
        made = []
        for _ in range(3):
            made.append((await posted(http, f"{PROJECT}/threads{V1}"))["id"])
            clock.at += 1
        first = await got(http, f"{PROJECT}/threads{V1}&limit=2")
        assert ([each["id"] for each in first["data"]], first["has_more"]) == (
            [made[2], made[1]],
            True,
        )
        rest = await got(http, f"{PROJECT}/threads{V1}&limit=2&after={first['last_id']}")
        assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([made[0]], False)
        thread = f"{PROJECT}/threads/{made[0]}"
        for text in ("palabra " * 300, "hola"):
            await posted(http, f"{thread}/messages{V1}", {"role": "user", "content": text})
        run = await posted(http, f"{thread}/runs{V1}", {"assistant_id": ASSISTANT})
        clock.at += 1
        found = await got(http, f"{thread}/runs/{run['id']}{V1}")
        assert (found["status"], found["last_error"]["code"]) == ("failed", "invalid_prompt")


async def test_a_limit(http: httpx2.AsyncClient, openai: OpenAI, clock: HeldClock) -> None:
    openai.change({"requests_per_minute": 3})
    answers = []
    for _ in range(4):
        answers.append(await http.post("/v1/threads", json={}))
        clock.at += 10
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[1].headers["x-ratelimit-remaining-requests"] == "1"
    assert answers[3].headers["retry-after"] == "30"
    assert answers[3].headers["x-ratelimit-reset-requests"] == "30s"
    assert error_of(answers[3])[3] == "rate_limit_exceeded"
    assert (openai.summary()["throttled"], openai.summary()["threads"]) == (1, 3)
    clock.at += 20
    assert (await http.post("/v1/threads", json={})).status_code == 200


async def test_an_answer_that_is_lost_was_a_message_all_the_same(
    http: httpx2.AsyncClient, openai: OpenAI
) -> None:
    thread = await new_thread(http)
    openai.faults.create({"operation": "createMessage", "times": 1, "drop": "after"})
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.post(f"{thread}/messages", json=TEXT)
    openai.faults.create({"operation": "createMessage", "times": 1, "drop": "before"})
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.post(f"{thread}/messages", json=TEXT)
    assert len((await got(http, f"{thread}/messages"))["data"]) == 1


def test_the_settings_of_a_service(tmp_path: Path) -> None:
    options: dict[str, dict[str, object]] = {"openai": {"api_key": "sk-mine"}}
    assert settings_for({"openai": "http://127.0.0.1:7"}, tmp_path, options=options) == {
        "OPENAI_BASE_URL": "http://127.0.0.1:7/v1",
        "OPENAI_API_KEY": "sk-mine",
        "OPENAI_ASSISTANT_ID": ASSISTANT,
    }


async def test_keys_are_settings() -> None:
    emulator = create(HeldClock(), {"api_key": "sk-mine", "assistant": "asst_mine"})
    headers = {**HEADERS, "authorization": "Bearer sk-mine"}
    async with (
        serve(emulator.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=headers) as http,
    ):
        listed = await got(http, "/v1/assistants")
        assert [each["id"] for each in listed["data"]] == ["asst_mine"]
