"""WATI's own memory of a chat, for conversations whose thread cannot be read any more.

The migration reads here (`ports.ThreadSource`); beneath it is `wati_reader.py`. Rows stay as they
came: who wrote each is decided by `translation/`, with the operators' names that ride along.
Outside rules: docs/reference/providers.md (docs.wati.io, captures).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx2

from watibot import settings
from watibot.channels.http import Places
from watibot.channels.values import text
from watibot.channels.wati_payloads import event_time
from watibot.channels.wati_reader import WATI, WatiReader, line_to
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.outside import Clock
from watibot.threads import Form, RawThread, ThreadRef

_PAGE = 100

Row = dict[str, Any]


class WatiHistory:
    """Keeps the promise of `ports.ThreadSource`. `reads`: places that all readers of WATI share, 10
    in 10 seconds on every plan."""

    name = WATI

    def __init__(
        self,
        group: settings.Wati,
        http: httpx2.AsyncClient,
        clock: Clock,
        reads: Places,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._operators = group.bot_operators
        self._host = httpx2.URL(group.base_url).host
        self._reader = WatiReader(line_to(group, http, clock, count), reads)

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
        return await self._reader.file(file_id)

    async def _rows(self, address: str) -> list[Row]:
        """All rows, the oldest first. Rows that come in between push others onto the next page
        again; a page without anything new is the end too."""
        newest_first: dict[str, Row] = {}
        number, last = 1, False
        while not last:
            rows, last = await self._reader.page(address, number, _PAGE)
            before = len(newest_first)
            for row in rows:
                newest_first.setdefault(_key(row), row)
            last = last or len(newest_first) == before
            number += 1
        return list(newest_first.values())[::-1]

    async def _contacts(self) -> None:
        """Raises ProviderError; GONE where even this is not found."""
        try:
            await self._reader.get("/getContacts", {"pageSize": "1", "pageNumber": "1"})
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:
                raise ProviderError(
                    self.name, Cause.GONE, "no such tenant", status=error.status
                ) from None
            raise


def _key(row: Row) -> str:
    return text(row.get("id")) or json.dumps(row, sort_keys=True)


def _made_id(address: str) -> str:
    """The same for the same guest, and not the number itself."""
    return f"wati-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
