"""A service that can be killed, guests who go on writing, and what must be true afterwards.

Used by `test_kill.py`. Each guest asks about each subject once at most, so that every answer of the
stand-in model belongs to one message: found never, it was lost; found twice, it was doubled.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.flow.house import until
from watibot.emulators.hotel_phrases import ANSWERS, SAYS
from watibot.emulators.kit import Clock

COMMAND: tuple[str, ...] = ("-m", "watibot", "serve")
Entry = dict[str, Any]

QUESTIONS = {
    "breakfast": "¿A qué hora sirven el desayuno?",
    "check_in": "¿Desde cuándo se puede hacer check-in?",
    "check_out": "¿Hasta cuándo es el check-out?",
    "wifi": "¿Tienen wifi?",
    "pool": "¿Tienen piscina?",
    "parking": "¿Hay parqueo?",
    "pets": "¿Aceptan mascotas?",
    "prices": "¿Cuáles son las tarifas?",
    "location": "¿Dónde queda el hotel?",
    "phone": "¿Cuál es el teléfono?",
    "payment": "¿Se puede pagar con tarjeta?",
    "rooms": "¿Qué habitaciones tienen?",
    "laundry": "¿Hay servicio de lavandería?",
}
# With an effect: a booking must not be made twice, however often the turn begins anew.
BOOKING = "Quiero reservar del 2026-12-10 al 2026-12-12 para 2 personas. Soy Eva Prueba."
BOOKED = SAYS["booked"]["es"].removesuffix(".")


@dataclass
class Service:
    """`watibot serve` as a process of its own."""

    environment: Mapping[str, str]
    folder: Path
    url: str
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Once it is ready."""
        with (self.folder / "service.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *COMMAND, env=self.environment, cwd=self.folder, stderr=log
            )
        async with httpx2.AsyncClient() as http:

            async def is_ready() -> bool:
                assert self.process is not None
                assert self.process.returncode is None, "the service ended by itself"
                with suppress(httpx2.HTTPError):
                    return (await http.get(f"{self.url}/readyz")).status_code == 200
                return False

            await until(is_ready)

    async def end(self, number: signal.Signals) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.wait()

    async def rows(self) -> dict[str, int]:
        """What waits in the store."""
        async with httpx2.AsyncClient(timeout=30) as http:
            counts: dict[str, int] = (await http.get(f"{self.url}/readyz")).json()["rows"]
            return counts


@dataclass
class Guests:
    """Seats that are never empty: when a guest has asked everything, the next one sits down."""

    http: httpx2.AsyncClient
    wati: str
    clock: Clock
    chance: random.Random
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(50370000001, 50370009999)))

    async def play(self) -> None:
        while True:
            wa_id = str(next(self.numbers))
            await self._post("guests", {"waId": wa_id, "name": "Eva"})
            for text in self._wants_to_say():
                await self._post(f"guests/{wa_id}/messages", {"text": text})
                await self.clock.sleep(self.chance.uniform(0.5, 40))

    def _wants_to_say(self) -> list[str]:
        subjects = self.chance.sample(sorted(QUESTIONS), len(QUESTIONS))
        kind = self.chance.random()
        if kind < 0.25:
            return ["\n".join(QUESTIONS[each] for each in subjects)]  # an answer of two bubbles
        if kind < 0.45:
            return [BOOKING, QUESTIONS[subjects[0]]]
        return [QUESTIONS[each] for each in subjects[: self.chance.randint(2, 6)]]

    async def _post(self, path: str, body: dict[str, str]) -> None:
        answer = await self.http.post(f"{self.wati}/_emulator/{path}", json=body)
        assert answer.status_code == 201, answer.text


@dataclass(frozen=True)
class Outcome:
    """Everything that the checks need, of the emulators and of the store that is left."""

    wrote: list[Entry]  # by guests, in order
    arrived: list[Entry]  # bubbles, in order
    store: Path
    sessions: dict[str, list[str]]  # our event ids by session, in order

    def faults(self) -> list[str]:
        """One line for each thing that must not be."""
        return [*self._answers(), *self._bubbles(), *self._rows(), *self._mirrored()]

    def _answers(self) -> Iterator[str]:
        """Every question is answered once, and after it was asked."""
        to_guest: defaultdict[str, list[Entry]] = defaultdict(list)
        for bubble in self.arrived:
            to_guest[bubble["waId"]].append(bubble)
        for message in self.wrote:
            for what, answer in _expected(message["text"]):
                found = [one for one in to_guest[message["waId"]] if answer in one["text"]]
                if len(found) != 1:
                    yield f"{message['waId']} {what}: answered {len(found)} times"
                elif found[0]["n"] < message["n"]:
                    yield f"{message['waId']} {what}: answered before it was asked"

    def _bubbles(self) -> Iterator[str]:
        """No bubble arrives twice, and those of a guest arrive in the outbox's order."""
        for local_id, count in Counter(one["localMessageId"] for one in self.arrived).items():
            if count > 1:
                yield f"bubble {local_id}: accepted {count} times"
        arrived: defaultdict[str, list[str]] = defaultdict(list)
        for one in self.arrived:
            arrived[one["waId"]].append(one["localMessageId"])
        outbox: defaultdict[str, list[str]] = defaultdict(list)
        for guest, bubble, state in self._select(
            "select conversation_id, bubble_id, state from bubbles order by seq"
        ):
            if state == "sent":
                outbox[guest].append(bubble)
            elif state != "cancelled":
                yield f"bubble {bubble}: {state}"
        for guest in sorted(arrived.keys() | outbox.keys()):
            if arrived[guest] != outbox[guest]:
                yield f"{guest}: bubbles arrived unlike the outbox"

    def _rows(self) -> Iterator[str]:
        """Every message is stored once and lies in an answered turn; one booking for each wish."""
        stored = Counter(row[0] for row in self._select("select provider_id from messages"))
        for message in self.wrote:
            if stored[message["wamid"]] != 1:
                yield f"{message['waId']}: a message is stored {stored[message['wamid']]} times"
        if len(stored) != len(self.wrote):
            yield f"{len(stored)} messages stored, {len(self.wrote)} written"
        for guest, state in self._select(
            "select m.conversation_id, coalesce(t.state, 'without a turn') from messages m "
            "left join turns t using (turn_id)"
        ):
            if state != "answered":
                yield f"{guest}: a message's turn is {state}"
        wished = Counter(one["waId"] for one in self.wrote if one["text"] == BOOKING)
        made = Counter(row[0] for row in self._select("select conversation_id from bookings"))
        if wished != made:
            yield f"{made.total()} bookings for {wished.total()} wishes"

    def _mirrored(self) -> Iterator[str]:
        """A session holds the conversation's history: nothing twice, nothing missing, in order."""
        history: defaultdict[str, list[str]] = defaultdict(list)
        for session, item in self._select(
            "select c.session_id, h.item_id from history h "
            "join conversations c using (conversation_id) order by h.at"
        ):
            history[session].append(item)
        for session in sorted(history.keys() | self.sessions.keys(), key=str):
            events, items = self.sessions.get(session, []), history[session]
            if len(set(events)) < len(events):
                yield f"session {session}: an event is doubled"
            elif events != items:
                yield f"session {session}: {len(events)} events unlike {len(items)} items"

    def _select(self, query: str) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.store)) as database:
            return database.execute(query).fetchall()


def _expected(text: str) -> Iterator[tuple[str, str]]:
    if text == BOOKING:
        yield "booking", BOOKED
    for subject, question in QUESTIONS.items():
        if question in text:
            yield subject, ANSWERS[subject]["es"]
