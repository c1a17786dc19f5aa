"""A raw thread becomes history: items in order, and everything that could not come along. Pure.

`ports.ThreadSource` has read the thread; what comes out goes into the local history and from there
into the session. Each form of thread has its module here; all write through `scribe.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from watibot.threads import Form, RawThread, Translation
from watibot.translation.assistants import write as write_assistants
from watibot.translation.conversation import write as write_conversation
from watibot.translation.conversation import write_chat
from watibot.translation.runs import active_run, finished_steps
from watibot.translation.scribe import Scribe, label
from watibot.translation.wati import write as write_wati

_WRITERS: dict[Form, Callable[[RawThread, Scribe, float | None], int]] = {
    Form.ASSISTANTS: write_assistants,
    Form.CONVERSATION: write_conversation,
    Form.CHAT: write_chat,
    Form.WATI: write_wati,
}

# What makes two readings of a thread differ; states of delivery and metadata do not.
_SAID: dict[Form, tuple[str, ...]] = {
    Form.ASSISTANTS: ("id", "role", "content", "attachments"),
    Form.CONVERSATION: (),
    Form.CHAT: (),
    Form.WATI: ("id", "text", "type", "data", "owner", "operatorName", "timestamp"),
}


def translate(
    raw: RawThread, hotel_id: str, conversation_id: str, now: float | None = None
) -> Translation:
    """The thread as history of this hotel's conversation; the same thread gives the same items.

    `now`, in epoch seconds: a run that is past its `expires_at` counts as ended. Without it every
    run counts as active that says so.
    """
    scribe = Scribe(raw, hotel_id, conversation_id)
    messages = _WRITERS[raw.form](raw, scribe, now)
    for error in raw.errors:
        what = f"{label(error.get('object'))} not exported: {label(error.get('error'))}"
        scribe.lose(what, str(error.get("id") or raw.thread_id))
    active = active_run(raw.runs or (), now)
    return Translation(
        items=tuple(scribe.items),
        losses=tuple(scribe.losses),
        messages=messages,
        tool_calls=scribe.tool_calls,
        media=scribe.media,
        version=version(raw, now),
        active_run=None if active is None else str(active.get("id")),
    )


def version(raw: RawThread, now: float | None = None) -> str:
    """SHA-256 over what was said and what ended runs did: equal versions, equal translations."""
    sha = hashlib.sha256()
    for each in _told(raw, now):
        sha.update(json.dumps(each, sort_keys=True, separators=(",", ":")).encode())
        sha.update(b"\n")
    return sha.hexdigest()


def _told(raw: RawThread, now: float | None) -> Iterable[Any]:
    keys = _SAID[raw.form]
    yield [raw.form, raw.runs is None]
    for message in raw.messages:
        yield _of(message, keys) if keys else message
    for run, step in finished_steps(raw.runs or (), now):
        yield [run.get("id"), step.get("id"), step.get("step_details")]


def _of(message: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: message[key] for key in keys if message.get(key)}
