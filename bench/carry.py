"""The migration's `run` in a process of its own, and the bare loop of the same calls beside it.

`python -m bench.carry run` carries the conversations of the store that the environment names, with
the product's own parts; `python -m bench.carry bare` makes sessions of the same events with the
client alone: no store, no archive, no quota. `migration.py` writes a number of conversations, a
line each time, and is answered with one JSON object, so that rounds of both can alternate.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import uvloop

from watibot import telemetry
from watibot.cli.garbage import settle
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.migration.crew import Cohort, Outcome, Tally, work_through
from watibot.migration.run import NEW_STATES, run
from watibot.ports import SessionEvent
from watibot.providers.archive_layouts import chunks, merged
from watibot.providers.google_auth import Tokens
from watibot.providers.sessions import VertexSessions
from watibot.service.mirror import event_of
from watibot.settings import Settings
from watibot.translation import translate
from watibot.wiring_migration import migration

BARE = 125  # conversations that the bare loop has events of
EVERY = 25


@dataclass(slots=True)
class Carried:
    """One round. `began` and `ended`: epoch seconds of the settings' clock. `seconds`: real ones;
    `cpu`: those of the processor, in all threads. `memory`: the most of VmRSS in MB, looked at
    after every so many conversations."""

    began: float
    ended: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    conversations: int = 0
    events: int = 0
    memory: float = 0.0
    marks: dict[str, int] = field(default_factory=dict)


Round = Callable[[int, Carried], Awaitable[None]]


@asynccontextmanager
async def carrying(settings: Settings) -> AsyncIterator[Round]:
    async with migration(settings) as means:
        await means.sources.look()
        settle()

        async def carry(count: int, found: Carried) -> None:
            def tell(_: Outcome, tally: Tally) -> None:
                if tally.done % EVERY == 0 or tally.done == count:
                    found.memory = max(found.memory, _memory())

            tally = await work_through(means, run, NEW_STATES, Cohort(limit=count), tell)
            found.conversations, found.events = tally.done, tally.events
            found.marks = {mark.value: number for mark, number in tally.marks.items()}

        yield carry


class NoQuota:
    """A place is always free."""

    async def place(self) -> None:
        return

    async def hold(self, seconds: float) -> None:
        raise RuntimeError("an emulator without quotas asked for patience")


@asynccontextmanager
async def bare(settings: Settings) -> AsyncIterator[Round]:
    assert settings.migration.exports is not None
    told = list(islice(_events(settings.migration.exports), BARE))
    sessions = VertexSessions(
        settings.vertex,
        SystemClock(),
        Tokens(file=settings.vertex.credentials_file),
        appends=NoQuota(),
        writes=NoQuota(),
    )
    settle()
    numbers = itertools.count()

    async def carry(count: int, found: Carried) -> None:
        left = iter(islice(itertools.cycle(told), count))

        async def hand() -> None:
            for events in left:
                number = next(numbers)
                await sessions.create(f"bare-{number}", f"50370{number:06d}")
                for event in events:
                    await sessions.append(f"bare-{number}", event)
                found.conversations += 1
                found.events += len(events)

        await asyncio.gather(*(hand() for _ in range(settings.migration.at_once)))

    yield carry
    await sessions.close()


def _events(exports: Path) -> Iterator[list[SessionEvent]]:
    with (exports / "threads.jsonl").open() as lines:
        for number, line in enumerate(lines):
            raw = merged(str(number), "exports", [chunks(json.loads(line), str(number))])
            yield [event_of(item) for item in translate(raw, "bench", str(number)).items]


def _memory() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def main(verb: str) -> None:
    telemetry.configure("error", "bench")
    settings = load(None)
    clock = SystemClock(settings.service.clock)
    async with ROUNDS[verb](settings) as carry:
        while line := await asyncio.to_thread(sys.stdin.readline):
            found, began, busy = Carried(clock.time()), time.perf_counter(), time.process_time()
            await carry(int(line), found)
            found.seconds, found.cpu = time.perf_counter() - began, time.process_time() - busy
            found.ended = clock.time()
            sys.stdout.write(json.dumps(asdict(found)) + "\n")
            sys.stdout.flush()


ROUNDS = {"run": carrying, "bare": bare}

if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
