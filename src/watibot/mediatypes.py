"""Types of files: what Gemini reads, and which kind a type is. Pure.

`channels/media.py` names a file's type by its bytes; the service asks here whether the model may be
given it, or the guest has to be told that it cannot be read.
"""

from __future__ import annotations

from watibot.messages import AttachmentKind

_MIB = 1024 * 1024

# Types that Gemini reads, and the most bytes of one: 7 MB for a picture on the strictest page, 50
# MB for a PDF; audio and text have no limit near what channels carry (sources:
# docs/reference/providers.md). GIF is no type of Gemini's; video is one, but not read for now.
READABLE: dict[str, int] = {
    "image/jpeg": 7 * _MIB,
    "image/png": 7 * _MIB,
    "image/webp": 7 * _MIB,
    "image/heic": 7 * _MIB,
    "image/heif": 7 * _MIB,
    "application/pdf": 50 * _MIB,
    "audio/ogg": 50 * _MIB,
    "audio/mpeg": 50 * _MIB,
    "audio/mp4": 50 * _MIB,
    "audio/x-aac": 50 * _MIB,
    "audio/wav": 50 * _MIB,
    "audio/flac": 50 * _MIB,
    "audio/webm": 50 * _MIB,
    "text/plain": _MIB,
}


def readable(mime: str, size: int) -> bool:
    """Whether the model can be given a file of this type and so many bytes."""
    return 0 < size <= READABLE.get(mime, 0)


def kind_of(mime: str) -> AttachmentKind:
    """The kind that a type belongs to; FILE for one that nobody can say anything about."""
    family = mime.partition("/")[0]
    if family == "image":
        return AttachmentKind.IMAGE
    if family == "audio":
        return AttachmentKind.AUDIO
    if family == "video":
        return AttachmentKind.VIDEO
    if mime == "application/octet-stream":
        return AttachmentKind.FILE
    return AttachmentKind.DOCUMENT
