"""Does the verbs of a migration, each in a process of its own: `watibot migrate VERB`.

The console is before it. What a migration takes in memory and on the event loop is then not the
service's, its end gives everything back, and what it does is what the command does. The process
inherits the service's environment and is given the same file of settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from watibot import telemetry
from watibot.ports.errands import Errand, Order, Result
from watibot.ports.outside import Clock

log = telemetry.logger(__name__)

RESULTS = 200_000  # lines of conversations that are kept
_KEPT = frozenset({"sources", "plan", "verify"})
# After these the next order of the errand is begun: all done, some failed, some were put off.
_GOES_ON = frozenset({0, 1, 3})
_INTERRUPTED = 130
_LONGEST_LINE = 4 * 1024 * 1024
# When the service ends: for the conversations under work, then for the process (seconds).
_FIRST, _SECOND = 6.0, 3.0
_ASKING = 60.0  # seconds


class ChildErrands:
    """`ports.Errands`."""

    def __init__(self, env_file: Path, clock: Clock) -> None:
        self._env_file = env_file
        self._clock = clock
        self._last: Errand | None = None
        self._ended: dict[str, Errand] = {}
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._asking = asyncio.Lock()

    @property
    def last(self) -> Errand | None:
        return self._last

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def of(self, verb: str) -> Errand | None:
        return self._ended.get(verb)

    def start(self, orders: Sequence[Order], by: str) -> Errand | None:
        if self.running:
            return None
        number = 1 if self._last is None else self._last.number + 1
        self._last = Errand(number, tuple(orders), by, self._clock.now())
        self._task = asyncio.create_task(self._do(self._last), name="errand")
        return self._last

    def stop(self) -> bool:
        if not self.running or self._last is None:
            return False
        self._last.stopping = True
        self._signal(kill=False)
        return True

    async def settle(self, seconds: float) -> None:
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def ask(self, *arguments: str) -> int:
        async with self._asking:
            process = await self._begin(arguments, stdin=DEVNULL, out=DEVNULL)
            try:
                async with asyncio.timeout(_ASKING):
                    return await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def close(self) -> None:
        """The process is asked to end, then told to. What it has not done, the next one does."""
        for seconds in (_FIRST, _SECOND):
            if not self.stop():
                return
            await self.settle(seconds)
        if self.running:
            self._signal(kill=True)
            await self.settle(_SECOND)

    def _signal(self, *, kill: bool) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if kill:
                self._process.kill()
            else:
                self._process.terminate()

    async def _do(self, errand: Errand) -> None:
        try:
            for at, order in enumerate(errand.orders):
                errand.at, errand.status = at, None
                errand.progress = errand.document = None
                errand.results.clear()
                errand.notes.clear()
                errand.status = await self._one(errand, order)
                log.info("migration.errand", verb=order.verb, status=errand.status)
                if errand.status not in _GOES_ON or errand.stopping:
                    break
        except OSError as error:
            errand.notes.append(f"it could not be started: {error.strerror}")
        finally:
            errand.ended = self._clock.now()
            if errand.order.verb in _KEPT and errand.document is not None:
                self._ended[errand.order.verb] = errand

    async def _one(self, errand: Errand, order: Order) -> int:
        process = self._process = await self._begin(order.arguments, stdin=PIPE, out=PIPE)
        if errand.stopping:
            self._signal(kill=False)
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        try:
            await asyncio.gather(
                _give(stdin, order.ids), _hear(stdout, errand), _note(stderr, errand)
            )
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        # It may be stopped before it listens to signals.
        return _INTERRUPTED if status < 0 and errand.stopping else status

    async def _begin(self, arguments: Sequence[str], *, stdin: int, out: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watibot", "migrate", *arguments),
            *("--env-file", str(self._env_file)),
            stdin=stdin,
            stdout=out,
            stderr=out,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C in the terminal is the service's to pass on
        )


async def _give(stdin: asyncio.StreamWriter, ids: Sequence[str]) -> None:
    with contextlib.suppress(ConnectionError):  # it ended without reading them
        stdin.writelines(f"{each}\n".encode() for each in ids)
        await stdin.drain()
    stdin.close()


async def _note(stream: asyncio.StreamReader, errand: Errand) -> None:
    async for line in stream:
        if words := line.decode("utf-8", "replace").strip():
            errand.notes.append(words)


async def _hear(stream: asyncio.StreamReader, errand: Errand) -> None:
    """Lines of JSON, or one document over many lines."""
    rest: list[str] = []
    whys: dict[str, str] = {}  # most are the same
    async for line in stream:
        words = line.decode("utf-8", "replace")
        told = _object(words)
        if told is None:
            rest.append(words)
        elif "progress" in told:
            errand.progress = told["progress"]
        elif "mark" in told:
            why = whys.setdefault(told["why"], told["why"])
            if len(errand.results) < RESULTS:
                errand.results.append(Result(told["mark"], told["conversation_id"], why))
        else:
            errand.document = told
    if rest:
        errand.document = _object("".join(rest)) or errand.document


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
