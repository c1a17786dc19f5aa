"""When a burst is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.invented import NOON
from watibot.messages import Attachment, AttachmentKind, ChannelName, Inbound, MessageKind
from watibot.settings import Debounce
from watibot.turns import due, quiet_time

WAITS = Debounce(quiet=4, quiet_when_complete=2, quiet_after_media=7, longest_wait=20)
ORDINARY, COMPLETE, MEDIA = 4.0, 2.0, 7.0

PHOTO = (Attachment(AttachmentKind.IMAGE, "data/images/x.jpg"),)


def inbound(
    text: str, kind: MessageKind = MessageKind.TEXT, files: tuple[Attachment, ...] = ()
) -> Inbound:
    return Inbound(
        ChannelName.WHATSAPP, "50370000001", "50370000001", "w1", NOON, kind, text, files
    )


TEXTS = [
    ("Hola", ORDINARY),
    ("Ok.", ORDINARY),
    ("Gracias!", ORDINARY),
    ("Hola, muy buenas tardes!", ORDINARY),  # a greeting opens a burst, however it ends
    ("Hello there, good evening!!", ORDINARY),
    ("Buenos días, ¿cómo están? 😊", ORDINARY),
    ("¿Tienen wifi?", COMPLETE),
    ("y eso?", ORDINARY),
    ("Quisiera una habitación para dos personas.", COMPLETE),
    ("Quisiera una habitación para dos personas", ORDINARY),
    ("Quisiera una habitación para dos personas,", ORDINARY),
    ("Quisiera una habitación para dos personas...", ORDINARY),
    ("Quisiera una habitación para dos personas…", ORDINARY),
    ("Le cuento lo que necesitamos: ", ORDINARY),
    ("Quisiera una habitación para dos personas 🙏🏽", ORDINARY),
    ("Quisiera una habitación para dos. 🙏🏽", COMPLETE),
    ('Me dijeron "hay habitaciones libres".', COMPLETE),
    ('¿Me dijeron "hay habitaciones libres?"  ', COMPLETE),
    ("How much is a room for two?!", COMPLETE),
    ("Vamos a llegar a las 3 p.m.", COMPLETE),
    ("Vea https://x.example/a?b=c y me dice", ORDINARY),
    ("", ORDINARY),
]


@pytest.mark.parametrize(("text", "seconds"), TEXTS)
def test_quiet_time_after_words(text: str, seconds: float) -> None:
    assert quiet_time(inbound(text), WAITS) == seconds


def test_quiet_time_after_other_things() -> None:
    assert quiet_time(inbound("¿Cuánto cuesta esta?", MessageKind.MEDIA, PHOTO), WAITS) == MEDIA
    assert quiet_time(inbound("Sí", MessageKind.REPLY), WAITS) == COMPLETE
    assert quiet_time(inbound("Un lugar que termina así.", MessageKind.LOCATION), WAITS) == ORDINARY


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


DUE = [
    # (text, seconds since the burst's first message, due, deadline), both after the first message
    ("Hola", None, 4, 20),
    ("y otra cosa", 3, 7, 20),
    ("y otra cosa", 17, 20, 20),
    ("¿Tienen wifi?", 17, 19, 20),
    ("y otra cosa", 20, 20, 20),
    ("y otra cosa", 25, 20, 20),  # overdue: the worker has not come to it yet
]


@pytest.mark.parametrize(("text", "since_first", "due_after", "deadline_after"), DUE)
def test_due(text: str, since_first: float | None, due_after: float, deadline_after: float) -> None:
    first = since_first is None
    deadline = None if first else NOON + after(20)
    at = NOON + after(since_first or 0)
    expected = (NOON + after(due_after), NOON + after(deadline_after))
    assert due(inbound(text), at, deadline, WAITS) == expected
