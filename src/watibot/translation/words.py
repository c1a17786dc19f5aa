"""A message of either of OpenAI's forms as items: usually one. Pure.

`assistants.py` and `conversation.py` bring the message, `scribe.py` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watibot.history import ItemKind
from watibot.threads import items_in
from watibot.translation import parts, staff_context
from watibot.translation.scribe import Scribe, Source, label

_KINDS = {"user": ItemKind.GUEST, "assistant": ItemKind.ASSISTANT}


def write(
    message: Mapping[str, Any], source: Source, files: Mapping[str, dict[str, Any]], scribe: Scribe
) -> None:
    """Writes the message, or tells what was lost of it."""
    role = message.get("role")
    kind = _KINDS.get(role) if isinstance(role, str) else None
    if kind is None:
        scribe.lose(f"role '{label(role)}'", source.name)
        return
    said = parts.read(message.get("content"), message.get("attachments"), files)
    scribe.media += len(said.attachments)
    for type_ in said.unknown:
        scribe.lose(f"content part '{label(type_)}'", source.name)
    if not said.text.strip() and not said.unknown:
        scribe.lose("message without content", source.name)
    source = source.with_origin(_origin(message, said))
    own_ids = items_in(message)
    if own_ids:
        # Items of ours, whatever their words look like.
        _write_own(own_ids, kind, said.text, source, scribe)
        return
    segments = staff_context.split(said.text) if kind is ItemKind.GUEST else None
    if segments is None:
        scribe.say(kind, said.text, source)
        return
    for number, segment in enumerate(segments, start=1):
        told = source
        if segment.conversation is not None:
            # It was said earlier than this message, nobody knows when.
            told = source.with_origin(
                {"context": True, "conversation": segment.conversation or None}, synthetic=True
            )
        scribe.say(
            ItemKind.STAFF if segment.by_staff else kind,
            segment.text,
            told,
            place=str(number),
            author=segment.author,
        )


def _write_own(
    own_ids: Sequence[str], kind: ItemKind, text: str, source: Source, scribe: Scribe
) -> None:
    if kind is not ItemKind.GUEST:
        scribe.say(kind, text, source, own_id=own_ids[0])
        return
    told = staff_context.own(text, len(own_ids))
    if told is None:
        # Of a block that somebody has changed the other items stay unaccounted for.
        scribe.say(kind, staff_context.rearmed(text), source, own_id=own_ids[0])
        return
    for own_id, segment in zip(own_ids, told, strict=True):
        speaker = ItemKind.STAFF if segment.by_staff else kind
        scribe.say(speaker, segment.text, source, own_id=own_id, author=segment.author)


def _origin(message: Mapping[str, Any], said: parts.Said) -> dict[str, Any]:
    status = message.get("status")
    incomplete = message.get("incomplete_details")
    return {
        "role": message.get("role"),
        "run": message.get("run_id"),
        "status": None if status == "completed" else status,
        "incomplete": incomplete.get("reason") if isinstance(incomplete, dict) else None,
        "parts": list(said.kinds),
        "attachments": list(said.attachments),
        "annotations": list(said.annotations),
        "metadata": message.get("metadata"),
    }
