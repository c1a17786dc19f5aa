"""How a turn is answered: by OpenAI in its thread, or by Gemini from the history. The model's and
the tools' steps are recorded as the service records them. Used by `migrating.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.fakes_threads import message
from watibot.history import HistoryItem, ItemKind
from watibot.ports.store import StepRecord
from watibot.ports.threads import put_words
from watibot.thread_words import guest_words, words_of
from watibot.turns import Progress, Turn

if TYPE_CHECKING:
    from tests.migrating import Stage

Json = dict[str, Any]


async def ask_openai(stage: Stage, turn: Turn, fence: int, tools: bool) -> dict[str, str]:
    """As `service/asking.py` and the assistant do, without their waits."""
    conversation = turn.conversation
    name, thread_id = conversation.conversation_id, conversation.thread_id
    assert thread_id is not None
    missing = words_of(await stage.store.lacking(name))
    burst = [guest_words(each.item_id, each.text) for each in turn.messages]
    posted = await put_words(stage.threads, thread_id, (*missing, *burst), stage.clock)
    brought = {words.item_id: posted.pop(words.item_id) for words in missing}
    await stage.store.posted(name, fence, brought)
    thread = stage.threads.kept[thread_id]
    stage.numbers += 1
    number, now = stage.numbers, int(stage.clock.time())
    run_id = f"run_{number}"
    origin: Json = {"source": "assistants", "run": run_id}
    if tools:
        mine = origin | {"sources": [f"step_{number}"]}
        for kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
            await _step(stage, turn, fence, kind, "", number, mine)
    text = stage.text("Asistente", name)
    made = message(thread_id, 1, text, "assistant")
    made |= {"id": f"msg_run{number}", "created_at": now, "run_id": run_id}
    thread.messages.append(made)
    thread.runs.append(ended_run(run_id, now, made["id"], number if tools else None))
    mine = origin | {"sources": [made["id"]]}
    await _step(stage, turn, fence, ItemKind.ASSISTANT, text, number, mine)
    return posted


async def ask_gemini(stage: Stage, turn: Turn, fence: int, tools: bool) -> dict[str, str]:
    name = turn.conversation.conversation_id
    stage.numbers += 1
    number = stage.numbers
    if tools:
        for kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT):
            await _step(stage, turn, fence, kind, "", number, None)
    text = stage.text("Gemini", name)
    await _step(stage, turn, fence, ItemKind.ASSISTANT, text, number, None)
    return {}


async def _step(
    stage: Stage,
    turn: Turn,
    fence: int,
    kind: ItemKind,
    text: str,
    number: int,
    origin: Json | None,
) -> None:
    await stage.clock.advance(1)
    item = HistoryItem(
        uuid4().hex,
        kind,
        stage.clock.now(),
        text,
        content_of(kind, text, number),
        turn.turn_id,
        source_id=origin["sources"][0] if origin else None,
        origin=origin,
    )
    record = StepRecord(item, Progress(), effect=origin is not None)
    name = turn.conversation.conversation_id
    await stage.store.record_step(name, fence, turn.turn_id, record)


def ended_run(run_id: str, at: int, message_id: str, call: int | None) -> Json:
    """An ended run: a tool call, if `call` numbers one, and the message."""
    steps: list[Json] = []
    if call is not None:
        function = {
            "name": "price",
            "arguments": f'{{"nights":{call}}}',
            "output": f'{{"usd":{call}}}',
        }
        steps.append(
            {
                "id": f"step_{call}",
                "object": "thread.run.step",
                "status": "completed",
                "created_at": at,
                "type": "tool_calls",
                "step_details": {
                    "type": "tool_calls",
                    "tool_calls": [
                        {"id": f"call_{call}", "type": "function", "function": function}
                    ],
                },
            }
        )
    steps.append(
        {
            "id": f"step_m_{run_id}",
            "object": "thread.run.step",
            "status": "completed",
            "created_at": at,
            "type": "message_creation",
            "step_details": {
                "type": "message_creation",
                "message_creation": {"message_id": message_id},
            },
        }
    )
    return {"id": run_id, "created_at": at, "status": "completed", "steps": steps, "metadata": {}}


def content_of(kind: ItemKind, text: str, number: int) -> Json:
    call = {"id": f"call_{number}", "name": "price"}
    match kind:
        case ItemKind.TOOL_CALL:
            part: Json = {"functionCall": call | {"args": {"nights": number}}}
        case ItemKind.TOOL_RESULT:
            part = {"functionResponse": call | {"response": {"usd": number}}}
        case _:
            part = {"text": text, "thoughtSignature": "c2lnbmVk"}
    return {"role": "user" if kind is ItemKind.TOOL_RESULT else "model", "parts": [part]}
