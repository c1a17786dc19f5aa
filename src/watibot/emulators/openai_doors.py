"""The doors of the OpenAI emulator: which paths there are today, who may enter, and how often.

`openai.py` asks here first. OpenAI's own paths ("/v1/threads", header `OpenAI-Beta`), Azure
OpenAI's ("/openai/threads?api-version=...", header `api-key`) and those of an Azure AI Foundry
project ("/api/projects/{project}/threads?api-version=v1", a bearer token) lead to the same
resources.
"""

import math
import re
from collections import deque
from dataclasses import dataclass
from typing import Literal, cast

from starlette.requests import Request

from watibot.emulators.kit import Clock
from watibot.emulators.openai_wire import ApiError

DEFAULTS: dict[str, object] = {
    "mode": "assistants",
    "api_key": "sk-emulator",
    "assistant": "asst_hotel",
    "run_ms": 800,
    "context_tokens": 0,
    "requests_per_minute": 0,
}
"""`mode`: "assistants", "sunset" (no threads, no assistants) or "foundry" (those of an Azure AI
Foundry project only); it may change at any time. `run_ms`: virtual milliseconds until a run or a
response says something. A longer prompt than `context_tokens` ends a run; 0 is no limit, as with
`requests_per_minute`. `assistant` exists from the start."""
MODES = ("assistants", "sunset", "foundry")
MINUTE = 60.0
RETIRED = ("threads", "assistants")
FOUNDRY = re.compile(r"/api/projects/[^/]+/(.*)")
Dialect = Literal["openai", "azure", "foundry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What came through a door: whose words it speaks, and the path behind "/v1/"."""

    dialect: Dialect
    path: str


def enter(request: Request, mode: str, key: str) -> Entry:
    """ApiError 404 where there is no such door today, 401 for a wrong key, 400 for what the door
    asks for besides."""
    entry = _entry(request.url.path)
    foundry = entry.dialect == "foundry"
    open_today = mode == "foundry" if foundry else mode == "assistants"
    kind = entry.path.partition("/")[0]
    if (foundry or kind in RETIRED) and not open_today:
        raise no_route(request, entry)
    if entry.dialect == "openai":
        _check_bearer(request, key)
        beta = request.headers.get("openai-beta", "")
        if kind in RETIRED and "assistants=v2" not in beta:
            text = (
                "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please "
                "try again by setting the header 'OpenAI-Beta: assistants=v2'."
            )
            raise ApiError(400, text, None, "invalid_beta")
    else:
        _check_azure(request, entry, key)
    return entry


def no_route(request: Request, entry: Entry) -> ApiError:
    """404 for a path that nothing serves."""
    if entry.dialect == "openai":
        return ApiError(404, f"Invalid URL ({request.method} {request.url.path})")
    return ApiError(404, "Resource not found", None, "404")


def session_key_only(request: Request) -> ApiError:
    """What OpenAI says to a list of threads, which only its own pages may see."""
    text = (
        f"Your request to {request.method} {request.url.path} must be made with a session key "
        "(that is, it can only be made from the browser). You made it with the following key "
        "type: secret."
    )
    return ApiError(401, text, None, None, "server_error")


def _entry(path: str) -> Entry:
    if match := FOUNDRY.fullmatch(path):
        return Entry("foundry", match[1])
    if path.startswith("/openai/"):
        return Entry("azure", path.removeprefix("/openai/").removeprefix("v1/"))
    return Entry("openai", path.removeprefix("/v1/"))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_bearer(request: Request, key: str) -> None:
    token = _token(request)
    if not token:
        text = (
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        raise ApiError(401, text)
    if token != key:
        text = (
            f"Incorrect API key provided: {token[:4]}****{token[-2:]}. You can find your API key "
            "at https://platform.openai.com/account/api-keys."
        )
        raise ApiError(401, text, None, "invalid_api_key")


def _check_azure(request: Request, entry: Entry, key: str) -> None:
    given = "" if entry.dialect == "foundry" else request.headers.get("api-key", "")
    if key not in (given, _token(request)):
        text = (
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
            "provide a valid key for an active subscription and use a correct regional API "
            "endpoint for your resource."
        )
        raise ApiError(401, text, None, "401")
    newer = request.url.path.startswith("/openai/v1/")
    if not newer and not request.query_params.get("api-version"):
        text = "Missing required query parameter: api-version"
        raise ApiError(400, text, "api-version", "BadRequest")


class Meter:
    """Requests in a sliding minute of virtual time; `throttled` counts the refused ones."""

    def __init__(self, clock: Clock, settings: dict[str, object]) -> None:
        self._clock, self._settings = clock, settings
        self._taken: deque[float] = deque()
        self.throttled = 0

    def take(self) -> dict[str, str]:
        """Counts a request and gives the headers of its answer; ApiError 429 for one too many."""
        limit = cast(int, self._settings["requests_per_minute"])
        if not limit:
            return {}
        now = self._clock.time()
        while self._taken and self._taken[0] <= now - MINUTE:
            self._taken.popleft()
        fits = len(self._taken) < limit
        if fits:
            self._taken.append(now)
        wait = self._taken[0] + MINUTE - now
        headers = {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(limit - len(self._taken)),
            "x-ratelimit-reset-requests": _span(wait),
        }
        if fits:
            return headers
        self.throttled += 1
        headers["retry-after"] = str(math.ceil(wait))
        text = (
            f"Rate limit reached for requests in organization org-emulator: Limit {limit} / min. "
            f"Please try again in {_span(wait)}."
        )
        raise ApiError(429, text, None, "rate_limit_exceeded", "requests", headers)


def _span(seconds: float) -> str:
    """ "1m0s", "12s", "250ms"."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
