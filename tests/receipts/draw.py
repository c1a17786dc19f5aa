"""Draws receipts, photos and what is done to them, the same ones in every run.

Five layouts as banks' apps and tellers make them. What is printed is also put into the file
(`printed`), where the emulated model reads it: it has no eyes.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont, PngImagePlugin
from PIL.ImageFont import FreeTypeFont

Ink = tuple[int, int, int]
WIDTH, HEIGHT = 720, 1280


@dataclass(frozen=True)
class Printed:
    """What a receipt says, as it is printed."""

    layout: int = 0
    amount: str | None = "US$ 120.00"
    currency: str | None = "USD"
    day: str | None = "23/11/2026"
    time: str = "10:20"
    bank: str | None = "Banco Ceiba de Ejemplo"
    payee_bank: str | None = "Banco Torogoz de Ejemplo"
    reference: str | None = "48213377"
    payer: str | None = "Ana Invento"
    payee: str | None = "Casa Jacaranda, S.A. de C.V."
    account: str | None = "000-000-000001"
    legible: bool = True
    sure: bool = True
    signs: tuple[str, ...] = field(default=())

    def json(self) -> dict[str, Any]:
        """As a model with eyes would answer."""
        return {
            "is_receipt": True,
            "amount": self.amount,
            "currency": self.currency,
            "date": self.day,
            "bank": self.bank,
            "payee_bank": self.payee_bank,
            "reference": self.reference,
            "payer": self.payer,
            "payee": self.payee,
            "account": self.account,
            "legible": self.legible,
            "sure": self.sure,
            "signs_of_editing": list(self.signs),
        }


_FONTS: dict[int, FreeTypeFont] = {}


def font(size: int) -> FreeTypeFont:
    if size not in _FONTS:
        made = ImageFont.load_default(size)
        assert isinstance(made, FreeTypeFont)
        _FONTS[size] = made
    return _FONTS[size]


def _rows(printed: Printed) -> list[tuple[str, str]]:
    return [
        (label, value)
        for label, value in (
            ("Cuenta destino", printed.account),
            ("A nombre de", printed.payee),
            ("Banco destino", printed.payee_bank),
            ("Pagado por", printed.payer),
            ("Fecha", f"{printed.day}  {printed.time}" if printed.day else None),
            ("Referencia", printed.reference),
        )
        if value
    ]


def _app(printed: Printed, paper: Ink, head: Ink, ink: Ink) -> Image.Image:
    """A phone's screenshot: a bar of colour, a large amount, rows."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), paper)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, WIDTH, 220), head)
    pen.text((24, 12), printed.time, "white", font(26))
    pen.text((40, 90), printed.bank or "", "white", font(44))
    pen.ellipse((310, 260, 410, 360), head)
    pen.line((335, 312, 355, 332, 388, 288), "white", 10, "curve")
    pen.text((WIDTH / 2, 430), printed.amount or "", ink, font(76), anchor="mm")
    pen.text((WIDTH / 2, 510), "Transferencia realizada", ink, font(34), anchor="mm")
    for number, (label, value) in enumerate(_rows(printed)):
        top = 590 + number * 100
        pen.text((48, top), label, (130, 130, 130), font(26))
        pen.text((48, top + 34), value, ink, font(34))
        pen.line((48, top + 88, WIDTH - 48, top + 88), (215, 215, 215), 2)
    return picture


def _light(printed: Printed) -> Image.Image:
    return _app(printed, (255, 255, 255), (0, 92, 75), (20, 20, 20))


def _dark(printed: Printed) -> Image.Image:
    return _app(printed, (18, 18, 24), (64, 40, 140), (235, 235, 235))


def _card(printed: Printed) -> Image.Image:
    """Two columns on a card with a round logo."""
    picture = Image.new("RGB", (WIDTH, 1000), (228, 234, 242))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((40, 60, WIDTH - 40, 940), 32, "white")
    pen.ellipse((80, 100, 180, 200), (210, 60, 40))
    pen.text((210, 125), printed.bank or "", (210, 60, 40), font(38))
    for number, (label, value) in enumerate([("Monto", printed.amount or ""), *_rows(printed)]):
        top = 260 + number * 90
        pen.text((80, top), label, (110, 110, 110), font(28))
        pen.text((WIDTH - 80, top), value, (10, 10, 10), font(28), anchor="ra")
    return picture


def _slip(printed: Printed) -> Image.Image:
    """A teller's slip of paper, photographed on a table."""
    picture = Image.new("RGB", (900, 1200), (96, 70, 48))
    pen = ImageDraw.Draw(picture)
    chance = random.Random(4)
    for _ in range(160):
        top = chance.randrange(1200)
        shade = chance.randrange(60, 110)
        pen.line((0, top, 900, top + chance.randrange(-20, 20)), (shade, shade - 24, shade - 44), 3)
    pen.polygon([(150, 90), (760, 70), (780, 1120), (130, 1140)], (246, 244, 236))
    pen.text((455, 150), printed.bank or "", (40, 40, 60), font(40), anchor="mm")
    pen.text((455, 210), "COMPROBANTE DE DEPOSITO", (40, 40, 60), font(30), anchor="mm")
    lines = [*_rows(printed), ("EFECTIVO", printed.amount or "")]
    for number, (label, value) in enumerate(lines):
        top = 290 + number * 105
        pen.text((190, top), label.upper(), (70, 70, 90), font(24))
        pen.text((190, top + 32), value, (30, 30, 50), font(34))
    return picture


def _web(printed: Printed) -> Image.Image:
    """A bank's page on a wide screen."""
    picture = Image.new("RGB", (1280, 800), (250, 250, 250))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 260, 800), (24, 44, 84))
    for number in range(7):
        pen.rectangle((30, 140 + number * 70, 200, 158 + number * 70), (120, 140, 180))
    pen.text((300, 40), printed.bank or "", (24, 44, 84), font(42))
    pen.text((300, 110), f"Monto: {printed.amount or ''}", (0, 0, 0), font(48))
    for number, (label, value) in enumerate(_rows(printed)):
        top = 220 + number * 84
        pen.rectangle((300, top, 1240, top + 70), (238, 242, 248))
        pen.text((320, top + 18), f"{label}:  {value}", (20, 20, 20), font(30))
    return picture


LAYOUTS: tuple[Callable[[Printed], Image.Image], ...] = (_light, _dark, _card, _slip, _web)


def receipt(printed: Printed) -> Image.Image:
    return LAYOUTS[printed.layout % len(LAYOUTS)](printed)


# --- what is no receipt ---


def photo(seed: int) -> Image.Image:
    """A guest's photo: sky, hills, a pool, noise."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (800, 600), (120 + chance.randrange(80), 170, 220))
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        left, top = chance.randrange(-100, 800), chance.randrange(200, 600)
        colour = tuple(chance.randrange(30, 200) for _ in range(3))
        pen.ellipse((left, top, left + chance.randrange(80, 400), top + 300), colour)
    noise = Image.effect_noise((800, 600), 30).convert("RGB") if seed < 0 else picture
    return Image.blend(picture, noise, 0.1)


def screen(seed: int) -> Image.Image:
    """A screenshot of something else: a chat, a list."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (WIDTH, HEIGHT), (236, 229, 221))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, WIDTH, 120), (7, 94, 84))
    top = 160
    while top < HEIGHT - 120:
        left = chance.choice((30, 250))
        pen.rounded_rectangle((left, top, left + 430, top + 90), 18, "white")
        pen.text(
            (left + 20, top + 28), f"Hola, mensaje {chance.randrange(10**6)}", "black", font(28)
        )
        top += 110 + chance.randrange(40)
    return picture


def bare(seed: int) -> Image.Image:
    """A screen with nothing on it."""
    return Image.new("RGB", (WIDTH, HEIGHT), (seed % 256, 255 - seed % 90, 250))


# --- what is done to pictures ---


def blurred(picture: Image.Image, radius: float = 9) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Without so much of each border."""
    x, y = round(picture.width * share), round(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def upper_half(picture: Image.Image) -> Image.Image:
    return picture.crop((0, 0, picture.width, picture.height // 2))


def painted(picture: Image.Image, text: str) -> Image.Image:
    """Another amount over the old one."""
    made = picture.copy()
    pen = ImageDraw.Draw(made)
    middle = picture.width // 2
    pen.rectangle((middle - 210, 380, middle + 210, 480), "white")
    pen.text((middle, 430), text, (25, 25, 25), font(70), anchor="mm")
    return made


def saved(
    picture: Image.Image,
    printed: Printed | None,
    mime: str = "image/jpeg",
    *,
    quality: int = 88,
    software: str | None = None,
) -> bytes:
    """The file, with what is printed in it for who has no eyes."""
    said = json.dumps(printed.json()) if printed else None
    out = io.BytesIO()
    if mime == "image/png":
        notes = PngImagePlugin.PngInfo()
        if said:
            notes.add_text("receipt", said)
        if software:
            notes.add_text("Software", software)
        picture.save(out, "PNG", pnginfo=notes)
        return out.getvalue()
    options: dict[str, Any] = {"quality": quality}
    if said:
        options["comment"] = f"receipt {said}".encode()
    if software:
        exif = Image.Exif()
        exif[0x0131] = software
        options["exif"] = exif
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def document(printed: Printed, page: int = 1) -> bytes:
    """A PDF as banks mail it; readers skip the comment."""
    said = json.dumps(printed.json())
    return (
        b"%PDF-1.4\n%receipt " + said.encode() + b"\n"
        b"%page " + str(page).encode() + b"\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )


def other(printed: Printed, number: int) -> Printed:
    """Another payment of somebody else, in the same layout."""
    chance = random.Random(number)
    return replace(
        printed,
        reference=str(chance.randrange(10**7, 10**8)),
        payer=f"Huésped Invento {number}",
        time=f"{chance.randrange(24):02}:{chance.randrange(60):02}",
    )
