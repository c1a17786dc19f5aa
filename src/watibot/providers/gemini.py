"""Gemini on Vertex AI, through Google's own SDK.

`service/answer.py` asks here for each step of an answer; the request comes from `prompts.py`, and
what comes back is kept word for word in the history.

The SDK's types are not used for what goes out and comes in: they drop fields they do not know,
write thought signatures in another alphabet of base64, and cost 40 ms of CPU at 200 contents.
Instead the body, as plain JSON, goes through the SDK's `extra_body`, and the answer is read from
the response itself: 3 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import httpx2

from watibot.charges import Operation, Use
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelAnswer, ModelRequest, Usage
from watibot.ports.caches import Beginning, CacheKeeper
from watibot.ports.outside import Clock
from watibot.providers.google_auth import Tokens
from watibot.providers.google_errors import from_response, from_transport, parsed, readable
from watibot.quotas import Rate
from watibot.settings import Vertex
from watibot.toolcalls import Tool, ToolCall

if TYPE_CHECKING:
    from google import genai

_PROVIDER = "gemini"
# Any other `finishReason` of the discovery document means that there is no answer, or half of one
# that may not be shown. At MAX_TOKENS the text is whole as far as it goes.
_USABLE = frozenset({"STOP", "MAX_TOKENS"})
# What Google says of a cache that has ended, is another project's, or does not fit the call.
_MAYBE_THE_CACHE = frozenset({400, 403, 404})


class Gemini:
    """Keeps the promise of `ports.Model`. `calls` is the rate below the model's quota; `used` hears
    of each answer whose tokens the model has counted, also of one that nobody may read."""

    def __init__(
        self,
        settings: Vertex,
        clock: Clock,
        tokens: Tokens,
        *,
        calls: Rate,
        used: Callable[[Use], None] = lambda use: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tokens = tokens
        self._calls = calls
        self._used = used
        self._cache: CacheKeeper | None = None
        self._client: genai.Client | None = None
        self._http: httpx2.AsyncClient | None = None
        self._one_at_a_time = asyncio.Lock()
        self._declared: tuple[tuple[Tool, ...], dict[str, Any]] = ((), {})

    def cache_with(self, keeper: CacheKeeper) -> None:
        """From now on calls name the explicit cache that the keeper has for them."""
        self._cache = keeper

    async def warm_up(self) -> None:
        """Imports the SDK (1 s, 36 MB) and gets a token, so that the first guest does not wait.
        Raises ProviderError when there are no credentials."""
        await self._ready()

    async def close(self) -> None:
        if self._client is not None and self._http is not None:
            self._client.close()
            await self._http.aclose()

    async def generate(self, request: ModelRequest) -> ModelAnswer:
        """One call, never repeated here; waits for its place under the quota first, which
        `request.timeout` does not count. Raises ProviderError."""
        await self._clock.sleep(self._calls.reserve(self._clock.time()))
        began = self._clock.time()
        try:
            body = await self._clock.limit(request.timeout, self._asked(request))
        except TimeoutError as error:
            raise from_transport(_PROVIDER, error) from error
        except ProviderError as error:
            if error.cause is Cause.THROTTLED and error.retry_after:
                self._calls.hold(self._clock.time() + error.retry_after)
            raise
        seconds = self._clock.time() - began
        try:
            answer = _answer(body)
        except ProviderError as error:
            if "usageMetadata" in body:
                self._use(request, body, error.cause.value, seconds)
            raise
        self._use(request, body, "ok", seconds)
        return answer

    def _use(
        self, request: ModelRequest, body: dict[str, Any], outcome: str, seconds: float
    ) -> None:
        self._used(
            Use(
                _PROVIDER,
                Operation(request.occasion.operation),
                self._settings.model,  # the one that is billed, whatever its version calls itself
                self._settings.model_location,
                _usage(body.get("usageMetadata", {})),
                outcome=outcome,
                seconds=seconds,
                occasion=request.occasion,
            )
        )

    async def _asked(self, request: ModelRequest) -> dict[str, Any]:
        """The answer, from the explicit cache if there is one. A cache never fails a call: one that
        is refused goes out at once without it, and if that is taken it was the cache's fault."""
        if self._cache is None:
            return await self._call(request)
        name = self._cache.name_for(request)
        try:
            body = await self._call(request, name)
        except ProviderError as error:
            if name is None or error.status not in _MAYBE_THE_CACHE:
                raise
            body = await self._without(request, name, error.cause)
            name = None
        usage = _usage(body.get("usageMetadata", {}))
        self._cache.answered(request, usage, explicit=name is not None)
        return body

    async def _without(self, request: ModelRequest, name: str, cause: Cause) -> dict[str, Any]:
        self._calls.reserve(self._clock.time())  # those behind it wait, this one does not
        keeper = self._cache
        try:
            body = await self._call(request)
        except ProviderError as error:
            if keeper is not None and error.cause is not cause:
                keeper.lost(name)
            raise
        if keeper is not None:
            keeper.lost(name)
        return body

    async def _call(self, request: ModelRequest, cache: str | None = None) -> dict[str, Any]:
        client = await self._ready()
        from google.genai import types
        from google.genai.errors import APIError

        try:
            response = await client.aio.models.generate_content(
                model=self._settings.model,
                contents="",  # replaced by `extra_body`
                config={
                    "automatic_function_calling": {"disable": True},
                    "should_return_http_response": True,
                    "http_options": {
                        "timeout": round(request.timeout * 1000),
                        "extra_body": self._body(request, cache),
                    },
                },
            )
        except APIError as error:
            # Its text quotes the provider's whole answer: it goes no further.
            headers = error.response.headers if error.response is not None else {}
            raise from_response(_PROVIDER, error.code, error.details, headers) from None
        except httpx2.HTTPError as error:
            raise from_transport(_PROVIDER, error) from error
        return parsed(_PROVIDER, cast(types.HttpResponse, response.sdk_http_response).body or "")

    def _body(self, request: ModelRequest, cache: str | None) -> dict[str, Any]:
        """No temperature: Gemini 3.5 and later do not take one (docs/reference/providers.md). What
        an explicit cache holds may not stand beside its name."""
        thinking = {"thinkingLevel": self._settings.thinking_level.upper()}
        config: dict[str, Any] = {"thinkingConfig": thinking}
        if request.schema is not None:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = request.schema
        rest = {"generationConfig": config, "contents": list(request.contents)}
        if cache is not None:
            return {"cachedContent": cache, **rest}
        if self._declared[0] != request.tools:
            self._declared = (request.tools, _declared(request.tools))
        return {**_instructions(request.instructions), **self._declared[1], **rest}

    async def _ready(self) -> genai.Client:
        # Before each call, so that the SDK never has to refresh the token by itself.
        credentials = await self._tokens.credentials()
        async with self._one_at_a_time:
            if self._client is None:
                made = await asyncio.to_thread(_client, self._settings, credentials)
                self._client, self._http = made
            return self._client


def _client(settings: Vertex, credentials: Any) -> tuple[genai.Client, httpx2.AsyncClient]:
    from google import genai
    from google.genai import types

    # An HTTP client of our own: idle connections live longer than the SDK's 5 seconds, which spares
    # most calls a handshake, and the SDK does not switch to aiohttp where that is installed, with
    # which it repeats requests (measured with google-genai 3.4.0).
    http = httpx2.AsyncClient(
        timeout=None,  # the SDK gives one with each request
        limits=httpx2.Limits(max_connections=None, keepalive_expiry=120.0),
    )
    client = genai.Client(
        vertexai=True,
        project=settings.project,
        location=settings.model_location,
        credentials=credentials,
        http_options=types.HttpOptions(
            base_url=settings.model_base_url or None,
            api_version="v1beta1",
            retry_options=types.HttpRetryOptions(attempts=1),
            httpx_async_client=http,
        ),
    )
    return client, http


def wire_beginning(beginning: Beginning) -> dict[str, Any]:
    """What an explicit cache holds, in the form that a call without it has."""
    return {**_instructions(beginning.instructions), **_declared(beginning.tools)}


def _instructions(text: str) -> dict[str, Any]:
    return {"systemInstruction": {"role": "user", "parts": [{"text": text}]}}


def _declared(tools: Sequence[Tool]) -> dict[str, Any]:
    if not tools:
        return {}
    declarations = [
        {
            "name": tool.name,
            "description": tool.description,
            "parametersJsonSchema": tool.schema(),
        }
        for tool in tools
    ]
    return {"tools": [{"functionDeclarations": declarations}]}


def _answer(body: dict[str, Any]) -> ModelAnswer:
    if not body.get("candidates"):
        reason = body.get("promptFeedback", {}).get("blockReason", "no candidate")
        raise ProviderError(_PROVIDER, Cause.BLOCKED, readable(reason))
    candidate = body["candidates"][0]
    reason = candidate.get("finishReason", "no finish reason")
    content = candidate.get("content", {})
    parts = content.get("parts", [])
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    calls = tuple(_call(part["functionCall"]) for part in parts if "functionCall" in part)
    if reason not in _USABLE or not (text.strip() or calls):
        raise ProviderError(_PROVIDER, Cause.BLOCKED, readable(reason))
    return ModelAnswer(
        content=content,
        text=text,
        calls=calls,
        usage=_usage(body.get("usageMetadata", {})),
        model=body.get("modelVersion", ""),
        finish_reason=reason,
    )


def _call(call: dict[str, Any]) -> ToolCall:
    return ToolCall(call["name"], call.get("args", {}), call.get("id"))


def _usage(counted: dict[str, Any]) -> Usage:
    thoughts = counted.get("thoughtsTokenCount", 0)
    return Usage(
        prompt=counted.get("promptTokenCount", 0) + counted.get("toolUsePromptTokenCount", 0),
        cached=counted.get("cachedContentTokenCount", 0),
        output=counted.get("candidatesTokenCount", 0) + thoughts,
        thoughts=thoughts,
        audio=_sound(counted.get("promptTokensDetails", ())),
        cached_audio=_sound(counted.get("cacheTokensDetails", ())),
    )


def _sound(details: Sequence[dict[str, Any]]) -> int:
    """Tokens of sound, which some models have a price of its own for."""
    return sum(each.get("tokenCount", 0) for each in details if each.get("modality") == "AUDIO")
