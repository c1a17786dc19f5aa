"""What a client writes into a message becomes what it reads there: flat text becomes nested text.

Called by `openai_threads` and `openai_runs`; pure but for the look at which files there are.
"""

from collections.abc import Container, Sequence
from typing import Any

from watibot.emulators.openai_wire import (
    ANY,
    ARRAY,
    OBJECT,
    STRING,
    ApiError,
    Json,
    check_choice,
    no_such,
    read_body,
)

SHAPE = {"role": STRING, "content": ANY, "attachments": ARRAY, "metadata": OBJECT}
PARTS = ("image_file", "image_url", "text")
DETAILS = ("auto", "low", "high")


def read_message(body: Any, files: Container[str], where: str = "") -> Json:
    """Role, content, attachments and metadata as they are read back; ApiError 400 or 404."""
    found = read_body(body, SHAPE, ("role", "content"), where)
    prefix = f"{where}." if where else ""
    check_choice(found["role"], ("user", "assistant"), f"{prefix}role")
    attachments = [
        _attachment(each, files, f"{prefix}attachments[{index}]")
        for index, each in enumerate(found.get("attachments", []))
    ]
    return {
        "role": found["role"],
        "content": _content(found["content"], files, f"{prefix}content"),
        "attachments": attachments,
        "metadata": found.get("metadata", {}),
    }


def text_part(text: str, annotations: Sequence[Json] = ()) -> Json:
    return {"type": "text", "text": {"value": text, "annotations": list(annotations)}}


def new_message(id_: str, now: int, thread_id: str, written: Json, **more: Any) -> Json:
    """A message object, finished; `written` is what `read_message` gave."""
    return {
        "id": id_,
        "object": "thread.message",
        "created_at": now,
        "assistant_id": None,
        "thread_id": thread_id,
        "run_id": None,
        "status": "completed",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": now,
        **written,
        **more,
    }


def _content(content: Any, files: Container[str], where: str) -> list[Json]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        text = f"Invalid type for '{where}': expected one of a string or array of objects."
        raise ApiError(400, text, where, "invalid_type")
    if not content:
        raise _empty(where)
    return [_part(part, files, f"{where}[{index}]") for index, part in enumerate(content)]


def _part(part: Any, files: Container[str], where: str) -> Json:
    wished = part.get("type") if isinstance(part, dict) else None
    kind = check_choice(wished, PARTS, f"{where}.type")
    if kind == "text":
        text = read_body(part, {"type": STRING, "text": STRING}, ("text",), where)["text"]
        if not text:
            raise _empty(where)
        return text_part(text)
    picture = read_body(part, {"type": STRING, kind: OBJECT}, (kind,), where)[kind]
    key = "file_id" if kind == "image_file" else "url"
    shape = {key: STRING, "detail": STRING}
    found = {"detail": "auto", **read_body(picture, shape, (key,), f"{where}.{kind}")}
    check_choice(found["detail"], DETAILS, f"{where}.{kind}.detail")
    if kind == "image_file" and found["file_id"] not in files:
        raise no_such("file", found["file_id"])
    return {"type": kind, kind: found}


def _attachment(attachment: Any, files: Container[str], where: str) -> Json:
    found = read_body(attachment, {"file_id": STRING, "tools": ARRAY}, ("file_id",), where)
    if found["file_id"] not in files:
        raise no_such("file", found["file_id"])
    return {"file_id": found["file_id"], "tools": found.get("tools", [])}


def _empty(where: str) -> ApiError:
    return ApiError(400, "Message content must be non-empty.", where)
