"""Vertex AI in memory: Agent Engine Sessions, generateContent, countTokens and context caches.

`watibot emulate` and the tests start it through `create`; any client whose base URL points here is
answered, whatever region it means, since project and location are in the path. A call passes the
token check, the routing table below and one of the resources (`vertex_sessions`, `vertex_events`,
`vertex_operations`, `vertex_models`, `vertex_caches`). v1 and v1beta1 are served; `:compact` is
answered 501.
"""

import json
import re
from collections import defaultdict
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.forms import read_form
from watibot.emulators.kit import Clock, Emulator
from watibot.emulators.vertex_caches import Caches
from watibot.emulators.vertex_events import Events, own_id
from watibot.emulators.vertex_models import Models
from watibot.emulators.vertex_operations import Operations
from watibot.emulators.vertex_schema import ApiError, unknown_parameter, violation
from watibot.emulators.vertex_sessions import Sessions
from watibot.emulators.vertex_wire import Call, Operation, Quotas, query_names

STATIC_TOKEN = "emu"
ISSUED = "emu-"
TOKEN_SECONDS = 3600
# Parameters that every Google API takes; they change nothing here.
COMMON = frozenset(["alt", "$alt", "prettyPrint", "fields", "key", "quotaUser", "$.xgafv"])
DEFAULTS: dict[str, object] = {
    "model_latency_ms": 0,
    "append_events_per_minute": 300,
    "session_writes_per_minute": 100,
    "model_calls_per_minute": 0,
    "implicit_hit_percent": 100,
    "lro_pending_polls": 0,
    "lro_custom_id_400": False,
    "journal_bodies": False,
}
"""Latency in virtual milliseconds; a quota of 0 is no quota; of all calls `implicit_hit_percent`,
spread evenly, are served from the model's own cache as far as it goes; `journal_bodies` adds
entries of kind "exchange" (operation, method, path, query, status, request, response) to the
journal."""


def create(clock: Clock, options: dict[str, object]) -> "Vertex":
    """The emulator with `DEFAULTS` overridden by `options`; ValueError names an unknown option."""
    return Vertex("vertex", clock, DEFAULTS, options)


class Vertex(Emulator):
    def __init__(
        self, name: str, clock: Clock, defaults: dict[str, object], options: dict[str, object]
    ) -> None:
        super().__init__(name, clock, defaults, options)
        self.quotas = Quotas(clock, self.settings)
        operations = Operations(clock, self.settings)
        caches = Caches(clock)
        self.sessions = Sessions(clock, self.quotas, operations)
        self.events = Events(clock, self.quotas, self.sessions)
        self.models = Models(clock, self.settings, self.quotas, caches)
        self._tokens = 0
        self._table: dict[str, list[tuple[re.Pattern[str], Operation]]] = defaultdict(list)
        for resource in (self.events, self.models, self.sessions, operations, caches):
            for operation in resource.table():
                self._table[operation.method].append((operation.pattern(), operation))

    def routes(self) -> list[BaseRoute]:
        methods = ["GET", "POST", "PATCH", "DELETE"]
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/_emulator/sessions", self._show_sessions),
            Route("/_emulator/sessions/{id}/events", self._show_events),
            Route("/v1/{path:path}", self._serve, methods=methods),
            Route("/v1beta1/{path:path}", self._serve, methods=methods),
        ]

    def summary(self) -> dict[str, object]:
        """`sessions` live now; the rest counts since the start."""
        return {
            "requests": self.requests,
            "sessions": sum(1 for _ in self.sessions.all()),
            "events": self.events.appended,
            "events_doubled": self.events.doubled,
            "model_calls": self.models.calls,
            "prompt_tokens": self.models.prompt_tokens,
            "cached_tokens": self.models.cached_tokens,
            "throttled_429": self.quotas.throttled,
        }

    async def _serve(self, request: Request) -> Response:
        path = request.url.path
        routed = self._route(request.method, path)
        if routed is None:
            return JSONResponse(ApiError(404, f"No method {request.method} {path}.").body(), 404)
        operation, names = routed
        version = names.pop("version")

        async def handle(_: Request) -> Response:
            return await self._handle(operation, version, names, request)

        return await self.guarded(operation.name, request, handle)

    def _route(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        for pattern, operation in self._table[method]:
            if match := pattern.fullmatch(path):
                return operation, match.groupdict()
        return None

    async def _handle(
        self, operation: Operation, version: str, names: dict[str, str], request: Request
    ) -> Response:
        raw = await request.body()
        if operation.name == "generateContent" and self.models.latency:
            # Whoever plays a colleague can act while the model thinks.
            self.journal.add("thinking", said=_last_words(raw))
            await self.clock.sleep(self.models.latency)
        status, body = 200, None
        query = query_names(parse_qsl(request.url.query, keep_blank_values=True))
        try:
            _check_token(request.headers.get("authorization", ""))
            for name in query:
                if name not in operation.query and name not in COMMON:
                    raise unknown_parameter(name)
            body = _parse(raw)
            answer = operation.handle(Call(version, names, query, body))
        except ApiError as error:
            status, answer = error.code, error.body()
        if self.settings["journal_bodies"]:
            self.journal.add(
                "exchange",
                operation=operation.name,
                method=request.method,
                path=request.url.path,
                query=query,
                status=status,
                request=body,
                response=answer,
            )
        return JSONResponse(answer, status)

    async def _token(self, request: Request) -> Response:
        """OAuth's token endpoint, for a service account's `token_uri`: any assertion is good."""

        async def handle(_: Request) -> Response:
            if not (await read_form(request)).fields.get("assertion"):
                return JSONResponse({"error": "invalid_grant"}, 400)
            self._tokens += 1
            token = f"{ISSUED}{self._tokens:08d}"
            return JSONResponse(
                {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
            )

        return await self.guarded("token", request, handle)

    async def _show_sessions(self, _: Request) -> Response:
        return JSONResponse(
            [{**each.view(), "events": len(each.events)} for each in self.sessions.all()]
        )

    async def _show_events(self, request: Request) -> Response:
        """The events of every live session with this id, each with the client's own id beside."""
        wanted = "/" + request.path_params["id"]
        found = [each for each in self.sessions.all() if each.name.endswith(wanted)]
        if not found:
            return JSONResponse({"error": "no such session"}, 404)
        events = [{**event, "ownId": own_id(event)} for each in found for event in each.events]
        return JSONResponse(events)


def _last_words(raw: bytes) -> str:
    """What the newest contents of a prompt say; "" where nothing can be read."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        newest = json.loads(raw)["contents"][-4:]
        return "\n".join(part.get("text", "") for each in newest for part in each["parts"])
    return ""


def _check_token(header: str) -> None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not (token == STATIC_TOKEN or token.startswith(ISSUED)):
        reason = "ACCESS_TOKEN_TYPE_UNSUPPORTED" if token else "CREDENTIALS_MISSING"
        raise ApiError(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
            "cookie or other valid authentication credential.",
            [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason,
                    "domain": "googleapis.com",
                }
            ],
        )


def _parse(raw: bytes) -> Any:
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        text = f"Invalid JSON payload received. {error}"
        raise violation("", text, text) from None
