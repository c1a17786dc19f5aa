"""What must be true of a migration at any moment, and at its end. Used by `migrating.py`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from watibot.history import ItemKind
from watibot.threads import items_in

if TYPE_CHECKING:
    from tests.migrating import Stage

PEOPLE = (ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.STAFF)

Json = dict[str, Any]


async def faults(stage: Stage, conversation_id: str, *, moved: bool) -> list[str]:
    """One line for each thing that must not be. `moved`: all of the thread has been taken in,
    and the session has been given everything."""
    found = [
        *(await _local(stage, conversation_id, moved)),
        *_thread(stage, conversation_id),
        *(await _session(stage, conversation_id, moved)),
    ]
    return [f"{conversation_id}: {fault}" for fault in found]


async def _local(stage: Stage, conversation_id: str, moved: bool) -> list[str]:
    items = await stage.history(conversation_id)
    waiting = stage.sql(
        "SELECT text FROM messages WHERE conversation_id = ? AND state IN ('waiting', 'in_turn')",
        conversation_id,
    )
    texts = Counter(item.text for item in items if item.kind in PEOPLE)
    outside = Counter(text for (text,) in waiting)
    if not moved:
        outside.update(
            text
            for each in stage.threads.kept[stage.thread_id(conversation_id)].messages
            if not items_in(each)
            for text in words(each)
            if text not in texts
        )
    found = []
    for text in stage.said.get(conversation_id, ()):
        count = texts[text] + outside[text]
        if count != 1:
            found.append(f"«{text}» is there {count} times")
    for text in texts.keys() - set(stage.said.get(conversation_id, ())):
        found.append(f"nobody said «{text}»")
    times = [item.at for item in items]
    if times != sorted(set(times)):
        found.append("times do not rise")
    return found


def _thread(stage: Stage, conversation_id: str) -> list[str]:
    thread = stage.threads.kept.get(stage.thread_id(conversation_id))
    if thread is None:
        return []
    names = Counter(name for each in thread.messages for name in items_in(each))
    found = [f"the thread has {name} {count} times" for name, count in names.items() if count > 1]
    texts = Counter(text for each in thread.messages for text in words(each))
    found += [
        f"the thread says «{text}» {count} times" for text, count in texts.items() if count > 1
    ]
    return found


async def _session(stage: Stage, conversation_id: str, moved: bool) -> list[str]:
    session_id = (await stage.conversation(conversation_id)).session_id
    names: list[str | None] = []
    if session_id is not None:
        names = [event.event_id for event in stage.sessions.kept.get(session_id, [])]
    found = [
        f"event {name} is there {count} times"
        for name, count in Counter(names).items()
        if count > 1
    ]
    if moved:
        items = [item.item_id for item in await stage.history(conversation_id)]
        if names != items:
            found.append(f"the session has {len(names)} events unlike {len(items)} items")
    return found


def words(each: Json) -> list[str]:
    """A thread message's text; of a block, what each of its speakers said, on one line."""
    text = "\n".join(part["text"]["value"] for part in each["content"] if part["type"] == "text")
    if "=== CONVERSACIONES" in text:
        lines = text.split("\n")
        return [line.split(": ", 1)[1] for line in lines if line.startswith(("Agente", "Cliente"))]
    return [text]


def in_thread(stage: Stage, conversation_id: str) -> list[str]:
    """What the thread says, in order."""
    return [text for each in stage.kept(conversation_id) for text in words(each)]


async def in_history(stage: Stage, conversation_id: str) -> list[str]:
    """What people and assistants said, in order."""
    return [item.text for item in await stage.history(conversation_id) if item.kind in PEOPLE]
