"""What WATI's history has beyond the exam: its pages, its refusals, its limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.clocks import JumpingClock
from tests.contract.openai_standin import Row
from tests.contract.source_rigs import wati_rig
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.wati_history import WatiHistory
from watibot.emulators.kit import serve
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.quotas import Rate
from watibot.threads import ThreadRef

Pages = Callable[[int, int], Row | int]


@asynccontextmanager
async def wati(pages: Pages, clock: JumpingClock | None = None) -> AsyncIterator[WatiHistory]:
    """A tenant whose getMessages answers what `pages(number, size)` says."""

    async def messages(request: Request) -> Response:
        query = request.query_params
        found = pages(int(query["pageNumber"]), int(query["pageSize"]))
        return Response(status_code=found) if isinstance(found, int) else JSONResponse(found)

    async def contacts(_: Request) -> Response:
        return JSONResponse({"result": "success", "contact_list": []})

    async def media(request: Request) -> Response:
        known = request.query_params["fileName"] == "data/images/a b.jpg"
        return Response(b"jpeg") if known else Response(status_code=404)

    api = "/300100/api/v1"
    routes = [
        Route(f"{api}/getMessages/{{target}}", messages),
        Route(f"{api}/getContacts", contacts),
        Route(f"{api}/getMedia", media),
    ]
    async with serve(Starlette(routes=routes)) as url, new_client(5) as http:
        group = settings.Wati(
            base_url=f"{url}/300100", token=SecretStr("t"), bot_operators=("api", "Bot")
        )
        yield WatiHistory(group, http, clock or JumpingClock(), Rate(54, 1))


def row(n: int, **more: Any) -> Row:
    said = {"id": f"row{n}", "eventType": "message", "owner": False, "text": f"Hola {n}"}
    return {**said, "timestamp": str(1_795_000_000 + n), **more}


def page(rows: list[Row], size: int | None = None, total: int = 2) -> Row:
    return {"result": "success", "messages": {"items": rows, "pageSize": size, "total": total}}


GUEST = ThreadRef("50370000001", ChannelName.WHATSAPP, "50370000001", None)


def of(rows: list[Row], *, own_size: int | None = None, grows: bool = False) -> Pages:
    """Pages of rows that are given oldest first. `own_size`: what the server makes of any size;
    `grows`: a new row comes in before every page."""
    asked = 0

    def pages(number: int, size: int) -> Row:
        nonlocal asked
        shown = [row(10_000 + n) for n in range(asked, 0, -1)] if grows else []
        asked += 1
        size = min(size, own_size or size)
        return page([*shown, *rows[::-1]][(number - 1) * size : number * size], size)

    return pages


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize("own_size", [None, 40])
async def test_watis_pages(count: int, own_size: int | None) -> None:
    rows = [row(n) for n in range(count)]
    async with wati(of(rows, own_size=own_size)) as source:
        assert (await source.read(GUEST)).messages == tuple(rows)


async def test_rows_that_come_in_while_watis_pages_are_read() -> None:
    rows = [row(n) for n in range(250)]
    async with wati(of(rows, grows=True)) as source:
        assert (await source.read(GUEST)).messages == tuple(rows)


async def test_a_page_that_repeats_for_ever_is_the_end() -> None:
    rows = [row(n) for n in range(100)]
    async with wati(lambda number, size: page(rows[::-1], 100, 5000)) as source:
        assert (await source.read(GUEST)).messages == tuple(rows)


async def test_rows_without_an_id_are_all_kept() -> None:
    rows = [row(n, id=None) for n in range(3)]
    async with wati(of(rows)) as source:
        assert (await source.read(GUEST)).messages == tuple(rows)


async def test_what_rides_along() -> None:
    rows = [row(0, timestamp=None), row(1), row(2)]
    async with wati(of(rows)) as source:
        raw = await source.read(GUEST)
        assert raw.thread == {"bot_operators": ["api", "Bot"], "created_at": 1_795_000_001}
        assert (raw.runs, raw.thread_id.startswith("wati-"), len(raw.thread_id)) == (None, True, 21)
        named = ThreadRef("50370000001", ChannelName.WHATSAPP, "50370000001", "thread_a")
        assert (await source.read(named)).thread_id == "thread_a"


@pytest.mark.parametrize(
    ("found", "cause", "retry_after"),
    [
        (page([]), Cause.NOT_FOUND, None),
        (404, Cause.NOT_FOUND, None),
        ({"result": False, "info": "Invalid contact"}, Cause.NOT_FOUND, None),
        ({"result": False, "info": "Something 50370000001"}, Cause.INVALID, None),
        ({"result": False, "info": "API usage limit exceeded"}, Cause.THROTTLED, 600.0),
        ({"result": "success"}, Cause.INVALID, None),
        (429, Cause.THROTTLED, None),
        (403, Cause.UNAUTHORISED, None),
        (500, Cause.UNAVAILABLE, None),
    ],
)
async def test_watis_refusals(found: Row | int, cause: Cause, retry_after: float | None) -> None:
    async with wati(lambda number, size: found) as source:
        with pytest.raises(ProviderError) as caught:
            await source.read(GUEST)
    assert (caught.value.cause, caught.value.retry_after) == (cause, retry_after)
    assert "5037" not in str(caught.value)


async def test_watis_reads_keep_below_its_limit() -> None:
    clock = JumpingClock()
    rows = [row(n) for n in range(1050)]
    started = clock.time()
    async with wati(of(rows), clock) as source:
        await source.read(GUEST)
    assert 10 / 0.9 - 0.01 <= clock.time() - started < 13  # 11 pages


@pytest.mark.parametrize(("name", "expected"), [("data/images/a b.jpg", b"jpeg"), ("x", None)])
async def test_watis_files(name: str, expected: bytes | None) -> None:
    async with wati(of([])) as source:
        assert await source.file(name) == expected


@pytest.mark.parametrize(
    ("channel", "address", "expected"),
    [
        (ChannelName.WHATSAPP, "50370000001", True),
        (ChannelName.FACEBOOK, "7100000001", False),
        (ChannelName.WHATSAPP, "", False),
    ],
)
async def test_wati_knows_whatsapp_alone(
    channel: ChannelName, address: str, expected: bool
) -> None:
    async with wati_rig() as rig:
        source = cast(WatiHistory, rig.source)
        assert await source.gives(ThreadRef("c", channel, address, None)) is expected
        assert await source.thread_ids() is None
