"""`migrate verify` finds each difference, and what it found grows old."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.migrating import Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.conversations import Provider
from watibot.migration import ledger
from watibot.migration.crew import Mark
from watibot.ports import SessionEvent
from watibot.ports.migrations import State

OTHER = "50370000002"


Events = list[SessionEvent]


def _changed(events: Events, number: int, **content: object) -> None:
    event = events[number]
    events[number] = replace(event, content={**(event.content or {}), **content})


def _raw(events: Events, number: int, **raw: object) -> None:
    events[number] = replace(events[number], raw={**events[number].raw, **raw})


def _without_files(events: Events) -> None:
    origin = {key: value for key, value in events[5].raw["origin"].items() if key != "attachments"}
    _raw(events, 5, origin=origin)


def _swapped(events: Events) -> None:
    first, second = events[0], events[4]
    events[0] = replace(second, timestamp=first.timestamp)
    events[4] = replace(first, timestamp=second.timestamp)


@pytest.mark.parametrize(
    ("spoil", "mark", "why"),
    [
        (lambda events: events.pop(4), Mark.LESS, "1 missing in the session"),
        (lambda events: events.pop(0), Mark.LESS, "1 missing in the session"),
        (lambda events: events.pop(), Mark.LESS, "1 missing in the session"),
        (lambda events: events.clear(), Mark.LESS, "7 missing in the session"),
        (
            lambda events: events.append(replace(events[-1], event_id="strange")),
            Mark.DONE,
            "1 in the session only, first strange",
        ),
        (
            lambda events: events.append(replace(events[-1], event_id=None)),
            Mark.DONE,
            r"1 in the session only, first \(not ours\)",
        ),
        (lambda events: events.append(events[-1]), Mark.DIFFERS, "1 doubled in the session"),
        (
            lambda events: _changed(events, 0, parts=[{"text": "otra cosa"}]),
            Mark.DIFFERS,
            "1 with other words",
        ),
        (lambda events: _changed(events, 0, role="model"), Mark.DIFFERS, "1 with other words"),
        (lambda events: _raw(events, 0, kind="staff"), Mark.DIFFERS, "1 with other words"),
        (
            lambda events: _changed(events, 6, parts=[{"text": "otra cosa"}]),
            Mark.DIFFERS,
            "1 with other words",
        ),
        (
            lambda events: _changed(
                events, 1, parts=[{"functionCall": {"id": "call_0", "name": "price", "args": {}}}]
            ),
            Mark.DIFFERS,
            "1 with other words",
        ),
        (_swapped, Mark.DIFFERS, "the order differs"),
        (lambda events: events.pop(2), Mark.LESS, r"1 missing .*\(its result\)"),
        (_without_files, Mark.LESS, "1 of the thread without an event, first file-1"),
    ],
)
async def test_each_difference_is_found(
    stage: Stage, spoil: Callable[[Events], object], mark: Mark, why: str
) -> None:
    """Guest, call, result, assistant, guest, guest with a file, and a word of staff's that the
    thread does not know. A line that was verified is not any more, and is not cut over."""
    await stage.settled(messages=3)
    stage.post()["content"].append({"type": "image_file", "image_file": {"file_id": "file-1"}})
    await stage.staff()
    await stage.verbs("run", "verify")
    events = stage.sessions.kept[await stage.session_id()]
    assert len(events) == 7
    before = list(events)
    spoil(events)
    (refused,) = await stage.verb("cutover")
    assert (refused.mark, refused.move.state) == (mark, State.IMPORTED)
    assert (await stage.conversation()).provider is Provider.OPENAI
    events[:] = before
    await stage.verbs("verify")
    spoil(events)
    (outcome,) = await stage.verb("verify")
    assert (outcome.mark, outcome.move.state) == (mark, State.IMPORTED)
    assert re.search(why, outcome.why), outcome.why
    assert (await stage.move()).problem == outcome.why
    assert await stage.verb("cutover") == []


async def test_a_thread_that_has_grown_is_not_verified(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    stage.post()
    (outcome,) = await stage.verb("verify")
    assert (outcome.mark, outcome.move.state) == (Mark.LESS, State.IMPORTED)
    assert outcome.why == "the thread has grown: run again"
    await stage.verbs("run", "verify")


async def test_a_verification_grows_old(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    now, items = stage.clock.now(), len(await stage.history())
    move = await stage.move()
    assert ledger.stale(move, now, items) is None
    assert ledger.stale(move, now + timedelta(days=3), items) == "it is 3 days old"
    await stage.staff()
    await stage.verbs("run")
    counted = len(await stage.history())
    assert ledger.stale(await stage.move(), now, counted) == "1 items were said since"
    stage.post()
    await stage.verbs("run")
    assert (await stage.move()).state is State.IMPORTED
