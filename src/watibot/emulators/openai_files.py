"""Files of the OpenAI emulator: uploads, their metadata, and the bytes of those that may be had.

Called through the table that `openai.py` routes by; messages and the stand-in model look here for
pictures.
"""

from dataclasses import dataclass

from starlette.responses import Response

from watibot.emulators.openai_wire import (
    ApiError,
    Call,
    Json,
    Operation,
    check_choice,
    missing_parameter,
    page,
)
from watibot.emulators.openai_world import World

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A file; `content` is None where only its metadata was ever known."""

    view: Json
    content: bytes | None


class Files:
    def __init__(self, world: World) -> None:
        self._world = world
        self.all: dict[str, Stored] = {}

    def table(self) -> list[Operation]:
        listing = frozenset(["purpose", "limit", "order", "after"])
        return [
            Operation("createFile", "POST", "files", self._create),
            Operation("listFiles", "GET", "files", self._list, listing),
            Operation("getFile", "GET", "files/{file}", lambda call: self._find(call).view),
            Operation("deleteFile", "DELETE", "files/{file}", self._delete),
            Operation("getFileContent", "GET", "files/{file}/content", self._content),
        ]

    def store(self, view: Json, content: bytes | None) -> None:
        self.all[view["id"]] = Stored(view, content)

    def picture(self, file_id: str) -> tuple[str, bytes | None]:
        """MIME type (by its first bytes) and bytes of a file that is shown to the model."""
        stored = self.all.get(file_id)
        content = stored.content if stored else None
        return mime_of(content or b""), content

    def _create(self, call: Call) -> Json:
        upload = call.form.files.get("file")
        purpose = call.form.fields.get("purpose")
        if upload is None:
            raise missing_parameter("file")
        if purpose is None:
            raise missing_parameter("purpose")
        check_choice(purpose, PURPOSES, "purpose")
        view: Json = {
            "id": self._world.new_id("file-"),
            "object": "file",
            "bytes": len(upload.content),
            "created_at": self._world.now(),
            "expires_at": None,
            "filename": upload.name,
            "purpose": purpose,
            "status": "processed",
            "status_details": None,
        }
        self.store(view, upload.content)
        return view

    def _list(self, call: Call) -> Json:
        wished = call.one("purpose")
        views = [
            each.view
            for each in self.all.values()
            if wished is None or each.view.get("purpose") == wished
        ]
        return page(call, views, "file", lambda view: view, MOST, MOST)

    def _find(self, call: Call) -> Stored:
        file_id = call.names["file"]
        if file_id not in self.all:
            raise ApiError(404, f"No such File object: {file_id}", "id")
        return self.all[file_id]

    def _delete(self, call: Call) -> Json:
        file_id = self._find(call).view["id"]
        del self.all[file_id]
        return {"id": file_id, "object": "file", "deleted": True}

    def _content(self, call: Call) -> Response:
        stored = self._find(call)
        purpose = stored.view.get("purpose")
        if purpose == "assistants":
            raise ApiError(400, f"Not allowed to download files of purpose: {purpose}")
        if stored.content is None:
            raise ApiError(404, f"No such File object: {stored.view['id']}", "id")
        return Response(stored.content, media_type="application/octet-stream")


def mime_of(content: bytes) -> str:
    """image/png, image/webp or image/gif by the first bytes; image/jpeg for everything else."""
    if content.startswith(b"\x89PNG"):
        return "image/png"
    if content[8:12] == b"WEBP":
        return "image/webp"
    return "image/gif" if content.startswith(b"GIF8") else "image/jpeg"
