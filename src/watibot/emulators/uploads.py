"""Files that somebody uploads to play a guest: which of them the real channels would carry. Pure.

Asked by `wati_guests.py` and `manychat_guests.py`. The type is what the bytes are, not what their
name says. Limits are those of WhatsApp's Cloud API (developers.facebook.com, "Supported media
types") and 25 MB on Messenger and Instagram; on Instagram documents are not sent.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from watibot.emulators.samples import Sample, sample_for

MB = 1 << 20
META_LARGEST = 25 * MB


@dataclass(frozen=True)
class _Form:
    """A kind of file: how it begins (at which byte), and how WhatsApp takes it."""

    begins: bytes
    at: int
    content_type: str
    extension: str
    type: str
    folder: str
    largest: int


# The first that fits counts.
_FORMS = (
    _Form(b"\xff\xd8\xff", 0, "image/jpeg", "jpg", "image", "images", 5 * MB),
    _Form(b"\x89PNG\r\n\x1a\n", 0, "image/png", "png", "image", "images", 5 * MB),
    _Form(b"WEBP", 8, "image/webp", "webp", "sticker", "stickers", 500 * 1024),
    _Form(b"OggS", 0, "audio/ogg", "ogg", "voice", "voice", 16 * MB),
    _Form(b"ID3", 0, "audio/mpeg", "mp3", "audio", "audios", 16 * MB),
    _Form(b"\xff\xfb", 0, "audio/mpeg", "mp3", "audio", "audios", 16 * MB),
    _Form(b"#!AMR", 0, "audio/amr", "amr", "audio", "audios", 16 * MB),
    _Form(b"ftypM4A", 4, "audio/mp4", "m4a", "audio", "audios", 16 * MB),
    _Form(b"ftyp3gp", 4, "video/3gpp", "3gp", "video", "videos", 16 * MB),
    _Form(b"ftyp", 4, "video/mp4", "mp4", "video", "videos", 16 * MB),
    _Form(b"%PDF-", 0, "application/pdf", "pdf", "document", "documents", 100 * MB),
)


def sent(spec: dict[str, Any], channel: str) -> Sample | None:
    """What a control request sends: a sample (`media`), or a file (`{"name": ..., "content":
    base64}`) that `channel` ("whatsapp", "facebook", "instagram") carries. ValueError if not."""
    if "file" not in spec:
        return sample_for(spec)
    file = spec["file"]
    if not isinstance(file, dict) or not isinstance(file.get("content"), str):
        raise ValueError("file: name and content, in base64, are expected")
    try:
        content = base64.b64decode(file["content"], validate=True)
    except binascii.Error:
        raise ValueError("file: content is not base64") from None
    return carried(str(file.get("name", "file")), content, channel)


def carried(name: str, content: bytes, channel: str) -> Sample:
    """The file as the channel takes it. ValueError says why it does not."""
    form = next((f for f in _FORMS if content[f.at : f.at + len(f.begins)] == f.begins), None)
    if form is None:
        raise ValueError("the channel carries pictures, audio, video and PDF only")
    if channel == "instagram" and form.type == "document":
        raise ValueError("Instagram carries no documents")
    largest = form.largest if channel == "whatsapp" else META_LARGEST
    if len(content) > largest:
        raise ValueError(f"{form.content_type}: at most {largest} bytes, not {len(content)}")
    stem = re.sub(r"[^\w -]", "", name.rpartition(".")[0] or name).strip()[:60] or "file"
    return Sample(f"{stem}.{form.extension}", form.content_type, form.type, form.folder, content)
