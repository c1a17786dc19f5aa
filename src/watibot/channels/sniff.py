"""A file's type by its bytes. Pure.

`media.py` asks: neither provider's word for a file can be trusted (Meta's CDN calls pictures
`text/html`, WATI names voice notes by an extension; docs/reference/providers.md).
"""

from __future__ import annotations

import re

import filetype

UNKNOWN = "application/octet-stream"

# `filetype`'s words where Gemini's (`mediatypes.py`) are others.
_SAME = {
    "audio/aac": "audio/x-aac",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_HANDLER = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_HTML = re.compile(r"\s*(<!doctype html|<html)", re.IGNORECASE)


def sniff(data: bytes) -> str:
    """The MIME type without parameters."""
    if data.startswith(b"OggS"):
        return "video/ogg" if b"theora" in data[:256] else "audio/ogg"
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    # `filetype` wants 262 bytes at most; only its documents look further.
    found: str | None = filetype.guess_mime(data)
    return _SAME.get(found, found) if found else _words(data)


def _iso_media(data: bytes) -> str:
    """An ISO base media file is a picture, a film or, as Instagram's voice notes, sound alone: its
    brand and the handlers of its tracks tell (ISO/IEC 14496-12, 8.4.3)."""
    brand = data[8:12]
    if brand in _HEIF:
        return "image/heic"
    if brand in (b"mif1", b"msf1"):
        return "image/heif"
    if brand == b"avif":
        return "image/avif"
    tracks = set(_HANDLER.findall(data))
    if b"vide" not in tracks and (b"soun" in tracks or brand in (b"M4A ", b"M4B ")):
        return "audio/mp4"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _words(data: bytes) -> str:
    try:
        words = data.decode()
    except UnicodeDecodeError:
        return UNKNOWN
    if not words or _CONTROL.search(words):
        return UNKNOWN
    return "text/html" if _HTML.match(words) else "text/plain"
