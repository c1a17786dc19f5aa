"""Items of the Conversations API: what a client writes becomes what it reads.

Called by `openai_conversations` and `openai_responses`; pure. Items have no time of their own.
"""

from collections.abc import Callable, Iterable
from typing import Any

from watibot.emulators.openai_wire import (
    ANY,
    ARRAY,
    STRING,
    ApiError,
    Json,
    check_choice,
    missing_parameter,
    read_body,
)

ROLES = ("user", "assistant", "system", "developer")
PARTS = ("input_text", "input_image", "input_file", "output_text", "refusal")
PREFIXES = {"message": "msg_", "function_call": "fc_", "function_call_output": "fco_"}
OTHERS = (
    *("reasoning", "compaction", "file_search_call", "web_search_call", "code_interpreter_call"),
    *("computer_call", "computer_call_output", "image_generation_call", "mcp_call"),
    *("mcp_list_tools", "custom_tool_call", "custom_tool_call_output", "shell_call"),
    *("shell_call_output", "local_shell_call", "local_shell_call_output"),
)
IMAGES = "message.input_image.image_url"

NewId = Callable[[str], str]


def read_items(given: Iterable[Any], new_id: NewId, where: str) -> list[Json]:
    """The items as they are read back, with ids; ApiError 400 for the first wrong one."""
    return [_item(item, new_id, f"{where}[{index}]") for index, item in enumerate(given)]


def message_item(id_: str, role: str, content: list[Json]) -> Json:
    return {"id": id_, "type": "message", "status": "completed", "role": role, "content": content}


def output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def shown(item: Json, include: Iterable[str]) -> Json:
    """An item without what is only given when it is asked for: the links of pictures."""
    if item.get("type") != "message" or IMAGES in include or isinstance(item["content"], str):
        return item
    hidden = {"image_url": None}
    content = [
        {**part, **hidden} if part.get("type") == "input_image" and part.get("image_url") else part
        for part in item["content"]
    ]
    return {**item, "content": content}


def check_pairs(items: Iterable[Json]) -> None:
    """ApiError 400 for a function call without its output, and the other way round."""
    called, answered = [], set()
    for item in items:
        if item["type"] == "function_call":
            called.append(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in called:
                text = (
                    f"No tool call found for function call output with call_id {item['call_id']}."
                )
                raise ApiError(400, text, "input")
            answered.add(item["call_id"])
    for call_id in called:
        if call_id not in answered:
            text = f"No tool output found for function call {call_id}."
            raise ApiError(400, text, "input")


def _item(item: Any, new_id: NewId, where: str) -> Json:
    wished = item.get("type", "message") if isinstance(item, dict) else None
    kind = check_choice(wished, (*PREFIXES, *OTHERS), f"{where}.type")
    plain = {"id": STRING, "type": STRING, "status": STRING}
    id_ = item.get("id") or new_id(PREFIXES.get(kind, "item_"))
    if kind == "message":
        shape = {**plain, "role": STRING, "content": ANY}
        found = read_body(item, {**shape, "phase": STRING}, ("role", "content"), where)
        check_choice(found["role"], ROLES, f"{where}.role")
        return message_item(id_, found["role"], _content(found, f"{where}.content"))
    if kind == "function_call":
        shape = {**plain, **dict.fromkeys(("call_id", "name", "arguments"), STRING)}
        found = read_body(item, shape, ("call_id", "name", "arguments"), where)
    elif kind == "function_call_output":
        shape = {**plain, "call_id": STRING, "output": ANY}
        found = read_body(item, shape, ("call_id", "output"), where)
    else:
        found = item
    return {"status": "completed", **found, "id": id_, "type": kind}


def _content(found: Json, where: str) -> list[Json]:
    content, ours = found["content"], found["role"] == "assistant"
    if isinstance(content, str):
        return [output_text(content) if ours else {"type": "input_text", "text": content}]
    if not isinstance(content, list):
        text = f"Invalid type for '{where}': expected one of an array of objects or string."
        raise ApiError(400, text, where, "invalid_type")
    return [_part(part, ours, f"{where}[{index}]") for index, part in enumerate(content)]


def _part(part: Any, ours: bool, where: str) -> Json:
    kind = part.get("type") if isinstance(part, dict) else None
    # An assistant's words are output, everybody else's are input.
    check_choice(kind, PARTS[3:] if ours else PARTS[:3], f"{where}.type")
    if kind in ("input_text", "output_text"):
        shape = {"type": STRING, "text": STRING, "annotations": ARRAY, "logprobs": ARRAY}
        found = read_body(part, shape, ("text",), where)
        return output_text(found["text"]) | found if ours else found
    if kind == "refusal":
        return read_body(part, {"type": STRING, "refusal": STRING}, ("refusal",), where)
    names = ("type", "file_id", "image_url", "detail", "file_data", "file_url", "filename")
    found = read_body(part, dict.fromkeys(names, STRING), where=where)
    if kind == "input_image" and not (found.get("image_url") or found.get("file_id")):
        raise missing_parameter(f"{where}.image_url")
    return {"detail": "auto", **found} if kind == "input_image" else found
