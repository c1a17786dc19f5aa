"""Everything that is kept of a guest, as one ZIP file that they can be given.

The console and `watibot guest export` ask for it; `storage/guest_rows.py` reads the rows. In it are
`conversation.json` (all rows), `transcript.html` (what was said, for people) and the files. Of the
hotel's own there is nothing: no instructions, no settings.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile
from zoneinfo import ZoneInfo

from watibot.history import ItemKind, said_at
from watibot.ports import Clock, MediaFiles
from watibot.ports.console import Audit, Entry
from watibot.ports.erasures import GuestRows

FORM = "watibot.guest/1"
Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]

# What the tables are called in the file.
_SECTIONS = {
    "aliases": "aliases",
    "messages": "messages",
    "media": "files",
    "turns": "turns",
    "steps": "steps",
    "bubbles": "answers",
    "history": "history",
    "bookings": "bookings",
    "payment_proofs": "payment_proofs",
    "escalations": "escalations",
    "notices": "notices",
    "charges": "charges",
    "audit": "console",
    "migrations": "migration",
    "legacy_threads": "earlier_system",
}
# Of the rows' keeping, not of the guest.
_LEFT_OUT = frozenset(
    {"hotel_id", "fence", "lease_until", "due_at", "not_before", "deadline_at", "path"}
)
_WORDS = {
    "es": {
        "title": "Conversación con",
        ItemKind.GUEST: "Huésped",
        ItemKind.ASSISTANT: "Asistente",
        ItemKind.STAFF: "Personal",
        "note": "Nota interna",
        "files": "Archivos",
    },
    "en": {
        "title": "Conversation with",
        ItemKind.GUEST: "Guest",
        ItemKind.ASSISTANT: "Assistant",
        ItemKind.STAFF: "Staff",
        "note": "Internal note",
        "files": "Files",
    },
}


class Exporter:
    """Writes it."""

    def __init__(
        self,
        rows: GuestRows,
        files: MediaFiles,
        audit: Audit,
        clock: Clock,
        hotel_name: str,
        zone: ZoneInfo,
    ) -> None:
        self._rows = rows
        self._files = files
        self._audit = audit
        self._clock = clock
        self._hotel_name = hotel_name
        self._zone = zone

    async def export(self, conversation_id: str, by: str, language: str, out: IO[bytes]) -> bool:
        """Writes the ZIP into `out`, noting before that `by` (a user's name) did it. False, and
        nothing is written, if there is no such conversation. `language` is es or en."""
        kept = await self._rows.kept(conversation_id)
        if kept is None:
            return False
        now = self._clock.now()
        await self._audit.note(Entry(now, by, "export", conversation_id))
        with ZipFile(out, "w", ZIP_DEFLATED) as archive:
            in_zip = await self._add_files(archive, kept["media"])
            await asyncio.to_thread(self._add_words, archive, kept, in_zip, language, now)
        return True

    async def _add_files(self, archive: ZipFile, media: Iterable[Row]) -> dict[int, str]:
        """The files that are there; their names in the ZIP, by the row's number."""
        names: dict[int, str] = {}
        for row in media:
            if not row["path"]:
                continue
            try:
                data = await self._files.get(row["path"])
            except OSError:
                continue
            suffix = mimetypes.guess_extension(row["mime"] or "") or ".bin"
            names[row["media_id"]] = name = f"media/{row['media_id']}{suffix}"
            await asyncio.to_thread(archive.writestr, name, data, ZIP_STORED)
        return names

    def _add_words(
        self, archive: ZipFile, kept: Rows, in_zip: Mapping[int, str], language: str, now: datetime
    ) -> None:
        told = document(kept, in_zip) | {"exported_at": now.isoformat(), "hotel": self._hotel_name}
        archive.writestr("conversation.json", json.dumps(told, ensure_ascii=False, indent=1))
        archive.writestr("transcript.html", transcript(kept, in_zip, language, self._zone))


def document(kept: Rows, in_zip: Mapping[int, str]) -> Row:
    """The rows as JSON has them. Pure."""
    made: Row = {"format": FORM, "profile": _plain(kept["conversations"][0])}
    for table, section in _SECTIONS.items():
        made[section] = [_plain(row) for row in kept[table]]
    for row in made["files"]:
        row["in_zip"] = in_zip.get(row["media_id"])
    return made


def _plain(row: Row) -> Row:
    return {name: _value(value) for name, value in row.items() if name not in _LEFT_OUT}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):  # a webhook's body
        return bytes(value).decode("utf-8", "replace")
    return value


def transcript(kept: Rows, in_zip: Mapping[int, str], language: str, zone: ZoneInfo) -> str:
    """What was said, as a page that needs nothing but itself and the files. Pure."""
    words = _WORDS[language]
    name = kept["conversations"][0]["guest_name"] or kept["conversations"][0]["address"]
    title = escape(f"{words['title']} {name}")
    lines = [
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>',
        "<style>body{font:1rem/1.5 sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem}"
        "p{white-space:pre-wrap;margin:.25rem 0 1rem}h2{font-size:.9rem;margin:0}</style>",
        f"<h1>{title}</h1>",
    ]
    for at, kind, author, text in sorted(_said(kept), key=lambda line: line[0]):
        who = f"{words[kind]} ({author})" if author else words[kind]
        head = f"{at.astimezone(zone):%Y-%m-%d %H:%M} · {who}"
        lines.append(f"<h2>{escape(head)}</h2><p>{escape(text)}</p>")
    if in_zip:
        links = (f'<li><a href="{each}">{each}</a></li>' for each in in_zip.values())
        lines.append(f"<h2>{words['files']}</h2><ul>{''.join(links)}</ul>")
    return "\n".join(lines) + "\n</html>\n"


def _said(kept: Rows) -> Iterable[tuple[datetime, str, str | None, str]]:
    """When, by whom and what; messages that are not history yet as well."""
    shown = {ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.STAFF}
    there = {row["item_id"] for row in kept["history"]}
    for row in kept["history"]:
        if row["kind"] in shown:
            note = row["kind"] == ItemKind.STAFF and (row["origin"] or {}).get("source") == "note"
            kind = "note" if note else row["kind"]
            yield said_at(row["at"], row["origin"]), kind, row["author"], row["text"]
    for row in kept["messages"]:
        if row["item_id"] not in there:
            yield row["provider_time"], ItemKind.GUEST, None, row["text"]
