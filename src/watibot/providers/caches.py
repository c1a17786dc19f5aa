"""Explicit context caches at Vertex AI, over REST.

`service/caching.py` decides when one is made, prolonged and deleted; `gemini.py` names it in calls.
What is written is what a call without it would carry, word for word. A cache belongs to its model
and location (docs/reference/providers.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from watibot.errors import Cause, ProviderError
from watibot.ports.caches import Beginning, Made
from watibot.ports.outside import Clock
from watibot.providers.gemini import wire_beginning
from watibot.providers.google_auth import Tokens
from watibot.providers.google_errors import from_response, from_transport, parsed
from watibot.providers.sessions import host
from watibot.settings import Vertex

_PROVIDER = "caches"
_CONNECT = 5.0  # seconds
_LARGEST_PAGE = 100
# A count is asked for a whole prompt, and one without contents is refused.
_NEXT_TO_NOTHING = [{"role": "user", "parts": [{"text": "."}]}]


class VertexCaches:
    """Keeps the promise of `ports.caches.CacheServer`."""

    def __init__(self, settings: Vertex, clock: Clock, tokens: Tokens) -> None:
        self.model = settings.model
        self.location = settings.model_location
        root = (settings.model_base_url or host(settings.model_location)).rstrip("/")
        self._place = f"projects/{settings.project}/locations/{settings.model_location}"
        self._resource = f"{self._place}/publishers/google/models/{settings.model}"
        self._root = f"{root}/v1beta1"
        self._timeout = settings.timeout
        self._clock = clock
        self._tokens = tokens
        self._http = httpx2.AsyncClient(timeout=httpx2.Timeout(settings.timeout, connect=_CONNECT))

    async def close(self) -> None:
        await self._http.aclose()

    async def count(self, beginning: Beginning) -> int:
        body = {"contents": _NEXT_TO_NOTHING, **wire_beginning(beginning)}
        counted = await self._request("POST", f"{self._resource}:countTokens", body=body)
        return int(counted.get("totalTokens", 0))

    async def make(self, beginning: Beginning, title: str, ttl: timedelta) -> Made:
        body = {
            "model": self._resource,
            "displayName": title,
            "ttl": _seconds(ttl),
            **wire_beginning(beginning),
        }
        made = await self._request("POST", f"{self._place}/cachedContents", body=body)
        counted = made.get("usageMetadata", {}).get("totalTokenCount", 0)
        return Made(_name(made), int(counted), _end(made))

    async def renew(self, name: str, ttl: timedelta) -> datetime:
        params = {"updateMask": "ttl"}
        return _end(await self._request("PATCH", name, params, {"ttl": _seconds(ttl)}))

    async def delete(self, name: str) -> None:
        try:
            await self._request("DELETE", name)
        except ProviderError as error:
            # Google says 403 of one that has ended: it does not tell it from another project's.
            if error.cause not in (Cause.NOT_FOUND, Cause.UNAUTHORISED):
                raise

    async def names(self, title: str) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            params = {"pageSize": str(_LARGEST_PAGE)} | ({"pageToken": token} if token else {})
            page = await self._request("GET", f"{self._place}/cachedContents", params)
            listed = page.get("cachedContents", ())
            found += [_name(each) for each in listed if each.get("displayName") == title]
            token = page.get("nextPageToken", "")
            if not token:
                return found

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        headers = await self._tokens.headers()
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, separators=(",", ":")).encode()
        try:
            response = await self._clock.limit(
                self._timeout,
                self._http.request(
                    method,
                    f"{self._root}/{path}",
                    params=params,
                    content=content,
                    headers=headers,
                ),
            )
        except (httpx2.HTTPError, TimeoutError) as error:
            raise from_transport(_PROVIDER, error) from error
        if response.status_code == 200:
            return parsed(_PROVIDER, response.text)
        try:
            answer = response.json()
        except ValueError:  # a proxy's page
            answer = response.text
        raise from_response(_PROVIDER, response.status_code, answer, response.headers)


def _name(wire: Mapping[str, Any]) -> str:
    if name := wire.get("name"):
        return str(name)
    raise ProviderError(_PROVIDER, Cause.LOST, "a cache without a name", status=200)


def _end(wire: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(wire["expireTime"]).astimezone(UTC)
    except (KeyError, ValueError):
        raise ProviderError(_PROVIDER, Cause.LOST, "a cache without an end", status=200) from None


def _seconds(ttl: timedelta) -> str:
    return f"{round(ttl.total_seconds())}s"
