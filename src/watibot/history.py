"""A conversation's history: the one form that every provider's events become.

The local history is the working copy from which prompts are built; the Vertex session is its
durable twin (`service/mirror.py`). `content` is the provider's content object word for word,
thought signatures included: Gemini 3 and later answer 400 to anything less
(https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ItemKind(StrEnum):
    """Who spoke, or what happened."""

    GUEST = "guest"
    ASSISTANT = "assistant"
    STAFF = "staff"
    TOOL_CALL = "tool_call"  # a model step that asks for tools, text beside the calls included
    TOOL_RESULT = "tool_result"  # all results of one round


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One event of a conversation.

    `item_id` is ours and goes into the session event, so that a repeated append is seen when it is
    read back. `at` is strictly increasing within a conversation. `content` is
    `{"role": "user" | "model", "parts": [...]}` in the wire form of Vertex, or None for staff.

    `source_id` is the message's or step's id in OpenAI's thread; None: it is not there. `origin`
    says where a migrated item comes from: `{"source": name, "sources": [ids], "time": "exact" or
    "synthetic", "attachments": [...], ...}`; of what was said in a channel's inbox `{"source":
    name, "ids": [the channel's], "said_at": ISO 8601}`; of a colleague's note `{"source":
    "note"}`, with `"answers": true` if it stands for words that nobody can read; of a colleague's
    word to the assistant (`"source": "word"`) and of a notice that the guest is sent in their name
    (`"notice"`) with `"answers": false`.
    """

    item_id: str
    kind: ItemKind
    at: datetime
    text: str
    content: dict[str, Any] | None = None
    turn_id: str | None = None
    author: str | None = None  # staff: who
    source_id: str | None = None
    origin: dict[str, Any] | None = None


def in_thread(origin: Mapping[str, Any] | None) -> bool:
    """Whether an item of this origin is of a thread that is moved; else it was said here first."""
    return origin is not None and ("time" in origin or "sources" in origin)


def said_at(at: datetime, origin: Mapping[str, Any] | None) -> datetime:
    """When an item at `at` was said: its place in the history is behind what was there already when
    it was heard of."""
    said = (origin or {}).get("said_at")
    return datetime.fromisoformat(said) if isinstance(said, str) else at


def answers(origin: Mapping[str, Any] | None) -> bool:
    """Whether a colleague's item of this origin answers what the guest asked before it."""
    whence = origin or {}
    return bool(whence.get("answers", whence.get("source") != "note"))


def digest(items: Iterable[HistoryItem]) -> str:
    """SHA-256 over ids, kinds and contents, in order: equal digests, equal histories."""
    sha = hashlib.sha256()
    for item in items:
        sha.update(
            json.dumps(
                [item.item_id, item.kind, item.content if item.content is not None else item.text],
                ensure_ascii=False,
                sort_keys=True,
                separators=(",", ":"),
            ).encode()
        )
        sha.update(b"\n")
    return sha.hexdigest()
