"""What guests, the assistant and staff said, as messages for OpenAI's thread. Pure.

`service/asking.py` makes them before a run begins, a rollback before a conversation goes back to
its thread; `ports.put_words` puts them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watibot.history import HistoryItem, ItemKind
from watibot.threads import Words

# The form in which threads have had staff's words since before this service, so that assistants
# whose instructions speak of it know them again.
STAFF_BLOCK = """\
=== CONVERSACIONES CON AGENTES HUMANOS ===
El siguiente historial muestra conversaciones previas entre el cliente y agentes humanos...

--- Conversación 1 ---
Agente ({name}): {text}

=== FIN DEL HISTORIAL DE AGENTES ==="""
_DESK = "recepción"
_ROLES = {ItemKind.GUEST: "user", ItemKind.ASSISTANT: "assistant"}


def words_of(items: Iterable[HistoryItem]) -> tuple[Words, ...]:
    """A message for each item that is somebody's words, in their order."""
    return tuple(words for item in items if (words := _words(item)) is not None)


def guest_words(item_id: str, text: str, images: Sequence[tuple[str, bytes]] = ()) -> Words:
    """A guest's message of the open turn. `images`: (mime, bytes)."""
    return Words(item_id, _ROLES[ItemKind.GUEST], text, tuple(images))


def _words(item: HistoryItem) -> Words | None:
    if item.kind is ItemKind.STAFF:
        # A message has no third role: staff speak inside one of the user's.
        text = STAFF_BLOCK.format(name=item.author or _DESK, text=item.text)
        return Words(item.item_id, "user", text)
    role = _ROLES.get(item.kind)
    return None if role is None or not item.text.strip() else Words(item.item_id, role, item.text)
