"""A conversation as another system kept it, and what it becomes: history items and losses.

`ports.ThreadSource` reads a `RawThread`, every object in it word for word; `translation.py` turns
it into items. Nouns only; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from watibot.history import HistoryItem
from watibot.messages import ChannelName


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
    """A message to be in the thread before the run begins; `images` are (mime, bytes)."""

    item_id: str
    role: str
    text: str
    images: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be read: no guest's words in it, but `file` may be named after one."""

    file: str
    what: str
    line: int | None = None
