"""A run of OpenAI's that ends is followed by one that asks anew: effects are not repeated."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from tests.clocks import JumpingClock
from tests.invented import item, turn
from watibot.history import HistoryItem, ItemKind
from watibot.service.rounds import Rounds
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.toolcalls import Caller, Tool, ToolCall, ToolResult
from watibot.turns import Step

Json = dict[str, Any]


class Nothing(BaseModel):
    pass


async def never(_: Nothing, caller: Caller) -> Json:
    raise NotImplementedError


TOOLS = (Tool("book", "", Nothing, True, never), Tool("look", "", Nothing, False, never))


def calls(run: str | None, *names: str) -> HistoryItem:
    parts = [{"functionCall": {"name": name, "args": {}, "id": f"{run}-{name}"}} for name in names]
    content = {"role": "model", "parts": parts}
    origin = {"run": run} if run else None
    return item(1, ItemKind.TOOL_CALL, content=content, origin=origin)


def results(run: str | None, **responses: Json) -> HistoryItem:
    parts = [
        {"functionResponse": {"name": name.rstrip("_"), "response": response}}
        for name, response in responses.items()
    ]
    content = {"role": "user", "parts": parts}
    origin = {"run": run} if run else None
    return item(2, ItemKind.TOOL_RESULT, content=content, origin=origin)


ONE, TWO = {"booking_id": 1}, {"booking_id": 2}
RAN = {"ran": True}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([calls("a", "book")], [RAN]),
        ([calls("a", "book"), results("a", book=ONE), calls("b", "book")], [ONE]),
        ([calls("a", "book"), results("a", book=ONE), calls("a", "book")], [RAN]),
        ([calls("a", "look"), results("a", look=ONE), calls("b", "look")], [RAN]),
        ([calls("a", "book"), results("a", book={"error": "x"}), calls("b", "book")], [RAN]),
        ([calls("a", "book"), results("a", book=ONE), calls("b", "book", "book")], [ONE, RAN]),
        (
            [
                calls("a", "book", "book"),
                results("a", book=ONE, book_=TWO),
                calls("b", "look", "book"),
                results("b", look=RAN, book=ONE),
                calls("b", "book"),
            ],
            [TWO],
        ),
        (
            [
                calls("a", "book"),
                results("a", book=ONE),
                calls("b", "book"),
                results("b", book=ONE),
                calls("c", "book", "book"),
            ],
            [ONE, RAN],
        ),
        ([calls(None, "book"), results(None, book=ONE), calls(None, "book")], [RAN]),
    ],
)
async def test_what_is_done_is_not_done_again(
    items: list[HistoryItem], expected: list[Json]
) -> None:
    async def ran(_: Any, call: ToolCall, caller: Caller) -> ToolResult:
        return ToolResult(call, RAN)

    rounds = Rounds(TOOLS, ran, JumpingClock(), Patience(), Metrics())
    steps = tuple(Step(position, each) for position, each in enumerate(items))
    given = await rounds.run(turn(steps=steps))
    assert [result.response for result in given] == expected
    asked = items[-1].content["parts"] if items[-1].content else []
    assert [result.call.call_id for result in given] == [one["functionCall"]["id"] for one in asked]
