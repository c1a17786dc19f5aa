"""Writes a thread's items down, one behind the other: ids, times, origins, losses. Pure.

Each form's module calls `write` in the order of the thread; `translate` takes what was written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from watibot.history import HistoryItem, ItemKind
from watibot.threads import Loss, RawThread
from watibot.translation.tools import Call, content_of_calls, content_of_results

EMPTY = "[mensaje vacío]"  # Vertex refuses an empty part

_ROLES = {ItemKind.GUEST: "user", ItemKind.ASSISTANT: "model"}
_TICK = timedelta(microseconds=1)
_YEAR_2000, _YEAR_2100 = 946_684_800.0, 4_102_444_800.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNTOLD: tuple[Any, ...] = (None, "", [], {})
_LABEL = re.compile(r"[A-Za-z0-9_.:-]{1,40}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an item comes from. `name` stands for it in the item's id; `in_thread` is its id in the
    thread, if it has one. `at` is None where nobody knows; `synthetic` says that it is a guess."""

    name: str
    at: datetime | None
    in_thread: str | None
    origin: Mapping[str, Any]
    synthetic: bool = False

    def with_origin(self, more: Mapping[str, Any], synthetic: bool = False) -> Source:
        return replace(self, origin={**self.origin, **more}, synthetic=self.synthetic or synthetic)


class Scribe:
    """Items in the order in which they are given, each later than the one before."""

    def __init__(self, raw: RawThread, hotel_id: str, conversation_id: str) -> None:
        self.items: list[HistoryItem] = []
        self.losses: list[Loss] = []
        self.tool_calls = 0
        self.media = 0
        self.base = moment(raw.thread.get("created_at")) or _EPOCH
        self._source = raw.source
        self._owner = (hotel_id, conversation_id)
        self._ids: set[str] = set()

    def lose(self, what: str, where: str) -> None:
        self.losses.append(Loss(what, clean(where)))

    def say(
        self,
        kind: ItemKind,
        text: str,
        source: Source,
        *,
        place: str = "",
        own_id: str | None = None,
        author: str | None = None,
    ) -> None:
        """Somebody's words. `place` tells apart what has the same source; `own_id`: the item has an
        id of ours already."""
        text = clean(text)
        text = text if text.strip() else EMPTY
        role = _ROLES.get(kind)
        content = None if role is None else {"role": role, "parts": [{"text": text}]}
        author = clean(author or "").strip() or None
        self._write(kind, text, content, source, self._id(source, place, own_id), author)

    def call(self, calls: Sequence[Call], source: Source, answered: Source) -> None:
        """One round of tools: the calls and, directly behind them, all their results, which came
        from `answered`."""
        self.tool_calls += len(calls)
        asked, results = cleaned(content_of_calls(calls)), cleaned(content_of_results(calls))
        self._write(ItemKind.TOOL_CALL, "", asked, source, self._id(source, "call"))
        self._write(ItemKind.TOOL_RESULT, "", results, answered, self._id(source, "result"))

    def _write(
        self,
        kind: ItemKind,
        text: str,
        content: dict[str, Any] | None,
        source: Source,
        item_id: str,
        author: str | None = None,
    ) -> None:
        origin = {
            "source": self._source,
            "sources": [source.in_thread] if source.in_thread else [],
            "time": "synthetic" if source.at is None or source.synthetic else "exact",
            **source.origin,
        }
        told = {key: origin[key] for key in sorted(origin) if origin[key] not in _UNTOLD}
        self.items.append(
            HistoryItem(
                item_id=item_id,
                kind=kind,
                at=self._after(source.at),
                text=text,
                content=content,
                author=author,
                source_id=source.in_thread,
                origin=cleaned(told),
            )
        )

    def _after(self, at: datetime | None) -> datetime:
        if not self.items:
            return at or self.base
        earliest = self.items[-1].at + _TICK
        return earliest if at is None else max(at, earliest)

    def _id(self, source: Source, place: str, own_id: str | None = None) -> str:
        item_id, name = own_id, [*self._owner, source.name, *([place] if place else ())]
        while item_id is None or item_id in self._ids:
            item_id = hashlib.sha256("\n".join(name).encode(errors="surrogatepass")).hexdigest()[
                :32
            ]
            name.append("again")
        self._ids.add(item_id)
        return item_id


def moment(value: Any) -> datetime | None:
    """Epoch seconds or milliseconds, number or digits, or ISO 8601, between 2000 and 2100; None for
    anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e14:
        return None
    seconds = value if value < 1e11 else value / 1000
    if not _YEAR_2000 <= seconds < _YEAR_2100:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _iso(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        inside = _YEAR_2000 <= aware.timestamp() < _YEAR_2100
        return aware.astimezone(UTC) if inside else None
    except (ValueError, OverflowError):
        return None


def label(value: Any) -> str:
    """A type's or a role's name as it may be logged: a stranger's words are none."""
    found = isinstance(value, str) and _LABEL.fullmatch(value)
    return str(value) if found else "?"


def clean(text: str) -> str:
    """Without what passes JSON, but neither a database nor UTF-8: NUL and half surrogates."""
    if text.isascii() and "\x00" not in text:
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "")


def cleaned(value: Any) -> Any:
    """The same JSON, each text in it clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(each) for each in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(each) for key, each in value.items()}
    return value
