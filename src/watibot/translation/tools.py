"""Tool calls with their results, as OpenAI keeps them, in the wire form of Vertex. Pure.

`assistants.py` reads them from run steps, `conversation.py` from items; `scribe.py` writes both of
a round's contents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NO_OUTPUT = "tool call without output"


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what came back. `problems`: what of it could not be kept as it was."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    response: dict[str, Any]
    problems: tuple[str, ...] = ()


def function(call_id: str, name: Any, arguments: Any, output: Any) -> Call:
    """A call of a function of ours. `arguments` and `output` are texts, JSON or not; an output of
    None was never recorded."""
    problems = []
    if not isinstance(name, str) or not name:
        name = "unknown"
        problems.append("tool call without name")
    args = arguments if isinstance(arguments, dict) else _json(arguments or "{}")
    if not isinstance(args, dict):
        args = {"arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}
        problems.append("tool arguments that are no JSON object")
    if output is None:
        problems.append(NO_OUTPUT)
    return Call(call_id, name, args, _response(output), tuple(problems))


def of_step(call: Any, call_id: str) -> Call | None:
    """An entry of a run step's `tool_calls`; None for a kind of tool that nobody knows."""
    if not isinstance(call, dict):
        return None
    call_id = str(call.get("id") or call_id)
    given = call.get(str(call.get("type")))
    facts = given if isinstance(given, dict) else {}
    match call.get("type"):
        case "function":
            return function(call_id, facts.get("name"), facts.get("arguments"), facts.get("output"))
        case "code_interpreter":
            args = {"input": facts["input"]} if facts.get("input") else {}
            return Call(call_id, "code_interpreter", args, _outputs(facts.get("outputs")))
        case "file_search":
            results = facts.get("results")
            return Call(call_id, "file_search", {}, {"results": results or []})
    return None


def content_of_calls(calls: Sequence[Call]) -> dict[str, Any]:
    """The model's side of a round."""
    parts = [
        {"functionCall": {"id": call.call_id, "name": call.name, "args": call.arguments}}
        for call in calls
    ]
    return {"role": "model", "parts": parts}


def content_of_results(calls: Sequence[Call]) -> dict[str, Any]:
    """The one content that answers it."""
    parts = [
        {"functionResponse": {"id": call.call_id, "name": call.name, "response": call.response}}
        for call in calls
    ]
    return {"role": "user", "parts": parts}


def _response(output: Any) -> dict[str, Any]:
    if output is None:
        return {"error": "no output was recorded"}
    value = _json(output)
    return value if isinstance(value, dict) else {"output": value}


def _json(given: Any) -> Any:
    """A text's value; the text itself where it is no JSON that Vertex could take: NaN and
    numbers beyond a double are none, and what is nested without end is not unpacked."""
    if not isinstance(given, str):
        return given
    try:
        value = json.loads(given)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return given
    return value


def _outputs(outputs: Any) -> dict[str, Any]:
    """What code wrote, and the files that it made."""
    given = [each for each in outputs or () if isinstance(each, Mapping)]
    logs = [str(each.get("logs") or "") for each in given if each.get("type") == "logs"]
    images = [each.get("image") for each in given if each.get("type") == "image"]
    made = [image.get("file_id") for image in images if isinstance(image, Mapping)]
    response: dict[str, Any] = {"output": "\n".join(logs)}
    return response | ({"files": made} if made else {})
