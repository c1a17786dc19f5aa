"""A message's content parts as words, files as notes between brackets. Pure.

Both dialects of OpenAI are read here: `text`, `image_file`, `image_url` of Assistants and Chat,
`input_text`, `output_text`, `input_image`, `input_file` of Conversations. `scribe.py` writes the
words down and counts what nobody could read.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from watibot.mediatypes import kind_of
from watibot.messages import AttachmentKind
from watibot.turns import Media, MediaState
from watibot.wording import media_note

# Python's own table and never the machine's, which would name a file here otherwise than there.
_TYPES = mimetypes.MimeTypes(filenames=())
_TYPES.add_type("image/webp", ".webp")
_TYPES.add_type("audio/ogg", ".ogg")
_TYPES.add_type("audio/ogg", ".opus")

_DATA_URL = re.compile(r"data:([\w.+/-]+)?(?:;[\w=.+-]+)*,(.*)", re.DOTALL)
_EMPTY_LINK = re.compile(r"\[([^\[\]]*)\]\(\)")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A message's content. `kinds`: of its parts, in order; `attachments`, `annotations`: JSON for
    the origin; `unknown`: types of parts that were left out."""

    text: str
    kinds: tuple[str, ...]
    attachments: tuple[Json, ...]
    annotations: tuple[Json, ...]
    unknown: tuple[str, ...]


def read(content: Any, attachments: Any, files: Mapping[str, Json]) -> Said:
    """`content` is a text or a list of parts, `attachments` the message's; `files`: metadata by
    id."""
    reader = _Reader(files)
    for part in content if isinstance(content, list) else [content] if content else ():
        reader.part(part)
    for attachment in objects(attachments):
        reader.attached(attachment)
    return Said(
        "\n".join(line for line in reader.lines if line.strip()),
        tuple(reader.kinds),
        tuple(reader.attachments),
        tuple(reader.annotations),
        tuple(reader.unknown),
    )


def objects(value: Any) -> list[Json]:
    """The objects of a list; none where there is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class _Reader:
    def __init__(self, files: Mapping[str, Json]) -> None:
        self.lines: list[str] = []
        self.kinds: list[str] = []
        self.attachments: list[Json] = []
        self.annotations: list[Json] = []
        self.unknown: list[str] = []
        self._files = files

    def part(self, part: Any) -> None:
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        kind = part.get("type") if isinstance(part, dict) else None
        given = part.get(kind) if isinstance(kind, str) else None
        match kind:
            case "text" | "input_text" | "output_text":
                self._text(part)
            case "refusal":
                self.lines.append(str(part.get("refusal") or ""))
            case "image_file":
                facts = given if isinstance(given, dict) else {}
                self._file(kind, facts.get("file_id"), AttachmentKind.IMAGE)
            case "image_url":
                url = given.get("url") if isinstance(given, dict) else given
                self._url(kind, url, AttachmentKind.IMAGE)
            case "input_image" if part.get("file_id"):
                self._file(kind, part["file_id"], AttachmentKind.IMAGE)
            case "input_image":
                self._url(kind, part.get("image_url"), AttachmentKind.IMAGE)
            case "input_file" if part.get("file_id"):
                self._file(kind, part["file_id"], None, part.get("filename"))
            case "input_file":
                url = part.get("file_url") or part.get("file_data")
                self._url(kind, url, None, part.get("filename"))
            case _:
                self.unknown.append(str(kind))
        self.kinds.append(kind if isinstance(kind, str) else "?")

    def attached(self, attachment: Json) -> None:
        """A file beside the parts; a picture that stands among them too is told there."""
        file_id = attachment.get("file_id")
        types = [each.get("type") for each in objects(attachment.get("tools"))]
        for known in self.attachments:
            if file_id and known.get("file_id") == file_id:
                known.update({"tools": types} if types else {})
                return
        self._file("attachment", file_id, None)
        self.attachments[-1].update({"tools": types} if types else {})

    def _text(self, part: Json) -> None:
        given = part.get("text")
        nested = given if isinstance(given, dict) else part
        value = nested.get("value") if nested is given else given
        known = objects(nested.get("annotations"))
        self.lines.append(without_marks(value, known) if isinstance(value, str) else "")
        for annotation in known:
            self._annotated(annotation)

    def _annotated(self, annotation: Json) -> None:
        kind = annotation.get("type")
        given = annotation.get(str(kind))
        facts = {**annotation, **given} if isinstance(given, dict) else annotation
        kept = {
            key: facts[key]
            for key in ("file_id", "filename", "quote", "url", "title")
            if facts.get(key)
        }
        self.annotations.append({"type": str(kind), **kept})
        if kind == "file_path":  # a file that the assistant made
            name = str(annotation.get("text") or "").rpartition("/")[2]
            self._file(kind, facts.get("file_id"), None, name)

    def _file(self, part: str, file_id: Any, kind: AttachmentKind | None, name: Any = None) -> None:
        meta = self._files.get(file_id, {}) if isinstance(file_id, str) else {}
        name = meta.get("filename") or name
        size = meta.get("bytes")
        self._note(
            part,
            kind,
            {"file_id": file_id},
            name if isinstance(name, str) else None,
            None,
            size if isinstance(size, int) and size >= 0 else None,
        )

    def _url(self, part: str, url: Any, kind: AttachmentKind | None, name: Any = None) -> None:
        url = url if isinstance(url, str) else ""
        name = name if isinstance(name, str) else None
        data = _DATA_URL.fullmatch(url)
        if data is None:
            name = name or unquote(_path(url)).rpartition("/")[2]
            self._note(part, kind, {"url": url}, name, None, None)
        else:  # the bytes stay in the archive: an origin is small
            self._note(part, kind, {}, name, data[1], len(data[2]) * 3 // 4)

    def _note(
        self,
        part: str,
        kind: AttachmentKind | None,
        where: Json,
        name: str | None,
        mime: str | None,
        size: int | None,
    ) -> None:
        """A line for the guest's file, and the same for the origin."""
        name = (name or "").replace("[", "(").replace("]", ")").strip()[:120] or None
        mime = mime or (_TYPES.guess_type(f"x/{name}")[0] if name else None)
        kind = kind or (kind_of(mime) if mime else AttachmentKind.DOCUMENT)
        known = size is not None or not name
        shown = Media(0, kind, "", MediaState.READY, mime if known else None, size, file_name=name)
        self.lines.append(media_note(shown))
        facts = {"part": part, **where, "name": name, "mime": mime, "size": size}
        self.attachments.append({key: value for key, value in facts.items() if value is not None})


def without_marks(value: str, annotations: Sequence[Json]) -> str:
    """The text without the marks that annotations stand for (`【4:0†source】`, `sandbox:/...`)."""
    marks = [each for each in annotations if each.get("type") in ("file_citation", "file_path")]
    for mark in sorted(marks, key=_start, reverse=True):
        words, start = mark.get("text"), _start(mark)
        if not isinstance(words, str) or not words:
            continue
        if not value.startswith(words, max(start, 0)):
            # Offsets may count otherwise than Python does, where an emoji stands before.
            start = value.find(words)
        if start >= 0:
            value = value[:start] + value[start + len(words) :]
    if any(mark.get("type") == "file_path" for mark in marks):
        value = _EMPTY_LINK.sub(r"\1", value)
    return value.rstrip() if marks else value


def _start(mark: Json) -> int:
    start = mark.get("start_index")
    return start if isinstance(start, int) else -1


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
