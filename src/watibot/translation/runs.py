"""An Assistants thread's runs: which have ended, and what they finished. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from watibot.translation.parts import objects
from watibot.translation.scribe import moment

ACTIVE = frozenset({"queued", "in_progress", "requires_action", "cancelling"})

Json = dict[str, Any]


def active_run(runs: Sequence[Json], now: float | None) -> Json | None:
    """The newest run that has not ended; one past its `expires_at` has, whatever it says."""
    active = [run for run in _in_time(runs) if not _has_ended(run, now)]
    return active[-1] if active else None


def ended(runs: Sequence[Json], now: float | None) -> list[Json]:
    """The others, the oldest first."""
    return [run for run in _in_time(runs) if _has_ended(run, now)]


def steps_of(run: Json) -> list[Json]:
    """A run's steps, the oldest first."""
    return oldest_first(objects(run.get("steps")))


def is_finished(step: Json) -> bool:
    """Whether a step of an ended run has something to tell: it was completed, or a tool's answer
    came before the run failed."""
    if step.get("status") in (None, "completed"):
        return True
    return any(_output(call) is not None for call in calls_of(step))


def finished_steps(runs: Sequence[Json], now: float | None) -> Iterator[tuple[Json, Json]]:
    """Each finished step with its run, in order."""
    for run in ended(runs, now):
        for step in steps_of(run):
            if is_finished(step):
                yield run, step


def has_calls(step: Json) -> bool:
    """Whether it is a step of tool calls, be it one without any."""
    details = step.get("step_details")
    return isinstance(details, dict) and isinstance(details.get("tool_calls"), list)


def calls_of(step: Json) -> list[Any]:
    """What a step of tool calls holds; nothing for the other steps."""
    return list(step["step_details"]["tool_calls"]) if has_calls(step) else []


def message_of(step: Json) -> str | None:
    """The message that a step made."""
    details = step.get("step_details")
    made = details.get("message_creation") if isinstance(details, dict) else None
    found = made.get("message_id") if isinstance(made, dict) else None
    return found if isinstance(found, str) else None


def oldest_first(objects: Sequence[Json]) -> list[Json]:
    """The API's lists may be read from either end; within a second only their order tells."""
    times = [at for each in objects if (at := moment(each.get("created_at"))) is not None]
    backwards = bool(times) and times[0] > times[-1]
    return list(reversed(objects)) if backwards else list(objects)


def _in_time(runs: Sequence[Json]) -> list[Json]:
    """Runs follow one another, so that their times alone tell, where each has one."""
    times = {id(run): moment(run.get("created_at")) for run in runs}
    known = {key: at for key, at in times.items() if at is not None}
    ordered = oldest_first(runs)
    return ordered if len(known) < len(times) else sorted(ordered, key=lambda run: known[id(run)])


def _has_ended(run: Json, now: float | None) -> bool:
    if str(run.get("status")) not in ACTIVE:
        return True
    expires = moment(run.get("expires_at"))
    return now is not None and expires is not None and expires.timestamp() <= now


def _output(call: Any) -> Any:
    given = call.get(str(call.get("type"))) if isinstance(call, dict) else None
    facts = given if isinstance(given, dict) else {}
    return facts["output"] if "output" in facts else facts.get("outputs") or facts.get("results")
