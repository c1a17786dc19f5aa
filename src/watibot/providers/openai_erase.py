"""Takes a guest's past away from OpenAI, or from a server that speaks as it did.

`service/erase.py` comes here; beneath it is `openai_http.py`. A thread that was copied into the
Conversations API is deleted there too, where the operator's mapping names the copy. Pictures that
the guest sent are files of the server's own, which do not go with the thread: they go before it,
while it still names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from watibot.errors import Cause, ProviderError
from watibot.providers.openai_http import CONVERSATIONS, FILES, THREADS, OpenAIHttp

_COPY = "conv_"
_SURFACES = {"conversations": CONVERSATIONS, "files": FILES, "threads": THREADS}


class ThreadEraser:
    """Keeps the promise of `ports.erasures.ErasableThreads`. `mapping`: thread ids to the ids of
    their copies."""

    def __init__(self, http: OpenAIHttp, mapping: Mapping[str, str] | None = None) -> None:
        self._http = http
        self._mapping = mapping or {}

    async def delete(self, thread_id: str) -> bool:
        copy = self._mapping.get(thread_id, thread_id)
        there = False
        if copy.startswith(_COPY):
            there = await self._delete(f"/conversations/{quote(copy, safe='')}")
        if not thread_id.startswith(_COPY):
            path = f"/threads/{quote(thread_id, safe='')}"
            for file_id in await self._pictures(f"{path}/messages"):
                await self._delete(f"/files/{quote(file_id, safe='')}")
            there = await self._delete(path) or there
        return there

    async def _pictures(self, path: str) -> list[str]:
        try:
            return pictures_of(await self._http.pages(THREADS, path, {"order": "asc"}))
        except ProviderError as error:
            # The thread is gone already, or nobody can say what is in it.
            if error.cause not in (Cause.NOT_FOUND, Cause.INVALID):
                raise
            return []

    async def _delete(self, path: str) -> bool:
        surface = _SURFACES[path.split("/")[1]]
        try:
            await self._http.delete(surface, path)
        except ProviderError as error:
            if error.cause is not Cause.NOT_FOUND:
                raise
            return False
        return True


def pictures_of(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The files that a guest's messages show, each once. Pure."""
    found: dict[str, None] = {}
    for message in messages:
        parts = message.get("content") if message.get("role") == "user" else None
        for part in parts if isinstance(parts, list) else ():
            shown = part.get("image_file") if isinstance(part, dict) else None
            file_id = shown.get("file_id") if isinstance(shown, dict) else None
            if isinstance(file_id, str):
                found[file_id] = None
    return list(found)
