"""What refusals of OpenAI and of servers like it mean, and that no guest's word passes."""

from __future__ import annotations

from typing import Any

import pytest

from watibot.errors import Cause
from watibot.providers.openai_errors import ENDED, UNNAMED, from_response


def openai(message: str, **more: Any) -> dict[str, Any]:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return {"error": error | more}


LOCK = "Can't add messages to thread_X1 while a run run_Y2 is active."
ACTIVE = "Thread thread_X1 already has an active run run_Y2."
OUTPUTS = 'Runs in status "expired" do not accept tool outputs.'
LOCKED = (
    "Another process is currently operating on this conversation. Please retry in a few seconds."
)
SESSION = "Your request to GET /v1/threads must be made with a session key"


@pytest.mark.parametrize(
    ("status", "body", "cause", "detail"),
    [
        (
            404,
            openai("No thread found with id 'thread_X1'."),
            Cause.NOT_FOUND,
            "not found: thread_X1",
        ),
        (404, openai("No run found with id 'run_Y2'."), Cause.NOT_FOUND, "not found: run_Y2"),
        (404, openai("No such File object: file-Z3"), Cause.NOT_FOUND, "not found: file-Z3"),
        (404, {"detail": "thread thread_X1 not found"}, Cause.NOT_FOUND, "not found: thread_X1"),
        (404, "thread thread_X1 not found", Cause.NOT_FOUND, "not found: thread_X1"),
        (
            404,
            openai("Conversation with id 'conv_1' not found."),
            Cause.NOT_FOUND,
            "not found: conv_1",
        ),
        (
            404,
            openai("Invalid URL (GET /v1/threads/thread_X1)"),
            Cause.GONE,
            "Invalid URL: thread_X1",
        ),
        (404, openai("Invalid URL (GET /v1/assistants)"), Cause.GONE, "Invalid URL"),
        (404, {"detail": "Not Found"}, Cause.NOT_FOUND, UNNAMED),
        (404, openai("Resource not found", code="404"), Cause.NOT_FOUND, UNNAMED),
        (404, "File not found.", Cause.NOT_FOUND, UNNAMED),
        (404, "<h1>No thread found</h1>", Cause.NOT_FOUND, UNNAMED),
        (404, "Cannot GET /v1/threads/thread_X1", Cause.NOT_FOUND, UNNAMED),
        (404, openai("The URL /v1/thread/x was not found."), Cause.NOT_FOUND, UNNAMED),
        (404, None, Cause.NOT_FOUND, UNNAMED),
        (410, "", Cause.NOT_FOUND, UNNAMED),
        (400, openai(LOCK), Cause.BUSY, "a run is active: thread_X1, run_Y2"),
        (400, openai(ACTIVE), Cause.BUSY, "a run is active: thread_X1, run_Y2"),
        (400, openai(LOCKED, code="conversation_locked"), Cause.BUSY, "conversation_locked"),
        (409, openai("Conflict"), Cause.BUSY, "invalid_request_error, Conflict"),
        (400, openai("Cannot cancel run with status 'completed'."), Cause.INVALID, ENDED),
        (400, openai(OUTPUTS), Cause.INVALID, "the run takes no tool outputs"),
        (
            400,
            openai("No tool output found for function call call_9."),
            Cause.INVALID,
            "a function call has no output: call_9",
        ),
        (
            400,
            openai("Invalid type for 'content'", param="messages[0].content"),
            Cause.INVALID,
            "invalid_request_error, messages[0].content, Invalid type for",
        ),
        (
            401,
            openai("Incorrect API key provided: sk-1***2"),
            Cause.UNAUTHORISED,
            "the key was refused",
        ),
        (401, openai("x", code="invalid_api_key"), Cause.UNAUTHORISED, "invalid_api_key"),
        (403, {}, Cause.UNAUTHORISED, "the key was refused"),
        (401, openai(SESSION, type="server_error"), Cause.INVALID, "not for API keys"),
        (403, openai(SESSION, type="server_error"), Cause.INVALID, "not for API keys"),
        (408, None, Cause.TIMEOUT, "no reason given"),
        (
            429,
            openai("Slow down", code="rate_limit_exceeded"),
            Cause.THROTTLED,
            "rate_limit_exceeded, Slow down",
        ),
        (
            429,
            openai("You exceeded your current quota", code="insufficient_quota"),
            Cause.INVALID,
            "no credit: insufficient_quota",
        ),
        (
            429,
            openai("", type="insufficient_quota"),
            Cause.INVALID,
            "no credit: insufficient_quota",
        ),
        (
            500,
            openai("The server had an error", type="server_error"),
            Cause.UNAVAILABLE,
            "server_error, The server had an error",
        ),
        (501, None, Cause.INVALID, "no reason given"),
        (502, "<h1>Bad gateway</h1>", Cause.UNAVAILABLE, "no reason given"),
        (
            503,
            openai("No thread found with id 'x'"),
            Cause.UNAVAILABLE,
            "invalid_request_error, No thread found with id",
        ),
        (302, "", Cause.INVALID, "no reason given"),
    ],
)
def test_meanings(status: int, body: Any, cause: Cause, detail: str) -> None:
    error = from_response("openai", status, body, {})
    assert (error.provider, error.status, error.retry_after) == ("openai", status, None)
    assert (error.cause, error.detail) == (cause, detail)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (404, {"detail": "Not Found"}, Cause.GONE),
        (410, "", Cause.GONE),
        (404, "<html>", Cause.GONE),
        (404, openai("Conversation with id 'conv_0' not found."), Cause.NOT_FOUND),
        (405, {"detail": "Method Not Allowed"}, Cause.INVALID),
        (500, "", Cause.UNAVAILABLE),
    ],
)
def test_a_list_that_is_not_there_is_the_end(status: int, body: Any, cause: Cause) -> None:
    assert from_response("openai", status, body, {}, collection=True).cause is cause


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "7", "x-ratelimit-reset-requests": "6m0s"}, 7.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "1h2m3s"}, 3723.0),
        ({"x-ratelimit-reset-requests": "250ms"}, 0.25),
        ({"x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-reset-requests": ""}, None),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "149984",
            },
            1.0,
        ),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "2m0s"}, 120.0),
    ],
)
def test_when_to_try_again(headers: dict[str, str], expected: float | None) -> None:
    error = from_response("openai", 429, openai("Slow down"), headers)
    assert (error.cause, error.retry_after) == (Cause.THROTTLED, expected)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai("Invalid value: 'soy Ana Pérez'.")),
        (400, openai('Invalid value: "soy Ana Pérez", it\'s too long')),
        (400, openai("It's not allowed: soy Ana Pérez")),
        (400, openai("Unknown value (soy Ana Pérez)")),
        (400, openai("x", code="soy Ana Pérez", param="soy Ana Pérez")),
        (400, openai("Number 50370001234 of ana@pérez.example is not valid")),
        (422, {"detail": [{"loc": ["body", "content"], "msg": "bad", "input": "soy Ana Pérez"}]}),
        (400, openai("No such thing\nas 'soy Ana Pérez")),
        (500, {"error": "Unhandled: soy Ana Pérez"}),
        (404, openai("No message found with id 'soy Ana Pérez'")),
        (400, "<html>soy Ana Pérez</html>"),
        (401, openai("Incorrect API key provided: soy-Ana-Pérez")),
    ],
)
def test_no_guests_word_in_an_error(status: int, body: Any) -> None:
    words = str(from_response("openai", status, body, {}))
    assert not any(each in words for each in ("Ana", "Pérez", "ana@", "5037000"))
    assert len(words) < 300
