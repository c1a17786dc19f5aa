"""OpenAI's forms to and from those of the stand-in model.

Runs and responses ask here; `hotel_brain` answers, which knows Vertex' contents only. Messages and
items become contents, tools become declarations; the answer comes back as words and calls.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from watibot.emulators.hotel_brain import answer
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_wire import Json

CHARACTERS_A_TOKEN = 4
PICTURE_TOKENS = 255


@dataclass(frozen=True, slots=True)
class Said:
    """The model's answer: words, or the calls [(name, arguments as JSON)] that it asks for."""

    text: str
    calls: list[tuple[str, str]]


def ask(
    contents: list[Json], tools: Iterable[Json], options: Json, today: date, one_call: bool = False
) -> Said:
    """`tools` are {"name", "parameters", ...}; `options`: `tool_choice`, and `schema` for an answer
    in JSON. `one_call` is `parallel_tool_calls: false`."""
    declared = [
        {"name": tool["name"], "parametersJsonSchema": tool.get("parameters") or {}}
        for tool in tools
    ]
    request: Json = {"contents": contents, "tools": [{"functionDeclarations": declared}]}
    if options.get("tool_choice") == "none":
        request["toolConfig"] = {"functionCallingConfig": {"mode": "NONE"}}
    if options.get("schema"):
        request["generationConfig"] = {
            "responseMimeType": "application/json",
            "responseJsonSchema": options["schema"],
        }
    parts = answer(request, today)["parts"]
    calls = [
        (call["name"], json.dumps(call.get("args", {}), ensure_ascii=False))
        for part in parts
        if (call := part.get("functionCall"))
    ]
    text = "\n\n".join(part["text"] for part in parts if "text" in part)
    return Said(text, calls[:1] if one_call else calls)


def thread_contents(messages: Sequence[Json], steps: Sequence[Json], files: Files) -> list[Json]:
    """A thread's messages, and behind them the tool calls of the run that answers."""
    contents = [
        {"role": _role(message["role"]), "parts": parts}
        for message in messages
        if (parts := list(_message_parts(message["content"], files)))
    ]
    for step in steps:
        calls = [
            call["function"]
            for call in step["step_details"].get("tool_calls", [])
            if call["type"] == "function"
        ]
        if calls:
            contents.append({"role": "model", "parts": [_call_part(call) for call in calls]})
            results = [_result_part(call["name"], call["output"]) for call in calls]
            contents.append({"role": "user", "parts": results})
    return contents


def item_contents(items: Sequence[Json], files: Files) -> list[Json]:
    """The items of a conversation; what the stand-in model cannot use is left out."""
    names: dict[str, str] = {}
    contents: list[Json] = []
    for item in items:
        kind = item.get("type")
        if kind == "function_call":
            names[item["call_id"]] = item["name"]
            contents.append({"role": "model", "parts": [_call_part(item)]})
        elif kind == "function_call_output":
            name = names.get(item["call_id"], "?")
            contents.append({"role": "user", "parts": [_result_part(name, item["output"])]})
        elif kind == "message" and item["role"] in ("user", "assistant"):
            parts = list(_item_parts(item["content"], files))
            if parts:
                contents.append({"role": _role(item["role"]), "parts": parts})
    return contents


def count_tokens(contents: Sequence[Json], *beside: object) -> int:
    """About how many tokens the contents and what goes with them (instructions, tools) have."""
    characters = sum(len(part.get("text", "")) for each in contents for part in each["parts"])
    characters += sum(len(json.dumps(each)) for each in beside if each)
    pictures = sum("inlineData" in part for each in contents for part in each["parts"])
    return characters // CHARACTERS_A_TOKEN + 1 + pictures * PICTURE_TOKENS


def _role(role: str) -> str:
    return "model" if role == "assistant" else "user"


def _message_parts(content: Sequence[Json], files: Files) -> Iterator[Json]:
    for part in content:
        kind = part.get("type")
        if kind == "text" and part["text"]["value"]:
            yield {"text": part["text"]["value"]}
        elif kind == "refusal":
            yield {"text": part["refusal"]}
        elif kind == "image_file":
            yield _picture(part["image_file"]["file_id"], files)
        elif kind == "image_url":
            yield _linked(part["image_url"]["url"])


def _item_parts(content: Any, files: Files) -> Iterator[Json]:
    for part in [{"text": content}] if isinstance(content, str) else content:
        if text := part.get("text") or part.get("refusal"):
            yield {"text": text}
        elif part.get("type") == "input_image":
            if part.get("file_id"):
                yield _picture(part["file_id"], files)
            elif part.get("image_url"):
                yield _linked(part["image_url"])


def _picture(file_id: str, files: Files) -> Json:
    kind, content = files.picture(file_id)
    if content is None:
        return _linked(file_id)
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(content).decode()}}


def _linked(uri: str) -> Json:
    """A link; the pixels of one that carries its data count no more than those of another."""
    return {"fileData": {"mimeType": "image/jpeg", "fileUri": uri[:200]}}


def _call_part(call: Json) -> Json:
    return {"functionCall": {"name": call["name"], "args": _read(call["arguments"])}}


def _result_part(name: str, output: Any) -> Json:
    result = _read(output)
    response = result if isinstance(result, dict) else {"output": result}
    return {"functionResponse": {"name": name, "response": response}}


def _read(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text
