"""A guest's past at WATI: what was written before anybody's webhook heard of it.

Called by `wati_guests.py`; `wati_world.py` keeps the rows, which getMessages then shows in pages.
The same guest and the same wish always give the same words and, counted from now, the same times.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from watibot.emulators.samples import SAMPLES
from watibot.emulators.wati_world import Event, Guest, Message, Operator, World

FIELDS = {"messages", "days", "ends"}
DAY = 24 * 3600.0
# One chat of the past: its messages, and the seconds in which all of it happens.
MESSAGES_IN_CHAT = 6
CHAT_SECONDS = 3600.0

TALKS: tuple[tuple[str, str], ...] = (
    ("Buenos días, ¿tienen habitación para este fin de semana?", "Sí, con gusto. ¿Cuántas noches?"),
    ("Somos cuatro, ¿cabe una cama más?", "Sí, ponemos una cama adicional en la familiar."),
    ("¿Me guardan el equipaje antes de la entrada?", "Claro, en la bodega de la recepción."),
    ("Ya hice la transferencia", "Recibida, muchas gracias."),
    ("ok", "ok"),
    ("¿El bus pasa cerca?", "A dos cuadras, frente al parque."),
    ("Se me quedó un suéter azul en el cuarto", "Lo tenemos guardado a su nombre."),
    ("¿Hacen facturas a nombre de empresa?", "Sí, envíenos los datos fiscales."),
    ("Muchas gracias", "A la orden, feliz día."),
    ("¿Se puede llegar a medianoche?", "Sí, hay vigilante toda la noche."),
)
PEOPLE = (
    ("recepcion@casajacaranda.example", "Rosa Menjívar"),
    ("eventos@casajacaranda.example", "Beatriz Alfaro"),
)


def seed(world: World, guest: Guest, spec: dict[str, Any]) -> dict[str, int]:
    """Gives the guest `messages` (200) from the `days` (90) that ended `ends` (7200) seconds ago,
    in chats with tickets, broadcasts among them. How many rows there are of each kind. ValueError
    names what is wrong."""
    if unknown := set(spec) - FIELDS:
        raise ValueError(f"a past has no {sorted(unknown)}")
    messages, days = int(spec.get("messages", 200)), float(spec.get("days", 90))
    ends = float(spec.get("ends", 7200))
    chats = -(-messages // MESSAGES_IN_CHAT)
    if messages < 1 or days <= 0 or ends < 0 or chats * CHAT_SECONDS > days * DAY:
        raise ValueError("a past takes 1 message or more, and an hour for every 6 of them")
    until = world.clock.time() - ends
    apart = days * DAY / chats
    past = _Past(world, guest, random.Random(guest.wa_id), messages)
    for number in range(chats):
        past.chat(number, until - days * DAY + (number + 1) * apart - CHAT_SECONDS)
    return past.counts


@dataclass
class _Past:
    """Rows under way; `left` messages are still to be said."""

    world: World
    guest: Guest
    chance: random.Random
    left: int
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("guest", "staff", "bot", "tickets", "broadcasts"), 0)
    )

    def chat(self, number: int, at: float) -> None:
        """One ticket from its opening to its end, `at` in virtual epoch seconds."""
        ticket = self.world.new_id(at)
        if number % 7 == 3:
            said = 'Broadcast message with using "promo_verano" template was received'
            words = f"Hola {self.guest.name}, este mes la tercera noche va por la casa."
            self._event(at - 600, "", said, None, text=words)
        opened = f"The chat has been initialized by contact {self.guest.name} ({self.guest.wa_id})"
        self._event(at, ticket, opened, 0)
        email, name = PEOPLE[number % len(PEOPLE)]
        person = self.world.operator(email, name) if number % 3 else None
        for turn in range(MESSAGES_IN_CHAT // 2):
            asked, answered = self.chance.choice(TALKS)
            at += self.chance.uniform(20, 300)
            self._say(at, ticket, None, asked)
            if turn == 0:
                self._assigned(at + 0.5, ticket, None)
            at += self.chance.uniform(5, 200)
            if turn == 1 and person is not None:
                self._assigned(at - 0.16, ticket, person)
            by = person if turn and person is not None else self.world.chatbot
            self._say(at, ticket, by, answered)
        if person is not None:
            self._assigned(at + 30, ticket, None)
        actor = person.email if person else "Bot"
        self._event(at + 60, ticket, f"The ticket has been resolved by {actor}", 2, actor=actor)

    def _say(self, at: float, ticket: str, by: Operator | None, text: str) -> None:
        if not self.left:
            return
        self.left -= 1
        kind = "guest" if by is None else "staff" if by.email else "bot"
        self.counts[kind] += 1
        # Now and then a file: a guest's photo or voice note, a colleague's picture.
        files = {"guest": ("photo", "voice"), "staff": ("photo",), "bot": ()}[kind]
        sample = SAMPLES[self.chance.choice(files)] if files and not self.left % 11 else None
        message = Message(
            id=self.world.new_id(at),
            wamid=self.world.new_wamid(),
            ticket_id=ticket,
            owner=by is not None,
            type=sample.type if sample else "text",
            text=None if sample else text,
            data=self.world.store_sample(sample) if sample else None,
            created=at,
            recorded=at,
            operator=by,
            status="SENT" if by is None else "READ",
            past=True,
        )
        self.world.insert(self.guest, message)
        if by is None:
            self.guest.last_guest_at = max(at, self.guest.last_guest_at or 0.0)

    def _assigned(self, at: float, ticket: str, person: Operator | None) -> None:
        if person is None:
            words = "The ticket has been assigned to Bot by Bot"
            self._event(at, ticket, words, 1, actor="Bot", assignee="Bot")
            return
        words = (
            f"Chat is now assigned to {person.email}. "
            "Automation will not work unless it's assigned back to Bot"
        )
        self._event(at, ticket, words, 1, actor=person.email, assignee=person.email)

    def _event(self, at: float, ticket: str, words: str, type_: Any, **more: Any) -> None:
        self.counts["broadcasts" if type_ is None else "tickets"] += 1
        row = Event(self.world.new_id(at), ticket, at, at, words, type_, **more)
        self.world.insert(self.guest, row)
