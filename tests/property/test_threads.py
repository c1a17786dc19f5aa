"""Whatever a thread holds: nothing unsaid, nothing twice, always forward, the same again."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.threads import START, assistants, calls, function, made, message, run, text
from watibot.history import ItemKind
from watibot.threads import RawThread, Translation
from watibot.translation import translate
from watibot.translation.staff_context import FOOTER, HEADER

WORDS = st.text(max_size=12) | st.sampled_from(
    ["", " ", HEADER, f"{HEADER}\n--- Conversación 1 ---\nAgente (A): b\n{FOOTER}"]
)
PARTS = st.one_of(
    WORDS.map(text),
    st.just({"type": "image_file", "image_file": {"file_id": "file-1"}}),
    st.just({"type": "hologram"}),
    st.none(),
)
OUTPUTS = st.none() | st.text(max_size=8) | st.sampled_from(['{"a": 1}', "[1]", "1e999"])
STATES = st.sampled_from(["completed", "failed", "expired"])


@st.composite
def rounds(draw: st.DrawFn, first: int, at: int) -> tuple[list[Any], list[Any], int]:
    """What a guest asks and what comes of it; the next number for a message."""
    messages = [
        message(n, "user", *draw(st.lists(PARTS, max_size=2)), after=at)
        for n in range(first, first + draw(st.integers(0, 2)))
    ]
    number = first + len(messages)
    name, steps = f"run_{first}", []
    for n in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            answer = message(number, "assistant", draw(PARTS), after=at + 1, run_id=name)
            messages.append(answer)
            number += 1
            if draw(st.booleans()):
                steps.append(made(f"made_{first}_{n}", answer["id"], at + 1))
        else:
            tools = [
                function(f"call_{first}_{n}_{k}", draw(OUTPUTS), draw(st.text(max_size=3)))
                for k in range(draw(st.integers(1, 2)))
            ]
            steps.append(calls(f"step_{first}_{n}", *tools, at=at + 1, status=draw(STATES)))
    if not messages:  # each round has one, or its run would be nowhere
        messages.append(message(number, "user", text("x"), after=at))
        number += 1
    return messages, [run(name, *steps, at=at, status=draw(STATES))], number


@st.composite
def threads(draw: st.DrawFn) -> tuple[RawThread, RawThread]:
    """A thread, and what it had grown to some rounds later."""
    said: list[Any] = []
    runs: list[Any] = []
    number, at = 1, 1
    cut = draw(st.integers(0, 3))
    smaller = assistants(runs=())
    for index in range(draw(st.integers(cut, cut + 2))):
        if index == cut:
            smaller = assistants(*said, runs=tuple(runs))
        more, made_, number = draw(rounds(number, at))
        said += more
        runs += made_
        at += draw(st.integers(2, 9))
    whole = assistants(*said, runs=tuple(runs))
    return (smaller if smaller.messages else whole), whole


def told(raw: RawThread) -> Translation:
    return translate(raw, "posada", "c")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(threads())
def test_a_thread_as_history(pair: tuple[RawThread, RawThread]) -> None:
    smaller, raw = pair
    translation = told(raw)
    items, places = translation.items, {loss.where for loss in translation.losses}
    assert len({item.item_id for item in items}) == len(items)
    assert all(before.at < after.at for before, after in pairwise(items))
    assert all(item.at.timestamp() >= START for item in items)

    sources = [item.source_id for item in items]
    in_order = [message["id"] for message in raw.messages]
    assert [each for each in dict.fromkeys(sources) if each in in_order] == in_order
    for item in items:
        assert item.text or item.kind in (ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT)
        assert (item.content is None) == (item.kind is ItemKind.STAFF)
        json.dumps([item.content, item.origin], allow_nan=False).encode()
        item.text.encode()

    for index, item in enumerate(items):
        if item.kind is ItemKind.TOOL_CALL:
            asked = [part["functionCall"]["id"] for part in (item.content or {})["parts"]]
            result = items[index + 1]
            answers = (result.content or {})["parts"]
            assert result.kind is ItemKind.TOOL_RESULT
            assert [part["functionResponse"]["id"] for part in answers] == asked
    kinds = [item.kind for item in items]
    assert kinds.count(ItemKind.TOOL_CALL) == kinds.count(ItemKind.TOOL_RESULT)
    for run_ in raw.runs or ():
        for step in run_["steps"]:
            if step["type"] == "tool_calls":
                assert step["id"] in sources or step["id"] in places

    assert told(raw) == translation
    turned = json.loads(json.dumps([raw.messages, raw.runs], sort_keys=True))
    again = told(replace(raw, messages=tuple(turned[0]), runs=tuple(turned[1])))
    assert again.version == translation.version
    assert [item.item_id for item in again.items] == [item.item_id for item in items]

    before = told(smaller).items
    assert items[: len(before)] == before
