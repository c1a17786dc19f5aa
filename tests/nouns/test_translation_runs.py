"""Tool calls between the messages, and when everything was, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.threads import (
    START,
    assistants,
    calls,
    function,
    losses,
    made,
    message,
    run,
    spoken,
    text,
    told,
)
from watibot.history import ItemKind
from watibot.threads import RawThread

GUEST, ASSISTANT, STAFF = ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.STAFF
CALL, RESULT = ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT

FILES = {
    "file-1": {"id": "file-1", "filename": "habitacion.jpg", "bytes": 122_880},
    "file-2": {"id": "file-2", "filename": "reserva.pdf", "bytes": 1_500_000},
}

OUTPUTS = [
    ('{"usd": 90}', {"usd": 90}),
    ("[1, 2]", {"output": [1, 2]}),
    ("noventa", {"output": "noventa"}),
    ("", {"output": ""}),
    ('{"usd": NaN}', {"output": '{"usd": NaN}'}),
    ('{"usd": 1e999}', {"output": '{"usd": 1e999}'}),
    ('{"a": "\\u0000x"}', {"a": "x"}),
    (None, {"error": "no output was recorded"}),
]


@pytest.mark.parametrize(("output", "expected"), OUTPUTS)
def test_outputs(output: str | None, expected: dict[str, Any]) -> None:
    step = calls("s", function("c", output, '{"nights": 2}'), at=1)
    call, result = told(assistants(runs=(run("r", step, at=1),))).items
    assert call.content == {
        "role": "model",
        "parts": [{"functionCall": {"id": "c", "name": "room_price", "args": {"nights": 2}}}],
    }
    answer = {"id": "c", "name": "room_price", "response": expected}
    assert result.content == {"role": "user", "parts": [{"functionResponse": answer}]}
    assert (call.source_id, result.source_id) == ("s", "s")
    assert bool(losses(assistants(runs=(run("r", step, at=1),)))) == (output is None)


def test_other_tools_of_openai_are_calls_too() -> None:
    code = {
        "id": "c1",
        "type": "code_interpreter",
        "code_interpreter": {
            "input": "print(1)",
            "outputs": [
                {"type": "logs", "logs": "1\n"},
                {"type": "image", "image": {"file_id": "file-3"}},
            ],
        },
    }
    search = {"id": "c2", "type": "file_search", "file_search": {"results": [{"score": 0.5}]}}
    raw = assistants(runs=(run("r", calls("s", code, search, at=1), at=1),))
    call, result = told(raw).items
    assert call.content is not None
    assert result.content is not None
    assert [part["functionCall"]["args"] for part in call.content["parts"]] == [
        {"input": "print(1)"},
        {},
    ]
    assert [part["functionResponse"]["response"] for part in result.content["parts"]] == [
        {"output": "1\n", "files": ["file-3"]},
        {"results": [{"score": 0.5}]},
    ]
    assert told(raw).tool_calls == 2
    assert not losses(raw)


ASK, ANSWER = message(1, "user", text("¿precio?")), message(4, "assistant", text("$90"), run_id="r")
WAIT = message(3, "assistant", text("un momento"), run_id="r", after=4)
FIRST = calls("s1", function("c1", "1"), function("c2", "2"), at=2)
SECOND = calls("s2", function("c3", "3"), at=4)
NEXT = message(9, "user", text("gracias"))

ORDERS: list[tuple[str, RawThread, list[str]]] = [
    (
        "the calls stand before the message that they led to",
        assistants(ASK, ANSWER, NEXT, runs=(run("r", FIRST, made("m", "msg_4", 4), at=1),)),
        ["¿precio?", "c1 c2", "c1 c2", "$90", "gracias"],
    ),
    (
        "message steps tell the order within a second",
        assistants(
            ASK,
            WAIT,
            ANSWER,
            runs=(run("r", FIRST, made("m1", "msg_3", 4), SECOND, made("m2", "msg_4", 4), at=1),),
        ),
        ["¿precio?", "c1 c2", "c1 c2", "un momento", "c3", "c3", "$90"],
    ),
    (
        "steps with the newest first are turned round",
        assistants(ASK, ANSWER, runs=(run("r", made("m", "msg_4", 4), FIRST, at=1),)),
        ["¿precio?", "c1 c2", "c1 c2", "$90"],
    ),
    (
        "without message steps, times tell",
        assistants(ASK, ANSWER, NEXT, runs=(run("r", FIRST, SECOND, at=1),)),
        ["¿precio?", "c1 c2", "c1 c2", "c3", "c3", "$90", "gracias"],
    ),
    (
        "a call after the last message stands behind it",
        assistants(ASK, ANSWER, NEXT, runs=(run("r", made("m", "msg_4", 3), SECOND, at=1),)),
        ["¿precio?", "$90", "c3", "c3", "gracias"],
    ),
    (
        "a failed run leaves its finished steps where it began",
        assistants(ASK, NEXT, runs=(run("r", FIRST, SECOND, at=1, status="failed"),)),
        ["¿precio?", "c1 c2", "c1 c2", "c3", "c3", "gracias"],
    ),
    (
        "runs in any order",
        assistants(
            ASK,
            ANSWER,
            NEXT,
            runs=(
                run("r", FIRST, made("m", "msg_4", 4), at=1),
                run("r3", calls("s3", function("c5", "1"), at=12), at=11, status="cancelled"),
                run("r2", calls("s2", function("c4", "1"), at=10), at=10, status="failed"),
            ),
        ),
        ["¿precio?", "c1 c2", "c1 c2", "$90", "gracias", "c4", "c4", "c5", "c5"],
    ),
    (
        "a run without messages stands behind those before it, whatever its time",
        assistants(
            ASK,
            ANSWER,
            NEXT,
            runs=(
                run("r", FIRST, made("m", "msg_4", 4), at=1),
                run("r2", SECOND, at=3, status="failed"),
                run("r3", calls("s3", function("c4", "1"), at=3), at=3, status="failed"),
            ),
        ),
        ["¿precio?", "c1 c2", "c1 c2", "$90", "c3", "c3", "c4", "c4", "gracias"],
    ),
    (
        "pages that overlap",
        assistants(ASK, NEXT, dict(ASK)),
        ["¿precio?", "gracias"],
    ),
]


@pytest.mark.parametrize(("raw", "expected"), [case[1:] for case in ORDERS],
                         ids=[case[0] for case in ORDERS])  # fmt: skip
def test_where_tool_calls_stand(raw: RawThread, expected: list[str]) -> None:
    assert [words for _, words in spoken(raw)] == expected
    assert not losses(raw)


def test_a_run_that_has_not_ended_is_left_out_and_told() -> None:
    active = run("r", FIRST, at=1, status="requires_action", expires_at=START + 600)
    raw = assistants(ASK, runs=(active,))
    assert told(raw).active_run == "r"
    assert [item.kind for item in told(raw, START + 599).items] == [GUEST]
    expired = told(raw, START + 600)
    assert expired.active_run is None
    assert [item.kind for item in expired.items] == [GUEST, CALL, RESULT]


def test_an_unfinished_message_says_so() -> None:
    raw = assistants(
        message(1, "assistant", text("Son"), status="incomplete", run_id="r",
                incomplete_details={"reason": "run_expired"}),
        runs=(run("r", at=1, status="expired"),),
    )  # fmt: skip
    (item,) = told(raw).items
    assert item.origin is not None
    assert (item.origin["status"], item.origin["incomplete"]) == ("incomplete", "run_expired")


def test_times_only_move_forward() -> None:
    raw = assistants(
        message(1, "user", text("a"), after=5),
        message(2, "user", text("b"), after=5),
        message(3, "user", text("c"), after=2),
        message(4, "user", text("d"), after=6),
        message(5, "user", text("e"), created_at=None),
    )
    items = told(raw).items
    start = datetime.fromtimestamp(START + 5, UTC)
    tick = timedelta(microseconds=1)
    later = start + timedelta(seconds=1)
    assert [item.at for item in items] == [start, start + tick, start + 2 * tick, later,
                                           later + tick]  # fmt: skip
    origins = [item.origin or {} for item in items]
    assert [each.get("created_at") for each in origins] == [
        START + 5,
        START + 5,
        START + 2,
        START + 6,
        None,
    ]
    assert [each["time"] for each in origins] == ["exact"] * 4 + ["synthetic"]
