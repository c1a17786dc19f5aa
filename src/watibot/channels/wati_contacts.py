"""Which guests WATI knows: its list of contacts.

`migration/plan.py` compares it with our own table, `service/poll.py` finds new chats in it; beneath
it is `wati_reader.py`.
Outside rules: docs/reference/providers.md (docs.wati.io).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from watibot import settings
from watibot.channels.http import Places
from watibot.channels.values import moment, some, text
from watibot.channels.wati_reader import WatiReader, line_to
from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock, Contact

_PAGE = 100
_MOST_CALLS = 200  # of the month's, which the smallest plan has 10,000 of
_NUMBERS = ("wAid", "waId", "phone", "whatsappNumber")
_NAMES = ("fullName", "firstName", "name")
_CHANGED = ("lastUpdated", "last_updated")


class WatiContacts:
    """All contacts of the tenant; keeps the promise of `ports.ContactList`. `reads`: places that
    all readers of WATI share, 10 in 10 seconds."""

    def __init__(
        self,
        group: settings.Wati,
        http: httpx2.AsyncClient,
        clock: Clock,
        reads: Places,
        most_calls: int = _MOST_CALLS,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = WatiReader(line_to(group, http, clock, count), reads)
        self._most_calls = most_calls

    async def addresses(self) -> frozenset[str] | None:
        """Numbers without a plus sign; None when there are more than may be asked for. Raises
        ProviderError. Totals count something else: only a page without anything new is the end."""
        found: set[str] = set()
        for number in range(1, self._most_calls + 1):
            new = {contact.address for contact in await self.page(number)} - found
            if not new:
                return frozenset(found)
            found |= new
        return None

    async def page(self, number: int) -> tuple[Contact, ...]:
        """Raises ProviderError."""
        query = {"pageSize": str(_PAGE), "pageNumber": str(number)}
        rows = _rows(await self._reader.get("/getContacts", query))
        return tuple(contact for row in rows if (contact := _contact(row)).address)


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The list stands under another name in each version of the API."""
    result = body.get("result")
    candidates = [body.get("contact_list"), body.get("contacts"), result]
    if isinstance(result, dict):
        candidates += [result.get("items"), result.get("contacts")]
    for rows in candidates:
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    raise ProviderError("wati", Cause.INVALID, "getContacts without a list of contacts")


def _contact(row: dict[str, Any]) -> Contact:
    address = next((text(row[key]).lstrip("+") for key in _NUMBERS if row.get(key)), "")
    name = next((some(row[key]) for key in _NAMES if row.get(key)), None)
    changed = next((moment(row[key]) for key in _CHANGED if row.get(key)), None)
    return Contact(address, name, changed)
