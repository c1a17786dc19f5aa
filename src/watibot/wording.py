"""How a guest's message reads in the history and in a prompt: words, and a note for each file.

Pure. `storage/` calls it when a message becomes history, `prompts.py` when it builds the open
turn's contents, so that a message reads the same before and after. Notes are Spanish, in brackets.
What staff noted when they gave a conversation back is told apart here from what they wrote in it.
"""

from __future__ import annotations

from watibot.history import HistoryItem, ItemKind
from watibot.messages import AttachmentKind, MessageKind
from watibot.turns import GuestMessage, Media, MediaState

_FILES: dict[str, str] = {
    AttachmentKind.IMAGE: "foto",
    AttachmentKind.VOICE: "nota de voz",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.DOCUMENT: "documento",
    AttachmentKind.STICKER: "sticker",
    AttachmentKind.FILE: "archivo",
}

_NOTED: dict[MessageKind, str] = {
    MessageKind.REPLY: "botón elegido",
    MessageKind.LOCATION: "ubicación",
    MessageKind.CONTACTS: "contacto",
    MessageKind.UNSUPPORTED: "mensaje que no se puede leer",
}
REPLIED = "[en respuesta a un mensaje anterior]"

# How staff begin a note that no guest is ever to be told.
_INTERNAL = ("interno", "interna")


def is_note(item: HistoryItem) -> bool:
    """Whether staff left these words for the assistant, and no guest has read them."""
    return item.kind is ItemKind.STAFF and (item.origin or {}).get("source") == "note"


def is_internal(item: HistoryItem) -> bool:
    """Whether it is a note that begins with `interno:`."""
    return is_note(item) and item.text.lstrip(" [(#").casefold().startswith(_INTERNAL)


def history_text(message: GuestMessage) -> str:
    """The message in words, one line for each file; never empty, because Vertex refuses that."""
    lines = [_words(message), *(media_note(media) for media in message.media)]
    return "\n".join(line for line in lines if line) or "[mensaje vacío]"


def media_note(media: Media) -> str:
    """`[foto: image/jpeg, 120 KB]`, `[documento: reserva.pdf, no se pudo abrir]`, `[foto]`."""
    facts = [media.file_name]
    if media.state is MediaState.FAILED:
        facts.append("no se pudo abrir")
    else:
        facts.append(media.mime)
        facts.append(None if media.size is None else size_text(media.size))
    known = ", ".join(fact for fact in facts if fact)
    name = _FILES.get(media.kind, "archivo")
    return f"[{name}: {known}]" if known else f"[{name}]"


def size_text(size: int) -> str:
    """Bytes as a person reads them: `120 KB`, `1.4 MB`."""
    if size >= 1024 * 1024:
        return f"{size / 1024 / 1024:.1f} MB"
    return f"{max(round(size / 1024), 1)} KB"


def _words(message: GuestMessage) -> str:
    text = message.text.strip()
    if message.kind in _NOTED:
        name = _NOTED[message.kind]
        return f"[{name}: {text}]" if text else f"[{name}]"
    if message.reply_to is not None and text:
        return f"{REPLIED}\n{text}"
    return text
