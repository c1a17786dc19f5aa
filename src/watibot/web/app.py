"""The ASGI application: two webhooks, health, metrics, its own description and the console.

`wiring.py` builds it; uvicorn serves it. The lifespan starts and stops what works behind the
webhooks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from watibot import __version__, telemetry
from watibot.service.gauges import Gauges
from watibot.service.readiness import Readiness
from watibot.telemetry import Metrics
from watibot.web.security import HEADER
from watibot.web.webhooks import Webhook

log = telemetry.logger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class FrontDoor(FastAPI):
    """FastAPI with the webhooks before it: its middleware and its routing took 75 us of the 290 us
    that a webhook cost, and do nothing for one."""

    def __init__(self, webhooks: dict[str, Webhook], **options: Any) -> None:
        super().__init__(**options)
        self._webhooks = webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            webhook = self._webhooks.get(scope["path"])
            if webhook is not None:
                await webhook(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create(
    webhooks: dict[str, Webhook],
    metrics: Metrics,
    lifespan: Lifespan,
    console: Mount,
    readiness: Readiness,
    gauges: Gauges,
) -> FastAPI:
    """`webhooks` by path. `readiness` is asked by `/readyz`, `gauges` by `/metrics`."""
    app = FrontDoor(
        webhooks,
        title="WatiBot",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", responses={503: {"description": "Not ready, and why"}})
    async def readyz(response: Response) -> dict[str, Any]:
        """Whether the store answers and work is looked for; how long what waits has waited, and
        when each provider last answered."""
        standing = await readiness.look()
        response.status_code = 200 if standing.ready else 503
        return {
            "status": standing.status,
            "reasons": standing.reasons,
            "version": __version__,
            **standing.facts,
        }

    @app.get("/metrics", response_class=Response)
    async def scrape() -> Response:
        """Prometheus text format."""
        await gauges.look()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            for path in webhooks:
                schema["paths"][path] = {"post": _webhook_operation(path)}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]
    app.router.routes.append(console)
    return app


def _webhook_operation(path: str) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"type": "object"}}}
    return {
        "summary": f"Messages and news from the provider ({path})",
        "operationId": path.strip("/").replace("/", "_"),
        "parameters": [
            {"name": "token", "in": "query", "schema": {"type": "string"}, "required": False},
            {
                "name": HEADER.decode(),
                "in": "header",
                "schema": {"type": "string"},
                "required": False,
            },
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        "responses": {
            "200": {"description": "Stored, or nothing to store", "content": answer},
            "401": {"description": "The secret is missing or wrong", "content": answer},
            "413": {"description": "The body is larger than 1 MiB", "content": answer},
            "503": {"description": "Not stored, send it again", "content": answer},
        },
    }
