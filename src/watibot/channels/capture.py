"""Real payloads as test cases: their shapes, without what guests wrote or who they are.

For the first days at a hotel: the webhooks hand every body to `Captures.keep`, and what it writes
can be copied into `tests/cases/` as it is (docs/howto/add-a-capture-as-a-case.md). `redact` is
pure.
"""

from __future__ import annotations

import asyncio
import json
import re
import string
from pathlib import Path
from typing import Any

from watibot.channels.hosts import META, place, under
from watibot.channels.values import names_a_file

_DEEPEST = 12
_MOST_KINDS = 200

# Keys whose values are words of the provider, not of the guest.
_WORDS = frozenset({"eventtype", "type", "statusstring", "platform", "status", "failedcode"})
_TIMES = frozenset({"timestamp"})
_IDS = frozenset({"id", "whatsappmessageid", "conversationid", "localmessageid"})
_HOSTS = (*META, "instagram.com", "facebook.com", "manychat.com", "wati.io")

_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")
_KEPT = re.compile(r"true|false|\s*\{\{[a-z0-9_ ]{1,40}\}\}\s*", re.IGNORECASE)
_OWN = re.compile(r"(message\.[A-Za-z]{1,30}|watibot-)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_PATH = re.compile(r"(data/[a-z]{1,20}/)(.+)")
_EPOCH = 1_767_323_045  # 2026-01-02T03:04:05Z


def redact(payload: Any) -> Any:
    """The same keys, types, lengths and shapes: letters become x, digits 0, times one fixed time.
    What lies deeper than any payload is known to becomes null."""
    return _redacted(payload, "", _DEEPEST)


def _redacted(value: Any, key: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if not depth:
        return None
    if isinstance(value, dict):
        return {
            name: _redacted(each, name.lower().replace("_", ""), depth - 1)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_redacted(each, key, depth - 1) for each in value]
    if isinstance(value, str):
        return _text(value, key)
    return _number(value, key)


def _number(value: int | float, key: str) -> int | float:
    if isinstance(value, float):
        return 0.5
    if key in _TIMES:
        return _EPOCH * 1000 if value > 10**11 else _EPOCH
    return int(_zeros(len(str(abs(value))))) if abs(value) < 10**40 else 0


def _zeros(length: int) -> str:
    return "1" + "0" * (length - 1)


def _text(value: str, key: str) -> str:
    if _KEPT.fullmatch(value) or (key in _WORDS and _WORD.fullmatch(value)):
        return value
    if key in _IDS and (own := _OWN.match(value)):
        return own[0] + _plain(value[own.end() :])
    if key in _TIMES and value.isdecimal():
        return str(_EPOCH * 1000 if len(value) > 11 else _EPOCH)
    if iso := _ISO.fullmatch(value):
        fraction = re.sub(r"\d", "0", iso[2] or "")
        return f"2026-01-02{iso[1]}03:04:05{fraction}{iso[3] or ''}"
    if path := _PATH.fullmatch(value):
        return path[1] + _file(path[2])
    parts, at = [], 0
    for found in _URL.finditer(value):
        parts += [_plain(value[at : found.start()]), _url(found[0])]
        at = found.end()
    return "".join(parts) + _file(value[at:])


def _url(url: str) -> str:
    where = place(url)
    scheme, _, rest = url.partition("://")
    host, path = re.fullmatch(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    known = where is not None and under(where.host, _HOSTS)
    return f"{scheme}://{host if known else _plain(host)}{_file(path)}"


def _file(words: str) -> str:
    """A file's name keeps its extension: readers tell names from words by it."""
    stem, dot, extension = words.rpartition(".")
    if dot and names_a_file(words.rpartition("/")[2]):
        return f"{_plain(stem)}.{extension}"
    return _plain(words)


def _plain(words: str) -> str:
    return "".join(
        each if each.isspace() or each in string.punctuation else "0" if each.isdigit() else "x"
        for each in words
    )


class Captures:
    """Keeps the first `per_kind` payloads of each kind as `kind-N.json` in a folder."""

    def __init__(self, folder: Path, per_kind: int) -> None:
        self._folder = folder
        self._per_kind = per_kind
        self._kept: dict[str, int] = {}

    async def keep(self, channel: str, body: Any) -> Path | None:
        """Writes a redacted copy; None if there are enough of its kind."""
        kind = _kind(channel, body)
        kept = self._kept.get(kind)
        if kept is None and len(self._kept) >= _MOST_KINDS:
            return None
        kept = len(list(self._folder.glob(f"{kind}-[0-9]*.json"))) if kept is None else kept
        self._kept[kind] = min(kept + 1, self._per_kind)
        if kept >= self._per_kind:
            return None
        path = self._folder / f"{kind}-{kept + 1}.json"
        case = {"label": f"captured {path.stem}", "channel": channel, "body": redact(body)}
        await asyncio.to_thread(self._write, path, [case])
        return path

    def _write(self, path: Path, cases: list[dict[str, Any]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _kind(channel: str, body: Any) -> str:
    """`wati-message-image`, `manychat-instagram`: the provider's own words, as a file's name."""
    fields = body if isinstance(body, dict) else {}
    words = [channel, *(fields.get(key) for key in ("eventType", "type", "platform"))]
    known = [each for each in words if isinstance(each, str) and _WORD.fullmatch(each)]
    return "-".join(known)
