"""A service that can be killed, guests who go on writing, and colleagues who take some of them.

Used by `test_kill.py`; `kill_judge.py` says what must be true afterwards. Each guest asks about
each subject once at most, so that every answer of the stand-in model belongs to one message: found
never, it was lost; found twice, it was doubled.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.flow.house import until
from tests.forking import Process, start
from watibot.emulators.hotel_phrases import SAYS
from watibot.emulators.kit import Clock

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
    process: Process | None = None

    async def start(self) -> None:
        """Once it is ready."""
        with (self.folder / "service.log").open("ab") as log:
            self.process = await start(
                "serve", environment=self.environment, folder=self.folder, errors=log
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


COLLEAGUE = {"email": "recepcion@casajacaranda.example", "name": "Rosa Menjívar"}
NOTES = tuple(
    words.split()
    for words in (
        "ahora enseguida pronto luego mañana hoy temprano ya después siempre",
        "pregunto confirmo reviso consulto averiguo verifico busco anoto apunto hablo",
        "cocina jardinería gerencia bodega contabilidad mantenimiento eventos bar spa terraza",
    )
)
# Every third guest writes through ManyChat, and every second one of each side is taken over.
MANYCHAT, TAKEN = 3, 2
# One in so many messages does not wait for the service to be back.
WRITES_ANYWAY = 0.25
# Virtual seconds: a chat is looked at once a minute at most while staff hold it.
A_LOOK = 62.0


@dataclass
class Guest:
    """A guest under way; `taken` once a colleague has had the chat."""

    emulator: str
    address: str
    questions: list[str]
    taken: bool = False


@dataclass
class Guests:
    """Seats that are never empty: when a guest has asked everything, the next one sits down. Some
    are taken over by a colleague in between. `urls` are the emulators' by name. `calm` is clear
    while the service is down: few write then, or a slow machine would have much more to do than a
    quick one."""

    http: httpx2.AsyncClient
    urls: Mapping[str, str]
    clock: Clock
    chance: random.Random
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 9999)))
    words: Iterator[int] = field(default_factory=lambda: iter(range(1, 9999)))
    seen: list[Guest] = field(default_factory=list)
    calm: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self) -> None:
        while True:
            guest = await self._arrives()
            wants = self._wants_to_say(guest)
            taken_after = self.chance.randrange(len(wants)) if self._is_taken(guest) else None
            for number, text in enumerate(wants):
                if self.chance.random() > WRITES_ANYWAY:
                    await self.calm.wait()
                await self._says(guest, text)
                await self.clock.sleep(self.chance.uniform(0.5, 40))
                if number == taken_after:
                    await self._colleague(guest)

    async def close(self) -> list[str]:
        """Whoever was taken over asks once more, so that no hand-back goes unheard: nobody but the
        guest's next message makes the service look. The guests' addresses."""
        taken = [guest for guest in self.seen if guest.taken]
        for guest in taken:
            if guest.emulator == "manychat":
                await self._gives_back(guest, {})
            else:
                await self._act(guest, "release", {})
        await self.clock.sleep(A_LOOK)
        for guest in taken:
            await self._says(guest, guest.questions.pop())
        return [guest.address for guest in taken]

    async def _arrives(self) -> Guest:
        number = next(self.numbers)
        questions = self.chance.sample(sorted(QUESTIONS.values()), len(QUESTIONS))
        if number % MANYCHAT:
            guest = Guest("wati", str(50370000000 + number), questions)
            spec = {"waId": guest.address, "name": "Eva"}
        else:
            guest = Guest("manychat", str(710000 + number), questions)
            platform = self.chance.choice(["facebook", "instagram"])
            spec = {"subscriber_id": guest.address, "platform": platform, "name": "Eva"}
        await self._post(guest.emulator, "guests", spec)
        self.seen.append(guest)
        return guest

    def _is_taken(self, guest: Guest) -> bool:
        others = [one for one in self.seen if one.emulator == guest.emulator]
        return len(others) % TAKEN == 0

    def _wants_to_say(self, guest: Guest) -> list[str]:
        """Some questions are kept for later."""
        kind = self.chance.random()
        if kind < 0.2:
            asked, guest.questions = guest.questions[:9], guest.questions[9:]
            return ["\n".join(asked)]  # an answer of two bubbles
        if kind < 0.4:
            return [BOOKING, guest.questions.pop()]
        return [guest.questions.pop() for _ in range(self.chance.randint(2, 6))]

    async def _says(self, guest: Guest, text: str) -> None:
        await self._post(guest.emulator, f"guests/{guest.address}/messages", {"text": text})

    async def _colleague(self, guest: Guest) -> None:
        """Takes the chat, writes, hears the guest, gives it back."""
        guest.taken = True
        if guest.emulator == "manychat":
            by, news = self.chance.choice(["tag", "field"]), self._news()
            await self._act(guest, "bot_off", {"on": True, "by": by, **news})
            await self._act(guest, "reply", {"text": self._note()})
        else:
            for _ in range(self.chance.randint(1, 2)):
                await self._act(guest, "reply", {"text": self._note(), **self._news()})
                await self.clock.sleep(self.chance.uniform(0.2, 8))
        await self.clock.sleep(self.chance.uniform(0.2, 15))
        if len(guest.questions) > 2 and self.chance.random() < 0.7:
            await self._says(guest, guest.questions.pop())
            await self.clock.sleep(self.chance.uniform(0.2, 30))
        if guest.emulator == "manychat":
            await self._gives_back(guest, self._news())
        else:
            await self._act(guest, "release", {})
        await self.clock.sleep(self.chance.uniform(0.5, 20))

    async def _gives_back(self, guest: Guest, news: dict[str, object]) -> None:
        for by in ("field", "tag"):
            await self._act(guest, "bot_off", {"on": False, "by": by, **news})

    def _note(self) -> str:
        """Each time in other words, and nothing that the stand-in model takes for a promise."""
        number = next(self.words)
        words = (each[number // 10**place % 10] for place, each in enumerate(NOTES))
        return f"Rosa: {' '.join(words)}."

    def _news(self) -> dict[str, object]:
        """How the webhook of what a colleague did travels; `quiet` and `lost`: never."""
        kind = self.chance.random()
        if kind < 0.5:
            return {}
        if kind < 0.7:
            return {"duplicates": self.chance.randint(1, 3)}
        if kind < 0.9:
            return {"delay": self.chance.uniform(1, 30)}
        return {"gone": True}

    async def _act(self, guest: Guest, act: str, spec: dict[str, object]) -> None:
        told = {key: value for key, value in spec.items() if key != "gone"}
        if spec.get("gone"):
            told["lost" if guest.emulator == "wati" else "quiet"] = True
        who = COLLEAGUE if guest.emulator == "wati" else {"name": COLLEAGUE["name"]}
        await self._post(guest.emulator, f"staff/{guest.address}/{act}", {**told, **who})

    async def _post(self, emulator: str, path: str, body: Mapping[str, object]) -> Any:
        answer = await self.http.post(f"{self.urls[emulator]}/_emulator/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()
