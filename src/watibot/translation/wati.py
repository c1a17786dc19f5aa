"""The WATI form: rows of getMessages, which know guest, bot and colleagues, but no tools.

For conversations whose thread nobody can read any more. A row's direction is `owner`, its speaker
`operatorName`; tickets and broadcasts are no messages (docs/reference/providers.md). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watibot.history import ItemKind
from watibot.matching import OWN_PREFIX, is_machine
from watibot.messages import AttachmentKind
from watibot.threads import RawThread
from watibot.translation.scribe import Scribe, Source, label, moment
from watibot.turns import Media, MediaState
from watibot.wording import media_note

Json = dict[str, Any]

_SAME_SECOND = 1.5  # seconds by which `created` may differ from `timestamp` and still refine it
_FILES = {
    "image": AttachmentKind.IMAGE,
    "photo": AttachmentKind.IMAGE,
    "document": AttachmentKind.DOCUMENT,
    "voice": AttachmentKind.VOICE,
    "audio": AttachmentKind.AUDIO,
    "video": AttachmentKind.VIDEO,
    "sticker": AttachmentKind.STICKER,
}
_NOTED = {"location": "ubicación", "contacts": "contacto", "reaction": "reacción"}
_TEXTS = ("text", "button", "interactive", "list", "template", "")


def write(raw: RawThread, scribe: Scribe, _now: float | None = None) -> int:
    """Gives the scribe the whole conversation; how many messages it has. `thread["bot_operators"]`:
    names under which WATI shows what the bot sent."""
    bots = frozenset(str(each).casefold() for each in raw.thread.get("bot_operators") or ())
    messages = 0
    for index, row in enumerate(raw.messages):
        if row.get("eventType", "message") != "message":
            continue
        messages += 1
        given = row.get("id") or row.get("whatsappMessageId")
        at = _said_at(row)
        kind, author = _speaker(row, bots)
        text, file = _words(row)
        scribe.media += 1 if file else 0
        type_ = str(row.get("type") or "")
        source = Source(
            name=str(given or f"{raw.thread_id}#{index + 1}"),
            at=moment(at),
            in_thread=str(given) if given else None,
            origin={
                "created_at": at,
                "role": "guest" if kind is ItemKind.GUEST else "hotel",
                "parts": [type_ or "text"],
                "attachments": [file] if file else [],
            },
        )
        if type_ not in (*_TEXTS, *_FILES, *_NOTED):
            scribe.lose(f"message of type '{label(type_)}'", source.name)
        elif not text:
            scribe.lose("message without content", source.name)
        scribe.say(kind, text, source, author=author)
    return messages


def _speaker(row: Json, bots: frozenset[str]) -> tuple[ItemKind, str | None]:
    if str(row.get("owner")).casefold() not in ("true", "1"):
        return ItemKind.GUEST, None
    name = str(row.get("operatorName") or "").strip()
    # A row of the API's or of WATI's own automation may bear no name; a person's always does.
    if (
        not name
        or is_machine(name, None, bots)
        or str(row.get("localMessageId") or "").startswith(OWN_PREFIX)
    ):
        return ItemKind.ASSISTANT, None
    return ItemKind.STAFF, name


def _said_at(row: Json) -> Any:
    """`timestamp` is the truth but has whole seconds only; `created` has more digits, but may be
    the time of what triggered the message."""
    said, created = moment(row.get("timestamp")), moment(row.get("created"))
    if said and created and abs((created - said).total_seconds()) > _SAME_SECOND:
        return row["timestamp"]
    return row["created"] if created else row.get("timestamp")


def _words(row: Mapping[str, Any]) -> tuple[str, Json | None]:
    """The row in words, and its file as the origin keeps it."""
    type_, text = str(row.get("type") or ""), row.get("text")
    words = text.strip() if isinstance(text, str) else ""
    if type_ in _NOTED:
        return f"[{_NOTED[type_]}: {words}]" if words else f"[{_NOTED[type_]}]", None
    if type_ not in _FILES:
        return words, None
    data = row.get("data")
    path = data.get("url") or data.get("path") if isinstance(data, dict) else data
    path = path if isinstance(path, str) else ""
    name = path.partition("?")[0].rpartition("/")[2]
    if name and words.casefold() == name.casefold():  # WATI puts the file's name in the text
        words = ""
    kind = _FILES[type_]
    document = kind is AttachmentKind.DOCUMENT
    note = media_note(Media(0, kind, path, MediaState.READY, file_name=name if document else None))
    file = {"part": type_, "url": path, "name": name or None}
    told = {key: value for key, value in file.items() if value}
    return "\n".join(line for line in (words, note) if line), told
