"""OpenAI's own client, used for raw JSON: the one module that knows the package `openai`.

`openai_assistant.py` asks here. The client's methods for threads and runs are left aside: each call
of one is a DeprecationWarning, they go with a later version, importing them costs 1.4 s and 27 MB,
and what they give back takes parts that they do not know for others. Its `get` and `post`, which
are there for whatever has no method, do not (measured with openai 3.54.0).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx2

from watibot.errors import Cause, ProviderError, SettingsError
from watibot.ports.outside import Clock, Quota
from watibot.providers.google_errors import from_transport, parsed
from watibot.providers.openai_errors import from_response
from watibot.providers.openai_key import PROVIDER, Key
from watibot.settings import OpenAI

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONNECT = 5.0  # seconds
_PAUSE = 20.0  # seconds without requests after a 429 that names no time
_THREADS = {"OpenAI-Beta": "assistants=v2"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its JSON as it came, and in how many seconds the server wants to be asked again,
    where it says so."""

    body: dict[str, Any]
    again_after: float | None = None


def check_installed(settings: OpenAI) -> None:
    """Raises SettingsError when the extra is missing."""
    if find_spec("openai") is None:
        raise SettingsError(
            "OPENAI_ASSISTANT_ID",
            f"{settings.assistant_id} without the package openai",
            'the package openai: pip install "watibot[openai]"',
        )


class Sdk:
    """One server. Nothing is ever sent twice, but after a 401 with a fresh token. `calls` is the
    server's rate: whoever talks to it in one process is given the same."""

    def __init__(self, settings: OpenAI, clock: Clock, key: Key, calls: Quota) -> None:
        self._settings = settings
        self._clock = clock
        self._key = key
        self._calls = calls
        self._client: AsyncOpenAI | None = None
        self._one_at_a_time = asyncio.Lock()

    async def warm_up(self) -> None:
        """Imports the package, so that the first guest does not wait for it."""
        await self._ready()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Raises ProviderError."""
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Raises ProviderError, LOST or TIMEOUT when only reading can tell what became of it."""
        return await self._ask("POST", path, body=body)

    async def delete(self, path: str) -> Reply:
        """Raises ProviderError."""
        return await self._ask("DELETE", path)

    async def upload(self, mime: str, data: bytes) -> str:
        """A picture's file id. Raises ProviderError."""
        file = (f"foto.{mime.rpartition('/')[2]}", data, mime)
        reply = await self._ask("POST", "/files", body={"purpose": "vision"}, files={"file": file})
        if not isinstance(reply.body.get("id"), str):
            raise ProviderError(PROVIDER, Cause.LOST, "the answer names no file", status=200)
        return str(reply.body["id"])

    async def _ask(self, method: str, path: str, **sent: Any) -> Reply:
        key = await self._key.current()
        try:
            return await self._once(key, method, path, **sent)
        except ProviderError as error:
            fresh = await self._key.renewed(key) if error.status == 401 else ""
            if not fresh:
                raise
        return await self._once(fresh, method, path, **sent)

    async def _once(
        self,
        key: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Reply:
        client = await self._ready()
        import openai

        # Ours in place of the client's own, whose key is not one.
        headers: dict[str, Any] = {"Authorization": openai.Omit(), **_THREADS}
        headers |= {_cased(name): value for name, value in self._key.header(key).items()}
        options: dict[str, Any] = {"headers": headers}
        if params:
            options["params"] = dict(params)
        if files:
            headers["Content-Type"] = "multipart/form-data"
        await self._calls.place()
        ask: Any = {"GET": client.get, "POST": client.post, "DELETE": client.delete}[method]
        content = {"body": body, "files": files} if method == "POST" else {}
        try:
            response: httpx2.Response = await ask(
                path, cast_to=httpx2.Response, options=options, **content
            )
        except openai.APIStatusError as error:
            raise await self._refused(error.response) from None
        except openai.APIConnectionError as error:
            # Its own text holds the URL.
            broken = error.__cause__
            if isinstance(broken, httpx2.HTTPError):
                raise from_transport(PROVIDER, broken) from None
            cause = Cause.TIMEOUT if isinstance(error, openai.APITimeoutError) else Cause.LOST
            raise ProviderError(PROVIDER, cause, type(error).__name__) from None
        after = response.headers.get("openai-poll-after-ms", "")
        return Reply(
            parsed(PROVIDER, response.text), float(after) / 1000 if after.isdigit() else None
        )

    async def _refused(self, response: httpx2.Response) -> ProviderError:
        try:
            answer: Any = response.json()
        except ValueError:  # a proxy's page
            answer = response.text
        error = from_response(PROVIDER, response.status_code, answer, response.headers)
        if error.cause is Cause.THROTTLED:
            wait = _PAUSE if error.retry_after is None else error.retry_after
            await self._calls.hold(wait)
        return error

    async def _ready(self) -> AsyncOpenAI:
        async with self._one_at_a_time:
            if self._client is None:
                self._client = await asyncio.to_thread(_client, self._settings)
            return self._client


def _client(settings: OpenAI) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key="-",  # each request carries its own
        base_url=settings.base_url.rstrip("/"),
        organization=settings.org_id or None,
        project=settings.project_id or None,
        default_query=dict(parse_qsl(settings.query, keep_blank_values=True)),
        timeout=httpx2.Timeout(settings.timeout, connect=_CONNECT),
        max_retries=0,  # it repeats writes, and they carry nothing against doubles
        http_client=httpx2.AsyncClient(
            timeout=None,  # the client gives one with each request
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=120.0),
        ),
    )


def _cased(name: str) -> str:
    """As the client writes it, which else would send both."""
    return "Authorization" if name == "authorization" else name
