"""What Google's refusals and broken lines mean, in the words of `errors.Cause`.

Called by `gemini.py`, `sessions.py` and `google_auth.py`; what comes out goes to the retry rules of
the service, to the logs and to staff, so that no guest's word may pass: Google quotes the values it
refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx2

from watibot.errors import Cause, ProviderError

_LONGEST_DETAIL = 200  # characters
_NUMBERS = re.compile(r"\d{6,}")
# Google puts the values it refuses in double quotes; only an unknown field is worth reading.
_QUOTED = re.compile(r'(Unknown name "\w{1,60}")|"(?:\\.|[^"\\])*(?:"|$)')
_SIGNATURE = re.compile(r"thought[ _]?signature", re.IGNORECASE)
_SECONDS = re.compile(r"\d+(\.\d+)?")

_CAUSES = {
    401: Cause.UNAUTHORISED,
    403: Cause.UNAUTHORISED,
    404: Cause.NOT_FOUND,
    408: Cause.TIMEOUT,
    409: Cause.EXISTS,
    429: Cause.THROTTLED,
}
# google.rpc.Code, as operations carry it (google/rpc/code.proto), to HTTP.
_HTTP = {3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 16: 401}


def from_response(
    provider: str, status: int, body: Any, headers: Mapping[str, str]
) -> ProviderError:
    """The error in an answer that is not 200.

    `body` is the parsed JSON, `{"error": {"code", "message", "status", "details"}}`, alone or as
    the one item of a list, or whatever else a proxy on the way said.
    """
    error = _error_of(body)
    message = str(error.get("message") or error.get("status") or "")
    if status >= 500:
        cause = Cause.UNAVAILABLE
    elif status == 400 and _SIGNATURE.search(message):
        cause = Cause.SIGNATURE
    else:
        cause = _CAUSES.get(status, Cause.INVALID)
    wait = _seconds(headers.get("retry-after")) or _retry_delay(error)
    return ProviderError(provider, cause, readable(message), status=status, retry_after=wait)


def from_operation(provider: str, error: Mapping[str, Any]) -> ProviderError:
    """The `error` (google.rpc.Status) of a long-running operation that has failed."""
    status = _HTTP.get(error.get("code", 0), 500)
    return from_response(provider, status, {"error": dict(error)}, {})


def from_transport(provider: str, error: httpx2.HTTPError | TimeoutError) -> ProviderError:
    """The error of a line that broke, or of an answer that did not come in time.

    The library's own text is left out: it may hold the URL, and with it ids of guests.
    """
    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            cause = Cause.UNREACHABLE
        case httpx2.ProxyError() | httpx2.UnsupportedProtocol():
            cause = Cause.UNREACHABLE
        case TimeoutError() | httpx2.TimeoutException():
            cause = Cause.TIMEOUT
        case _:
            cause = Cause.LOST
    return ProviderError(provider, cause, type(error).__name__)


def parsed(provider: str, body: str) -> dict[str, Any]:
    """The JSON object of an answer that says 200. Raises ProviderError LOST for anything else: what
    was asked for may have been done."""
    with suppress(ValueError):
        if isinstance(value := json.loads(body), dict):
            return value
    raise ProviderError(provider, Cause.LOST, "the answer is not a JSON object", status=200)


def readable(message: str) -> str:
    """A provider's message on one line, cut, without long numbers and without quoted values."""
    line = _QUOTED.sub(lambda match: match[1] or '"..."', " ".join(message.split()))
    line = _NUMBERS.sub("######", line)
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"


def _error_of(body: Any) -> dict[str, Any]:
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return {"message": body if isinstance(body, str) else ""}
    error = body.get("error", body)
    return error if isinstance(error, dict) else {"message": error}


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; its form with a date is not used by Google's APIs."""
    return float(text) if text and _SECONDS.fullmatch(text) else None


def _retry_delay(error: Mapping[str, Any]) -> float | None:
    for detail in error.get("details") or ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("rpc.RetryInfo"):
            return _seconds(str(detail.get("retryDelay", "")).removesuffix("s"))
    return None
