"""The morning under way: fifteen guests, their hosts, and the model away for a minute.

`demo.py` calls it; `morning.py` and `takeovers.py` have what everybody says, `colleagues.py` plays
the hosts, the emulators' control routes are after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from watibot.cli.stage.books import writer
from watibot.cli.stage.colleagues import Colleagues
from watibot.cli.stage.guests import Control, Following, Guest
from watibot.cli.stage.journals import Check, Entry, address_of
from watibot.cli.stage.morning import Answer, Outage, Part, Say, morning
from watibot.cli.stage.screen import Screen
from watibot.cli.stage.takeovers import takeovers
from watibot.engines.clock import SystemClock
from watibot.hotel import Hotel

# Virtual seconds.
OUTAGE_SECONDS = 60.0
PATIENCE_SECONDS = 400.0
# Guests who were promised something.
PROMISES = 3


@dataclass
class Playing:
    """The guests' morning under way."""

    control: Control
    clock: SystemClock
    hotel: Hotel
    shown: Screen
    speed: float
    colleagues: Colleagues
    outage: asyncio.Event = field(default_factory=asyncio.Event)
    fault: str = ""
    late: list[str] = field(default_factory=list)
    asked_in_outage: int = 0
    # By guest: what the answer to the last message had to contain, and whether it did.
    promises: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        today = self.hotel.local(self.clock.now()).date()
        self.parts: Sequence[Part] = (*morning(today), *takeovers())
        self.guests = {guest.address: guest for guest, _ in self.parts}
        everything = [(name, None) for name in ("wati", "manychat", "staff")]
        self.following = Following(self.control, everything, self._show)
        # Whoever speaks before the outage; the last of them to be answered lets it begin.
        self._before = len(self.parts)

    async def run(self) -> None:
        """Until the last guest has had the last answer."""
        for guest in self.guests.values():
            await self.control.add(guest)
        reading = asyncio.create_task(self.following.run())
        try:
            await asyncio.gather(*(self._guest(part) for part in self.parts))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def checks(self, rested: bool) -> list[Check]:
        """What has to hold of this morning beside the rest."""
        spent = await self.control.spent("vertex", self.fault) if self.fault else 0
        titles = [str(entry.get("title", "")) for entry in self.following.entries["staff"]]
        person = sum("persona" in title for title in titles)
        booked = sum("reserva" in title for title in titles)
        return [
            Check("the service came to rest", rested, "nothing waits" if rested else "work left"),
            Check("every answer came in time", not self.late, ", ".join(self.late) or "all did"),
            Check(
                "the model was away, and guests wrote meanwhile",
                spent > 0 and self.asked_in_outage > 0,
                f"{spent} calls refused, {self.asked_in_outage} messages meanwhile",
            ),
            Check("staff were told of the complaint", person == 1, f"{person} notices"),
            Check("staff were told of the booking", booked == 1, f"{booked} notices"),
            *self.colleagues.checks(self.following),
            Check(
                "the next answers knew what colleagues had promised",
                all(self.promises.values()) and len(self.promises) == PROMISES,
                ", ".join(f"{name}: {'yes' if ok else 'no'}" for name, ok in self.promises.items()),
            ),
        ]

    def told(self) -> list[Entry]:
        """What happened on the channels; what colleagues wrote through the service is theirs."""
        entries = [*self.following.entries["wati"], *self.following.entries["manychat"]]
        by_hand = self.colleagues.wrote
        return [
            {**entry, "kind": "by_hand"}
            if entry["kind"] == "bubble" and entry["text"] in by_hand.get(address_of(entry), ())
            else entry
            for entry in entries
        ]

    async def _guest(self, part: Part) -> None:
        guest, steps = part
        before, words = 0, ""
        for step in steps:
            match step:
                case Say(given, pause):
                    await self.clock.sleep(pause)
                    before = self.following.bubbles(guest)
                    self.asked_in_outage += self.outage.is_set() and not self._model_is_back()
                    await self.control.say(guest, dict(given))
                    words = str(given.get("text", ""))
                case Answer(promise):
                    await self._answer(guest, before, promise)
                case Outage():
                    await self._until_outage()
                case _:
                    await self.colleagues.act(guest, step, words)

    async def _answer(self, guest: Guest, before: int, promise: str) -> None:
        """Waits for an answer; for the one with the promise, if there has to be one."""
        limit = PATIENCE_SECONDS / self.speed
        if not await self.following.answer(guest, before, limit):
            self.late.append(guest.name)
        if promise:
            said = self.following.said(guest)[before:]
            self.promises[guest.name] = any(promise in text for text in said)

    async def _until_outage(self) -> None:
        self._before -= 1
        if self._before == 0:
            await self._begin_outage()
        await self.outage.wait()

    async def _begin_outage(self) -> None:
        self._back_at = self.clock.time() + OUTAGE_SECONDS
        error = {"code": 503, "message": "The service is unavailable.", "status": "UNAVAILABLE"}
        self.fault = await self.control.fault(
            "vertex",
            {
                "operation": "generateContent",
                "status": 503,
                "body": {"error": error},
                "for_seconds": OUTAGE_SECONDS,
            },
        )
        self.shown.outage(
            self.clock.now().isoformat(), f"the model is away for {OUTAGE_SECONDS:g} s"
        )
        self.outage.set()
        self._telling = asyncio.create_task(self._end_outage())

    async def _end_outage(self) -> None:
        await self.clock.sleep(OUTAGE_SECONDS)
        self.shown.outage(self.clock.now().isoformat(), "the model is back")

    def _model_is_back(self) -> bool:
        return self.clock.time() >= self._back_at

    def _show(self, emulator: str, entry: Entry) -> None:
        if entry["kind"] == "guest" and address_of(entry) not in self.guests:
            # Somebody plays with the phone: that is a guest of this morning too.
            self.guests[address_of(entry)] = writer(entry, "(by phone)")
        guest = self.guests.get(address_of(entry))
        match entry["kind"]:
            case "notice":
                self.shown.notice(entry)
            case "guest" if guest:
                self.shown.said(guest, entry)
            case "bubble" if guest and entry["text"] in self.colleagues.wrote[guest.address]:
                self.shown.colleague(guest, entry, "recepción, en la consola")
            case "bubble" if guest:
                self.shown.bubble(guest, entry)
            case "assigned" if guest:
                self.shown.assigned(guest, entry)
            case "staff" if guest:
                self.shown.colleague(guest, entry, "recepción")
            case "note" if guest:
                self.shown.left_note(guest, entry)
            case "released" if guest:
                self.shown.released(guest, entry)
