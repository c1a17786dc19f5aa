"""The way to WATI and its reads: one for all that read a chat.

The channel (`wati.py`), the look at a chat (`wati_chat.py`), the migration (`wati_history.py`) and
the list of contacts are before it; beneath it is `http.Line`. Outside rules:
docs/reference/providers.md (docs.wati.io, captures).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx2

from watibot import settings
from watibot.channels.http import Line, Places, answered, reason
from watibot.channels.values import text
from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock

WATI = "wati"
QUOTA_WAIT = 600.0  # the monthly quota is used up: nothing changes within seconds

Json = dict[str, Any]


def line_to(
    group: settings.Wati,
    http: httpx2.AsyncClient,
    clock: Clock,
    count: Callable[[], None] = lambda: None,
) -> Line:
    """`count` is called for every request: WATI counts them by the month."""
    base = f"{group.base_url.rstrip('/')}/api/v1"
    return Line(WATI, http, clock, base, group.token.get_secret_value(), group.timeout, count)


class WatiReader:
    """`reads`: places that all readers take together, 10 in 10 seconds on every plan."""

    def __init__(self, line: Line, reads: Places) -> None:
        self._line = line
        self._reads = reads

    async def get(self, path: str, query: dict[str, str]) -> Json:
        """The answer's object. Raises ProviderError: NOT_FOUND for a guest whom WATI does not know,
        THROTTLED with `retry_after` when the month's calls are used up."""
        return await self._ask("GET", path, query)

    async def do(self, path: str, query: dict[str, str]) -> None:
        """A POST under the same limit. Raises ProviderError."""
        await self._ask("POST", path, query)

    async def file(self, name: str) -> bytes | None:
        """`name`: what stands in a row's `data`. Raises ProviderError."""
        response = await self._line.ask(self._reads, "GET", url("/getMedia", {"fileName": name}))
        if response.status_code in (400, 404):
            return None
        if not response.is_success:
            raise self._line.error(response)
        return response.content or None

    async def _ask(self, method: str, path: str, query: dict[str, str]) -> Json:
        response = await self._line.ask(self._reads, method, url(path, query))
        body = answered(response)
        words = refusal(body)
        if re.search(r"usage limit exceeded", words, re.IGNORECASE):
            raise ProviderError(WATI, Cause.THROTTLED, "monthly quota", retry_after=QUOTA_WAIT)
        if not response.is_success:
            raise self._line.error(response)
        if failed(body):
            unknown = re.search(r"invalid (contact|whatsapp)|not found", words, re.IGNORECASE)
            cause = Cause.NOT_FOUND if unknown and method == "GET" else Cause.INVALID
            raise ProviderError(WATI, cause, reason(words))
        return body

    async def page(self, address: str, number: int, size: int) -> tuple[list[Json], bool]:
        """Rows of getMessages, the newest first, and whether there are none behind them. `total`
        counts something else: only a short page tells the end, and a server may give smaller pages
        than were asked for. Raises ProviderError."""
        path = f"/getMessages/{quote(address, safe='')}"
        body = await self.get(path, {"pageSize": str(size), "pageNumber": str(number)})
        messages = body.get("messages")
        items = messages.get("items") if isinstance(messages, dict) else None
        if not isinstance(messages, dict) or not isinstance(items, list):
            raise ProviderError(WATI, Cause.INVALID, "getMessages without messages.items")
        given = messages.get("pageSize")
        if isinstance(given, int) and given > 0:
            size = min(size, given)
        return [row for row in items if isinstance(row, dict)], len(items) < size


def url(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}"


def failed(body: Json) -> bool:
    return body.get("ok") is False or body.get("result") is False


def refusal(body: Json) -> str:
    """A refusal's words: `{"ok": false, "result": words}`, `{"result": false, "info": words}` and
    `{"result": false, "message": words}` all occur."""
    given = (body.get(key) for key in ("message", "info", "result", "error"))
    return next((text(each) for each in given if isinstance(each, str) and each), "")
