"""Loosely typed JSON values as strict ones: neither provider keeps to one type per field. Pure.

`wati_payloads.py` and `manychat_payloads.py` read every field through these; none of them raises.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

_EPOCH = re.compile(r"[0-9]{9,17}(\.[0-9]{1,9})?")
_YEAR_2000, _YEAR_2100 = 946_684_800.0, 4_102_444_800.0
_TRUE = frozenset({"true", "1", "yes", "on", "si", "sí"})
_FALSE = frozenset({"false", "0", "no", "off", ""})
_EXTENSIONS = (
    "jpg jpeg png gif webp heic heif bmp tif tiff svg pdf doc docx xls xlsx ppt pptx odt ods csv "
    "txt rtf zip ogg oga opus mp3 m4a aac amr wav flac mp4 mov 3gp webm vcf json xml htm html"
)
_FILE_NAME = re.compile(rf"[^\n\r/\\]{{1,200}}\.({'|'.join(_EXTENSIONS.split())})", re.IGNORECASE)


def text(value: Any) -> str:
    """A string or a number as text, stripped; "" for everything else.

    NUL and half surrogates pass JSON, but no database and no UTF-8.
    """
    if not isinstance(value, str):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return str(value) if number and abs(value) < 1e30 else ""
    if value.isascii() and "\x00" not in value:  # most fields: there is nothing to mend
        return value.strip()
    whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "").strip()


def some(value: Any) -> str | None:
    """As `text`, with None for an empty one."""
    return text(value) or None


def flag(value: Any) -> bool | None:
    """True, "true", 1, "on" ... and their opposites; None for what is neither."""
    if isinstance(value, bool):
        return value
    word = text(value).casefold() if isinstance(value, (str, int)) else None
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def moment(value: Any) -> datetime | None:
    """Epoch seconds, milli- or microseconds (number or string) or ISO 8601, between 2000 and 2100;
    None for anything else. An ISO time without an offset is taken as UTC."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not _EPOCH.fullmatch(value):
            return _iso(value)
        value = float(value)
    if not isinstance(value, (int, float)) or not 0 < value < 1e17 or not math.isfinite(value):
        return None
    scale = 1.0 if value < 1e11 else 1e3 if value < 1e14 else 1e6
    return _within(value / scale)


def _iso(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        inside = _YEAR_2000 <= aware.timestamp() < _YEAR_2100
        return aware.astimezone(UTC) if inside else None
    except (ValueError, OverflowError):
        return None


def _within(seconds: float) -> datetime | None:
    if not _YEAR_2000 <= seconds < _YEAR_2100:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def names_a_file(value: str) -> bool:
    """Whether a text is a file's name and not words: both stand in WATI's `text`."""
    return _FILE_NAME.fullmatch(value) is not None
