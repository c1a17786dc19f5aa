"""A turn becomes a model request. Pure.

`service/answer.py` calls `build` before every model call and hands the request to the model. The
order is: instructions, history, the open burst, finished steps; what differs from call to call (the
note with the time) stands behind everything that stays the same, so that the provider's cache
serves the rest. History is sent word for word, thought signatures included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel, moment_in_words
from watibot.instructions import Instructions
from watibot.messages import ChannelName
from watibot.modelcalls import ModelRequest
from watibot.toolcalls import Tool, ToolResult
from watibot.turns import GuestMessage, Turn
from watibot.wording import history_text

Content = dict[str, Any]

# After a failure the answer is tried again from the recent conversation alone; fewer than five
# messages would lose the thread.
RECOVERY_ITEMS = 10

_CHANNELS = {
    ChannelName.WHATSAPP: "WhatsApp",
    ChannelName.FACEBOOK: "Facebook Messenger",
    ChannelName.INSTAGRAM: "Instagram",
}


def build(
    instructions: Instructions,
    hotel: Hotel,
    turn: Turn,
    media_parts: Mapping[int, Content],
    now: datetime,
    tools: Sequence[Tool],
    timeout: float,
) -> ModelRequest:
    """The request for the turn's next step. `media_parts`: by media id, the `inlineData` part of
    each file that the model can read. `timeout` is in seconds."""
    history = turn.history
    if turn.progress.recoveries:
        history = history[-RECOVERY_ITEMS:]
    contents = [_content(item) for item in _whole(history)]
    if turn.progress.recoveries:
        contents = strip_signatures(contents)
    burst: list[Content] = [{"text": note(hotel, turn, now)}]
    for message in turn.messages:
        burst.extend(message_parts(message, media_parts))
    contents.append({"role": "user", "parts": burst})
    contents.extend(_content(step.item) for step in turn.steps)
    return ModelRequest(instructions.text, tuple(contents), tuple(tools), timeout)


def note(hotel: Hotel, turn: Turn, now: datetime) -> str:
    """What the model must know about this very moment, in Spanish, between brackets."""
    local = hotel.local(now)
    facts = [f"Ahora en el hotel: {moment_in_words(local)}"]
    holiday = hotel.holiday(local.date())
    if holiday:
        facts.append(f"Hoy es asueto: {holiday}")
    facts.append(f"Canal: {_CHANNELS[turn.conversation.channel]}")
    name = _tame(turn.conversation.guest_name or "")
    if name:
        facts.append(f"Nombre del huésped en su perfil: {name}")
    return f"[{'. '.join(facts)}]"


def message_parts(message: GuestMessage, media_parts: Mapping[int, Content]) -> list[Content]:
    """A message of the open burst: its words, with a note for each file that the model is not
    given, then the files that it is."""
    given = [
        media_parts[media.media_id] for media in message.media if media.media_id in media_parts
    ]
    others = tuple(m for m in message.media if m.media_id not in media_parts)
    if given and not others and not message.text.strip():
        return given
    return [{"text": history_text(replace(message, media=others))}, *given]


def _tame(name: str) -> str:
    """A profile's name is whatever a guest typed: it must not close the note and go on as ours."""
    return " ".join(name.replace("[", " ").replace("]", " ").split())[:60]


def strip_signatures(contents: Sequence[Content]) -> list[Content]:
    """The contents without thought signatures, for when the provider refuses them: those of old
    turns may be left out. A part that held nothing else goes too."""
    stripped = []
    for content in contents:
        parts = [
            {key: value for key, value in part.items() if key != "thoughtSignature"}
            for part in content["parts"]
        ]
        kept = [part for part in parts if part not in ({}, {"text": ""})]
        stripped.append({**content, "parts": kept or parts})
    return stripped


def tool_results_content(results: Sequence[ToolResult]) -> Content:
    """All results of one round as the one content that answers it, in the order of the calls."""
    parts = []
    for result in results:
        response: dict[str, Any] = {"name": result.call.name, "response": result.response}
        if result.call.call_id is not None:
            response = {"id": result.call.call_id, **response}
        parts.append({"functionResponse": response})
    return {"role": "user", "parts": parts}


def _whole(items: Sequence[HistoryItem]) -> list[HistoryItem]:
    """The items that Gemini takes as a beginning: from the first one of the user's side on, calls
    only with their results directly behind them. A block cut off, or a turn given up between a call
    and its result, would otherwise be answered with 400 for ever."""
    paired: list[HistoryItem] = []
    for index, item in enumerate(items):
        before = items[index - 1].kind if index else None
        after = items[index + 1].kind if index + 1 < len(items) else None
        lonely_call = item.kind is ItemKind.TOOL_CALL and after is not ItemKind.TOOL_RESULT
        lonely_result = item.kind is ItemKind.TOOL_RESULT and before is not ItemKind.TOOL_CALL
        if not lonely_call and not lonely_result:
            paired.append(item)
    start = (i for i, item in enumerate(paired) if item.kind in (ItemKind.GUEST, ItemKind.STAFF))
    return paired[next(start, len(paired)) :]


def _content(item: HistoryItem) -> Content:
    if item.kind is ItemKind.STAFF or item.content is None:
        said = f"[Mensaje de un compañero del hotel ({item.author or 'recepción'}) al huésped]: "
        return {"role": "user", "parts": [{"text": said + item.text}]}
    return item.content
