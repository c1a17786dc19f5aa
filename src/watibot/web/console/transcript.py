"""A conversation as its page shows it: lines in order, bubbles as the guest got them. Pure.

`pages.py` hands in what the store gave; the templates escape it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watibot.history import HistoryItem, ItemKind
from watibot.ports.console import Piece, Transcript
from watibot.turns import BubbleState, GuestMessage, Media
from watibot.wording import history_text, media_note


@dataclass(frozen=True, slots=True)
class Shown:
    """One bubble. `state` is the key of a word, None where nothing is known of it."""

    text: str
    state: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said, or tools that were used. `kind`: guest, assistant, staff, note,
    tools. `open`: nobody has answered it yet."""

    kind: str
    at: datetime
    shown: tuple[Shown, ...] = ()
    who: str | None = None
    media: tuple[Media, ...] = ()
    tools: tuple[tuple[str, str], ...] = field(default=())
    open: bool = False


def lines(said: Transcript) -> list[Line]:
    """All of it, in order."""
    pieces: dict[str, list[Piece]] = {}
    for piece in said.pieces:
        pieces.setdefault(piece.turn_id, []).append(piece)
    last = {item.turn_id: item for item in said.items if item.kind is ItemKind.ASSISTANT}
    made: list[Line] = []
    for item in said.items:
        if item.kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
            _add_tools(made, item)
        elif item.kind is ItemKind.GUEST:
            made.append(_guest(item, said.media.get(item.item_id, ())))
        else:
            answers = item.kind is ItemKind.STAFF or last.get(item.turn_id) is item
            made.append(_hotel(item, pieces.pop(item.turn_id or "", ()) if answers else ()))
    # What nobody was given is not in the history, but a colleague should see that it was tried.
    made.extend(
        Line("assistant", parts[0].created_at, _shown(parts))
        for parts in pieces.values()
        if all(part.state is not BubbleState.SENT for part in parts)
    )
    made.sort(key=lambda line: line.at)
    made.extend(_waiting(message) for message in said.waiting if not _is_in(message, said.items))
    return made


def _guest(item: HistoryItem, files: Sequence[Media]) -> Line:
    text = _without_notes(item.text, files)
    return Line("guest", item.at, (Shown(text),) if text else (), media=tuple(files))


def _waiting(message: GuestMessage) -> Line:
    text = _without_notes(history_text(message), message.media)
    shown = (Shown(text),) if text else ()
    return Line("guest", message.provider_time, shown, media=message.media, open=True)


def _hotel(item: HistoryItem, parts: Sequence[Piece]) -> Line:
    kind = "assistant" if item.kind is ItemKind.ASSISTANT else "staff"
    origin: Mapping[str, object] = item.origin or {}
    if kind == "staff" and origin.get("source") == "note":
        kind = "note"
    shown = _shown(parts) if parts else (Shown(item.text),)
    return Line(kind, item.at, shown, item.author)


def _shown(parts: Iterable[Piece]) -> tuple[Shown, ...]:
    return tuple(Shown(part.text, f"bubble.{_state(part)}", part.reason) for part in parts)


def _state(part: Piece) -> str:
    if part.state is BubbleState.SENT and part.receipt in ("delivered", "read", "failed"):
        return part.receipt
    return part.state


def _add_tools(made: list[Line], item: HistoryItem) -> None:
    """Calls and their results are one line."""
    key = "call" if item.kind is ItemKind.TOOL_CALL else "result"
    words = _tool_words(item)
    if made and made[-1].kind == "tools":
        before = made.pop()
        made.append(Line("tools", before.at, tools=(*before.tools, (key, words))))
    else:
        made.append(Line("tools", item.at, tools=((key, words),)))


def _tool_words(item: HistoryItem) -> str:
    """What was asked for or given back: the model's own content is kept word for word, and beside
    it stands what the model said meanwhile."""
    said = [item.text] if item.text else []
    for part in (item.content or {}).get("parts", ()):
        for key, inside in (("functionCall", "args"), ("functionResponse", "response")):
            if isinstance(part, dict) and isinstance(asked := part.get(key), dict):
                shown = json.dumps(asked.get(inside) or {}, ensure_ascii=False, indent=1)
                said.append(f"{asked.get('name')} {shown}")
    return "\n".join(said)


def _without_notes(text: str, files: Sequence[Media]) -> str:
    """The words without the notes for files, which are shown themselves."""
    notes = {media_note(each) for each in files}
    return "\n".join(line for line in text.splitlines() if line not in notes).strip()


def _is_in(message: GuestMessage, items: Sequence[HistoryItem]) -> bool:
    return any(item.item_id == message.item_id for item in items)
