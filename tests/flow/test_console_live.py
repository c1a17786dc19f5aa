"""News for open pages: who is told what and when, and that a stream holds nothing up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from tests.clocks import FakeClock
from tests.flow.console_rig import ANA, ROSA, Browser, chat
from tests.flow.figures_rig import Figures, figures
from watibot.emulators.kit import free_port, serve
from watibot.ports.figures import Beat
from watibot.web.console import frame, live
from watibot.web.serving import Server

Event = tuple[str, Any]


class Stream:
    """What a browser hears. `ended` once the server has closed it."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.ended = asyncio.Event()

    async def read(self, response: httpx2.Response) -> None:
        topic = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                topic = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.heard.append((topic, json.loads(line.removeprefix("data: "))))
        self.ended.set()

    def take(self) -> list[str]:
        """The topics that were told since the last time."""
        taken, self.heard = self.heard, []
        return sorted(topic for topic, _ in taken)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Figures]:
    async with figures(tmp_path) as built:
        yield built


@pytest.fixture
async def url(made: Figures) -> AsyncIterator[str]:
    running = asyncio.create_task(made.live.run())
    async with serve(made.desk.app) as base:
        yield base
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def browser(url: str, name: str = "rosa") -> AsyncIterator[Browser]:
    async with httpx2.AsyncClient(base_url=url, timeout=10) as http:
        signed = Browser(http)
        assert (await signed.sign_in(name)).status_code == 303
        yield signed


@asynccontextmanager
async def listening(at: Browser, page: str = "/today") -> AsyncIterator[Stream]:
    stream = Stream()
    wanted = {"page": f"/console{page}"}
    async with at.http.stream("GET", "/console/live", params=wanted) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(stream.read(response))
        yield stream
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def until(is_so: Callable[[], bool], clock: FakeClock, step: float = 0) -> None:
    """Until it is so, at most 5 s; time moves on by `step` while it is not."""
    for _ in range(250):
        if is_so():
            return
        await clock.advance(step)
        await asyncio.sleep(0.02)
    raise AssertionError("it never was so")


async def told(stream: Stream, clock: FakeClock, *topics: str) -> None:
    """Exactly these, by the looks that come next."""
    await until(lambda: {topic for topic, _ in stream.heard} >= set(topics), clock, 2)
    assert stream.take() == sorted(topics)


async def test_a_page_is_told_once_at_first_and_then_of_changes(made: Figures, url: str) -> None:
    desk = made.desk
    await desk.guest()
    async with browser(url) as rosa, listening(rosa) as stream:
        await until(lambda: bool(stream.heard), desk.clock)
        assert stream.heard == [
            ("today", {}),
            ("queues", {"escalations": 0, "payments": 0, "held": 0}),
        ]
        stream.take()
        await desk.clock.advance(8)
        await asyncio.sleep(0.05)
        assert stream.take() == []
        await desk.escalation()
        await until(lambda: len(stream.heard) == 2, desk.clock, 2)
        assert dict(stream.heard)["queues"] == {"escalations": 1, "payments": 0, "held": 0}


async def test_a_conversations_page_is_told_of_its_own(made: Figures, url: str) -> None:
    desk = made.desk
    await desk.guest(guest=ROSA)
    await desk.guest(guest=ANA, name="Ana Invento")
    async with browser(url) as rosa, listening(rosa, chat(ROSA)) as hers:
        await told(hers, desk.clock, "today", "queues", "conversation")
        await desk.guest("hola", ANA, "Ana Invento")
        await told(hers, desk.clock, "today")
        await desk.guest("más", ROSA)
        await until(lambda: "conversation" in dict(hers.heard), desk.clock, 2)
        assert ROSA not in json.dumps(hers.heard)


async def test_what_pages_say_of_time_is_told_each_minute(made: Figures, url: str) -> None:
    async with browser(url) as rosa, listening(rosa) as stream:
        await told(stream, made.desk.clock, "today", "queues")
        await made.desk.clock.advance(60)
        await told(stream, made.desk.clock, "today", "queues")


async def test_one_look_serves_all(
    made: Figures, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    beat = made.live._pulse.beat

    async def counted(*asked: Any) -> Beat:
        looks.append(len(asked[3]))
        return await beat(*asked)

    monkeypatch.setattr(made.live._pulse, "beat", counted)
    clock = made.desk.clock
    await clock.advance(20)
    assert looks == []  # nobody listens
    async with (
        browser(url) as rosa,
        browser(url, "ana") as ana,
        listening(rosa) as one,
        listening(ana) as other,
    ):
        await until(lambda: bool(one.heard and other.heard), clock, 2)
        looks.clear()
        await clock.advance(2)
        await until(lambda: looks == [2], clock)
    await until(lambda: not made.live._listeners, clock)
    looks.clear()
    await clock.advance(20)
    assert looks == []


async def test_signing_out_ends_it(made: Figures, url: str) -> None:
    async with (
        browser(url) as rosa,
        browser(url, "ana") as ana,
        listening(rosa) as hers,
        listening(ana) as others,
    ):
        await until(lambda: bool(hers.heard and others.heard), made.desk.clock, 2)
        await rosa.send("/sign-out")
        await until(hers.ended.is_set, made.desk.clock, 2)
        assert hers.heard[-1][0] == "end"
        assert not others.ended.is_set()


async def test_a_session_that_is_over_ends_it(made: Figures, url: str) -> None:
    """Listening does not keep it."""
    async with browser(url) as rosa, listening(rosa) as stream:
        await until(lambda: bool(stream.heard), made.desk.clock)
        await until(stream.ended.is_set, made.desk.clock, 1800)
        assert stream.heard[-1][0] == "end"


async def test_nobody_listens_without_a_session(made: Figures, url: str) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        answer = await http.get("/console/live")
    assert (answer.status_code, answer.headers["location"][:16]) == (303, "/console/sign-in")


async def test_there_is_a_most(made: Figures, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 1)
    async with browser(url) as rosa:
        async with listening(rosa):
            full = await rosa.get("/live")
            assert (full.status_code, full.headers["retry-after"]) == (503, "60")
        await until(lambda: not made.live._listeners, made.desk.clock)
        async with listening(rosa):
            pass


async def test_a_browser_that_has_gone_is_forgotten(made: Figures, url: str) -> None:
    async with browser(url) as rosa:
        async with listening(rosa):
            assert len(made.live._listeners) == 1
        await until(lambda: not made.live._listeners, made.desk.clock)


async def test_the_service_stops_while_browsers_listen(made: Figures) -> None:
    port = free_port()
    config = uvicorn.Config(
        made.desk.app,
        host="127.0.0.1",
        port=port,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=20,
    )
    server = Server(config, made.live.close)
    running = asyncio.create_task(made.live.run())
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, made.desk.clock)
    async with browser(f"http://127.0.0.1:{port}") as rosa, listening(rosa) as stream:
        await until(lambda: bool(stream.heard), made.desk.clock)
        server.should_exit = True
        await asyncio.wait_for(stream.ended.wait(), 3)
        await asyncio.wait_for(serving, 3)
    answer = await made.desk.browser().get("/live")
    assert answer.status_code == 303
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_work_that_ends_ends_the_streams(made: Figures) -> None:
    running = asyncio.create_task(made.live.run())
    async with serve(made.desk.app) as base, browser(base) as rosa, listening(rosa) as stream:
        await until(lambda: bool(stream.heard), made.desk.clock)
        running.cancel()
        await asyncio.wait_for(stream.ended.wait(), 3)


# --- what comes with every page ---


async def test_only_our_own_files_run(made: Figures) -> None:
    ana = await made.desk.signed_in("ana")
    for path in ("/today", "/money", "/", "/escalations"):
        page = await ana.get(path)
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'; connect-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert page.text.count("<script") == page.text.count('<script src="/console/static/')
        assert " style=" not in page.text
        assert " onclick" not in page.text


async def test_files_keep_for_a_year_under_an_address_of_their_own(made: Figures) -> None:
    browser_ = made.desk.browser()
    for name, kind in frame.STATIC.items():
        address = frame.asset(name).removeprefix(frame.BASE)
        found = await browser_.get(address)
        assert (found.status_code, found.headers["content-type"]) == (200, kind)
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["content-encoding"] == "gzip"
        assert found.content == frame.static(name)
        plain = await browser_.get(address, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == frame.static(name)


async def test_sections_by_role(tmp_path: Path) -> None:
    async with figures(tmp_path, phone_url="http://phone.test/") as made:
        await made.desk.guest()
        await made.desk.escalation()
        desk = (await (await made.desk.signed_in()).get("/today")).text
        owner = (await (await made.desk.signed_in("ana")).get("/today")).text
        for section in ("/today", "/", "/escalations", "/payments", "/conversations"):
            assert f'href="/console{section}"' in desk
        for section in ("money", "instructions", "migration", "health", "log"):
            assert f'href="/console/{section}"' not in desk
            assert f'href="/console/{section}"' in owner
        assert 'href="http://phone.test/" target="_blank" rel="noopener noreferrer"' in desk
        assert 'data-count="escalations" data-word="Avisos">1</span>' in desk
        assert 'data-count="payments" data-word="Comprobantes" hidden>0</span>' in desk
        outside = await made.desk.browser().get("/sign-in")
        assert "data-live" not in outside.text
        assert "<script" not in outside.text


async def test_regions_ask_for_themselves(made: Figures) -> None:
    rosa = await made.desk.signed_in()
    for path, region, topic in (
        ("/", "waiting", "queues"),
        ("/escalations", "waiting", "queues"),
        ("/payments", "waiting", "queues"),
        ("/today", "figures", "today"),
    ):
        text = (await rosa.get(path)).text
        assert (
            f'id="{region}" hx-get="/console{path}" hx-select="#{region}" hx-swap="outerHTML" '
            f'hx-trigger="sse:{topic} from:body"'
        ) in text
        assert 'data-live="/console/live?page=/console' in text
