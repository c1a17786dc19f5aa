"""Posts webhooks to the service and journals each attempt (kind "webhook").

Called by `wati_webhooks.py` and `manychat_flows.py`, which decide what a failed attempt means.
"""

import json

import httpx2

from watibot.emulators.kit import Journal

TIMEOUT = "timeout"
UNREACHABLE = "unreachable"


class Postman:
    """One pooled client; attempts may run side by side."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._client = httpx2.AsyncClient(
            trust_env=False,
            limits=httpx2.Limits(max_connections=256, max_keepalive_connections=64),
        )

    async def post(
        self,
        url: str,
        content: bytes,
        patience: float,
        headers: dict[str, str],
        **details: object,
    ) -> int | str:
        """The status of one attempt, or "timeout" after `patience` real seconds, or "unreachable".

        Patience is real, not virtual: the service is not faster because the guests' day is.
        """
        try:
            answer = await self._client.post(
                url,
                content=content,
                headers={"content-type": "application/json", **headers},
                timeout=httpx2.Timeout(patience, pool=None),
            )
            outcome: int | str = answer.status_code
        except httpx2.TimeoutException:
            outcome = TIMEOUT
        except httpx2.HTTPError:
            outcome = UNREACHABLE
        self._journal.add("webhook", status=outcome, **details)
        return outcome

    async def close(self) -> None:
        await self._client.aclose()


def encode(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
