"""What happens in the hotel before anybody opens the console: invented guests, hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.receipts.draw import Printed, photo, receipt, saved
from watibot.emulators.samples import Sample

NOON = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)  # in the hotel; its clocks are six hours behind

MARTA, DIEGO, OLGA = "50370000101", "50370000102", "50370000103"
TOM, CARLOS, NORA = "50370000104", "50370000105", "50370000106"
PABLO, SARA = "50370000107", "50370000108"  # whom somebody erases later
EVA, LUIS = "900101", "900102"  # on Messenger and Instagram

# What somebody adds to the instructions in the middle of the morning.
ADDED = "\n## Piscina\n\nHoy la piscina cierra a las 17:00 por mantenimiento.\n"
ADDED_AT = "15:00"

NAMES = {
    MARTA: "Marta Invento",
    DIEGO: "Diego Prueba",
    OLGA: "Olga Ensayo",
    TOM: "Tom Sample",
    CARLOS: "Carlos Muestra",
    NORA: "Nora Ejemplo",
    PABLO: "Pablo Inventado",
    SARA: "Sara Sampler",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a guest writes at an hour, UTC, and how many bubbles there are afterwards."""

    at: str
    guest: str
    said: dict[str, Any]
    bubbles: int = 1
    on: str = "wati"

    @property
    def moment(self) -> datetime:
        return moment(self.at)


def moment(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20T{clock}:00+00:00")


def _text(text: str) -> dict[str, Any]:
    return {"text": text}


def _file(name: str, caption: str) -> dict[str, Any]:
    return {"media": name, "caption": caption}


_WISH = "Me llamo Marta Invento. Quiero reservar del 1 al 3 de diciembre, para dos personas."

MORNING: Sequence[Scene] = (
    Scene("13:05", MARTA, _text("Buenos días. ¿A qué hora es el desayuno?")),
    Scene("13:40", DIEGO, _text("Hola, ¿tienen parqueo y aceptan mascotas?")),
    Scene("14:10", TOM, _text("Good morning! Is the pool open for all guests?")),
    Scene("14:12", MARTA, _text(_WISH), 2),
    Scene("14:20", PABLO, _text("Hola, ¿tienen wifi?")),
    Scene("14:25", SARA, _text("Hello, where are you located?")),
    Scene("14:30", EVA, _text("Hola, ¿dónde están ubicados?"), on="manychat"),
    Scene("14:55", MARTA, _text("Muchas gracias, todo está bien."), 3),
    Scene("15:20", LUIS, {"media": "voice"}, on="manychat"),
    Scene("15:45", OLGA, _file("view", "Miren la foto. ¿Esta es la piscina?")),
    Scene("16:05", TOM, _text("How much is a double room? Do you have laundry?"), 2),
    Scene("16:30", CARLOS, _file("slip", "Le envío el comprobante de pago.")),
    Scene("16:50", EVA, _text("Tengo una queja, quiero hablar con una persona."), 2, "manychat"),
    Scene("17:05", TOM, _file("transfer", "Here is my receipt of the payment."), 3),
    Scene("17:10", DIEGO, _text("Esto es pésimo. Quiero hablar con el gerente."), 2),
    Scene("17:20", NORA, _text("Buenas, ¿cuánto cuesta la habitación doble?")),
    Scene("17:40", OLGA, {"media": "voice"}, 2),
)


class Drawn(Sample):
    """A sample that is drawn and lies in no file."""

    def read(self) -> bytes:
        return _DRAWINGS[self.file]


_SLIP = Printed(3, payer="Carlos Muestra", day="19/11/2026")
_TRANSFER = Printed(0, "US$ 64.00", payer="Tom Sample", reference="73110945", day="20/11/2026")
_DRAWINGS = {
    "view.jpg": saved(photo(11), None),
    "slip.jpg": saved(receipt(_SLIP), _SLIP),
    "transfer.jpg": saved(receipt(_TRANSFER), _TRANSFER),
}
DRAWN = {
    name.removesuffix(".jpg"): Drawn(name, "image/jpeg", "image", "images") for name in _DRAWINGS
}
