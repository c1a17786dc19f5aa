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

Reads = Callable[[str, int], bool]


def shown(media: Media, reads: Reads = readable) -> bool:
    """Whether the model is given the file."""
    return media.state is MediaState.READY and reads(media.mime or "", media.size or 0)


def unreadable_kinds(turn: Turn, reads: Reads = readable) -> list[str]:
    """In the guest's words, each once, in order."""
    kinds = []
    for message in turn.messages:
        if message.kind is MessageKind.UNSUPPORTED:
            kinds.append(OTHER)
        hidden = [one for one in message.media if not shown(one, reads)]
        kinds += [KIND_NAMES[AttachmentKind(one.kind)] for one in hidden]
    return list(dict.fromkeys(kinds))


def only_unreadable(turn: Turn, reads: Reads = readable) -> bool:
    """Whether there is nothing in the turn that the model could answer."""
    return all(_holds_nothing(message, reads) for message in turn.messages)


def _holds_nothing(message: GuestMessage, reads: Reads) -> bool:
    if message.text.strip() or any(shown(one, reads) for one in message.media):
        return False
    return bool(message.media) or message.kind is MessageKind.UNSUPPORTED
