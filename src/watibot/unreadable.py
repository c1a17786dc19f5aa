"""What a guest sent and the model is not shown: it is told to the guest in a friendly line.

Pure. Used by `service/answer.py`; the line itself is the hotel's (`hotel.texts.unreadable`).
"""

from __future__ import annotations

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


def shown(media: Media) -> bool:
    """Whether the model is given the file."""
    return media.state is MediaState.READY and readable(media.mime or "", media.size or 0)


def unreadable_kinds(turn: Turn) -> list[str]:
    """In the guest's words, each once, in order."""
    kinds = []
    for message in turn.messages:
        if message.kind is MessageKind.UNSUPPORTED:
            kinds.append(OTHER)
        kinds += [KIND_NAMES[AttachmentKind(one.kind)] for one in message.media if not shown(one)]
    return list(dict.fromkeys(kinds))


def only_unreadable(turn: Turn) -> bool:
    """Whether there is nothing in the turn that the model could answer."""
    return all(_holds_nothing(message) for message in turn.messages)


def _holds_nothing(message: GuestMessage) -> bool:
    if message.text.strip() or any(shown(one) for one in message.media):
        return False
    return bool(message.media) or message.kind is MessageKind.UNSUPPORTED
