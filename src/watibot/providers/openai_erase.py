"""Takes a guest's past away from OpenAI, or from a server that speaks as it did.

`service/erase.py` comes here; beneath it is `openai_http.py`. A thread that was copied into the
Conversations API is deleted there too, where the operator's mapping names the copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from watibot.errors import Cause, ProviderError
from watibot.providers.openai_http import CONVERSATIONS, THREADS, OpenAIHttp

_COPY = "conv_"


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
            there = await self._delete(f"/threads/{quote(thread_id, safe='')}") or there
        return there

    async def _delete(self, path: str) -> bool:
        surface = CONVERSATIONS if path.startswith("/conversations/") else THREADS
        try:
            await self._http.delete(surface, path)
        except ProviderError as error:
            if error.cause is not Cause.NOT_FOUND:
                raise
            return False
        return True
