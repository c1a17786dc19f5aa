"""A source's thread beside the session: message by message, call by call. Pure.

Three judges. One compares items: each of the thread's must be in the session, with the same words
and kind, in the same order. The second does not believe the translation: every message id, call id
and file id that the raw thread names must be found in the session's events, or be a recorded loss.
The third compares the local history, which has also what the thread never saw.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watibot.history import HistoryItem, ItemKind, digest, in_thread
from watibot.ports import SessionEvent
from watibot.service.mirror import compare as compare_history
from watibot.service.mirror import item_of
from watibot.threads import Form, RawThread, Translation, items_in

# Of a source: the assistant's words have them in the thread, what a guest was given has not.
_MARK = re.compile(r"【[^】]*】")


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
    """`local` is what the session should have by now, of the history in its order; `events` are the
    whole session. What was said here first stands where the history has it, for it may have come to
    the thread long afterwards."""
    ours = compare_history(local, events)
    by_item: dict[str, HistoryItem] = {}
    for event in events:
        item = item_of(event)
        if item is not None:
            by_item[item.item_id] = item
    exact = {item.item_id for item in thread.items}
    by_source: dict[str, list[HistoryItem]] = {}
    for item in by_item.values():
        for source in sources_of(item) if item.item_id not in exact else ():
            by_source.setdefault(source, []).append(item)
    missing, differing = dict.fromkeys(ours.missing), dict.fromkeys(ours.differing)
    order: dict[str, None] = {}
    for item in thread.items:
        twin = by_item.get(item.item_id) or _stands_for(item, by_source)
        if twin is None:
            missing[item.item_id] = None
            continue
        if in_thread(twin.origin):
            # Where one of our items stands for several of the thread, its place is the last one's.
            order.pop(twin.item_id, None)
            order[twin.item_id] = None
        if not (_same if twin.item_id == item.item_id else _told)(item, twin):
            differing[item.item_id] = None
    place = {name: number for number, name in enumerate(by_item)}
    places = [place[name] for name in order]
    return Proof(
        items=len(thread.items),
        events=len(events),
        missing=tuple(missing),
        extra=ours.extra,
        doubled=ours.doubled,
        differing=tuple(differing),
        unrepresented=tuple(_unrepresented(raw, thread, by_item.values(), by_source)),
        in_order=ours.in_order and places == sorted(places),
    )


def sources_of(item: HistoryItem) -> list[str]:
    """The ids of the thread that an item stands for."""
    named = (item.origin or {}).get("sources")
    found = [str(one) for one in named] if isinstance(named, list) else []
    return [item.source_id, *found] if item.source_id is not None else found


def _stands_for(
    item: HistoryItem, by_source: Mapping[str, Sequence[HistoryItem]]
) -> HistoryItem | None:
    """The item of ours that is the same step: it was taken here, through OpenAI."""
    found = (twin for source in sources_of(item) for twin in by_source.get(source, ()))
    return next((twin for twin in found if twin.kind is item.kind), None)


def _same(item: HistoryItem, twin: HistoryItem) -> bool:
    """Word for word. An item that was written here first has its own words for files and staff."""
    if digest([item]) == digest([twin]) and item.author == twin.author:
        return True
    return not in_thread(twin.origin) and item.kind is twin.kind and _told(item, twin)


def _told(item: HistoryItem, twin: HistoryItem) -> bool:
    """A step that was taken here: one item for what the thread may have as several messages."""
    if item.kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
        return _names(item) <= _names(twin)
    there, here = _plain(item.text), _plain(twin.text)
    files = bool((item.origin or {}).get("attachments"))  # which have a line of their own there
    return there in here or (files and here in there)


def _plain(text: str) -> str:
    return " ".join(_MARK.sub("", text).split())


def _names(item: HistoryItem) -> set[tuple[str, str]]:
    found = set()
    for part in (item.content or {}).get("parts", ()):
        for field in ("functionCall", "functionResponse"):
            if field in part:
                found.add((field, str(part[field].get("id") or part[field].get("name"))))
    return found


def _unrepresented(
    raw: RawThread,
    thread: Translation,
    items: Iterable[HistoryItem],
    ours: Collection[str],
) -> Iterator[str]:
    """`ours`: ids of the thread that items of ours stand for; we never had these' files."""
    found: set[str] = {loss.where for loss in thread.losses}
    answered: set[str] = set()
    for item in items:
        found.update(sources_of(item))
        found.add(item.item_id)
        for attachment in (item.origin or {}).get("attachments", ()):
            found.update(str(value) for value in attachment.values() if isinstance(value, str))
        for field, name in _names(item):
            (found if field == "functionCall" else answered).add(name)
    for name in _named(raw, ours):
        if name not in found:
            yield name
    for name in _calls(raw):
        if name in found and name not in answered:
            yield f"{name} (its result)"


def _named(raw: RawThread, ours: Collection[str]) -> Iterator[str]:
    """Ids of messages (ours, where the message carries one), of finished calls."""
    for message in raw.messages:
        if raw.form is Form.ASSISTANTS and isinstance(message.get("id"), str):
            if mine := items_in(message):
                yield from mine
                continue
            yield message["id"]
            if message["id"] not in ours:
                yield from _files(message)
        elif raw.form is Form.CONVERSATION and message.get("type") == "message":
            yield str(message.get("id"))
    yield from _calls(raw)


def _files(message: Mapping[str, Any]) -> Iterator[str]:
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
