"""What the refusals of OpenAI and of servers like it mean, in the words of `errors.Cause`. Pure.

`openai_http.py` calls it for every answer that is not 2xx; what comes out goes to the migration's
rules, to the logs and to staff. Servers quote what they were sent: of a text that is not known only
the beginning passes, up to the first quoted or spelled-out value. Texts and their evidence:
docs/reference/providers.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watibot.errors import Cause, ProviderError

ENDED = "the run has ended"
UNNAMED = "the answer names nothing that was asked for"
_SILENT = "no reason given"
_LONGEST_HEAD = 80  # characters

_ANY = r"(thread|message|run|run step|step|assistant|conversation|item|response)"
_NOT_THERE = rf"\bno {_ANY} found\b|\bno such (file|{_ANY})\b|\b{_ANY}\b(?!s)[^/<>]*\bnot found\b"
# The first that fits decides: an unknown route's text holds the path, and so a thread's id too.
_TEXTS: tuple[tuple[re.Pattern[str], Cause, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause, words)
    for pattern, cause, words in (
        (r"\binvalid url\b", Cause.GONE, "Invalid URL"),
        (r"\bwhile a run\b.*\bis active\b", Cause.BUSY, "a run is active"),
        (r"\balready has an active run\b", Cause.BUSY, "a run is active"),
        (r"\bcannot cancel run with status\b", Cause.INVALID, ENDED),
        (r"\bdo not accept tool outputs\b", Cause.INVALID, "the run takes no tool outputs"),
        (r"\bno tool output found\b", Cause.INVALID, "a function call has no output"),
        (_NOT_THERE, Cause.NOT_FOUND, "not found"),
    )
)
_CODES = {
    "conversation_locked": (Cause.BUSY, "conversation_locked"),
    "insufficient_quota": (Cause.INVALID, "no credit: insufficient_quota"),
}
_STATUSES = {
    401: Cause.UNAUTHORISED,
    403: Cause.UNAUTHORISED,
    404: Cause.NOT_FOUND,
    408: Cause.TIMEOUT,
    409: Cause.BUSY,  # a lock that was not to be had
    410: Cause.NOT_FOUND,
    429: Cause.THROTTLED,
    501: Cause.INVALID,  # the server does not have this call, today or tomorrow
}
_TELLING = (400, 404, 409, 410, 422, 429)  # with these the body says more than the status
_NOWHERE = (404, 410)

_IDS = re.compile(r"\b(?:(?:thread|run|step|msg|asst|conv|call|fc|resp|vs)_|file-)\w{1,64}\b")
_WORD = re.compile(r"[A-Za-z][\w.\[\]-]{0,59}")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def from_response(
    provider: str,
    status: int,
    body: Any,
    headers: Mapping[str, str],
    *,
    collection: bool = False,
) -> ProviderError:
    """The error in an answer that is not 2xx.

    `body` is the parsed JSON, `{"error": {"message", "type", "param", "code"}}` or FastAPI's
    `{"detail": ...}`, or the text of anything else. `collection`: a whole list was asked for, so
    that a 404 means that the API is not there. Any other 404 that names nothing is NOT_FOUND with
    `UNNAMED` as its detail: only another request can tell which of the two it is. `headers` are
    looked up in lower case.
    """
    error = _error_of(body)
    message = str(error.get("message") or "")
    cause, detail = _meaning(status, error, message, collection)
    wait = _wait(headers) if cause in (Cause.THROTTLED, Cause.UNAVAILABLE) else None
    return ProviderError(provider, cause, detail, status=status, retry_after=wait)


def _meaning(
    status: int, error: Mapping[str, Any], message: str, collection: bool
) -> tuple[Cause, str]:
    if status in (401, 403) and "session key" in message.lower():
        # A list that OpenAI shows to its own web pages only: nothing is wrong with the key.
        return Cause.INVALID, "not for API keys"
    if status in (401, 403):  # its text repeats a part of the key
        return Cause.UNAUTHORISED, _named(error, "code") or "the key was refused"
    if status in _TELLING:
        for name in ("code", "type"):
            if known := _CODES.get(str(error.get(name))):
                return known
        if status != 429:
            for pattern, cause, words in _TEXTS:
                if pattern.search(message):
                    return cause, _with_ids(words, message)
    if status in _NOWHERE:
        return (Cause.GONE, "no such route") if collection else (Cause.NOT_FOUND, UNNAMED)
    cause = _STATUSES.get(status, Cause.UNAVAILABLE if status >= 500 else Cause.INVALID)
    told = (_named(error, "code") or _named(error, "type"), _named(error, "param"), _head(message))
    return cause, ", ".join(each for each in told if each) or _SILENT


def _error_of(body: Any) -> dict[str, Any]:
    if isinstance(body, str) and "<" not in body:
        return {"message": body}
    if not isinstance(body, dict):
        return {}
    error = body.get("error", body.get("detail", body))
    # FastAPI's list of what was wrong repeats the values.
    return (
        error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}
    )


def _named(error: Mapping[str, Any], key: str) -> str:
    value = error.get(key)
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _with_ids(words: str, message: str) -> str:
    ids = list(dict.fromkeys(_IDS.findall(message)))
    return f"{words}: {', '.join(ids[:3])}" if ids else words


def _head(message: str) -> str:
    """Its beginning without values; an apostrophe inside a word is no quote."""
    line = " ".join(message.split())
    head = re.split(r"(?<!\w)'|'(?!\w)|[\"`:“«(\[{<@]|\d{4,}", line, maxsplit=1)[0]
    return head[:_LONGEST_HEAD].strip(" .,")


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds: Retry-After, or until the limit that is used up is filled again."""
    named = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(named):
        return float(named)
    resets = {
        kind: seconds
        for kind in ("-requests", "-tokens", "")
        if (seconds := _seconds(headers.get(f"x-ratelimit-reset{kind}", ""))) is not None
    }
    empty = [
        seconds
        for kind, seconds in resets.items()
        if headers.get(f"x-ratelimit-remaining{kind}", "0").strip() == "0"
    ]
    return max(empty, default=None)


def _seconds(text: str) -> float | None:
    """`6m0s`, `1h2m3s`, `250ms`, `7.66s`, or a bare number of seconds."""
    if _NUMBER.fullmatch(text):
        return float(text)
    found = _DURATION.fullmatch(text)
    if not text or not found:
        return None
    hours, minutes, seconds, thousandths = (float(each or 0) for each in found.groups())
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
