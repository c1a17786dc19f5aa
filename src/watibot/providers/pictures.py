"""What a picture's bytes say of themselves, through Pillow: likeness, size, sharpness, editor.

`tools/payment.py` asks before the model does, `payments/judging.py` decides over it. The picture
comes from a guest: nothing in it is believed, and what is too large to be opened is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

from watibot.payments import Picture

if TYPE_CHECKING:
    from PIL import Image

# Opened, each takes 3 bytes; the largest pictures that channels carry have 25 million.
MOST_PIXELS = 60_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_OPENED = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})

LONGEST_SIDE = 1000  # pixels; pictures are compared at this size
STEP = 3  # of 256 shades: what differs less is noise, of which flat areas are full
FLAT = 0.5  # variance of edges below which there is nothing to be sharp
RE_BLUR = 2  # pixels
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|snapseed|picsart|picsay|pixlr|photopea|canva|affinity|inshot"
    r"|facetune|paint|pixelmator|polarr|fotor|befunky|vsco|krita|photoscape|acdsee|corel|airbrush"
    r"|remini|photoroom|youcam|meitu",
    re.IGNORECASE,
)
_EXIF = (0x000B, 0x0131)  # ProcessingSoftware, Software
_NOTES = ("Software", "Creator", "CreatorTool", "XML:com.adobe.xmp", "xmp")


class PillowPictures:
    """Keeps the promise of `ports.proofs.Pictures`."""

    async def look(self, data: bytes, mime: str) -> Picture:
        return await asyncio.to_thread(look, data, mime)


def look(data: bytes, mime: str) -> Picture:
    """The same in the caller's thread."""
    digest = hashlib.sha256(data).hexdigest()
    if mime not in _OPENED:
        return Picture(digest)
    try:
        return _opened(data, digest)
    except Exception:  # whatever Pillow's decoders meet in a broken file
        return Picture(digest, broken=True)


def _opened(data: bytes, digest: str) -> Picture:
    from PIL import Image, ImageOps

    picture: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise ValueError("too many pixels to be opened")
    software = _software(picture)
    # A JPEG's decoder makes the small picture from the large one's blocks.
    picture.draft("L", (LONGEST_SIDE, LONGEST_SIDE))
    grey = _grey(ImageOps.exif_transpose(picture))
    grey.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return Picture(digest, _difference_hash(grey), width, height, _sharpness(grey), software)


def _grey(picture: Image.Image) -> Image.Image:
    """On white where it is transparent, as people see it."""
    from PIL import Image

    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.new("RGBA", over.size, "white")
        picture.alpha_composite(over)
    return picture.convert("L")


def _difference_hash(grey: Image.Image) -> str:
    """64 bits: whether each of 8 x 8 areas is brighter than its right neighbour. Few are set on a
    page with little on it, which is like many others: `payments/judging.py` asks the text too."""
    from PIL import Image

    pixels = grey.resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(0, 72, 9):
        for at in range(row, row + 8):
            bits = bits << 1 | (pixels[at] - pixels[at + 1] > STEP)
    return f"{bits:016x}"


def _sharpness(grey: Image.Image) -> float:
    """0 to 1: how much of the edges is lost when the picture is blurred (once more). Unlike the
    edges' strength it says the same of a page with little on it and of a full one: receipts 0.98,
    blurred by 3 pixels 0.6, by 5 pixels and more below 0.52."""
    from PIL import ImageFilter

    edges = _edges(grey)
    if edges < FLAT:
        return 0.0
    return max(0.0, 1 - _edges(grey.filter(ImageFilter.GaussianBlur(RE_BLUR))) / edges)


def _edges(grey: Image.Image) -> float:
    """The variance of the second derivative."""
    from PIL import ImageFilter, ImageStat

    kernel = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), 1, 128)
    found = grey.filter(kernel).crop((2, 2, max(grey.width - 2, 3), max(grey.height - 2, 3)))
    return ImageStat.Stat(found).var[0]


def _software(picture: Image.Image) -> str | None:
    """The editor that the file names."""
    exif = picture.getexif()
    said: list[Any] = [exif.get(tag) for tag in _EXIF]
    said += [picture.info.get(name) for name in _NOTES]
    for each in said:
        text = each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each or "")
        if match := _EDITORS.search(text):
            return match[0].lower()
    return None
