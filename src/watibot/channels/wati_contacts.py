"""Which guests WATI knows: its list of contacts, for a migration's inventory.

`migration/plan.py` compares it with our own table; beneath it is `http.Line`, as for `wati.py`.
Outside rules: docs/reference/providers.md (docs.wati.io).
"""

from __future__ import annotations

from typing import Any

import httpx2

from watibot import settings
from watibot.channels.http import Line, answered
from watibot.channels.values import text
from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock
from watibot.quotas import Rate

_PAGE = 100
_MOST_CALLS = 200  # of the month's, which the smallest plan has 10,000 of
_NUMBERS = ("wAid", "waId", "phone", "whatsappNumber")


class WatiContacts:
    """All contacts of the tenant. `reads` is the rate of WATI's reads, 10 in 10 seconds."""

    def __init__(
        self,
        group: settings.Wati,
        http: httpx2.AsyncClient,
        clock: Clock,
        reads: Rate,
        most_calls: int = _MOST_CALLS,
    ) -> None:
        self._reads = reads
        self._most_calls = most_calls
        base = f"{group.base_url.rstrip('/')}/api/v1"
        token = group.token.get_secret_value()
        self._line = Line("wati", http, clock, base, token, group.timeout)

    async def addresses(self) -> frozenset[str] | None:
        """Numbers without a plus sign; None when there are more than may be asked for. Raises
        ProviderError. Totals count something else: only a page without anything new is the end."""
        found: set[str] = set()
        for number in range(1, self._most_calls + 1):
            path = f"/getContacts?pageSize={_PAGE}&pageNumber={number}"
            response = await self._line.ask(self._reads, "GET", path)
            if not response.is_success:
                raise self._line.error(response)
            rows = _rows(answered(response))
            new = {address for row in rows if (address := _address(row))} - found
            if not new:
                return frozenset(found)
            found |= new
        return None


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


def _address(row: dict[str, Any]) -> str:
    return next((text(row[key]).lstrip("+") for key in _NUMBERS if row.get(key)), "")
