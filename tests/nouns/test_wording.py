"""How messages read, as a table."""

from __future__ import annotations

import pytest

from tests.clocks import NOON
from watibot.messages import MessageKind
from watibot.turns import GuestMessage, Media, MediaState
from watibot.wording import history_text, size_text

READY, FAILED, PENDING = MediaState.READY, MediaState.FAILED, MediaState.PENDING


def media(kind: str, state: MediaState, **more: object) -> Media:
    return Media(1, kind, "data/x", state, **more)  # type: ignore[arg-type]


CASES = [
    (MessageKind.TEXT, " hola ", (), None, "hola"),
    (MessageKind.TEXT, "sí", (), "wamid.1", "[en respuesta a un mensaje anterior]\nsí"),
    (MessageKind.TEXT, " ", (), None, "[mensaje vacío]"),
    (MessageKind.REPLY, "Reservar", (), "wamid.1", "[botón elegido: Reservar]"),
    (MessageKind.LOCATION, "13.69,-89.19", (), None, "[ubicación: 13.69,-89.19]"),
    (MessageKind.CONTACTS, "", (), None, "[contacto]"),
    (MessageKind.UNSUPPORTED, "order", (), None, "[mensaje que no se puede leer: order]"),
    (
        MessageKind.MEDIA,
        "mire",
        (media("image", READY, mime="image/jpeg", size=122_880),),
        None,
        "mire\n[foto: image/jpeg, 120 KB]",
    ),
    (
        MessageKind.MEDIA,
        "",
        (
            media("document", READY, mime="application/pdf", size=1_500_000, file_name="a.pdf"),
            media("voice", FAILED, failure="404"),
            media("sticker", PENDING),
            media("hologram", PENDING),
        ),
        None,
        "[documento: a.pdf, application/pdf, 1.4 MB]\n[nota de voz: no se pudo abrir]\n"
        "[sticker]\n[archivo]",
    ),
]


@pytest.mark.parametrize(("kind", "text", "files", "reply_to", "expected"), CASES)
def test_how_a_message_reads(
    kind: MessageKind, text: str, files: tuple[Media, ...], reply_to: str | None, expected: str
) -> None:
    message = GuestMessage(1, "item", NOON, NOON, kind, text, files, reply_to)
    assert history_text(message) == expected


@pytest.mark.parametrize(
    ("size", "text"), [(0, "1 KB"), (1023, "1 KB"), (10_240, "10 KB"), (1 << 20, "1.0 MB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
