"""What the stand-in model makes of receipts: it has no eyes, so it reads what was left for it.

`hotel_brain` asks here when it is to fill a receipt's form, and whether a guest's file is meant as
a proof of payment. Samples carry what is printed on them as JSON: a PNG in a tEXt chunk "receipt",
a JPEG in a comment and a PDF in a first line that begin with "receipt ". Any other file is no
receipt.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

TOOL = "analyze_payment_proof"
_PAID = re.compile(
    r"\b(?:comprobante|transfer|pago|pagu[eé]|pagado|abon[eoó]|dep[oó]sit|receipt|payment|paid)",
    re.IGNORECASE,
)
_MARK = b"receipt "
SAYS = {
    "es": "Gracias, recibí su comprobante. Recepción lo revisa y le contesta por este chat.",
    "en": "Thank you, I have received your receipt. The desk checks it and answers in this chat.",
}
UNREADABLE = {
    "es": "No logro leer bien el archivo. ¿Me envía una foto más nítida o el PDF?",
    "en": "I cannot read the file well. Could you send a sharper picture or the PDF?",
}
NO_RECEIPT = {
    "es": "En el archivo no veo un comprobante de pago.",
    "en": "I see no receipt of a payment in the file.",
}


def filled(schema: Json, contents: list[Json]) -> Json | None:
    """What is printed on the newest file, for a schema that asks for a receipt; None for another
    schema, and for a file that is no receipt."""
    wanted = schema.get("properties", {})
    if "is_receipt" not in wanted:
        return None
    files = [blob for content in contents for blob in _files(content)]
    said = printed(base64.b64decode(files[-1]["data"])) if files else None
    return None if said is None else {name: said.get(name) for name in wanted}


def wanted(turn: list[Json], messages: list[str]) -> list[str]:
    """The tool to be called for a file that comes with words about a payment."""
    sent = any(
        blob.get("mimeType", "").startswith(("image/", "application/pdf"))
        for content in turn
        for blob in _files(content)
    )
    return [TOOL] if sent and any(_PAID.search(text) for text in messages) else []


def worded(result: Json, language: str) -> str:
    """The tool's result in words."""
    told = {"unreadable": UNREADABLE, "no_receipt": NO_RECEIPT}.get(result.get("verdict", ""), SAYS)
    return told[language]


def _files(content: Json) -> list[Json]:
    return [
        part["inlineData"]
        for part in content.get("parts", [])
        if content.get("role") == "user" and "inlineData" in part
    ]


def printed(data: bytes) -> Json | None:
    """What a sample says of itself."""
    for note in _notes(data):
        if note.startswith(_MARK):
            try:
                said = json.loads(note.removeprefix(_MARK))
            except ValueError:
                return None
            return said if isinstance(said, dict) else None
    return None


def _notes(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        at = 8
        while at + 8 <= len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            if data[at + 4 : at + 8] == b"tEXt":
                yield data[at + 8 : at + 8 + length].replace(b"\0", b" ", 1)
            at += length + 12
    elif data.startswith(b"\xff\xd8"):
        at = 2
        while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at + 1] == 0xFE:
                yield data[at + 4 : at + 2 + length]
            at += length + 2
    elif data.startswith(b"%PDF"):
        yield from (line.removeprefix(b"%") for line in data.splitlines()[1:3])
