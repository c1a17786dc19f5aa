"""What guests, the assistant and staff said, as words for OpenAI's thread. Pure.

`service/asking.py` makes them before a run begins, a rollback before a conversation goes back to
its thread; `ports.put_words` puts them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watibot.history import HistoryItem, ItemKind, said_at
from watibot.threads import Words

_DESK = "recepción"
_ROLES = {ItemKind.GUEST: "user", ItemKind.ASSISTANT: "assistant"}


def words_of(items: Iterable[HistoryItem]) -> tuple[Words, ...]:
    """Of each item that is somebody's words, in their order."""
    return tuple(words for item in items if (words := _words(item)) is not None)


def guest_words(item_id: str, text: str, images: Sequence[tuple[str, bytes]] = ()) -> Words:
    """A guest's message of the open turn. `images`: (mime, bytes)."""
    return Words(item_id, _ROLES[ItemKind.GUEST], text, tuple(images))


def _words(item: HistoryItem) -> Words | None:
    at = said_at(item.at, item.origin)
    if item.kind is ItemKind.STAFF:
        # A message has no third role: staff speak inside one of the user's.
        return Words(item.item_id, "user", item.text, staff=item.author or _DESK, said_at=at)
    role = _ROLES.get(item.kind)
    if role is None or not item.text.strip():
        return None
    return Words(item.item_id, role, item.text, said_at=at)
