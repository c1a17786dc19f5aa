"""Invented threads, as OpenAI and WATI show them."""

from __future__ import annotations

import json
from typing import Any

from watibot.history import ItemKind
from watibot.messages import ChannelName
from watibot.threads import Form, RawThread, ThreadRef, Translation
from watibot.translation import translate

START = 1_760_000_000

Json = dict[str, Any]


def text(value: str, *annotations: Json) -> Json:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def message(number: int, role: str, *content: Any, after: int | None = None, **more: Any) -> Json:
    """`msg_<number>`, said `after` seconds (its number, if not told otherwise)."""
    return {
        "id": f"msg_{number}",
        "object": "thread.message",
        "created_at": START + (number if after is None else after),
        "thread_id": "thread_1",
        "role": role,
        "status": "completed",
        "metadata": {},
        "attachments": [],
        "content": list(content),
        **more,
    }


def calls(name: str, *tools: Json, at: int, **more: Any) -> Json:
    """A finished step of tool calls."""
    return {
        "id": name,
        "object": "thread.run.step",
        "type": "tool_calls",
        "status": "completed",
        "created_at": START + at,
        "step_details": {"type": "tool_calls", "tool_calls": list(tools)},
        **more,
    }


def made(name: str, message_id: str, at: int) -> Json:
    """A step that made a message."""
    return {
        "id": name,
        "object": "thread.run.step",
        "type": "message_creation",
        "status": "completed",
        "created_at": START + at,
        "step_details": {
            "type": "message_creation",
            "message_creation": {"message_id": message_id},
        },
    }


def function(call_id: str, output: str | None, arguments: str = "{}") -> Json:
    given = {"name": "room_price", "arguments": arguments, "output": output}
    return {"id": call_id, "type": "function", "function": given}


def run(name: str, *steps: Json, at: int, status: str = "completed", **more: Any) -> Json:
    return {
        "id": name,
        "object": "thread.run",
        "thread_id": "thread_1",
        "status": status,
        "created_at": START + at,
        "steps": list(steps),
        **more,
    }


def assistants(*messages: Json, runs: tuple[Json, ...] | None = (), **more: Any) -> RawThread:
    thread = {"id": "thread_1", "object": "thread", "created_at": START, "metadata": {}}
    return RawThread("thread_1", Form.ASSISTANTS, "exports", thread, messages, runs, **more)


def conversation(*items: Json) -> RawThread:
    thread = {"id": "conv_1", "object": "conversation", "created_at": START}
    return RawThread("conv_1", Form.CONVERSATION, "conversations", thread, items)


def chat(*messages: Json) -> RawThread:
    return RawThread("chat-1", Form.CHAT, "exports", {"created_at": START}, messages)


def wati(*rows: Json) -> RawThread:
    thread = {"bot_operators": ["Bot", "Avenue"]}
    return RawThread("50370000001", Form.WATI, "wati", thread, rows)


def row(number: int, words: str, **more: Any) -> Json:
    return {
        "id": f"row{number}",
        "eventType": "message",
        "type": "text",
        "text": words,
        "owner": False,
        "timestamp": str(START + number),
        "created": None,
        "operatorName": None,
        "localMessageId": None,
        **more,
    }


def exported(raw: RawThread) -> Json:
    """As `assistants-thread-export/v1` has it."""
    return {
        "export_schema": "assistants-thread-export/v1",
        "thread_id": raw.thread_id,
        "exported_at": "2026-08-20T10:00:00+00:00",
        "thread": raw.thread,
        "messages": list(raw.messages),
        "runs": None if raw.runs is None else list(raw.runs),
        "files": dict(raw.files),
        "errors": list(raw.errors),
    }


def lines(*values: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def ref(thread_id: str | None, guest: str = "50370000001") -> ThreadRef:
    return ThreadRef(guest, ChannelName.WHATSAPP, guest, thread_id)


def with_tools(messages: int = 3) -> RawThread:
    """A question, an answer that took a tool, and so on."""
    said, runs = [], []
    for number in range(1, messages, 2):
        name = f"run_{number}"
        said.append(message(number, "user", text(f"¿Cuánto cuesta la {number}?")))
        answer = message(number + 1, "assistant", text("Son $90."), run_id=name)
        said.append(answer)
        step = calls(f"step_{number}", function(f"call_{number}", '{"usd": 90}'), at=number)
        runs.append(run(name, step, made(f"made_{number}", answer["id"], number + 1), at=number))
    return assistants(*said, runs=tuple(runs))


def told(raw: RawThread, now: float | None = None) -> Translation:
    return translate(raw, "posada", "50370000001", now)


def spoken(raw: RawThread) -> list[tuple[ItemKind, str]]:
    """Kinds and words; of tools, the names of what was called."""
    return [(item.kind, item.text or names(item.content)) for item in told(raw).items]


def names(content: dict[str, Any] | None) -> str:
    parts = (content or {}).get("parts", [])
    return " ".join(next(iter(part.values()))["id"] for part in parts)


def losses(raw: RawThread) -> list[tuple[str, str]]:
    return [(loss.what, loss.where) for loss in told(raw).losses]
