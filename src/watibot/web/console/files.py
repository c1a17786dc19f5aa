"""Guests' files as the console hands them to a browser: whole, or the part that a player asks for.

`routes.py` gives it its address; the bytes come from the media folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.responses import Response

from watibot.ports.console import Console
from watibot.ports.outside import MediaFiles
from watibot.turns import MediaState
from watibot.web.console.frame import HEADERS, Frame, Visit
from watibot.web.console.rooms import Way, page

# What a browser may show in a page; everything else is saved as a file.
SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
HEARD = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr"})
_SUFFIX = {"application/pdf": "pdf", "video/mp4": "mp4"}
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)


class Files:
    """Answers to GET for one file."""

    def __init__(self, rows: Console, files: MediaFiles, frame: Frame) -> None:
        self._rows = rows
        self._files = files
        self._frame = frame

    def ways(self) -> Sequence[Way]:
        return (page("/media/{media_id:int}", self.media),)

    async def media(self, visit: Visit) -> Response:
        """Its type is one of ours, never the guest's word; what is no picture or sound is saved and
        not opened."""
        found = await self._rows.media(visit.request.path_params["media_id"])
        if found is None or found.state is not MediaState.READY or found.path is None:
            return await self._frame.wrong(visit.request, 404, visit)
        try:
            data = await self._files.get(found.path)
        except OSError:
            return await self._frame.wrong(visit.request, 404, visit)
        headers = {
            **HEADERS,
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, max-age=3600",
            "accept-ranges": "bytes",
        }
        kind = found.mime or ""
        if kind not in SHOWN | HEARD:
            suffix = _SUFFIX.get(kind, "bin")
            headers["content-disposition"] = f'attachment; filename="{found.media_id}.{suffix}"'
            kind = kind if kind in _SUFFIX else "application/octet-stream"
        asked = visit.request.headers
        # Without a validator of ours nobody can mean "if it is still the same file".
        wanted = None if "if-range" in asked else asked.get("range")
        return _part(data, wanted, headers, kind)


def _part(data: bytes, wanted: str | None, headers: dict[str, str], kind: str) -> Response:
    """All of it, or the one range that is asked for: Safari plays no sound without it."""
    asked = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if asked is None:
        return Response(data, 200, headers, kind)
    size = len(data)
    first, last, tail = asked.groups()
    if tail is None:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return Response(data, 200, headers, kind)  # no range at all
    else:
        start, end = max(size - int(tail), 0), size - 1
    if start > end:
        return Response(b"", 416, {**headers, "content-range": f"bytes */{size}"}, kind)
    headers["content-range"] = f"bytes {start}-{end}/{size}"
    return Response(data[start : end + 1], 206, headers, kind)
