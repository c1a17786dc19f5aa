"""What a JSON value of an export says, whichever tool wrote it. Pure.

`exports.py` brings values, a file's or a line's; what is told of one thread in one place is a
`Chunk`, and `merged` makes the thread of them. Known are: whole threads, as
https://github.com/redwoodworksco/assistants-api-export writes them, with or without its schema;
lists as the API answers (`{"data": [...]}`), of messages, runs, steps, threads, files or a
conversation's items; single objects of a thread; chats (`{"messages": [{"role", "content"}]}`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from watibot.threads import Form, RawThread
from watibot.translation.runs import oldest_first
from watibot.translation.scribe import moment

Json = dict[str, Any]

_FOREIGN = ("assistant", "vector_store", "model", "thread.deleted")
_NAMED = ("thread", "conversation", "file")
_MANIFEST = "manifest"


@dataclass(slots=True)
class Chunk:
    """What one place says of a thread. `loose`: messages that came one by one, so that those of a
    file belong together. `steps`: those whose run is told elsewhere."""

    thread_id: str
    form: Form = Form.ASSISTANTS
    loose: bool = False
    thread: Json = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    runs: list[Json] | None = None
    steps: list[Json] = field(default_factory=list)
    files: dict[str, Json] = field(default_factory=dict)
    errors: list[Json] = field(default_factory=list)


class UnknownLayout(ValueError):
    """A value that is no export of a thread."""


def chunks(value: Any, name: str) -> list[Chunk]:
    """Everything that a value tells; nothing for what is known to be something else. `name` stands
    for a thread that has no id. Raises UnknownLayout."""
    if isinstance(value, list):
        return _listed(value, name)
    if not isinstance(value, dict):
        raise UnknownLayout("not an object")
    if _MANIFEST in str(value.get("export_schema")) or {"thread_id", "sha256"} <= value.keys():
        return []
    for key in ("messages", "items"):
        if isinstance(value.get(key), list):
            return [_whole(value, value[key], name)]
    if isinstance(value.get("data"), list):
        return _listed(value["data"], name)
    if value.get("object") not in (*_NAMED, *_FOREIGN) and not value.get("thread_id"):
        raise UnknownLayout("neither a thread nor of one")
    return _listed([value], name)


def _whole(value: Json, messages: list[Any], name: str) -> Chunk:
    given = value.get("thread") or value.get("conversation")
    thread: Json = given if isinstance(given, dict) else {}
    if not thread and value.get("object") in ("thread", "conversation"):
        thread = {key: each for key, each in value.items() if not isinstance(each, list)}
    known = [message for message in messages if isinstance(message, dict)]
    if len(known) < len(messages):
        raise UnknownLayout("a message that is no object")
    ids = (value.get("thread_id"), thread.get("id"), value.get("id"))
    runs, files, errors = value.get("runs"), value.get("files"), value.get("errors")
    return Chunk(
        thread_id=next((each for each in ids if isinstance(each, str) and each), name),
        form=_form(known, thread),
        thread=thread,
        messages=known,
        runs=[run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else None,
        files={
            file_id: meta
            for file_id, meta in (files.items() if isinstance(files, dict) else ())
            if isinstance(meta, dict)
        },
        errors=[each for each in errors or () if isinstance(each, dict)],
    )


def _listed(values: Sequence[Any], name: str) -> list[Chunk]:
    """A list of objects of the API, of one thread or of several, or a chat's messages."""
    found: dict[str, Chunk] = {}
    whole: list[Chunk] = []
    for value in values:
        if not isinstance(value, dict):
            raise UnknownLayout("an element that is no object")
        if isinstance(value.get("messages") or value.get("items"), list):
            whole += chunks(value, f"{name}-{len(whole) + 1}")
            continue
        kind = value.get("object")
        thread_id = value.get("thread_id")
        if kind in ("thread", "conversation"):
            thread_id = value.get("id")
        elif kind in _FOREIGN:
            continue
        key = thread_id if isinstance(thread_id, str) and thread_id else name
        chunk = found.setdefault(key, Chunk(key, loose=True))
        _add(chunk, value)
    for chunk in found.values():
        chunk.form = _form(chunk.messages, chunk.thread)
    return [*whole, *found.values()]


def _add(chunk: Chunk, value: Json) -> None:
    match value.get("object"):
        case "thread" | "conversation":
            chunk.thread = value
        case "thread.run":
            chunk.runs = [*(chunk.runs or ()), value]
        case "thread.run.step":
            chunk.steps.append(value)
        case "file" if isinstance(value.get("id"), str):
            chunk.files[value["id"]] = value
        case _ if "role" in value or "type" in value:
            chunk.messages.append(value)
        case _:
            raise UnknownLayout("an object of unknown kind")


def _form(messages: Sequence[Json], thread: Json) -> Form:
    keys = {key for message in messages for key in message}
    if thread.get("object") == "conversation":
        return Form.CONVERSATION
    if keys & {"object", "created_at", "thread_id"}:
        return Form.ASSISTANTS
    if "type" in keys:
        return Form.CONVERSATION
    return Form.ASSISTANTS if "id" in keys or thread else Form.CHAT


def merged(thread_id: str, source: str, places: Sequence[Sequence[Chunk]]) -> RawThread:
    """One thread of what each place says: the longest telling first, then what only the others
    have. `places`: a file's chunks each, in its order."""
    parts = [_one(chunks_) for chunks_ in places]
    parts.sort(key=lambda part: (_began(part), -len(part.messages)))
    files = {file_id: meta for part in parts for file_id, meta in part.files.items()}
    steps = [step for part in parts for step in part.steps]
    told = any(part.runs is not None for part in parts) or bool(steps)
    said = [part for part in parts if part.messages]
    return RawThread(
        thread_id=thread_id,
        form=said[0].form if said else Form.ASSISTANTS,
        source=source,
        thread=next((part.thread for part in parts if part.thread), {}),
        messages=tuple(_union([part.messages for part in parts])),
        runs=tuple(_with_steps(_union([p.runs or () for p in parts]), steps)) if told else None,
        files=files,
        errors=tuple(error for part in parts for error in part.errors),
    )


def _one(told: Sequence[Chunk]) -> Chunk:
    """A file's chunks as one, the oldest message first."""
    form = next((chunk.form for chunk in told if chunk.messages), told[0].form)
    one = Chunk(told[0].thread_id, form)
    whole = [_ordered(chunk.messages, form) for chunk in told if not chunk.loose]
    loose = [message for chunk in told if chunk.loose for message in chunk.messages]
    messages = _union([*sorted(whole, key=len, reverse=True), _ordered(loose, form)])
    one.messages = _ordered(list(messages), form)
    for chunk in told:
        one.thread = one.thread or chunk.thread
        if chunk.runs is not None:
            one.runs = [*(one.runs or ()), *chunk.runs]
        one.steps += chunk.steps
        one.files |= chunk.files
        one.errors += chunk.errors
    return one


def _ordered(messages: list[Json], form: Form) -> list[Json]:
    """The API's lists begin with the newest unless it was asked otherwise."""
    if form is Form.ASSISTANTS:
        return oldest_first(messages)
    if form is Form.CONVERSATION and _is_backwards(messages):
        return list(reversed(messages))
    return messages


def _is_backwards(items: Sequence[Json]) -> bool:
    """Without times: an output before its call, or else a guest with the last word and the
    assistant with the first."""
    outputs = set()
    for item in items:
        kind = str(item.get("type"))
        if kind.endswith("_call_output"):
            outputs.add(item.get("call_id"))
        elif kind.endswith("_call"):
            return item.get("call_id") in outputs
    roles = [item.get("role") for item in items if item.get("role") in ("user", "assistant")]
    return bool(roles) and (roles[0], roles[-1]) == ("assistant", "user")


def _began(chunk: Chunk) -> float:
    times = (moment(message.get("created_at")) for message in chunk.messages)
    return next((at.timestamp() for at in times if at is not None), float("inf"))


def _union(lists: Iterable[Sequence[Json]]) -> list[Json]:
    """Each object once, by its id: what a list has twice as it was told last, what several have as
    the first has it. A list without ids that was there already adds nothing."""
    found: dict[Any, Json] = {}
    nameless: list[Sequence[Json]] = []
    for objects in lists:
        if objects in nameless:
            continue
        if not any(each.get("id") for each in objects):
            nameless.append(objects)
        own = {each.get("id") or ("", len(found) + n): each for n, each in enumerate(objects)}
        found |= {key: each for key, each in own.items() if key not in found}
    return list(found.values())


def _with_steps(runs: Iterable[Json], steps: Sequence[Json]) -> Iterable[Json]:
    """Runs, each with those steps that were told apart from it."""
    apart: dict[str, list[Json]] = {}
    for step in _union([steps]):
        apart.setdefault(str(step.get("run_id")), []).append(step)
    for run in runs:
        own = apart.pop(str(run.get("id")), [])
        yield {**run, "steps": _union([run.get("steps") or (), own])} if own else run
    for run_id, own in apart.items():
        yield {"id": run_id, "created_at": own[0].get("created_at"), "steps": own}
