"""The media that virtual guests send: real bytes, kept in `data/` or uploaded.

Read by the guests' control routes of `wati_guests.py` and `manychat_guests.py`; served by the media
routes of both emulators. `uploads.py` says which files may be uploaded.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A file: its content type, WATI's message type and folder for it, its extension. `content`:
    of one that was uploaded."""

    file: str
    content_type: str
    type: str
    folder: str
    content: bytes | None = None

    @property
    def extension(self) -> str:
        return self.file.rpartition(".")[2]

    def read(self) -> bytes:
        return _read(self.file) if self.content is None else self.content


@cache
def _read(file: str) -> bytes:
    return files("watibot.emulators").joinpath("data", file).read_bytes()


SAMPLES: dict[str, Sample] = {
    "photo": Sample("photo.jpg", "image/jpeg", "image", "images"),
    "pdf": Sample("receipt.pdf", "application/pdf", "document", "documents"),
    "voice": Sample("voice.ogg", "audio/ogg", "voice", "voice"),
    "sticker": Sample("sticker.webp", "image/webp", "sticker", "stickers"),
    "video": Sample("clip.mp4", "video/mp4", "video", "videos"),
}


def sample_for(spec: dict[str, Any]) -> Sample | None:
    """The sample that a control request names in `media`; ValueError if there is none of it."""
    name = spec.get("media")
    if name is not None and name not in SAMPLES:
        raise ValueError(f"media {name!r} is none of {sorted(SAMPLES)}")
    return None if name is None else SAMPLES[name]
