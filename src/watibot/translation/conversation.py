"""The Conversations form, and chats: items in order, without times.

A tool's call and its output are items of their own there, paired by `call_id`. Chats (`role` and
`content`) are read as the items that they would be. Times are made up: a second for each
item. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from watibot.threads import RawThread
from watibot.translation import parts, tools, words
from watibot.translation.scribe import Scribe, Source, label

Json = dict[str, Any]

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def write(raw: RawThread, scribe: Scribe, _now: float | None = None) -> int:
    """Gives the scribe the whole conversation; how many messages it has."""
    return _write(raw, raw.messages, scribe)


def write_chat(raw: RawThread, scribe: Scribe, _now: float | None = None) -> int:
    """The same for a chat."""
    _write(raw, list(_items_of_chat(raw.messages)), scribe)
    return len(raw.messages)


def _write(raw: RawThread, items: Sequence[Json], scribe: Scribe) -> int:
    sources = [_source(raw, index, item, scribe) for index, item in enumerate(items)]
    answers = _answers(items)
    used = {answer for answer in answers if answer is not None}
    round_: list[int] = []
    kinds = [str(item.get("type", "message")) for item in items]
    for index, (kind, item) in enumerate(zip(kinds, items, strict=True)):
        if kind in _CALLS:
            round_.append(index)
        elif kind == "reasoning":  # stands between the calls of one round
            if index == kinds.index(kind):
                scribe.lose(kind, sources[index].name)
        else:
            _write_round(round_, items, sources, answers, raw, scribe)
            round_ = []
            if kind == "message":
                words.write(item, sources[index], raw.files, scribe)
            elif kind not in _OUTPUTS:
                scribe.lose(f"item '{label(kind)}'", sources[index].name)
            elif index not in used:
                scribe.lose("tool output without its call", sources[index].name)
    _write_round(round_, items, sources, answers, raw, scribe)
    return kinds.count("message")


def _source(raw: RawThread, index: int, item: Json, scribe: Scribe) -> Source:
    given = item.get("id")
    return Source(
        name=str(given or f"{raw.thread_id}#{index + 1}"),
        at=scribe.base + timedelta(seconds=index),
        in_thread=str(given) if given else None,
        origin={},
        synthetic=True,
    )


def _answers(items: Sequence[Json]) -> list[int | None]:
    """For each item that is a call, where its output is."""
    waiting: dict[str, list[int]] = {}
    answers: list[int | None] = [None] * len(items)
    for index, item in enumerate(items):
        calls = waiting.setdefault(str(item.get("call_id")), [])
        if item.get("type") in _CALLS:
            calls.append(index)
        elif item.get("type") in _OUTPUTS and calls:
            answers[calls.pop(0)] = index
    return answers


def _write_round(
    round_: Sequence[int],
    items: Sequence[Json],
    sources: Sequence[Source],
    answers: Sequence[int | None],
    raw: RawThread,
    scribe: Scribe,
) -> None:
    if not round_:
        return
    calls = []
    for index in round_:
        answer = answers[index]
        output = None if answer is None else _output(items[answer], raw)
        call = _call(items[index], sources[index], output)
        calls.append(call)
        for problem in call.problems:
            scribe.lose(problem, call.call_id)
    found = [answer for index in round_ if (answer := answers[index]) is not None]
    asked = _together([sources[index] for index in round_])
    answered = _together([sources[index] for index in found]) if found else asked
    scribe.call(calls, asked, answered)


def _together(sources: Sequence[Source]) -> Source:
    ids = [source.in_thread for source in sources if source.in_thread]
    return sources[0].with_origin({"sources": ids})


def _call(item: Json, source: Source, output: Any) -> tools.Call:
    call_id = str(item.get("call_id") or source.name)
    if item.get("type") == "custom_tool_call":
        return tools.function(call_id, item.get("name"), {"input": item.get("input")}, output)
    return tools.function(call_id, item.get("name"), item.get("arguments"), output)


def _output(item: Json, raw: RawThread) -> Any:
    output = item.get("output")
    return parts.read(output, (), raw.files).text if isinstance(output, list) else output


def _items_of_chat(messages: Iterable[Json]) -> Iterator[Json]:
    """What a chat's messages would be as items."""
    for message in messages:
        calls = parts.objects(message.get("tool_calls"))
        if message.get("role") == "tool":
            output, call_id = message.get("content"), message.get("tool_call_id")
            yield {"type": "function_call_output", "call_id": call_id, "output": output}
        elif message.get("content") or not calls:
            yield {**message, "type": "message"}
        for call in calls:
            given = call.get("function")
            function = given if isinstance(given, dict) else {}
            yield {
                "type": "function_call",
                "call_id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments"),
            }
