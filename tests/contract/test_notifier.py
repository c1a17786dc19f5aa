"""The exam of `ports.Notifier`; apprise posts to a webhook of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watibot.emulators import kit
from watibot.errors import Cause, ProviderError
from watibot.providers.notify import AppriseNotifier


@asynccontextmanager
async def inbox(kept: list[dict[str, Any]]) -> AsyncIterator[str]:
    async def take(request: Request) -> Response:
        kept.append(await request.json())
        return Response()

    async def refuse(_: Request) -> Response:
        return Response(status_code=500)

    routes = [
        Route("/taken", take, methods=["POST"]),
        Route("/refused", refuse, methods=["POST"]),
    ]
    async with kit.serve(Starlette(routes=routes)) as url:
        yield url.replace("http://", "json://")


async def test_staff_read_what_was_said() -> None:
    kept: list[dict[str, Any]] = []
    async with inbox(kept) as url:
        await AppriseNotifier([f"{url}/taken"]).tell("Un huésped espera", "Pide <b>a Ana</b> & más")
    assert [(each["title"], each["message"]) for each in kept] == [
        ("Un huésped espera", "Pide <b>a Ana</b> & más")
    ]


@pytest.mark.parametrize(
    "paths", [["/taken", "/refused"], ["/refused", "/taken"], ["/taken", "nowhere://"]]
)
async def test_one_who_was_reached_is_enough(paths: list[str]) -> None:
    kept: list[dict[str, Any]] = []
    async with inbox(kept) as url:
        urls = [path if "://" in path else url + path for path in paths]
        await AppriseNotifier(urls).tell("t", "b")
    assert len(kept) == 1


@pytest.mark.parametrize("paths", [[], ["/refused"], ["/refused", "/refused"]])
async def test_nobody_was_reached(paths: list[str]) -> None:
    async with inbox([]) as url:
        with pytest.raises(ProviderError) as caught:
            await AppriseNotifier([url + path for path in paths]).tell("t", "b")
    assert caught.value.cause is Cause.UNAVAILABLE
    assert url not in str(caught.value)
