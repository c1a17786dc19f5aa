"""The Assistants form: messages in the order of the list, tool calls from run steps between them.

`created_at` has whole seconds, so that the list's order is the sequence and times are only shown.
A run's calls are no messages: they stand before the message that they led to. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from watibot.threads import RawThread
from watibot.translation import runs, tools, words
from watibot.translation.scribe import Scribe, Source, label, moment

Json = dict[str, Any]
Step = tuple[Json, Json]  # with its run before it


def write(raw: RawThread, scribe: Scribe, now: float | None) -> int:
    """Gives the scribe the whole thread; how many messages it has."""
    messages = distinct(raw.messages)
    _tell_gaps(raw, messages, scribe, now)
    placed = _placed(messages, runs.ended(raw.runs or (), now))
    for index, message in enumerate(messages):
        for step in placed[index]:
            _write_step(*step, scribe)
        given = message.get("id")
        at = message.get("created_at")
        source = Source(
            name=str(given or f"{raw.thread_id}#{index + 1}"),
            at=moment(at),
            in_thread=str(given) if given else None,
            origin={"created_at": at},
        )
        words.write(message, source, raw.files, scribe)
    for step in placed[len(messages)]:
        _write_step(*step, scribe)
    return len(messages)


def distinct(messages: Sequence[Json]) -> list[Json]:
    """Without those that the list holds twice, word for word, as overlapping pages do."""
    seen: dict[str, Json] = {}
    kept = []
    for message in messages:
        first = seen.setdefault(str(message["id"]), message) if message.get("id") else message
        if first is message or first != message:
            kept.append(message)
    return kept


def _placed(messages: Sequence[Json], ended: Sequence[Json]) -> list[list[Step]]:
    """For each message, and for the end, the finished steps of tool calls that stand before it."""
    index_of = {str(message.get("id")): index for index, message in enumerate(messages)}
    own: dict[str, list[int]] = defaultdict(list)
    for index, message in enumerate(messages):
        own[str(message.get("run_id"))].append(index)
    placed: list[list[Step]] = [[] for _ in range(len(messages) + 1)]
    earliest = 0  # where a run that left no message can stand: behind the runs before it
    for run in ended:
        steps = runs.steps_of(run)
        made = [index_of.get(runs.message_of(step) or "") for step in steps]
        mine = own[str(run.get("id"))]
        for number, step in enumerate(steps):
            if not runs.calls_of(step) or not runs.is_finished(step):
                continue
            after = [index for index in made[number + 1 :] if index is not None]
            before = [index for index in made[:number] if index is not None]
            if after:
                index = after[0]
            elif before:
                index = before[-1] + 1
            elif mine:
                index = _next(messages, mine, step)
            else:
                index = _begun(messages, earliest, run, step)
            placed[index].append((run, step))
        earliest = max([earliest, *(n + 1 for n in made if n is not None), *(n + 1 for n in mine)])
    return placed


def _next(messages: Sequence[Json], mine: Sequence[int], step: Json) -> int:
    """Without a word about the order, the next of the run's messages by time."""
    at = moment(step.get("created_at"))
    for index in mine:
        said = moment(messages[index].get("created_at"))
        if at is None or said is None or said >= at:
            return index
    return mine[-1] + 1


def _begun(messages: Sequence[Json], earliest: int, run: Json, step: Json) -> int:
    """Behind the message that was the last one when the run began."""
    at = moment(run.get("created_at")) or moment(step.get("created_at"))
    for index in range(earliest, len(messages)):
        said = moment(messages[index].get("created_at"))
        if at is not None and said is not None and said > at:
            return index
    return len(messages)


def _write_step(run: Json, step: Json, scribe: Scribe) -> None:
    step_id = str(step.get("id") or f"{run.get('id')}#{step.get('created_at')}")
    calls = []
    for number, given in enumerate(runs.calls_of(step), start=1):
        call = tools.of_step(given, f"{step_id}-{number}")
        if call is None:
            kind = label(given.get("type")) if isinstance(given, dict) else "?"
            scribe.lose(f"tool call '{kind}'", step_id)
            continue
        calls.append(call)
        for problem in call.problems:
            scribe.lose(problem, call.call_id)
    if not calls:
        return
    at = step.get("created_at")
    status = run.get("status")
    origin = {
        "created_at": at,
        "run": run.get("id"),
        "run_status": None if status == "completed" else status,
    }
    source = Source(step_id, moment(at), step_id if step.get("id") else None, origin)
    scribe.call(calls, source, source)


def _tell_gaps(raw: RawThread, messages: Sequence[Json], scribe: Scribe, now: float | None) -> None:
    """What the thread itself says that it lacks."""
    if raw.runs is None:
        scribe.lose("tool history absent", raw.thread_id)
        return
    known = {str(run.get("id")) for run in raw.runs}
    named = dict.fromkeys(str(each["run_id"]) for each in messages if each.get("run_id"))
    for run_id in named:
        if run_id not in known:
            scribe.lose("tool history of a run absent", run_id)
    there = {str(message.get("id")) for message in messages}
    for run in runs.ended(raw.runs, now):
        if not isinstance(run.get("steps"), list):
            scribe.lose("tool history of a run absent", str(run.get("id")))
        for step in runs.steps_of(run):
            step_id, made = str(step.get("id")), runs.message_of(step)
            if made is not None and made not in there:
                scribe.lose("message of a run absent", made)
            elif made is None and step.get("type") not in ("tool_calls", "message_creation"):
                scribe.lose(f"run step '{label(step.get('type'))}'", step_id)
            elif made is None and not runs.has_calls(step):
                scribe.lose("run step that cannot be read", step_id)
            elif runs.calls_of(step) and not runs.is_finished(step):
                scribe.lose("tool call that never ended", step_id)
