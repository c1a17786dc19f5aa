"""The two webhooks: secret, size, JSON, and a commit before the answer. The first stop.

They are plain ASGI endpoints in front of FastAPI (`app.py`), because this is the way that every
message of every guest takes, and FastAPI's own routing would be its largest cost. The answers are
two fixed bodies, to the letter, whatever the payload was (docs/decisions/0010): what cannot be
understood is kept in quarantine. Only when nothing could be committed the answer is 503, so that
the provider comes again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from starlette.types import Message, Receive, Scope, Send

from watibot import telemetry
from watibot.errors import UnreadablePayload
from watibot.messages import Delivery
from watibot.telemetry import Metrics
from watibot.web.security import LARGEST_BODY, proven

log = telemetry.logger(__name__)

WATI_ANSWER = b'{"ai_response": "Gathering questions for the assistant"}'
MANYCHAT_ANSWER = b'{"status": "ok", "detail": "Message buffered"}'


class Taker(Protocol):
    """`service/receive.py`, as far as it is needed here."""

    async def take(self, delivery: Delivery, raw: bytes, received_at: datetime) -> str: ...

    async def quarantine(self, channel: str, reason: str, raw: bytes) -> None: ...


class Webhook:
    """One provider's endpoint. `read` is the channel's; None while it is not configured."""

    def __init__(
        self,
        channel: str,
        answer: bytes,
        read: Callable[[Any, datetime], Sequence[Delivery]] | None,
        taker: Taker,
        secret: str,
        now: Callable[[], datetime],
        metrics: Metrics,
        capture: Callable[[str, Any], Awaitable[object]] | None = None,
    ) -> None:
        self._channel = channel
        self._accepted = _response(200, answer)
        self._read = read
        self._taker = taker
        self._secret = secret.encode()
        self._now = now
        self._capture = capture
        self._deliveries = metrics.deliveries
        self._passing = metrics.passing
        self._counters: dict[str, Any] = {}
        self._told_at: datetime | None = None
        for outcome in ("failed", "quarantined"):  # shown as 0 before the first one
            self._deliveries.labels(channel, outcome)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _send(send, _METHOD)
            return
        if not proven(self._secret, scope["query_string"], scope["headers"]):
            self._count("unauthorised")
            self._tell_unauthorised()
            await _send(send, _UNAUTHORISED)
            return
        raw = await _body(scope, receive)
        if raw is None:
            self._count("too_large")
            await _send(send, _TOO_LARGE)
            return
        try:
            with self._passing("receive", channel=self._channel):
                await self._take(raw)
        except Exception as error:
            # Not committed, so not acknowledged: the provider has to come again.
            log.error(
                "webhook.failed", channel=self._channel, exc_info=telemetry.without_values(error)
            )
            self._count("failed")
            await _send(send, _UNAVAILABLE)
            return
        await _send(send, self._accepted)

    def _tell_unauthorised(self) -> None:
        """A mistyped URL would otherwise look like silence; one line a minute is enough of it."""
        now = self._now()
        if self._told_at is None or now - self._told_at > timedelta(minutes=1):
            self._told_at = now
            log.warning("webhook.unauthorised", channel=self._channel)

    async def _take(self, raw: bytes) -> None:
        try:
            body = parse(raw)
            if self._capture is not None:
                await self._capture(self._channel, body)
            received_at = self._now()
            deliveries = self._read_all(body, received_at)
        except UnreadablePayload as reason:
            await self._taker.quarantine(self._channel, str(reason), raw)
            self._count("quarantined")
            return
        for delivery in deliveries:
            self._count(await self._taker.take(delivery, raw, received_at))

    def _read_all(self, body: Any, received_at: datetime) -> Sequence[Delivery]:
        if self._read is None:
            raise UnreadablePayload("this channel is not configured")
        return self._read(body, received_at)

    def _count(self, outcome: str) -> None:
        counter = self._counters.get(outcome)
        if counter is None:
            counter = self._counters[outcome] = self._deliveries.labels(self._channel, outcome)
        counter.inc()


def parse(raw: bytes) -> Any:
    """JSON as it may be stored: no NUL (PostgreSQL takes none) and no half of a surrogate pair."""
    try:
        # What `json.loads` does, which makes a decoder for each call.
        body = _JSON.decode(raw.decode(json.detect_encoding(raw), "surrogatepass"))
    except (ValueError, RecursionError):
        raise UnreadablePayload("not JSON") from None
    return _storable(body) if b"\\u" in raw else body


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode().replace("\x00", "")
        case list():
            return [_storable(one) for one in value]
        case dict():
            return {_storable(key): _storable(one) for key, one in value.items()}
    return value


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > LARGEST_BODY:
            return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


def _response(status: int, body: bytes) -> tuple[Message, Message]:
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    return start, {"type": "http.response.body", "body": body}


async def _send(send: Send, response: tuple[Message, Message]) -> None:
    await send(response[0])
    await send(response[1])


_UNAUTHORISED = _response(401, b'{"detail": "The secret is missing or wrong"}')
_TOO_LARGE = _response(413, b'{"detail": "The body is larger than 1 MiB"}')
_METHOD = _response(405, b'{"detail": "Send POST"}')
_METHOD[0]["headers"].append((b"allow", b"POST"))
_UNAVAILABLE = _response(503, b'{"detail": "Not stored, send it again"}')
