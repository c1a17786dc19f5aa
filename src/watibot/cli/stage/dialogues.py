"""Recorded dialogues, and guests who play their own side of them on WhatsApp.

`rehearse.py` reads a file with `read` and has `Rehearsal` play it; a dialogue is
`{"id", "turns": [{"role": "guest" | "assistant", "text"}]}`, one a line, gzipped or not.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watibot.cli.stage.guests import Control, Following, Guest
from watibot.engines.clock import SystemClock
from watibot.messages import ChannelName

# Virtual seconds: a guest reads before writing again, and waits no longer than this for an answer.
READS = 1.5
PATIENCE = 1200.0


class DialogueError(Exception):
    """A line that is no dialogue; the text names it."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What one guest says, in order."""

    guest: Guest
    turns: tuple[str, ...]


def read(path: Path, most: int) -> list[Dialogue]:
    """The first `most` dialogues of a file, each with an invented number. Raises DialogueError and
    OSError."""
    found: list[Dialogue] = []
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if len(found) == most:
                break
            try:
                turns = json.loads(line)["turns"]
                said = tuple(turn["text"] for turn in turns if turn["role"] == "guest")
            except (ValueError, KeyError, TypeError) as error:
                raise DialogueError(f"{path}, line {number}: no dialogue ({error!r})") from None
            name = f"Guest {number}"
            guest = Guest(name, ChannelName.WHATSAPP, f"5037{number:07d}", "en")
            found.append(Dialogue(guest, said))
    return found


@dataclass
class Rehearsal:
    """Dialogues under way, `at_once` of them. `step` is called after every turn of a guest."""

    control: Control
    following: Following
    clock: SystemClock
    speed: float
    at_once: int
    step: Callable[[], None]
    late: list[str] = field(default_factory=list)

    async def run(self, dialogues: Sequence[Dialogue]) -> None:
        """Until every guest has had the last answer."""
        queue = iter(dialogues)

        async def seat() -> None:
            for dialogue in queue:
                await self._play(dialogue)

        reading = asyncio.create_task(self.following.run())
        try:
            await asyncio.gather(*(seat() for _ in range(self.at_once)))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _play(self, dialogue: Dialogue) -> None:
        guest = dialogue.guest
        await self.control.add(guest)
        for text in dialogue.turns:
            before = self.following.bubbles(guest)
            await self.control.say(guest, {"text": text})
            # Nobody of the hotel plays along: whoever was given to a person goes on writing.
            with_staff = guest.address in self.following.handed_over
            limit = PATIENCE / self.speed
            if not with_staff and not await self.following.answer(guest, before, limit):
                self.late.append(guest.name)
            self.step()
            await self.clock.sleep(READS)
