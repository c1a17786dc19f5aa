"""What messages hold, as words, and what is lost of them, as tables."""

from __future__ import annotations

import json
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
    made,
    message,
    row,
    run,
    text,
    told,
    wati,
)
from watibot.threads import RawThread

FILES = {
    "file-1": {"id": "file-1", "filename": "habitacion.jpg", "bytes": 122_880},
    "file-2": {"id": "file-2", "filename": "reserva.pdf", "bytes": 1_500_000},
}

FILES = {
    "file-1": {"id": "file-1", "filename": "habitacion.jpg", "bytes": 122_880},
    "file-2": {"id": "file-2", "filename": "reserva.pdf", "bytes": 1_500_000},
}


CITED = "Check-in a las 15:00【4:0†source】. ¡Los esperamos!"
CITATION = {
    "type": "file_citation",
    "text": "【4:0†source】",
    "start_index": 20,
    "end_index": 32,
    "file_citation": {"file_id": "file-9"},
}
PATH = {
    "type": "file_path",
    "text": "sandbox:/mnt/data/precios.csv",
    "start_index": 999,
    "end_index": 1010,
    "file_path": {"file_id": "file-8"},
}

CONTENTS = [
    ([text("hola\n qué tal ")], "hola\n qué tal "),
    ([{"type": "text", "text": "hola"}], "hola"),
    (["hola", text("adiós")], "hola\nadiós"),
    ([text(CITED, CITATION)], "Check-in a las 15:00. ¡Los esperamos!"),
    (
        [text("🏨🏨 [Precios](sandbox:/mnt/data/precios.csv) y [otros](x)", PATH)],
        "🏨🏨 Precios y [otros](x)\n[documento: precios.csv]",
    ),
    ([{"type": "refusal", "refusal": "No puedo ayudar."}], "No puedo ayudar."),
    ([{"type": "image_file", "image_file": {"file_id": "file-0"}}], "[foto]"),
    (
        [text("mire"), {"type": "image_file", "image_file": {"file_id": "file-1"}}],
        "mire\n[foto: habitacion.jpg, image/jpeg, 120 KB]",
    ),
    (
        [{"type": "image_url", "image_url": {"url": "https://h.example/a/b%20c.png?x=1"}}],
        "[foto: b c.png]",
    ),
    (
        [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4096}}],
        "[foto: image/png, 3 KB]",
    ),
    ([text("uno"), {"type": "hologram", "hologram": {"x": 1}}], "uno"),
    ([{"type": "hologram"}], "[mensaje vacío]"),
    ([], "[mensaje vacío]"),
    ([text(" ")], "[mensaje vacío]"),
    ([text("a\x00b\ud83d")], "ab\ufffd"),
    # no server's shapes, but a thread must not stop at them
    ([{"type": "text", "text": None}, {"type": "text", "text": {"value": 5}}], "[mensaje vacío]"),
    ([{"type": "text", "text": {"value": "a", "annotations": 5}}], "a"),
    ([{"type": "image_url", "image_url": {"url": "http://[bad"}}, None, 7], "[foto]"),
]


@pytest.mark.parametrize(("content", "expected"), CONTENTS)
def test_how_content_reads(content: list[Any], expected: str) -> None:
    (item,) = told(assistants(message(1, "user", *content), files=FILES)).items
    assert item.text == expected
    assert item.content == {"role": "user", "parts": [{"text": expected}]}


def test_what_is_taken_out_of_a_text_is_kept_in_the_origin() -> None:
    (item,) = told(assistants(message(1, "assistant", text(CITED, CITATION)))).items
    assert item.origin == {
        "annotations": [{"type": "file_citation", "file_id": "file-9"}],
        "created_at": START + 1,
        "parts": ["text"],
        "role": "assistant",
        "source": "exports",
        "sources": ["msg_1"],
        "time": "exact",
    }
    assert list(item.origin) == sorted(item.origin)
    assert item.content is not None
    assert item.content["role"] == "model"
    assert (item.source_id, item.at) == ("msg_1", datetime.fromtimestamp(START + 1, UTC))


def test_attachments_are_noted_once_and_counted() -> None:
    raw = assistants(
        message(
            1,
            "user",
            {"type": "image_file", "image_file": {"file_id": "file-1"}},
            attachments=[
                {"file_id": "file-1", "tools": [{"type": "code_interpreter"}]},
                {"file_id": "file-2", "tools": [{"type": "file_search"}]},
                {"file_id": "file-7"},
            ],
        ),
        files=FILES,
    )
    (item,) = told(raw).items
    assert item.text == (
        "[foto: habitacion.jpg, image/jpeg, 120 KB]\n"
        "[documento: reserva.pdf, application/pdf, 1.4 MB]\n[documento]"
    )
    assert told(raw).media == 3
    assert item.origin is not None
    assert item.origin["attachments"][0] == {
        "part": "image_file",
        "file_id": "file-1",
        "name": "habitacion.jpg",
        "mime": "image/jpeg",
        "size": 122_880,
        "tools": ["code_interpreter"],
    }


ODD: list[Any] = [None, 1, "x", [], {}, [1], {"type": ["x"]}, [{"type": 1}]]


@pytest.mark.parametrize("value", ODD)
def test_no_shape_stops_a_thread(value: Any) -> None:
    said = message(1, "user", text("a"))
    step = calls("s", function("c", "1"), at=1)
    ran = run("r", step, at=1)
    raws = [assistants({**said, key: value}) for key in (*said, "run_id", "incomplete_details")]
    raws += [assistants(runs=({**ran, key: value},)) for key in (*ran, "expires_at")]
    raws += [assistants(runs=({**ran, "steps": [{**step, key: value}]},)) for key in step]
    item = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
    raws += [conversation(item, {**item, key: value}) for key in (*item, "id")]
    answer = {"type": "function_call_output", "call_id": "c"}
    raws += [conversation(item, {**answer, "output": value})]
    raws += [chat({"role": "user", key: value}) for key in ("content", "tool_calls", "role")]
    raws += [wati(row(1, "x", **{key: value})) for key in row(1, "x")]
    for raw in raws:
        translation = told(raw, START)
        json.dumps([item.origin for item in translation.items], allow_nan=False)


LOSSES: list[tuple[RawThread, list[tuple[str, str]]]] = [
    (assistants(message(1, "user", {"type": "hologram"})), [("content part 'hologram'", "msg_1")]),
    (assistants(message(1, "user", {"type": "mi tarjeta"})), [("content part '?'", "msg_1")]),
    (assistants(message(1, "user")), [("message without content", "msg_1")]),
    (assistants(message(1, "system", text("x"))), [("role 'system'", "msg_1")]),
    (assistants(message(1, "user", text("x")), runs=None), [("tool history absent", "thread_1")]),
    (
        assistants(message(1, "assistant", text("x"), run_id="run_9")),
        [("tool history of a run absent", "run_9")],
    ),
    (
        assistants(runs=(run("r", made("s", "msg_9", 1), at=1),)),
        [("message of a run absent", "msg_9")],
    ),
    (
        assistants(runs=(run("r", calls("s", function("c", None), at=1), at=1),)),
        [("tool call without output", "c")],
    ),
    (
        assistants(runs=(run("r", calls("s", function("c", "1", "[2]"), at=1), at=1),)),
        [("tool arguments that are no JSON object", "c")],
    ),
    (
        assistants(runs=(run("r", calls("s", {"id": "c", "type": "bing"}, at=1), at=1),)),
        [("tool call 'bing'", "s")],
    ),
    (
        assistants(
            runs=(
                run("r", calls("s", function("c", None), at=1, status="expired"), at=1,
                    status="expired"),
            )
        ),
        [("tool call that never ended", "s")],
    ),
    (
        assistants(runs=({**run("r", at=1), "steps": None},)),
        [("tool history of a run absent", "r")],
    ),
    (
        assistants(runs=(run("r", calls("s", at=1, step_details=7), at=1),)),
        [("run step that cannot be read", "s")],
    ),
    (
        assistants(runs=(run("r", calls("s", at=1, type="activities"), at=1),)),
        [("run step 'activities'", "s")],
    ),
    (assistants(runs=(run("r", calls("s", at=1), at=1),)), []),
    (
        assistants(errors=({"object": "file", "id": "file-9", "error": "not_found_or_expired"},)),
        [("file not exported: not_found_or_expired", "file-9")],
    ),
    (conversation({"type": "reasoning", "id": "rs_1"}, {"type": "reasoning", "id": "rs_2"}),
     [("reasoning", "rs_1")]),
    (conversation({"type": "compaction", "id": "cmp_1"}), [("item 'compaction'", "cmp_1")]),
    (
        conversation({"type": "message", "id": "m", "role": "developer", "content": "x"}),
        [("role 'developer'", "m")],
    ),
    (
        conversation({"type": "function_call_output", "id": "o", "call_id": "c", "output": "x"}),
        [("tool output without its call", "o")],
    ),
    (wati(row(1, "", type="order")), [("message of type 'order'", "row1")]),
    (wati(row(1, "")), [("message without content", "row1")]),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), LOSSES)
def test_what_is_lost_is_told(raw: RawThread, expected: list[tuple[str, str]]) -> None:
    assert losses(raw) == expected
