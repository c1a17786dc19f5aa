"""A chat as WATI keeps it: what colleagues wrote in its inbox, and what the guest wrote.

`service/look.py` and `service/past.py` read here (`ports.ChatHistory`); beneath it is
`wati_reader.py`. Each row comes as `matching` compares it (`wati_rows.py`) and as our own history
would have it, which is read in the way of a webhook (`wati_payloads.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2

from watibot import settings
from watibot.channels import wati_payloads
from watibot.channels.http import Places
from watibot.channels.wati_reader import WATI, WatiReader, line_to
from watibot.channels.wati_rows import row_of
from watibot.errors import UnreadablePayload
from watibot.matching import Row, RowKind
from watibot.messages import Inbound
from watibot.ports.outside import ChatPage, ChatRow, Clock
from watibot.turns import GuestMessage, Media, MediaState
from watibot.wording import history_text

Json = dict[str, Any]

_UNREADABLE = "[mensaje que no se puede leer]"


class WatiChat:
    """Keeps the promise of `ports.ChatHistory`. `reads`: places that all readers of WATI share."""

    name = WATI

    def __init__(
        self,
        group: settings.Wati,
        http: httpx2.AsyncClient,
        clock: Clock,
        reads: Places,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = WatiReader(line_to(group, http, clock, count), reads)

    async def page(self, address: str, number: int, size: int) -> ChatPage:
        raws, last = await self._reader.page(address, number, size)
        return ChatPage(tuple(row for raw in raws if (row := chat_row(raw, address))), last)


def chat_row(raw: Json, address: str) -> ChatRow | None:
    """None for a row that says nothing. `address`: whose chat it is, which no row says."""
    row = row_of(raw)
    if row is None:
        return None
    message = _message(raw, row, address) if row.kind is RowKind.MESSAGE else None
    words = row.text if message is None else _words(message)
    return ChatRow(row, words or _UNREADABLE, message, json.dumps(raw, ensure_ascii=False).encode())


def _message(raw: Json, row: Row, address: str) -> Inbound | None:
    """The row as its webhook would have been read, had the guest written it."""
    whose = {"waId": address} if address.lstrip("+").isdecimal() else {"bsuid": address}
    event = {**raw, **whose, "eventType": "message", "owner": False, "type": row.type}
    try:
        [delivery] = wati_payloads.read(event, row.at, ())
    except UnreadablePayload:
        return None
    # Its own names for the guest are the caller's business: the row has none.
    return replace(delivery, aliases=()) if isinstance(delivery, Inbound) else None


def _words(message: Inbound) -> str:
    files = (
        Media(0, each.kind, each.source, MediaState.READY, file_name=each.file_name)
        for each in message.attachments
    )
    return history_text(
        GuestMessage(
            0,
            "",
            message.provider_time,
            message.provider_time,
            message.kind,
            message.text,
            tuple(files),
        )
    )
