"""The objects of one generated past: messages, runs, steps and files, as an export has them.

`past.py` tells the story, this writes it down. Pictures are real: a PNG in a colour of its own, or
a small JPEG with a comment of its own.
"""

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

from watibot.emulators.openai_content import text_part
from watibot.emulators.openai_wire import Json

ASSISTANT = "asst_hotel"
MARK = "【4:"
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////"
    "////////////////////////////////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAA"
    "AAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
Called = tuple[str, Json, Json]


class Chronicle:
    """Writes one thread. `now` is the present second of the story."""

    def __init__(self, chance: Random, key: str, begun: int) -> None:
        self.chance, self.now = chance, begun
        self.thread_id = f"thread_past{key}"
        self.messages: list[Json] = []
        self._key, self._begun, self._made = key, begun, 0
        self._runs: list[Json] = []
        self._files: dict[str, Json] = {}

    def export(self) -> Json:
        thread = {
            "id": self.thread_id,
            "object": "thread",
            "created_at": self._begun,
            "metadata": {},
            "tool_resources": {},
        }
        shown = {"thread": thread, "messages": self.messages, "runs": self._runs}
        return {**shown, "files": self._files}

    def pass_time(self, most: int) -> None:
        """Some seconds, or none."""
        self.now += self.chance.randrange(0, most)

    def guest(self, text: str) -> None:
        self._say("user", [text_part(text)])

    def guest_photo(self, text: str) -> None:
        number = len(self._files) + self.chance.randrange(1 << 24)
        jpeg = self.chance.random() < 0.7
        content = _jpeg(number) if jpeg else _png(number)
        id_ = self._file("foto.jpg" if jpeg else "foto.png", "vision", content)
        picture = {"type": "image_file", "image_file": {"file_id": id_, "detail": "auto"}}
        self._say("user", [picture, text_part(text)] if text else [picture])

    def guest_link(self, text: str) -> None:
        link = {"url": f"https://fotos.invalid/{self._new('')}.jpg", "detail": "auto"}
        self._say("user", [{"type": "image_url", "image_url": link}, text_part(text)])

    def guest_document(self, text: str) -> str:
        """The id of the attached file."""
        id_ = self.document("lista.pdf")
        attached = [{"file_id": id_, "tools": [{"type": "file_search"}]}]
        self._say("user", [text_part(text)], attachments=attached)
        return id_

    def document(self, name: str) -> str:
        """The id of a file whose bytes OpenAI would not give back."""
        return self._file(name, "assistants", PDF)

    def answer(
        self,
        text: str,
        calls: Sequence[Called] = (),
        *,
        together: bool = False,
        cited: str | None = None,
    ) -> None:
        """A run that calls these tools, together or one by one, and then says `text`; its marks
        【4:0†source】 cite the file `cited`."""
        run = self._run()
        for called in [calls] if together and calls else [[each] for each in calls]:
            self.now += 1
            self._calls(run, called)
        self.pass_time(6)
        annotations = _annotations(text, cited) if cited else []
        self._tell(run, text_part(text, annotations))

    def refuse(self, text: str) -> None:
        self._tell(self._run(), {"type": "refusal", "refusal": text})

    def end_run(self, status: str, unanswered: str | None = None, **more: Any) -> None:
        """A run that ends so and says nothing; `unanswered` is a call without an output."""
        run = self._run()
        if unanswered is not None:
            self._calls(run, [(unanswered, {}, {})], status)
        run.update(status=status, **more)
        run["completed_at"] = None
        if status != "expired":
            run[f"{status}_at"] = self.now

    def _tell(self, run: Json, part: Json) -> None:
        message = self._say("assistant", [part], run=run["id"])
        made = {"message_id": message["id"]}
        self._step(run, {"type": "message_creation", "message_creation": made}, "completed")
        run["completed_at"] = self.now

    def _say(
        self,
        role: str,
        content: list[Json],
        attachments: Sequence[Json] = (),
        run: str | None = None,
    ) -> Json:
        message = {
            "id": self._new("msg_"),
            "object": "thread.message",
            "created_at": self.now,
            "assistant_id": ASSISTANT if run else None,
            "thread_id": self.thread_id,
            "run_id": run,
            "status": "completed",
            "incomplete_details": None,
            "incomplete_at": None,
            "completed_at": self.now,
            "role": role,
            "content": content,
            "attachments": list(attachments),
            "metadata": {},
        }
        self.messages.append(message)
        return message

    def _run(self) -> Json:
        run = {
            "id": self._new("run_"),
            "object": "thread.run",
            "created_at": self.now,
            "assistant_id": ASSISTANT,
            "thread_id": self.thread_id,
            "status": "completed",
            "started_at": self.now,
            "expires_at": None,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": self.now,
            "required_action": None,
            "last_error": None,
            "incomplete_details": None,
            "model": "gpt-4o",
            "metadata": {},
            "steps": [],
        }
        self._runs.append(run)
        return run

    def _calls(self, run: Json, calls: Sequence[Called], status: str = "completed") -> None:
        made = []
        for name, arguments, result in calls:
            output = json.dumps(result) if status == "completed" else None
            function = {"name": name, "arguments": json.dumps(arguments), "output": output}
            made.append({"id": self._new("call_"), "type": "function", "function": function})
        self._step(run, {"type": "tool_calls", "tool_calls": made}, status)

    def _step(self, run: Json, details: Json, status: str) -> None:
        run["steps"].append(
            {
                "id": self._new("step_"),
                "object": "thread.run.step",
                "created_at": self.now,
                "assistant_id": ASSISTANT,
                "thread_id": self.thread_id,
                "run_id": run["id"],
                "type": details["type"],
                "status": status,
                "step_details": details,
                "last_error": None,
                "completed_at": self.now if status == "completed" else None,
            }
        )

    def _file(self, name: str, purpose: str, content: bytes) -> str:
        id_ = self._new("file-")
        self._files[id_] = {
            "id": id_,
            "object": "file",
            "bytes": len(content),
            "created_at": self.now,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "content": base64.b64encode(content).decode(),
        }
        return id_

    def _new(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._key}{self._made:04x}"


def _annotations(text: str, file_id: str) -> list[Json]:
    found, start = [], text.find(MARK)
    while start >= 0:
        end = text.index("】", start) + 1
        found.append(
            {
                "type": "file_citation",
                "text": text[start:end],
                "start_index": start,
                "end_index": end,
                "file_citation": {"file_id": file_id},
            }
        )
        start = text.find(MARK, end)
    return found


def _jpeg(number: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 10) + number.to_bytes(8, "big")
    return JPEG[:2] + comment + JPEG[2:]


def _png(number: int) -> bytes:
    """One pixel of colour `number`."""
    pixel = b"\x00" + (number & 0xFFFFFF).to_bytes(3, "big")
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixel)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
