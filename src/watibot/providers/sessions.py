"""Agent Engine Sessions over REST: the durable twin of every conversation.

`service/mirror.py` writes here after the guest has the answer; the command line looks.
A client of our own because the official one cannot order events and repeats an append when a line
breaks (docs/reference/providers.md). Paths and field names: discovery document `aiplatform.v1`,
revision 20261106.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2

from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock, Quota, SessionEvent
from watibot.providers.google_auth import Tokens
from watibot.providers.google_errors import from_operation, from_response, from_transport, parsed
from watibot.settings import Vertex

_PROVIDER = "sessions"
_LARGEST_PAGE = 100  # the server caps pageSize there
_PAUSE = 20.0  # seconds without writes after a 429 that names no time
_POLLS = (0.0, 0.5, 1.0, 2.0)  # seconds before each look at an operation
_CONNECT = 5.0  # seconds


def host(location: str) -> str:
    """The API's address for a location: global, the multi-regions us and eu, or a region."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


class VertexSessions:
    """Keeps the promise of `ports.Sessions`, and more of the API for the command line.

    `appends` and `writes` (create, patch, delete) are the API's two quotas, which count per project
    and region.
    """

    def __init__(
        self, settings: Vertex, clock: Clock, tokens: Tokens, *, appends: Quota, writes: Quota
    ) -> None:
        self._root = (settings.sessions_base_url or host(settings.sessions_location)).rstrip("/")
        self._sessions = (
            f"projects/{settings.project}/locations/{settings.sessions_location}"
            f"/reasoningEngines/{settings.engine_id}/sessions"
        )
        self._ttl = f"{settings.session_days * 86_400}s"
        self._timeout = settings.timeout
        self._clock = clock
        self._tokens = tokens
        self._appends = appends
        self._writes = writes
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(settings.timeout, connect=_CONNECT),
            limits=httpx2.Limits(max_connections=100, keepalive_expiry=120.0),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def create(self, session_id: str, user_id: str) -> bool:
        """`session_id`: 1-63 of a-z, 0-9 and -, a letter first; `user_id`: at most 128 characters.
        True if it was made, False if it was there already."""
        body = {"userId": user_id, "ttl": self._ttl}
        params = {"sessionId": session_id}
        try:
            operation = await self._write(self._writes, "POST", self._sessions, params, body)
            await self._finish(operation, session_id, there=True)
        except ProviderError as error:
            if error.cause is Cause.EXISTS:
                return False
            raise
        return True

    async def exists(self, session_id: str) -> bool:
        """Whether the session is there."""
        try:
            await self.get(session_id)
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:
                return False
            raise
        return True

    async def get(self, session_id: str) -> dict[str, Any]:
        """The `Session` as it came. Raises ProviderError NOT_FOUND."""
        return await self._request("GET", self._path(session_id))

    async def list_sessions(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """All sessions, or those of one user, as they came."""
        params = {"filter": f"user_id={json.dumps(user_id)}"} if user_id else {}
        return await self._pages(self._sessions, "sessions", params)

    async def sessions_of(self, user_id: str) -> list[str]:
        """The ids of all sessions that were made for this user."""
        try:
            found = await self.list_sessions(user_id)
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:  # nor is there an engine
                return []
            raise
        return [str(each["name"]).rpartition("/")[2] for each in found]

    async def patch(self, session_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes the fields named, e.g. `{"labels": {...}}`; the `Session` after it."""
        params = {"updateMask": ",".join(changes)}
        return await self._write(self._writes, "PATCH", self._path(session_id), params, changes)

    async def delete(self, session_id: str) -> None:
        """Deletes the session with its events; one that is gone already is no error."""
        try:
            operation = await self._write(self._writes, "DELETE", self._path(session_id))
            await self._finish(operation, session_id, there=False)
        except ProviderError as error:
            if error.cause is not Cause.NOT_FOUND:
                raise

    async def append(self, session_id: str, event: SessionEvent) -> None:
        """Appends once and never repeats. Raises ProviderError: NOT_FOUND when the session is gone,
        LOST or TIMEOUT when only reading back can tell whether the event is there."""
        path = f"{self._path(session_id)}:appendEvent"
        await self._write(self._appends, "POST", path, body=_wire(event))

    async def newest(self, session_id: str, count: int) -> list[SessionEvent]:
        """The last `count` events, the newest first."""
        path, params = f"{self._path(session_id)}/events", {"orderBy": "timestamp desc"}
        return [_event(each) for each in await self._pages(path, "sessionEvents", params, count)]

    async def events(self, session_id: str) -> list[SessionEvent]:
        """All events, the oldest first."""
        path = f"{self._path(session_id)}/events"
        return [_event(each) for each in await self._pages(path, "sessionEvents", {})]

    def _path(self, session_id: str) -> str:
        return f"{self._sessions}/{session_id}"

    async def _pages(
        self, path: str, items: str, params: Mapping[str, str], most: int | None = None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while most is None or len(found) < most:
            size = _LARGEST_PAGE if most is None else min(most - len(found), _LARGEST_PAGE)
            query = {**params, "pageSize": str(size)} | ({"pageToken": token} if token else {})
            page = await self._request("GET", path, query)
            found += page.get(items, ())
            token = page.get("nextPageToken", "")
            if not token:
                break
        return found

    async def _finish(self, operation: dict[str, Any], session_id: str, *, there: bool) -> None:
        """Waits a little for an operation; one that takes longer goes on by itself, and the session
        has the name that we gave it."""
        for pause in _POLLS:
            if operation.get("done"):
                if "error" in operation:
                    raise from_operation(_PROVIDER, operation["error"])
                return
            await self._clock.sleep(pause)
            try:
                operation = await self._request("GET", operation["name"])
            except ProviderError as error:
                # Operations of sessions with an id of one's own were refused with this 400 in April
                # 2026, though the work was done (github.com/google/adk-python, pull 5129).
                if error.cause is Cause.INVALID and await self.exists(session_id) is there:
                    return
                raise

    async def _write(
        self,
        quota: Quota,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        await quota.place()
        try:
            return await self._request(method, path, params, body)
        except ProviderError as error:
            if error.cause is Cause.THROTTLED:
                await quota.hold(error.retry_after or _PAUSE)
            raise

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
                    f"{self._root}/v1/{path}",
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


def _wire(event: SessionEvent) -> dict[str, Any]:
    raw = {"id": event.event_id, **event.raw} if event.event_id else event.raw
    fields = {
        "author": event.author,
        "invocationId": event.invocation_id,
        "timestamp": event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "content": event.content,
        "rawEvent": raw,
    }
    return {name: value for name, value in fields.items() if value}


def _event(wire: Mapping[str, Any]) -> SessionEvent:
    raw = dict(wire.get("rawEvent") or {})
    return SessionEvent(
        event_id=raw.pop("id", None),
        author=wire["author"],
        invocation_id=wire["invocationId"],
        timestamp=datetime.fromisoformat(wire["timestamp"]).astimezone(UTC),
        content=wire.get("content"),
        raw=raw,
    )
