"""A conversation as its page shows it: lines in order, bubbles as the guest got them. Pure.

`pages.py` hands in what the store gave; the templates escape it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watibot.history import HistoryItem, ItemKind
from watibot.ports.console import Answer, Piece, Transcript
from watibot.turns import BubbleState, GuestMessage, Media
from watibot.wording import REPLIED, history_text, media_note


@dataclass(frozen=True, slots=True)
class Shown:
    """One bubble. `state` is the key of a word, None where nothing is known of it; `at` is when it
    was left so. `attempts`: how often it was sent."""

    text: str
    state: str | None = None
    reason: str | None = None
    at: datetime | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said, or tools that were used. `kind`: guest, assistant, staff, note,
    tools. `open`: nobody has answered it yet. `quoted`: the words to which it replies. `answer`:
    how the turn went that ends with it."""

    kind: str
    at: datetime
    shown: tuple[Shown, ...] = ()
    who: str | None = None
    media: tuple[Media, ...] = ()
    tools: tuple[tuple[str, str], ...] = field(default=())
    open: bool = False
    quoted: str | None = None
    answer: Answer | None = None


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
            files, quoted = said.media.get(item.item_id, ()), said.quoted.get(item.item_id)
            made.append(_guest(item, files, quoted))
        else:
            answers = item.kind is ItemKind.STAFF or last.get(item.turn_id) is item
            shown = pieces.pop(item.turn_id or "", ()) if answers else ()
            answer = said.answers.get(item.turn_id or "") if answers else None
            made.append(_hotel(item, shown, answer))
    # What nobody was given is not in the history, but a colleague should see that it was tried.
    made.extend(
        Line("assistant", parts[0].created_at, _shown(parts), answer=said.answers.get(turn_id))
        for turn_id, parts in pieces.items()
        if all(part.state is not BubbleState.SENT for part in parts)
    )
    made.sort(key=lambda line: line.at)
    made.extend(
        _waiting(message, said.quoted.get(message.item_id))
        for message in said.waiting
        if not _is_in(message, said.items)
    )
    return made


def _guest(item: HistoryItem, files: Sequence[Media], quoted: str | None) -> Line:
    text = _without_notes(item.text, files, quoted)
    shown = (Shown(text),) if text else ()
    return Line("guest", item.at, shown, media=tuple(files), quoted=quoted)


def _waiting(message: GuestMessage, quoted: str | None) -> Line:
    text = _without_notes(history_text(message), message.media, quoted)
    shown = (Shown(text),) if text else ()
    return Line(
        "guest", message.provider_time, shown, media=message.media, open=True, quoted=quoted
    )


def _hotel(item: HistoryItem, parts: Sequence[Piece], answer: Answer | None) -> Line:
    kind = "assistant" if item.kind is ItemKind.ASSISTANT else "staff"
    origin: Mapping[str, object] = item.origin or {}
    if kind == "staff" and origin.get("source") == "note":
        kind = "note"
    shown = _shown(parts) if parts else (Shown(item.text),)
    return Line(kind, item.at, shown, item.author, answer=answer)


def _shown(parts: Iterable[Piece]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            part.text,
            f"bubble.{_state(part)}",
            part.reason,
            part.receipt_at or part.sent_at,
            part.attempts,
        )
        for part in parts
    )


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


def _without_notes(text: str, files: Sequence[Media], quoted: str | None) -> str:
    """The words without the notes for files and a reply, which are shown themselves."""
    notes = {media_note(each) for each in files} | ({REPLIED} if quoted is not None else set())
    return "\n".join(line for line in text.splitlines() if line not in notes).strip()


def _is_in(message: GuestMessage, items: Sequence[HistoryItem]) -> bool:
    return any(item.item_id == message.item_id for item in items)
