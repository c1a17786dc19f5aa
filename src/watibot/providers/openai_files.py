"""Files that messages name: their metadata, and their bytes where they can be had.

`assistants.py` and `conversations_api.py` share it; beneath it is `openai_http.py`. Files outlive
the threads they were sent in, and have routes of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from watibot.errors import Cause, ProviderError
from watibot.providers.openai_http import FILES, OpenAIHttp

_ABSENT = (Cause.NOT_FOUND, Cause.GONE, Cause.INVALID)
_REMEMBERED = 256  # files; the hotel's own documents are named in every second thread


class Files:
    """The files of one server. What is not there is remembered too: each is asked for once."""

    def __init__(self, http: OpenAIHttp) -> None:
        self._http = http
        self._known: dict[str, dict[str, Any] | None] = {}

    async def named_in(
        self, objects: Iterable[Mapping[str, Any]]
    ) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """Metadata by id of all files that these messages or items name, and an entry for the
        export's errors for each that is not there. Raises ProviderError for anything else."""
        files: dict[str, dict[str, Any]] = {}
        errors: list[dict[str, Any]] = []
        for file_id in dict.fromkeys(_file_ids(list(objects))):
            metadata = await self._metadata(file_id)
            if metadata is not None:
                files[file_id] = metadata
            else:
                errors.append(problem("file", file_id, "not_found_or_expired"))
        return files, errors

    async def content(self, file_id: str) -> bytes | None:
        """Its bytes; None where it is gone, or was uploaded for assistants, whose files are not
        given back."""
        try:
            return await self._http.content(f"{_path(file_id)}/content")
        except ProviderError as error:
            if error.cause in _ABSENT:
                return None
            raise

    async def _metadata(self, file_id: str) -> dict[str, Any] | None:
        if file_id not in self._known:
            try:
                found: dict[str, Any] | None = await self._http.get(FILES, _path(file_id))
            except ProviderError as error:
                if error.cause not in _ABSENT:
                    raise
                found = None
            self._known[file_id] = found
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
            return found
        return self._known[file_id]


def problem(object_: str, id_: str, error: str, detail: str = "") -> dict[str, Any]:
    """An entry of an export's errors."""
    return {"object": object_, "id": id_, "error": error, "detail": detail}


def _path(file_id: str) -> str:
    return f"/files/{quote(file_id, safe='')}"


def _file_ids(value: Any) -> Iterator[str]:
    """Every `file_id`, however deep: parts, attachments and annotations each hold it elsewhere."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "file_id" and isinstance(each, str) and each:
                yield each
            elif key != "metadata":
                yield from _file_ids(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _file_ids(each)
