"""Which messages are a word for the assistant, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.invented import guest_message
from watibot.messages import MessageKind
from watibot.stopwords import Wish, burst_wish, guest_wish, staff_wish
from watibot.turns import GuestMessage, Media, MediaState


@dataclass(frozen=True)
class Words:
    guest_stop: tuple[str, ...] = ("ALTO", "PARAR", "STOP", "no más")
    guest_resume: tuple[str, ...] = ("CONTINUAR", "START")
    staff_stop: tuple[str, ...] = ("#pausa",)
    staff_resume: tuple[str, ...] = ("#bot",)


WORDS = Words()

GUESTS: list[tuple[str, Wish | None]] = [
    ("ALTO", Wish.STOP),
    ("alto", Wish.STOP),
    (" ¡Alto! ", Wish.STOP),
    ("Stop.", Wish.STOP),
    ("*STOP*", Wish.STOP),
    ("No Mas", Wish.STOP),
    ("ＳＴＯＰ", Wish.STOP),
    ("continuar", Wish.RESUME),
    ("Start 👍", Wish.RESUME),
    ("¿Dónde puedo parar el carro?", None),
    ("alto alto", None),
    ("stop it", None),
    ("¿A qué hora puedo continuar?", None),
    ("#pausa", None),
    ("", None),
    ("👍", None),
    ("...", None),
]


@pytest.mark.parametrize(("text", "wish"), GUESTS)
def test_guests(text: str, wish: Wish | None) -> None:
    assert guest_wish(text, WORDS) is wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("#pausa", Wish.STOP),
        ("#PAUSA ", Wish.STOP),
        ("#bot", Wish.RESUME),
        ("pausa", None),
        ("bot", None),
        ("ALTO", None),
        ("#bot gracias", None),
    ],
)
def test_staff(text: str, wish: Wish | None) -> None:
    assert staff_wish(text, WORDS) is wish


PHOTO = Media(1, "image", "x", MediaState.READY)

BURSTS: list[tuple[list[GuestMessage], Wish | None]] = [
    ([], None),
    ([guest_message("STOP")], Wish.STOP),
    ([guest_message("no me escriban"), guest_message("stop")], Wish.STOP),
    ([guest_message("stop"), guest_message("¿hay wifi?")], None),
    ([guest_message("stop", PHOTO)], None),
    ([guest_message("STOP", kind=MessageKind.REPLY)], Wish.STOP),
    ([guest_message("STOP", kind=MessageKind.LOCATION)], None),
]


@pytest.mark.parametrize(("messages", "wish"), BURSTS)
def test_bursts(messages: list[GuestMessage], wish: Wish | None) -> None:
    assert burst_wish(messages, WORDS) is wish
