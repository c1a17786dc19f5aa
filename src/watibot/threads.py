"""A conversation as another system kept it, and what it becomes: history items and losses.

`ports.ThreadSource` reads a `RawThread`, every object in it word for word; `translation.py` turns
it into items, and `Words` into a thread's messages. Nouns only; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from watibot.history import HistoryItem
from watibot.messages import ChannelName

# What metadata may be: https://platform.openai.com/docs/api-reference/messages/createMessage
MOST_METADATA = 16
_LONGEST_VALUE = 512
_ITEM = "watibot_item"


class Form(StrEnum):
    """The shape of a raw thread's messages."""

    ASSISTANTS = "assistants"  # thread.message objects, runs with steps beside them
    CONVERSATION = "conversation"  # items of the Conversations API: order, but no times
    CHAT = "chat"  # {"role", "content"}: neither ids nor times
    WATI = "wati"  # rows of WATI's getMessages


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """What names a conversation's past. `thread_id` may be None for a source that goes by the
    guest."""

    conversation_id: str
    channel: ChannelName
    address: str
    thread_id: str | None


@dataclass(frozen=True, slots=True)
class RawThread:
    """One conversation, the oldest message first, each object as it came.

    `runs`: each with its `steps`; None when the source has no tool history at all. `files`:
    metadata by file id. `errors`: what the export itself could not read.
    """

    thread_id: str
    form: Form
    source: str  # the source's name
    thread: dict[str, Any] = field(default_factory=dict)
    messages: tuple[dict[str, Any], ...] = ()
    runs: tuple[dict[str, Any], ...] | None = None
    files: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    errors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that could not be carried over: what (no guest's words), and where (an id)."""

    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A raw thread as history.

    `items` are in order, `at` strictly increasing, each with an `origin`. `version` changes
    whenever the thread does. `active_run`: a run that has not ended, so that the thread may still
    change.
    """

    items: tuple[HistoryItem, ...]
    losses: tuple[Loss, ...]
    messages: int
    tool_calls: int
    media: int
    version: str
    active_run: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """An item's words, to be in the thread before the run begins. `role`: user or assistant;
    `images` are (mime, bytes). `staff`: the colleague's name, None for anybody else's words."""

    item_id: str
    role: str
    text: str
    images: tuple[tuple[str, bytes], ...] = ()
    staff: str | None = None
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """A message that a thread is given: one item's words, or a block of several."""

    item_ids: tuple[str, ...]
    role: str
    text: str
    images: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be read: no guest's words in it, but `file` may be named after one."""

    file: str
    what: str
    line: int | None = None


def metadata_of(item_ids: Iterable[str]) -> dict[str, str]:
    """A message's metadata that names our items: `watibot_item`, where one value is too short for
    all of them `watibot_item_2` and so on, each a list with spaces. A server takes no more than
    `MOST_METADATA` pairs."""
    values: list[str] = []
    for item_id in item_ids:
        if values and len(values[-1]) + 1 + len(item_id) <= _LONGEST_VALUE:
            values[-1] += f" {item_id}"
        else:
            values.append(item_id)
    return {
        _ITEM if number == 1 else f"{_ITEM}_{number}": value
        for number, value in enumerate(values, start=1)
    }


def items_in(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Our item ids in a thread's message, in the order of their words; none if it is not ours."""
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping):
        return ()
    keys = sorted((key for key in metadata if _is_ours(key)), key=lambda key: (len(key), key))
    return tuple(" ".join(metadata[key] for key in keys if isinstance(metadata[key], str)).split())


def _is_ours(key: str) -> bool:
    return key == _ITEM or (key.startswith(f"{_ITEM}_") and key[len(_ITEM) + 1 :].isdecimal())
