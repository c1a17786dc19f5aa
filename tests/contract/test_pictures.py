"""What a picture's bytes say: the exam of `ports.proofs.Pictures`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from PIL import Image

from tests.receipts import draw
from tests.receipts.draw import LAYOUTS, Printed
from watibot.payments.judging import LEAST_SHARPNESS, SMALLEST
from watibot.ports.proofs import Pictures
from watibot.providers.pictures import PillowPictures
from watibot.storage.proofs import ALIKE


@pytest.fixture
def pictures() -> Pictures:
    return PillowPictures()


async def bits(pictures: Pictures, picture: Image.Image, quality: int = 88) -> int:
    found = await pictures.look(draw.saved(picture, None, quality=quality), "image/jpeg")
    assert found.difference_hash is not None
    assert len(found.difference_hash) == 16
    return int(found.difference_hash, 16)


DONE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved anew": lambda picture: picture,
    "half as large": lambda picture: draw.scaled(picture, 0.5),
    "a third": lambda picture: draw.scaled(picture, 0.33),
    "twice as large": lambda picture: draw.scaled(picture, 2),
    "a border cut off": lambda picture: draw.cropped(picture, 0.02),
    "cut and smaller": lambda picture: draw.scaled(draw.cropped(picture, 0.02), 0.6),
}


@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
@pytest.mark.parametrize("way", DONE)
async def test_a_picture_stays_like_itself(pictures: Pictures, layout: int, way: str) -> None:
    picture = draw.receipt(Printed(layout=layout))
    once, again = await bits(pictures, picture), await bits(pictures, DONE[way](picture), 40)
    assert (once ^ again).bit_count() <= ALIKE


async def test_other_pictures_do_not_look_alike(pictures: Pictures) -> None:
    found = [draw.receipt(Printed(layout=number)) for number in range(len(LAYOUTS))]
    found += [draw.photo(number) for number in range(6)]
    hashes = [await bits(pictures, picture) for picture in found]
    assert all((one ^ two).bit_count() > ALIKE for one, two in combinations(hashes, 2))


@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
@pytest.mark.parametrize("factor", [0.5, 1, 2])
async def test_sharpness_is_one_measure_for_all(
    pictures: Pictures, layout: int, factor: float
) -> None:
    picture = draw.scaled(draw.receipt(Printed(layout=layout)), factor)
    sharp = await pictures.look(draw.saved(picture, None), "image/jpeg")
    mist = await pictures.look(draw.saved(draw.blurred(picture, 9), None), "image/jpeg")
    assert sharp.sharpness is not None
    assert mist.sharpness is not None
    assert mist.sharpness < LEAST_SHARPNESS < 0.9 < sharp.sharpness <= 1


async def test_size_and_digest(pictures: Pictures) -> None:
    data = draw.saved(draw.photo(1), None)
    found = await pictures.look(data, "image/jpeg")
    assert (found.width, found.height) == (800, 600)
    assert min(found.width, found.height) > SMALLEST
    assert found.sha256 == (await pictures.look(data, "application/pdf")).sha256
    assert found.sha256 != (await pictures.look(data + b"\0", "image/jpeg")).sha256


NAMED = [
    ("Adobe Photoshop 26.1", "photoshop"),
    ("GIMP 2.10.38", "gimp"),
    ("www.photopea.com", "photopea"),
    ("iOS 26.1", None),
    ("Android S918BXXU", None),
    ("Microsoft Windows Paint 11", "paint"),
]


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png"])
@pytest.mark.parametrize(("software", "editor"), NAMED)
async def test_editors(pictures: Pictures, mime: str, software: str, editor: str | None) -> None:
    data = draw.saved(draw.photo(1), None, mime, software=software)
    assert (await pictures.look(data, mime)).software == editor


def bomb() -> bytes:
    out = io.BytesIO()
    Image.new("L", (9000, 9000)).save(out, "PNG")
    return out.getvalue()


BROKEN = {
    "cut": draw.saved(draw.photo(1), None)[:9000],
    "text": b"hola",
    "empty": b"",
    "only a head": b"\x89PNG\r\n\x1a\n",
    "too many pixels": bomb(),
    "no picture": draw.document(Printed()),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_files_have_a_digest_and_no_more(pictures: Pictures, name: str) -> None:
    found = await pictures.look(BROKEN[name], "image/png")
    assert found.broken
    assert replace(found, sha256="", broken=False) == replace(
        await pictures.look(b"", "application/pdf"), sha256=""
    )
    assert len(found.sha256) == 64


async def test_what_has_no_pixels_to_compare(pictures: Pictures) -> None:
    pdf = await pictures.look(draw.document(Printed()), "application/pdf")
    heic = await pictures.look(b"....ftypheic", "image/heic")
    assert [(found.difference_hash, found.broken) for found in (pdf, heic)] == [(None, False)] * 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK"])
async def test_all_kinds_of_pixels(pictures: Pictures, mode: str) -> None:
    out = io.BytesIO()
    picture = draw.receipt(Printed()).convert(mode)
    picture.save(out, "JPEG" if mode == "CMYK" else "PNG")
    found = await pictures.look(out.getvalue(), "image/png")
    plain = await bits(pictures, draw.receipt(Printed()))
    assert found.difference_hash is not None
    assert (int(found.difference_hash, 16) ^ plain).bit_count() <= ALIKE


async def test_a_picture_that_lies_on_its_side(pictures: Pictures) -> None:
    upright = draw.receipt(Printed())
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.rotate(90, expand=True).save(out, "JPEG", exif=exif)
    found = await pictures.look(out.getvalue(), "image/jpeg")
    assert found.difference_hash is not None
    assert (int(found.difference_hash, 16) ^ await bits(pictures, upright)).bit_count() <= ALIKE
