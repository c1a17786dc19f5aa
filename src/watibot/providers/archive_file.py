"""One thread as a file of JSON lines: our own layout, written by `archive.py`, also read by
`exports.py`. Pure.

The first line says what it is; each further line is one raw object under the name of its kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from watibot.threads import Form, RawThread

MARK: Final = "watibot_archive"
VERSION: Final = 1


def header(raw: RawThread, exported_at: str) -> bytes:
    """The first line. `tool_history` tells a thread without runs from one whose runs nobody has."""
    return _line(
        {
            MARK: VERSION,
            "thread_id": raw.thread_id,
            "source": raw.source,
            "form": raw.form,
            "exported_at": exported_at,
            "tool_history": raw.runs is not None,
        }
    )


def body(raw: RawThread) -> bytes:
    """The other lines: the same thread always gives the same bytes."""
    lines = [_line({"thread": raw.thread})]
    lines += (_line({"message": message}) for message in raw.messages)
    lines += (_line({"run": run}) for run in raw.runs or ())
    lines += (_line({"file": meta, "id": file_id}) for file_id, meta in sorted(raw.files.items()))
    lines += (_line({"error": error}) for error in raw.errors)
    return b"".join(lines)


def parse(lines: Iterable[bytes]) -> RawThread:
    """The thread again. Raises ValueError or LookupError for what is no such file."""
    rows = (json.loads(line) for line in lines)
    first = next(rows, None)
    if not isinstance(first, Mapping) or first.get(MARK) != VERSION:
        raise ValueError("not a thread of an archive")
    thread: dict[str, Any] = {}
    messages, runs, errors = [], [], []
    files: dict[str, dict[str, Any]] = {}
    for row in rows:
        if "message" in row:
            messages.append(row["message"])
        elif "run" in row:
            runs.append(row["run"])
        elif "file" in row:
            files[row["id"]] = row["file"]
        elif "thread" in row:
            thread = row["thread"]
        else:
            errors.append(row["error"])
    return RawThread(
        thread_id=first["thread_id"],
        form=Form(first["form"]),
        source=first["source"],
        thread=thread,
        messages=tuple(messages),
        runs=tuple(runs) if first["tool_history"] else None,
        files=files,
        errors=tuple(errors),
    )


def _line(value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold and UTF-8 may not
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"
