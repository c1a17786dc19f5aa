"""A source's thread beside the session: message by message, call by call. Pure.

Two judges. One compares items: each of the thread's must be in the session, with the same words and
kind, in the same order. The other does not believe the translation: every message id, call id and
file id that the raw thread names must be found in the session's events, or be a recorded loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watibot.history import HistoryItem, ItemKind, digest
from watibot.ports import SessionEvent
from watibot.service.mirror import item_of
from watibot.threads import Form, RawThread, Translation


@dataclass(frozen=True, slots=True)
class Proof:
    """What the comparison came to; every list is of ids. `extra`: events that neither the thread
    nor the local history knows."""

    items: int
    events: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    unrepresented: tuple[str, ...] = ()  # ids of the raw thread
    in_order: bool = True

    @property
    def ok(self) -> bool:
        return self.in_order and not (
            self.missing or self.extra or self.doubled or self.differing or self.unrepresented
        )

    @property
    def words(self) -> str:
        """The verdict, with the first id of each kind of difference."""
        if self.ok:
            return f"{self.items} items, all there, in order and the same"
        told = [
            f"{len(ids)} {name}, first {ids[0]}"
            for name, ids in (
                ("missing in the session", self.missing),
                ("in the session only", self.extra),
                ("doubled in the session", self.doubled),
                ("with other words", self.differing),
                ("of the thread without an event", self.unrepresented),
            )
            if ids
        ]
        if not self.in_order:
            told.append("the order differs")
        return "; ".join(told)


def compare(
    raw: RawThread,
    thread: Translation,
    local: Sequence[HistoryItem],
    events: Sequence[SessionEvent],
) -> Proof:
    """`local` is the whole history, `events` the whole session."""
    back = [(event.event_id or "(not ours)", item_of(event)) for event in events]
    by_item = {item_id: item for item_id, item in back if item is not None}
    by_source = {source: item for item in by_item.values() for source in sources_of(item)}
    names = [item_id for item_id, _ in back]
    known = {item.item_id for item in local}
    missing, differing, order = [], [], []
    places = {item_id: place for place, item_id in enumerate(names)}
    for item in thread.items:
        twin = by_item.get(item.item_id)
        exact = twin is not None
        if twin is None:
            twin = next((by_source[one] for one in sources_of(item) if one in by_source), None)
        if twin is None:
            missing.append(item.item_id)
            continue
        order.append(places[twin.item_id])
        if not (_same(item, twin) if exact else _told(item, twin)):
            differing.append(item.item_id)
    return Proof(
        items=len(thread.items),
        events=len(events),
        missing=tuple(missing),
        extra=tuple(name for name in dict.fromkeys(names) if name not in known),
        doubled=tuple(sorted({name for name in names if names.count(name) > 1}))
        if len(set(names)) < len(names)
        else (),
        differing=tuple(differing),
        unrepresented=tuple(_unrepresented(raw, thread, by_item.values())),
        in_order=order == sorted(order),
    )


def sources_of(item: HistoryItem) -> list[str]:
    """The ids of the thread that an item stands for."""
    named = (item.origin or {}).get("sources")
    found = [str(one) for one in named] if isinstance(named, list) else []
    return [item.source_id, *found] if item.source_id is not None else found


def _same(item: HistoryItem, twin: HistoryItem) -> bool:
    """Word for word. An item that was written here first has its own words for files."""
    if digest([item]) == digest([twin]):
        return item.kind is not ItemKind.STAFF or item.author == twin.author
    return twin.origin is None and _told(item, twin)


def _told(item: HistoryItem, twin: HistoryItem) -> bool:
    """A step that was taken here through OpenAI: one item for what the thread has as several."""
    if item.kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
        return _names(item) <= _names(twin) or twin.kind is ItemKind.TOOL_CALL
    return " ".join(item.text.split()) in " ".join(twin.text.split())


def _names(item: HistoryItem) -> set[tuple[str, str]]:
    found = set()
    for part in (item.content or {}).get("parts", ()):
        for field in ("functionCall", "functionResponse"):
            if field in part:
                found.add((field, str(part[field].get("id") or part[field].get("name"))))
    return found


def _unrepresented(
    raw: RawThread, thread: Translation, items: Iterable[HistoryItem]
) -> Iterator[str]:
    found: set[str] = {loss.where for loss in thread.losses}
    answered: set[str] = set()
    for item in items:
        found.update(sources_of(item))
        found.add(item.item_id)
        for attachment in (item.origin or {}).get("attachments", ()):
            found.update(str(value) for value in attachment.values() if isinstance(value, str))
        for field, name in _names(item):
            (found if field == "functionCall" else answered).add(name)
    for name in _named(raw):
        if name not in found:
            yield name
    for name in _calls(raw):
        if name in found and name not in answered:
            yield f"{name} (its result)"


def _named(raw: RawThread) -> Iterator[str]:
    """Ids of messages (ours, where the message carries one), of finished calls."""
    for message in raw.messages:
        if raw.form is Form.ASSISTANTS and isinstance(message.get("id"), str):
            ours = (message.get("metadata") or {}).get("watibot_item")
            yield ours if isinstance(ours, str) else message["id"]
            yield from _files(message)
        elif raw.form is Form.CONVERSATION and message.get("type") == "message":
            yield str(message.get("id"))
    yield from _calls(raw)


def _files(message: Mapping[str, Any]) -> Iterator[str]:
    if (message.get("metadata") or {}).get("watibot_item"):
        return
    for attachment in message.get("attachments") or ():
        if isinstance(attachment.get("file_id"), str):
            yield attachment["file_id"]
    for part in message.get("content") or ():
        if isinstance(part, dict) and part.get("type") == "image_file":
            yield part["image_file"]["file_id"]


def _calls(raw: RawThread) -> Iterator[str]:
    for run in raw.runs or ():
        for step in run.get("steps") or ():
            details = step.get("step_details") or {}
            ended = step.get("status") in ("completed", None)
            for call in details.get("tool_calls") or ():
                if ended and call.get("type") == "function" and isinstance(call.get("id"), str):
                    yield call["id"]
