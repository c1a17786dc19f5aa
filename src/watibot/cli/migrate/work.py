"""Does a verb from its first conversation to its last, and tells what it came to.

`__init__.py` calls `carry_out`; `preflight.py` comes before the first conversation, `verdicts.py`
after the last. The first Ctrl-C lets the conversations under way end, the second ends at once; the
ledger is right after both.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from watibot.cli.garbage import settle
from watibot.cli.migrate.asked import Asked, Status, status_of
from watibot.cli.migrate.pace import Meter, Waiting, lasting, line, progress
from watibot.cli.migrate.preflight import (
    Here,
    Refused,
    cohort_of,
    nothing_gives,
    opened,
    some_give,
)
from watibot.cli.migrate.screen import Looked, Screen
from watibot.cli.migrate.verbs import VERBS, unwritten
from watibot.cli.migrate.verdicts import Summary, outside_trouble, verdict
from watibot.errors import Cause, ProviderError, SettingsError
from watibot.migration import cutover
from watibot.migration.crew import (
    Cohort,
    Mark,
    Outcome,
    Stopped,
    Tally,
    Work,
    every,
    work_through,
)
from watibot.migration.sources import Reach
from watibot.migration.words import STANDING, advice
from watibot.ports.migrations import State

_TROUBLE = frozenset({Mark.LESS, Mark.DIFFERS, Mark.FAILED, Mark.LATER})
_IN_VAIN = 3  # times as many conversations as hands, one after the other, that nobody answered for
_PROBLEMS = 5


async def carry_out(asked: Asked) -> Status:
    """run, verify, cutover or rollback. Raises SettingsError, StoreError."""
    screen = screen_for(asked)
    try:
        async with opened(asked) as here:
            settle()
            return await _carry_out(here, screen)
    except Refused as error:
        screen.note(f"watibot migrate {asked.verb}: {error}")
        return error.status


def screen_for(asked: Asked) -> Screen:
    """Where its words go."""
    return Screen(machine=asked.machine, json_lines=asked.json_lines, progress=asked.progress)


async def _carry_out(here: Here, screen: Screen) -> Status:
    asked, verb = here.asked, VERBS[here.asked.verb]
    idle = verb.flips and not asked.named
    if idle:
        asked = replace(asked, dry_run=True)
        here = replace(here, asked=asked, means=unwritten(here.means))
    states = verb.states(asked)
    cohort = await cohort_of(here, states)
    reached: list[Reach] = []
    if verb.reads and not (asked.dry_run and verb.flips):
        reached = await look(here, screen)
        if not await some_give(here.means, states, cohort):
            if not (asked.missing or asked.unread):
                raise nothing_gives(reached)
            states -= cutover.STATES  # there is nothing to be read for the others
    if asked.verb in ("run", "cutover") and not asked.dry_run:
        _require_writable(here.settings.migration.archive_dir)
    found = Summary(asked.verb, asked.dry_run, asked.sample is not None)
    shown = frozenset(Mark) if asked.dry_run or verb.tells_all else _TROUBLE
    if asked.quiet:
        shown = shown & (frozenset(Mark) - {Mark.SAME})
    work = verb.dry if asked.dry_run else verb.work
    status = await work_off(here, screen, work, states, cohort, found, shown)
    passed = await _passed_over(here, states, cohort) if asked.dry_run else {}
    for why, count in passed.items():
        screen.result(f"  {count:,} passed over: {why}")
    _tell_problems(screen, found)
    if asked.verb == "verify" and not asked.named and asked.sample is None:
        damaged = await here.means.archive.verify()
        for problem in damaged:
            screen.note(f"not ok  archive: {problem.file}: {problem.what}")
        if damaged:
            status = status or Status.SOME_FAILED
            screen.note("Remove such a file, and watibot migrate run fetches the thread again")
    words = verdict(found, await here.means.store.count_moves())
    screen.result(words, "bold")
    if idle:
        screen.note("To do it, say for which: --all, --channel, --only FILE, --limit, --percent")
        status = Status.USAGE
    if asked.machine:
        screen.document(
            _document(found, words, status) | {"sources": told(reached), "passed_over": passed}
        )
    return status


def _require_writable(folder: Path) -> None:
    """Raises SettingsError: every conversation would fail there, one after the other."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        found = f"{folder} ({error.strerror})"
        expected = "a folder that can be written"
        raise SettingsError("MIGRATION_ARCHIVE_DIR", found, expected) from None


async def look(here: Here, screen: Screen) -> list[Reach]:
    """Each source is asked whether it is there; a line for each."""
    reached = await here.means.sources.look()
    for reach in reached:
        screen.note(f"{'not ok' if reach.problem else 'ok    '}  {reach.name}: {reach.told}")
    return reached


async def work_off(
    here: Here,
    screen: Screen,
    work: Work,
    states: Collection[State],
    cohort: Cohort,
    found: Summary,
    shown: Collection[Mark],
) -> Status:
    """The cohort, with progress, until its end, Ctrl-C or a source that is gone. Fills `found`."""
    means, clock = here.means, here.means.clock
    vertex = here.settings.vertex
    allowed = {
        "appends": vertex.appends_per_minute,
        "new sessions": vertex.session_writes_per_minute,
    }
    waiting = Waiting(means.brakes, allowed)
    began = clock.time()
    meter = Meter(began)
    stop = asyncio.Event()
    now, in_vain = Tally(), 0

    def tell(outcome: Outcome, tally: Tally) -> None:
        nonlocal now, in_vain
        now = tally
        found.total = tally.total
        found.add(outcome)
        if outcome.mark in shown or here.asked.json_lines:
            screen.outcome(outcome)
        vain = outcome.mark is Mark.LATER and outside_trouble(outcome.why)
        in_vain = in_vain + 1 if vain else 0
        if in_vain >= _IN_VAIN * means.at_once and found.stopped is None:
            found.stopped = f"nothing goes through any more, {outcome.why}"
            stop.set()

    def looked() -> Looked:
        pace = meter.pace(clock.time(), now.done, now.events)
        wait = waiting.look(means.sources.held_until, clock.now(), means.troubles)
        why = None if wait is None else wait.words(here.hotel.zone)
        return Looked(now, line(now, pace, why), progress(now, pace, wait))

    watching = asyncio.create_task(screen.watch(looked))
    status: Status | None = None
    try:
        with _interruptible(stop, screen):
            now = await work_through(means, work, states, cohort, tell, stop)
    except Stopped as error:
        found.stopped = str(error)
        cause = error.__cause__
        refused = isinstance(cause, ProviderError) and cause.cause is Cause.UNAUTHORISED
        status = Status.REFUSED if refused else Status.SOURCE_GONE
        if isinstance(cause, OSError):
            status = Status.SOME_FAILED
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    found.total = now.total
    found.seconds = clock.time() - began
    if found.done:
        pace = meter.pace(clock.time(), now.done, now.events)
        screen.note(f"{line(now, pace, None)}   in {lasting(found.seconds)}")
    if status is None and found.stopped is not None:
        status = Status.PUT_OFF if "sessions" in found.stopped else Status.SOURCE_GONE
    if status is None and stop.is_set():
        found.interrupted = found.total is None or found.done < found.total
        status = Status.INTERRUPTED if found.interrupted else None
    if status is None:
        status = status_of(found.verb, found.marks)
    if status is Status.PUT_OFF and any("source is gone" in each for each in found.problems):
        status = Status.SOURCE_GONE
    return status


@contextmanager
def _interruptible(stop: asyncio.Event, screen: Screen) -> Iterator[None]:
    """Ctrl-C, and what systemd sends, set `stop`; a second time cancels the task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    heard = False

    def hear() -> None:
        nonlocal heard
        if heard and task is not None:
            task.cancel()
        heard = True
        stop.set()
        screen.note(
            "No new conversations; those under way end. Ctrl-C again ends at once. Both are safe."
        )

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, hear)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _passed_over(here: Here, states: Collection[State], cohort: Cohort) -> dict[str, int]:
    counted = Counter([move.state async for move in every(here.means, (), cohort)])
    return {
        STANDING[state]: counted[state] for state in State if counted[state] and state not in states
    }


def _tell_problems(screen: Screen, found: Summary) -> None:
    for problem, count in found.problems.most_common(_PROBLEMS):
        screen.result(f"  {count:,} x {problem}   -> {advice(problem)}")


def told(reached: Sequence[Reach]) -> list[dict[str, Any]]:
    """Sources for a program."""
    return [
        {"source": each.name, "ok": each.problem is None, "told": each.told} for each in reached
    ]


def _document(found: Summary, words: str, status: Status) -> dict[str, Any]:
    return {
        "verb": found.verb,
        "dry_run": found.dry_run,
        "status": int(status),
        "verdict": words,
        "total": found.total,
        "done": found.done,
        "events": found.events,
        "items": found.items,
        "marks": {str(mark): count for mark, count in found.marks.items()},
        "problems": problems(found.problems),
        "seconds": round(found.seconds, 3),
    }


def problems(counted: Mapping[str, int]) -> list[dict[str, Any]]:
    """For a program, the most frequent first."""
    return [
        {"problem": problem, "conversations": count, "next": advice(problem)}
        for problem, count in Counter(counted).most_common()
    ]
