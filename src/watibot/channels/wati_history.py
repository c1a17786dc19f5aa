"""WATI's own memory of a chat, for conversations whose thread cannot be read any more.

The migration reads here (`ports.ThreadSource`); beneath it is `http.Line`, as for `wati.py`. Rows
stay as they came: who wrote each is decided by `translation.py`, with the operators' names that
ride along. Outside rules: docs/reference/providers.md (docs.wati.io, captures).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx2

from watibot import settings
from watibot.channels.http import Line, answered, reason
from watibot.channels.values import text
from watibot.channels.wati_payloads import event_time
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.outside import Clock
from watibot.quotas import Rate
from watibot.threads import Form, RawThread, ThreadRef

_PAGE = 100
_QUOTA_WAIT = 600.0  # the monthly quota is used up: nothing changes within seconds

Row = dict[str, Any]


class WatiHistory:
    """Keeps the promise of `ports.ThreadSource`. `reads` is the rate of WATI's reads, 10 in 10
    seconds on every plan, which the channel in the same process shares."""

    name = "wati"

    def __init__(
        self, group: settings.Wati, http: httpx2.AsyncClient, clock: Clock, reads: Rate
    ) -> None:
        self._operators = group.bot_operators
        self._host = httpx2.URL(group.base_url).host
        self._reads = reads
        base = f"{group.base_url.rstrip('/')}/api/v1"
        token = group.token.get_secret_value()
        self._line = Line(self.name, http, clock, base, token, group.timeout)

    async def check(self) -> str:
        await self._contacts()
        return f"WATI answers at {self._host}"

    async def thread_ids(self) -> frozenset[str] | None:
        """It goes by the guest's number, and not by threads."""
        return None

    async def gives(self, ref: ThreadRef) -> bool:
        return ref.channel is ChannelName.WHATSAPP and bool(ref.address)

    async def read(self, ref: ThreadRef) -> RawThread:
        """NOT_FOUND also where WATI has nothing of this guest: it says so with an empty page."""
        try:
            rows = await self._rows(ref.address)
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:
                await self._contacts()  # a wrong tenant is 404 for every guest
            raise
        if not rows:
            raise ProviderError(self.name, Cause.NOT_FOUND, "no messages of this guest")
        began = next((at for row in rows if (at := event_time(row))), None)
        thread: dict[str, Any] = {"bot_operators": list(self._operators)}
        if began is not None:
            thread["created_at"] = int(began.timestamp())
        return RawThread(
            thread_id=ref.thread_id or _made_id(ref.address),
            form=Form.WATI,
            source=self.name,
            thread=thread,
            messages=tuple(rows),
        )

    async def file(self, file_id: str) -> bytes | None:
        """`file_id`: what stands in a row's `data`, e.g. `data/images/x.jpg`."""
        query = urlencode({"fileName": file_id}, quote_via=quote)
        response = await self._line.ask(self._reads, "GET", f"/getMedia?{query}")
        if response.status_code in (400, 404):
            return None
        if not response.is_success:
            raise self._line.error(response)
        return response.content or None

    async def _rows(self, address: str) -> list[Row]:
        """All rows, the oldest first. `total` counts something else: only the end of the rows tells
        that there are no more. Rows that come in between push others onto the next page again."""
        newest_first: dict[str, Row] = {}
        number, size = 1, _PAGE
        while True:
            query = urlencode({"pageSize": _PAGE, "pageNumber": number})
            path = f"/getMessages/{quote(address, safe='')}?{query}"
            messages = (await self._get(path)).get("messages")
            items = messages.get("items") if isinstance(messages, dict) else None
            if not isinstance(messages, dict) or not isinstance(items, list):
                raise ProviderError(self.name, Cause.INVALID, "getMessages without messages.items")
            before = len(newest_first)
            for row in items:
                if isinstance(row, dict):
                    newest_first.setdefault(_key(row), row)
            given = messages.get("pageSize")
            if isinstance(given, int) and given > 0:
                size = min(size, given)  # a server may give smaller pages than were asked for
            if len(items) < size or len(newest_first) == before:
                return list(newest_first.values())[::-1]
            number += 1

    async def _contacts(self) -> None:
        """Raises ProviderError; GONE where even this is not found."""
        try:
            await self._get("/getContacts?pageSize=1&pageNumber=1")
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:
                raise ProviderError(
                    self.name, Cause.GONE, "no such tenant", status=error.status
                ) from None
            raise

    async def _get(self, path: str) -> dict[str, Any]:
        response = await self._line.ask(self._reads, "GET", path)
        body = answered(response)
        words = next((text(body[key]) for key in ("message", "info", "error") if body.get(key)), "")
        if re.search(r"usage limit exceeded", words, re.IGNORECASE):
            raise ProviderError(
                self.name, Cause.THROTTLED, "monthly quota", retry_after=_QUOTA_WAIT
            )
        if not response.is_success:
            raise self._line.error(response)
        if body.get("ok") is False or body.get("result") is False:
            unknown = re.search(r"invalid (contact|whatsapp)|not found", words, re.IGNORECASE)
            cause = Cause.NOT_FOUND if unknown else Cause.INVALID
            raise ProviderError(self.name, cause, reason(words))
        return body


def _key(row: Row) -> str:
    return text(row.get("id")) or json.dumps(row, sort_keys=True)


def _made_id(address: str) -> str:
    """The same for the same guest, and not the number itself."""
    return f"wati-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
