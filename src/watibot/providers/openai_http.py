"""Requests to OpenAI, or to a server that speaks as it did: raw JSON in, raw JSON out.

`assistants.py` and `conversations_api.py` ask here, which asks `openai_key.py` for the key. A
client of our own because the official one repeats writes that carry no key against doubles, and
takes parts that it does not know for others (docs/reference/providers.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock, Quota
from watibot.providers.google_errors import from_transport, parsed
from watibot.providers.openai_errors import UNNAMED, from_response
from watibot.providers.openai_key import PROVIDER, Key
from watibot.settings import OpenAI

_LARGEST_PAGE = 100
_PAUSE = 20.0  # seconds without requests after a 429 that names no time
_CONNECT = 5.0  # seconds

Params = Mapping[str, str | Sequence[str]]
_ONE: Params = {"limit": "1"}


@dataclass(frozen=True, slots=True)
class Surface:
    """One of a server's APIs. `probes`: paths and parameters that are asked, one after the other,
    to learn whether it is still there; without them a 404 is taken at its word."""

    headers: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[tuple[str, Params], ...] = ()


# Not every server has every list. An object that cannot be there is named by the refusal.
THREADS = Surface(
    {"openai-beta": "assistants=v2"},
    (("/assistants", _ONE), ("/threads", _ONE), (f"/threads/thread_{'0' * 24}", {})),
)
CONVERSATIONS = Surface(probes=((f"/conversations/conv_{'0' * 48}", {}),))
FILES = Surface()


class OpenAIHttp:
    """One server. Nothing is ever sent twice, but after a 401 with a fresh token."""

    def __init__(self, settings: OpenAI, clock: Clock, calls: Quota) -> None:
        """`calls` is the server's rate: whoever talks to it is given the same."""
        self._root = settings.base_url.rstrip("/")
        self._query = parse_qsl(settings.query, keep_blank_values=True)
        self._headers = {
            name: value
            for name, value in (
                ("openai-organization", settings.org_id),
                ("openai-project", settings.project_id),
            )
            if value
        }
        self._timeout = settings.timeout
        self._clock = clock
        self._calls = calls
        self._key = Key(settings)
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(settings.timeout, connect=_CONNECT),
            limits=httpx2.Limits(max_connections=100, keepalive_expiry=120.0),
        )

    @property
    def host(self) -> str:
        """For people."""
        return httpx2.URL(self._root).host

    async def close(self) -> None:
        await self._http.aclose()

    async def get(
        self, surface: Surface, path: str, params: Params | None = None
    ) -> dict[str, Any]:
        """The object as it came. Raises ProviderError: GONE where the whole API is not there,
        NOT_FOUND for this one object."""
        response = await self._ask(surface, "GET", path, params)
        return parsed(PROVIDER, response.text)

    async def post(
        self, surface: Surface, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Sent once. Raises as `get`, BUSY while something else is under way there, and LOST or
        TIMEOUT when only reading back can tell what became of it."""
        response = await self._ask(surface, "POST", path, body=body)
        return parsed(PROVIDER, response.text)

    async def delete(self, surface: Surface, path: str) -> None:
        """Raises as `get`."""
        await self._ask(surface, "DELETE", path)

    async def content(self, path: str) -> bytes:
        """A file's bytes."""
        return (await self._ask(FILES, "GET", path)).content

    async def pages(
        self, surface: Surface, path: str, params: Params | None = None, most: int | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a list, or its first `most`, in the order that `params` asks for. Raises
        ProviderError INVALID for a list whose end cannot be reached.

        `has_more` is not believed alone: some servers leave it out, some always say the same.
        """
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        after: dict[str, str] = {}
        while most is None or len(found) < most:
            size = _LARGEST_PAGE if most is None else min(most - len(found), _LARGEST_PAGE)
            page = await self.get(surface, path, {**(params or {}), "limit": str(size), **after})
            data = page.get("data")
            if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
                raise ProviderError(PROVIDER, Cause.INVALID, "a list without data")
            fresh = [each for each in data if each.get("id") not in seen]
            found += fresh
            seen |= {each["id"] for each in fresh if isinstance(each.get("id"), str)}
            full, has_more = len(data) >= size, page.get("has_more")
            if not data or (has_more is False and not full):
                break
            last = _last(page, data)
            if last is None or not fresh or after.get("after") == last:
                if most is None and (full or has_more):
                    raise ProviderError(PROVIDER, Cause.INVALID, "a list that does not go on")
                break
            after = {"after": last}
        return found if most is None else found[:most]

    async def preflight(self, surface: Surface) -> None:
        """Raises ProviderError GONE when the API is not there at all, and whatever else keeps it
        from being reached.

        Asked anew each time: an API may end in the middle of a run, and a thread that is called
        missing because of it would be given up.
        """
        for path, params in surface.probes:
            try:
                await self._ask(surface, "GET", path, params, collection=True)
            except ProviderError as error:
                if error.cause is Cause.GONE:
                    continue
                if not _is_there(error, params):
                    raise
            return
        raise ProviderError(PROVIDER, Cause.GONE, "its routes are not there any more")

    async def _ask(
        self,
        surface: Surface,
        method: str,
        path: str,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        collection: bool = False,
    ) -> httpx2.Response:
        response = await self._send(surface, method, path, params, body)
        if response.is_success:
            return response
        try:
            answer: Any = response.json()
        except ValueError:  # a proxy's page
            answer = response.text
        error = from_response(
            PROVIDER, response.status_code, answer, response.headers, collection=collection
        )
        if error.cause is Cause.THROTTLED:
            wait = _PAUSE if error.retry_after is None else error.retry_after
            await self._calls.hold(wait)
        if error.cause is Cause.NOT_FOUND and error.detail == UNNAMED and surface.probes:
            await self.preflight(surface)
        raise error

    async def _send(
        self,
        surface: Surface,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
    ) -> httpx2.Response:
        key = await self._key.current()
        response = await self._once(key, surface, method, path, params, body)
        if response.status_code == 401 and (fresh := await self._key.renewed(key)):
            return await self._once(fresh, surface, method, path, params, body)
        return response

    async def _once(
        self,
        key: str,
        surface: Surface,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
    ) -> httpx2.Response:
        headers = {**self._headers, **surface.headers, **self._key.header(key)}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, separators=(",", ":")).encode()
        await self._calls.place()
        try:
            return await self._clock.limit(
                self._timeout,
                self._http.request(
                    method,
                    self._root + path,
                    params=[*self._query, *_flat(params or {})],
                    content=content,
                    headers=headers,
                ),
            )
        except (httpx2.HTTPError, TimeoutError) as error:
            raise from_transport(PROVIDER, error) from error


def _is_there(error: ProviderError, params: Params) -> bool:
    """Whether a refused probe shows that its route exists."""
    if error.cause is Cause.NOT_FOUND or error.status == 405:
        return True
    return error.status == 400 and not params  # the made-up id has not the server's form


def _flat(params: Params) -> list[tuple[str, str]]:
    return [
        (name, each)
        for name, value in params.items()
        for each in ([value] if isinstance(value, str) else value)
    ]


def _last(page: Mapping[str, Any], data: Sequence[Mapping[str, Any]]) -> str | None:
    """What the next page comes after: the last object's id, or what the server says it is."""
    named = data[-1].get("id") or page.get("last_id")
    return named if isinstance(named, str) else None
