"""Ids, versions, and the forms besides Assistants, as tables."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.threads import (
    START,
    assistants,
    calls,
    chat,
    conversation,
    function,
    losses,
    message,
    row,
    run,
    spoken,
    text,
    told,
    wati,
    with_tools,
)
from watibot.history import ItemKind
from watibot.translation.scribe import moment

GUEST, ASSISTANT, STAFF = ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.STAFF
CALL, RESULT = ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT

FILES = {
    "file-1": {"id": "file-1", "filename": "habitacion.jpg", "bytes": 122_880},
    "file-2": {"id": "file-2", "filename": "reserva.pdf", "bytes": 1_500_000},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (START, START),
        (START + 0.25, START + 0.25),
        (START * 1000, START),
        (str(START), START),
        ("2025-10-09T08:53:20Z", START),
        ("2025-10-09T08:53:20", START),
        ("2025-10-09T02:53:20-06:00", START),
        (0, None),
        (True, None),
        (1e300, None),
        (float("nan"), None),
        ("ayer", None),
        (None, None),
    ],
)
def test_moments(value: Any, expected: float | None) -> None:
    at = moment(value)
    assert (at.timestamp() if at else None) == expected


def test_ids_are_ours_where_we_wrote_the_message() -> None:
    own = message(1, "user", text("a"), metadata={"watibot_item": "item-7"})
    again = message(2, "user", text("a"), metadata={"watibot_item": "item-7"})
    first, second = told(assistants(own, again)).items
    assert first.item_id == "item-7"
    name = b"posada\n50370000001\nmsg_2"
    assert second.item_id == hashlib.sha256(name).hexdigest()[:32]
    step = calls("s", function("c", "1"), at=1)
    call, _ = told(assistants(runs=(run("r", step, at=1),))).items
    name = b"posada\n50370000001\ns\ncall"
    assert call.item_id == hashlib.sha256(name).hexdigest()[:32]


def test_the_version_changes_with_what_was_said_and_done() -> None:
    raw = with_tools(5)
    version = told(raw).version
    turned = [dict(reversed(each.items())) for each in raw.messages]
    assert told(replace(raw, messages=tuple(turned))).version == version
    noted = [{**each, "metadata": {"migrated_to": "x"}} for each in raw.messages]
    assert told(replace(raw, messages=tuple(noted))).version == version
    assert raw.runs is not None
    assert told(replace(raw, runs=raw.runs[:1])).version != version
    assert told(replace(raw, runs=None)).version != version
    assert told(replace(raw, messages=raw.messages[:-1])).version != version
    step = calls("s9", function("c9", "1"), at=50)
    active = run("r9", step, at=50, status="in_progress")
    assert told(replace(raw, runs=(*raw.runs, active))).version == version


def test_a_conversation() -> None:
    raw = conversation(
        {"type": "message", "id": "m1", "role": "user", "content": [
            {"type": "input_text", "text": "¿precio?"},
            {"type": "input_image", "image_url": "https://h.example/r.jpg"},
            {"type": "input_file", "filename": "reserva.pdf", "file_id": "file-2"},
        ]},
        {"type": "function_call", "id": "f1", "call_id": "c1", "name": "room_price",
         "arguments": '{"nights": 2}'},
        {"type": "reasoning", "id": "rs"},
        {"type": "function_call", "id": "f2", "call_id": "c2", "name": "taxes", "arguments": "{}"},
        {"type": "function_call_output", "id": "o2", "call_id": "c2", "output": [
            {"type": "input_text", "text": "13 %"}]},
        {"type": "function_call_output", "id": "o1", "call_id": "c1", "output": '{"usd": 90}'},
        {"type": "message", "id": "m2", "role": "assistant", "content": [
            {"type": "output_text", "text": "$90", "annotations": []}]},
        {"type": "function_call", "id": "f3", "call_id": "c3", "name": "taxes", "arguments": "{}"},
    )  # fmt: skip
    translation = told(raw)
    assert spoken(raw) == [
        (GUEST, "¿precio?\n[foto: r.jpg]\n[documento: reserva.pdf]"),
        (CALL, "c1 c2"),
        (RESULT, "c1 c2"),
        (ASSISTANT, "$90"),
        (CALL, "c3"),
        (RESULT, "c3"),
    ]
    results = (translation.items[2].content or {})["parts"]
    assert [part["functionResponse"]["response"] for part in results] == [
        {"usd": 90},
        {"output": "13 %"},
    ]
    assert [(item.origin or {})["sources"] for item in translation.items] == [
        ["m1"], ["f1", "f2"], ["o1", "o2"], ["m2"], ["f3"], ["f3"],
    ]  # fmt: skip
    assert {(item.origin or {})["time"] for item in translation.items} == {"synthetic"}
    assert [item.at.timestamp() - START for item in translation.items][:5] == [0, 1, 5, 6, 7]
    assert losses(raw) == [("reasoning", "rs"), ("tool call without output", "c3")]
    assert (translation.messages, translation.tool_calls, translation.media) == (2, 3, 2)


def test_a_chat() -> None:
    raw = chat(
        {"role": "system", "content": "Eres un hotel"},
        {"role": "user", "content": "¿precio?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "p", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "90"},
        {"role": "assistant", "content": "$90"},
    )  # fmt: skip
    assert spoken(raw) == [(GUEST, "¿precio?"), (CALL, "c1"), (RESULT, "c1"), (ASSISTANT, "$90")]
    assert losses(raw) == [("role 'system'", "chat-1#1")]
    items = told(raw).items
    assert {item.source_id for item in items} == {None}
    assert len({item.item_id for item in items}) == 4
    assert (items[0].origin or {}).get("sources") is None
    assert items[0].at == datetime.fromtimestamp(START + 1, UTC)


def test_wati_s_rows() -> None:
    raw = wati(
        {"id": "t1", "eventType": "ticket", "type": 0, "eventDescription": "opened"},
        row(1, "hola"),
        row(2, "Buenos días", owner=True, operatorName="Avenue Bot"),
        row(3, "Con gusto", owner=True, operatorName="Ana Pérez"),
        row(4, "¿Algo más?", owner="true", localMessageId="watibot-1", operatorName="Ana Pérez"),
        row(5, "Su reserva", owner=True),
        {"id": "b1", "eventType": "broadcastMessage", "finalText": "oferta"},
        row(6, "reserva.pdf", type="document", data="data/documents/reserva.pdf"),
        row(7, "mire", type="image", data="data/images/4f.jpg"),
        row(8, "👍", type="reaction"),
        row(9, "13.69,-89.19", type="location"),
        row(10, "luego", created="2025-10-09T08:53:30.250Z"),
    )
    assert [(item.kind, item.text, item.author) for item in told(raw).items] == [
        (GUEST, "hola", None),
        (ASSISTANT, "Buenos días", None),
        (STAFF, "Con gusto", "Ana Pérez"),
        (ASSISTANT, "¿Algo más?", None),
        (ASSISTANT, "Su reserva", None),
        (GUEST, "[documento: reserva.pdf]", None),
        (GUEST, "mire\n[foto]", None),
        (GUEST, "[reacción: 👍]", None),
        (GUEST, "[ubicación: 13.69,-89.19]", None),
        (GUEST, "luego", None),
    ]
    translation = told(raw)
    assert (translation.messages, translation.media, losses(raw)) == (10, 2, [])
    assert translation.items[-1].at.isoformat() == "2025-10-09T08:53:30.250000+00:00"
    staff = translation.items[2]
    assert staff.content is None
    assert (staff.origin or {})["time"] == "exact"
