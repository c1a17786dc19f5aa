"""What Google's refusals mean, and that no guest's word passes."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from watibot.errors import Cause, ProviderError
from watibot.providers.google_errors import (
    from_operation,
    from_response,
    from_transport,
    parsed,
    readable,
)

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}
SIGNATURE = "function call `default_api:x` in the 2. content block is missing a `thought_signature`"


def google(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (400, google("Invalid role."), {}, (Cause.INVALID, "Invalid role.", None)),
        (400, google(SIGNATURE), {}, (Cause.SIGNATURE, SIGNATURE, None)),
        (
            400,
            google("Invalid thought signature."),
            {},
            (Cause.SIGNATURE, "Invalid thought s", None),
        ),
        (401, google("Who?"), {}, (Cause.UNAUTHORISED, "Who?", None)),
        (403, google("No."), {}, (Cause.UNAUTHORISED, "No.", None)),
        (404, google("Gone."), {}, (Cause.NOT_FOUND, "Gone.", None)),
        (408, google("Slow."), {}, (Cause.TIMEOUT, "Slow.", None)),
        (409, google("There."), {}, (Cause.EXISTS, "There.", None)),
        (413, "too large", {}, (Cause.INVALID, "too large", None)),
        (429, google("Quota."), {}, (Cause.THROTTLED, "Quota.", None)),
        (429, google("Quota."), {"retry-after": "7"}, (Cause.THROTTLED, "Quota.", 7)),
        (429, google("Quota.", details=[RETRY_INFO]), {}, (Cause.THROTTLED, "Quota.", 12)),
        (429, [google("Listed.")], {}, (Cause.THROTTLED, "Listed.", None)),
        (429, google("Q."), {"retry-after": "Wed, 21 Oct 2026"}, (Cause.THROTTLED, "Q.", None)),
        (500, None, {}, (Cause.UNAVAILABLE, "", None)),
        (503, google("", status="UNAVAILABLE"), {}, (Cause.UNAVAILABLE, "UNAVAILABLE", None)),
        (504, {"error": "deadline"}, {}, (Cause.UNAVAILABLE, "deadline", None)),
        (502, "<h1>Bad\n gateway</h1>", {}, (Cause.UNAVAILABLE, "<h1>Bad gateway</h1>", None)),
    ],
)
def test_responses(
    status: int,
    body: Any,
    headers: dict[str, str],
    expected: tuple[Cause, str, float | None],
) -> None:
    error = from_response("gemini", status, body, httpx2.Headers(headers))
    cause, detail, retry_after = expected
    assert (error.provider, error.status) == ("gemini", status)
    assert (error.cause, error.retry_after) == (cause, retry_after)
    assert error.detail.startswith(detail)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (3, Cause.INVALID),
        (5, Cause.NOT_FOUND),
        (6, Cause.EXISTS),
        (8, Cause.THROTTLED),
        (13, Cause.UNAVAILABLE),
        (14, Cause.UNAVAILABLE),
    ],
)
def test_failed_operations(code: int, cause: Cause) -> None:
    assert from_operation("sessions", {"code": code, "message": "x"}).cause is cause


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx2.ConnectError("x"), Cause.UNREACHABLE),
        (httpx2.ConnectTimeout("x"), Cause.UNREACHABLE),
        (httpx2.PoolTimeout("x"), Cause.UNREACHABLE),
        (httpx2.ReadTimeout("x"), Cause.TIMEOUT),
        (httpx2.WriteTimeout("x"), Cause.TIMEOUT),
        (TimeoutError(), Cause.TIMEOUT),
        (httpx2.ReadError("x"), Cause.LOST),
        (httpx2.RemoteProtocolError("x"), Cause.LOST),
        (httpx2.DecodingError("x"), Cause.LOST),
    ],
)
def test_broken_lines(error: httpx2.HTTPError | TimeoutError, cause: Cause) -> None:
    made = from_transport("gemini", error)
    assert (made.cause, made.detail) == (cause, type(error).__name__)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Unknown name \"part_metadata\" at 'event'", "Unknown name \"part_metadata\" at 'event'"),
        ('Invalid value "Ana" at x', 'Invalid value "..." at x'),
        ('Invalid value "she said \\"hi\\" to" at x', 'Invalid value "..." at x'),
        ('cut "in the middle of', 'cut "..."'),
        ("call +50370000001 or 12345", "call +###### or 12345"),
        ("a" * 300, "a" * 199 + "…"),
    ],
)
def test_what_a_person_may_read(message: str, expected: str) -> None:
    assert readable(message) == expected


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null"])
def test_an_answer_that_is_no_object(body: str) -> None:
    with pytest.raises(ProviderError, match="lost"):
        parsed("gemini", body)
