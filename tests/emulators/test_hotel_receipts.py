"""The stand-in model before receipts: what it reads, when it calls the tool, what it says."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest

from tests.receipts import draw
from tests.receipts.draw import Printed
from watibot.emulators.hotel_brain import answer
from watibot.emulators.hotel_receipts import SAYS, TOOL, filled, printed
from watibot.payments.reading import SCHEMA

TODAY = date(2026, 11, 20)
RECEIPT = Printed(day="20/11/2026")
PICTURE = draw.receipt(RECEIPT)
FILES = {
    "image/jpeg": draw.saved(PICTURE, RECEIPT),
    "image/png": draw.saved(PICTURE, RECEIPT, "image/png", software="GIMP"),
    "application/pdf": draw.document(RECEIPT),
}
TOOLS = [{"functionDeclarations": [{"name": TOOL, "parametersJsonSchema": {"properties": {}}}]}]


def part(data: bytes, mime: str = "image/jpeg") -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}


def said(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


@pytest.mark.parametrize("mime", FILES)
def test_it_reads_what_was_left_for_it(mime: str) -> None:
    assert printed(FILES[mime]) == RECEIPT.json()
    assert filled(SCHEMA, [said(part(FILES[mime], mime))]) == RECEIPT.json()


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\nxx", b"%PDF", b"hola"])
def test_other_files_say_nothing(data: bytes) -> None:
    assert printed(data) is None


def test_a_photo_is_no_receipt() -> None:
    photo = draw.saved(draw.photo(1), None)
    config = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    request = {"contents": [said(part(photo))], "generationConfig": config}
    (only,) = answer(request, TODAY)["parts"]
    assert '"is_receipt": false' in only["text"]


ASKED = [
    ("Le mando el comprobante", True),
    ("ya hice la transferencia", True),
    ("I paid, here is the receipt", True),
    ("mire qué bonita la piscina", False),
]


@pytest.mark.parametrize(("text", "called"), ASKED)
def test_when_the_tool_is_called(text: str, called: bool) -> None:
    request = {"contents": [said({"text": text}, part(FILES["image/jpeg"]))], "tools": TOOLS}
    calls = [each["functionCall"] for each in answer(request, TODAY)["parts"] if "text" not in each]
    assert [call["name"] for call in calls] == ([TOOL] if called else [])
    assert "functionCall" not in answer({"contents": [said({"text": text})]}, TODAY)["parts"][0]


def test_what_is_said_of_the_verdict() -> None:
    guest = said({"text": "Le mando el comprobante"}, part(FILES["image/jpeg"]))
    call = {"role": "model", "parts": [{"functionCall": {"name": TOOL, "args": {}}}]}
    result = {"functionResponse": {"name": TOOL, "response": {"verdict": "consistent"}}}
    request = {"contents": [guest, call, said(result)], "tools": TOOLS}
    assert SAYS["es"] in answer(request, TODAY)["parts"][0]["text"]
