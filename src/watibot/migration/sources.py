"""Which source gives a conversation's past: the first one, in the order of the settings, that has
it.

A source that does not have one thread is passed over; one whose whole API is gone stops the run,
because every thread would look missing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watibot.errors import Cause, ProviderError, WatiBotError
from watibot.ports import Clock, ThreadSource
from watibot.ports.migrations import Move
from watibot.threads import RawThread, ThreadRef

TRIES = 5
FIRST_PAUSE = 2.0  # seconds, doubled each time


class SourceGone(WatiBotError):
    """A source that could be reached cannot any more: nothing further may be decided from it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the source {name} is gone: its API answers that it does not exist")
        self.name = name


@dataclass(frozen=True, slots=True)
class Reach:
    """A source today. `problem`: why nothing can be read there."""

    name: str
    told: str
    problem: ProviderError | None = None


class Sources:
    """Those that are set up, in order."""

    def __init__(self, sources: Sequence[ThreadSource], clock: Clock) -> None:
        self._sources = list(sources)
        self._clock = clock
        self._away: dict[str, ProviderError] = {}
        self.held_until: dict[str, datetime] = {}  # pauses that sources needed, by name

    async def look(self) -> list[Reach]:
        """Asks each of them whether it is there; those that are not are passed over afterwards."""
        found = []
        self._away.clear()
        for source in self._sources:
            try:
                found.append(Reach(source.name, await source.check()))
            except ProviderError as error:
                self._away[source.name] = error
                found.append(Reach(source.name, str(error), error))
        return found

    @property
    def here(self) -> list[ThreadSource]:
        """Those that can be read."""
        return [source for source in self._sources if source.name not in self._away]

    async def read(
        self, move: Move, *, newest: bool = False
    ) -> tuple[RawThread, ThreadSource] | None:
        """The past and who gave it; None if no source has it. `newest`: an older copy will not do
        while a source before it cannot be asked. Raises ProviderError when it cannot be known now,
        SourceGone when a source has vanished since `look`."""
        ref = ThreadRef(move.conversation_id, move.channel, move.address, move.thread_id)
        unknown: ProviderError | None = None
        gone: ProviderError | None = None
        for source in self._sources:
            if not await source.gives(ref):
                continue
            away = self._away.get(source.name)
            if away is not None:
                if away.cause is Cause.GONE:
                    gone = gone or away
                else:
                    unknown = unknown or away
                continue
            if unknown is not None and (newest or source.name == "wati"):
                break  # what a person's inbox shows is the last resort, not a stopgap
            try:
                return await self._patiently(source, ref), source
            except ProviderError as error:
                if error.cause is Cause.GONE:
                    raise SourceGone(source.name) from error
                if error.cause is not Cause.NOT_FOUND:
                    raise
        if unknown is not None or gone is not None:
            # It may have the thread: nobody can say that it is missing.
            raise unknown or gone  # type: ignore[misc]
        return None

    async def _patiently(self, source: ThreadSource, ref: ThreadRef) -> RawThread:
        for left in range(TRIES - 1, -1, -1):
            try:
                return await source.read(ref)
            except ProviderError as error:
                if not error.transient or not left:
                    raise
                pause = FIRST_PAUSE * 2.0 ** (TRIES - 1 - left)
                pause = max(error.retry_after or 0.0, pause)
                self.held_until[source.name] = self._clock.now() + timedelta(seconds=pause)
                await self._clock.sleep(pause)
        raise AssertionError("a try ends with a thread or an error")
