"""The hotel's people in the demonstration: they take a chat, write in it and give it back.

`playing.py` calls it with the steps of `takeovers.py`; WATI's and ManyChat's control routes are
after it, and the service's console through `browser.py`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from watibot.cli.stage.browser import Browser
from watibot.cli.stage.guests import Control, Following, Guest
from watibot.cli.stage.heads import over_heads
from watibot.cli.stage.journals import Check
from watibot.cli.stage.morning import Colleague, Console, GivesBack, LiveChat, Step, Takes, Thinking
from watibot.cli.stage.processes import Stage, StageError
from watibot.engines.clock import SystemClock
from watibot.hotel import Hotel
from watibot.ports.console import Role

# Real seconds between two looks at what the model is doing: it thinks for tenths of a second.
LOOK_SECONDS = 0.01
# Virtual seconds after which a guest's message is no model's business any more.
PATIENCE_SECONDS = 60.0


@dataclass
class Colleagues:
    """`thinks`: virtual seconds that the model needs. `wrote`: what was written in the console, by
    the guest's address. `cut`: by guest, whether the colleague was there before the answer."""

    control: Control
    clock: SystemClock
    hotel: Hotel
    stage: Stage
    thinks: float
    wrote: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    cut: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        desk = next(person for person in self.hotel.staff if person.role == "desk")
        self._name, self._email = desk.name, desk.email or ""
        self._browser = Browser(self.stage.service, "rosa", Role.DESK)
        self._thinking: dict[str, float] = {}

    async def sign_in(self) -> None:
        """At the console. Raises StageError."""
        await self._browser.sign_in(self.stage)

    async def act(self, guest: Guest, step: Step, words: str) -> None:
        """One step; `words` are what the guest said last. Raises StageError."""
        match step:
            case Thinking():
                await self._until_thinking(guest, words)
            case Takes():
                await self.control.colleague_takes(guest, self._name)
                self._was_there(guest)
            case Colleague(text, pause):
                await self.clock.sleep(pause)
                await self.control.colleague_replies(guest, self._email, self._name, text)
                self._was_there(guest)
            case LiveChat(text, pause):
                await self.clock.sleep(pause)
                await self.control.colleague_chats(guest, self._name, text)
            case Console(text, pause):
                await self.clock.sleep(pause)
                self.wrote[guest.address].append(text)
                await self._browser.write(guest.conversation_id, text)
            case GivesBack(note, pause):
                await self.clock.sleep(pause)
                await self.control.colleague_gives_back(guest, self._email, self._name, note)
            case _:
                raise TypeError(f"nothing for a colleague to do: {step!r}")

    def checks(self, following: Following) -> list[Check]:
        """What has to hold of what they did."""
        entries = [*following.entries["wati"], *following.entries["manychat"]]
        over = over_heads(entries, self.wrote)
        held = sum(entry["kind"] == "assigned" for entry in entries)
        return [
            Check(
                "colleagues took over in the middle of an answer",
                all(self.cut.values()) and len(self.cut) > 0,
                ", ".join(f"{name}: {'yes' if ok else 'no'}" for name, ok in self.cut.items()),
            ),
            Check(
                "nothing was sent over a colleague's head",
                not over and held > 0,
                f"{held} times a person took a chat, {len(over)} bubbles meanwhile",
            ),
        ]

    async def _until_thinking(self, guest: Guest, words: str) -> None:
        after, until = 0, self.clock.time() + PATIENCE_SECONDS
        while self.clock.time() < until:
            for entry in await self.control.journal("vertex", after, "thinking"):
                after = entry["n"]
                if words in entry["said"]:
                    self._thinking[guest.address] = datetime.fromisoformat(entry["at"]).timestamp()
                    return
            await asyncio.sleep(LOOK_SECONDS)
        raise StageError(f"the model was never asked about what {guest.name} said")

    def _was_there(self, guest: Guest) -> None:
        if began := self._thinking.get(guest.address):
            self.cut[guest.name] = self.clock.time() < began + self.thinks
