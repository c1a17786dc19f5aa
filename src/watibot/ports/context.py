"""The recent conversation in words: one provider of context for tools and notices alike."""

from __future__ import annotations

from watibot.history import HistoryItem, ItemKind
from watibot.ports.store import Records

# A round of tool calls puts two items between two messages.
_ITEMS_PER_MESSAGE = 3


async def get_conversation_context(
    records: Records, conversation_id: str, max_messages: int = 10
) -> str:
    """The newest `max_messages` messages of guest, assistant and staff, one a line, the oldest
    first; empty for a conversation without any. In Spanish, for staff and model."""
    items = await records.history(conversation_id, max_messages * _ITEMS_PER_MESSAGE)
    lines = [line for item in items if (line := _line(item))]
    return "\n".join(lines[-max_messages:])


def guest_said(text: str) -> str:
    """A guest's message as a line of it."""
    return f"Huésped: {' '.join(text.split())}"


def _line(item: HistoryItem) -> str | None:
    text = " ".join(item.text.split())
    if not text or item.kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
        return None
    if item.kind is ItemKind.STAFF:
        return f"{item.author or 'Recepción'}: {text}"
    return guest_said(text) if item.kind is ItemKind.GUEST else f"Asistente: {text}"
