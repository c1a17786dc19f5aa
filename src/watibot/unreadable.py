"""What a guest sent and the model is not shown: it is told to the guest in a friendly line.

Pure. Used by `service/answer.py`; the line itself is the hotel's (`hotel.texts.unreadable`). What
can be shown depends on who answers: `reads` says it of a type and a size in bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from watibot.mediatypes import readable
from watibot.messages import AttachmentKind, MessageKind
from watibot.turns import GuestMessage, Media, MediaState, Turn

KIND_NAMES = {
    AttachmentKind.IMAGE: "la imagen",
    AttachmentKind.VOICE: "la nota de voz",
    AttachmentKind.AUDIO: "el audio",
    AttachmentKind.VIDEO: "el video",
    AttachmentKind.DOCUMENT: "el documento",
    AttachmentKind.STICKER: "el sticker",
    AttachmentKind.FILE: "el archivo",
}
OTHER = "ese tipo de mensaje"
_IN_ENGLISH = {
    "la imagen": "the picture",
    "la nota de voz": "the voice note",
    "el audio": "the audio",
    "el video": "the video",
    "el documento": "the document",
    "el sticker": "the sticker",
    "el archivo": "the file",
    OTHER: "that kind of message",
}

Reads = Callable[[str, int], bool]


def shown(media: Media, reads: Reads = readable) -> bool:
    """Whether the model is given the file."""
    return media.state is MediaState.READY and reads(media.mime or "", media.size or 0)


def unreadable_kinds(turn: Turn, reads: Reads = readable, language: str = "es") -> list[str]:
    """In the guest's words, each once, in order: Spanish, or English for whoever reads none."""
    kinds = []
    for message in turn.messages:
        if message.kind is MessageKind.UNSUPPORTED:
            kinds.append(OTHER)
        hidden = [one for one in message.media if not shown(one, reads)]
        kinds += [KIND_NAMES[AttachmentKind(one.kind)] for one in hidden]
    own = kinds if language == "es" else [_IN_ENGLISH[kind] for kind in kinds]
    return list(dict.fromkeys(own))


def only_unreadable(turn: Turn, reads: Reads = readable) -> bool:
    """Whether there is nothing in the turn that the model could answer."""
    return all(_holds_nothing(message, reads) for message in turn.messages)


def _holds_nothing(message: GuestMessage, reads: Reads) -> bool:
    if message.text.strip() or any(shown(one, reads) for one in message.media):
        return False
    return bool(message.media) or message.kind is MessageKind.UNSUPPORTED
