"""The morning that `watibot demo` plays: twelve invented guests and what they write. Data only.

`playing.py` walks through each guest's steps at the same time, and through those of `takeovers.py`.
Pauses are in virtual seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from watibot.cli.stage.guests import Guest
from watibot.messages import ChannelName


@dataclass(frozen=True, slots=True)
class Say:
    """After a pause the guest sends this; `words` as the emulators' guests take them."""

    words: Mapping[str, Any]
    pause: float = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The guest waits for an answer to what was said. It has to contain `promise`, a colleague's
    word that nobody else can know."""

    promise: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """The guest has nothing to say until the model has failed."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """Until the model is at work on what the guest said last."""


@dataclass(frozen=True, slots=True)
class Takes:
    """A colleague takes the chat by ManyChat's tag."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person of the hotel writes to the guest, in WATI's own inbox."""

    text: str
    pause: float = 20.0


@dataclass(frozen=True, slots=True)
class Console:
    """A colleague writes to the guest in the service's console."""

    text: str
    pause: float = 3.0


@dataclass(frozen=True, slots=True)
class LiveChat:
    """A colleague writes to the guest in ManyChat's own inbox."""

    text: str
    pause: float = 3.0


@dataclass(frozen=True, slots=True)
class GivesBack:
    """A colleague gives the chat back, with a note for the assistant or without."""

    note: str | None = None
    pause: float = 10.0


Step = Say | Answer | Outage | Thinking | Takes | Colleague | Console | LiveChat | GivesBack
Part = tuple[Guest, tuple[Step, ...]]


def _say(text: str, pause: float = 2.0, **more: Any) -> Say:
    return Say({"text": text, **more}, pause)


def morning(today: date) -> tuple[Part, ...]:
    """The guests in the order in which they begin."""
    arrival, departure = today + timedelta(days=21), today + timedelta(days=24)
    whatsapp, facebook, instagram = ChannelName
    return (
        # A burst; later two messages that arrive in the wrong order.
        (
            Guest("Ana Lucía Ramos", whatsapp, "50370000001"),
            (
                _say("Hola, buenos días", 0),
                _say("A qué hora sirven el desayuno", 1.2),
                _say("y está incluido en la tarifa?", 1.5),
                Answer(),
                Outage(),
                _say("Otra consulta", 4, hold=True),
                _say("¿tienen piscina para los niños?", 2.5),
                Answer(),
                _say("¡Muchas gracias por todo!", 3),
                Answer(),
            ),
        ),
        # A booking in three messages.
        (
            Guest("Carlos Mejía", whatsapp, "50370000002"),
            (
                _say("Buenas, quiero reservar una habitación", 2),
                Answer(),
                _say(f"Llegamos el {arrival} y salimos el {departure}", 3),
                _say("somos 2 personas", 1.5),
                Answer(),
                Outage(),
                _say("¿Tienen parqueo?", 12),
                Answer(),
            ),
        ),
        # A webhook three times at once, and a photo.
        (
            Guest("James Porter", whatsapp, "50370000003", "en"),
            (
                _say("Good morning! Is there parking for this car?", 3, media="photo"),
                Answer(),
                Outage(),
                _say("Great. What time is check-out?", 20, duplicates=2, parallel=True),
                Answer(),
            ),
        ),
        # A PDF with words to it.
        (
            Guest("María José Funes", whatsapp, "50370000004"),
            (
                Say({"media": "pdf", "file_name": "comprobante.pdf"}, 4),
                _say("Les envío el comprobante de la transferencia", 2),
                Answer(),
                Outage(),
                _say("¿A qué hora es el check-in?", 30),
                Answer(),
            ),
        ),
        # A complaint: it goes to a person, and the assistant is silent afterwards.
        (
            Guest("Lucía Ardón", whatsapp, "50370000005"),
            (
                _say("Tengo una queja: el aire acondicionado hace ruido", 3),
                _say("quiero hablar con una persona", 1.5),
                Answer(),
                Colleague("Buenos días, doña Lucía. Ya sube alguien a revisarlo."),
                _say("Muchas gracias, aquí espero", 8),
                Outage(),
                _say("Ya vinieron, quedó perfecto", 25),
            ),
        ),
        # A tapped button.
        (
            Guest("Diego Lemus", whatsapp, "50370000006"),
            (
                _say("Hola", 5),
                Answer(),
                Say({"type": "button", "button": "Ver precios", "reply_to": "last"}, 3),
                Answer(),
                Outage(),
                _say("¿Aceptan mascotas?", 8),
                Answer(),
            ),
        ),
        # The office's hours, with a repeated request.
        (
            Guest("Sofía Cáceres", facebook, "70000000007"),
            (
                _say("Buenos días, ¿hay alguien en la recepción ahora?", 2, duplicates=1),
                Answer(),
                Outage(),
                _say("¿Y dónde queda el hotel?", 10),
                Answer(),
            ),
        ),
        (
            Guest("Emily Clark", facebook, "70000000008", "en"),
            (
                _say("Hi there", 4),
                _say("do you have a pool", 1.2),
                _say("and is there wifi in the rooms?", 1.4),
                Answer(),
                Outage(),
                _say("How much is a double room?", 16, duplicates=1, parallel=True),
                Answer(),
            ),
        ),
        # A voice note.
        (
            Guest("Roberto Salinas", facebook, "70000000009"),
            (
                Say({"media": "voice"}, 6),
                Answer(),
                Outage(),
                _say("Les decía: ¿tienen servicio de lavandería?", 6),
                Answer(),
            ),
        ),
        # A photo on Instagram.
        (
            Guest("Valeria Rivas", instagram, "70000000010"),
            (
                _say("Mi perro viaja conmigo, ¿aceptan mascotas?", 3),
                Say({"media": "photo"}, 1.5),
                Answer(),
                Outage(),
                _say("Perfecto, gracias", 14),
                Answer(),
            ),
        ),
        (
            Guest("Tom Becker", instagram, "70000000011", "en"),
            (
                _say("What time can we check in?", 7, duplicates=1, parallel=True),
                Answer(),
                Outage(),
                _say("Thanks! And breakfast", 18),
                _say("is it included?", 1.5),
                Answer(),
            ),
        ),
        (
            Guest("Andrea Molina", instagram, "70000000012"),
            (
                _say("¿Qué tipos de habitación tienen?", 8),
                Answer(),
                _say("¿y cuánto cuesta la familiar?", 4),
                Answer(),
                Outage(),
                _say("¿Cómo puedo pagar?", 22),
                Answer(),
            ),
        ),
    )
