"""The kit keeps its promises: virtual time, a journal, faults one can ask, connections cut."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.__main__ import options_from
from watibot.emulators.kit import Clock, Emulator, Faults, Journal, serve
from watibot.emulators.launch import launch, settings_for


class Echo(Emulator):
    """Answers how often its handler ran."""

    def __init__(self, clock: Clock, options: dict[str, object] | None = None) -> None:
        super().__init__("echo", clock, {"colour": "blue"}, options or {})
        self.handled = 0

    def routes(self) -> list[BaseRoute]:
        async def ping(request: Request) -> Response:
            return await self.guarded("ping", request, self._ping)

        return [Route("/ping", ping, methods=["GET", "POST"])]

    async def _ping(self, request: Request) -> Response:
        self.handled += 1
        return JSONResponse({"handled": self.handled})


@pytest.fixture
def echo() -> Echo:
    return Echo(Clock.parse(f"100@{time.time():.0f}"))


@pytest.fixture
async def http(echo: Echo) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve(echo.app()) as url, httpx2.AsyncClient(base_url=url) as client:
        yield client


def test_clock_runs_at_its_speed() -> None:
    anchor = time.time() - 60
    clock = Clock.parse(f"10@{anchor}")
    assert clock.time() == pytest.approx(anchor + 600, abs=5)
    assert clock.now().timestamp() == pytest.approx(clock.time(), abs=1)


@pytest.mark.parametrize("spec", [None, ""])
def test_clock_without_a_spec_is_real(spec: str | None) -> None:
    assert Clock.parse(spec).time() == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("spec", ["fast", "0@1", "-1@1", "10"])
def test_clock_refuses_nonsense(spec: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Clock.parse(spec)


async def test_clock_sleeps_virtual_seconds() -> None:
    started = time.monotonic()
    await Clock.parse(f"10000@{time.time()}").sleep(100)
    assert time.monotonic() - started < 2


def test_journal_numbers_go_on_after_clearing() -> None:
    journal = Journal(Clock())
    journal.add("a", x=1)
    journal.add("b")
    assert [each["n"] for each in journal.since(1)] == [2]
    assert [each["x"] for each in journal.since(kind="a")] == [1]
    journal.clear()
    journal.add("a", x=3)
    assert [each["n"] for each in journal.since(2)] == [3]
    assert [each["n"] for each in journal.since(0)] == [3]


@pytest.mark.parametrize(
    ("spec", "operations", "hits"),
    [
        ({"operation": "ping", "times": 1}, ["pong", "ping", "ping"], [False, True, False]),
        ({"times": 2}, ["a", "b", "c"], [True, True, False]),
        ({"start_in": 1000.0}, ["a"], [False]),
        ({"for_seconds": 0.0}, ["a"], [False]),
        ({"for_seconds": 1000.0}, ["a", "a"], [True, True]),
    ],
)
def test_faults_apply_when_they_say(
    spec: dict[str, object], operations: list[str], hits: list[bool]
) -> None:
    faults = Faults(Clock())
    fault = faults.create(spec)
    assert [faults.take(each) is not None for each in operations] == hits
    assert fault.spent == sum(hits)


async def test_a_fault_is_a_resource(http: httpx2.AsyncClient, echo: Echo) -> None:
    spec = {
        "operation": "ping",
        "times": 1,
        "status": 503,
        "body": {"e": 1},
        "headers": {"x-a": "b"},
    }
    made = await http.post("/_emulator/faults", json=spec)
    assert made.status_code == 201
    answer = await http.get("/ping")
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (503, {"e": 1}, "b")
    assert echo.handled == 0
    assert (await http.get("/ping")).json() == {"handled": 1}
    path = f"/_emulator/faults/{made.json()['id']}"
    assert (await http.get(path)).json()["spent"] == 1
    assert len((await http.get("/_emulator/faults")).json()) == 1
    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).status_code == 404
    requests = (await http.get("/_emulator/journal", params={"kind": "request"})).json()
    assert [(each["status"], each["fault"]) for each in requests] == [
        (503, made.json()["id"]),
        (200, None),
    ]


@pytest.mark.parametrize(("drop", "handled"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_has_no_response(
    http: httpx2.AsyncClient, echo: Echo, drop: str, handled: int
) -> None:
    await http.post("/_emulator/faults", json={"operation": "ping", "times": 1, "drop": drop})
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        await http.post("/ping", content=b"x" * 200_000)
    assert echo.handled == handled
    assert (await http.get("/ping")).json() == {"handled": handled + 1}


async def test_a_delay_is_virtual(http: httpx2.AsyncClient) -> None:
    await http.post("/_emulator/faults", json={"delay_seconds": 20})
    started = time.monotonic()
    assert (await http.get("/ping")).status_code == 200
    assert 0.19 <= time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/_emulator/faults", {"colour": "red"}, 400),
        ("POST", "/_emulator/faults", [1], 400),
        ("PATCH", "/_emulator/settings", {"shape": 1}, 400),
        ("PATCH", "/_emulator/settings", {"colour": "red"}, 200),
        ("GET", "/_emulator/health", None, 200),
        ("GET", "/_emulator/summary", None, 200),
        ("DELETE", "/_emulator/journal", None, 204),
    ],
)
async def test_control_routes(
    http: httpx2.AsyncClient, method: str, path: str, body: object, status: int
) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    assert (await http.request(method, path, content=content)).status_code == status


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Echo(Clock(), {"shape": 1})


async def test_launched_emulators_know_each_other_and_the_service(tmp_path: Path) -> None:
    ports = {"wati": 0, "manychat": 0, "staff": 0}
    service = "http://127.0.0.1:9"
    async with launch(ports, webhook_base=service, secret="s" * 16) as urls:
        found = settings_for({**urls, "vertex": "http://127.0.0.1:7"}, tmp_path, "5@0")
        async with httpx2.AsyncClient() as client:
            settings = {
                name: (await client.get(f"{url}/_emulator/settings")).json()
                for name, url in urls.items()
            }
            notice = {"version": "1.0", "title": "T", "message": "M", "type": "info"}
            assert (await client.post(f"{urls['staff']}/notify", json=notice)).status_code == 200
            journal = (await client.get(f"{urls['staff']}/_emulator/journal?kind=notice")).json()
    assert found["WATI_BASE_URL"] == f"{urls['wati']}/300100"
    assert found["STAFF_NOTIFY_URLS"].startswith("json://127.0.0.1:")
    assert found["WATIBOT_CLOCK"] == "5@0"
    assert f"http://{found['MEDIA_EXTRA_HOSTS']}" == urls["manychat"]
    assert found["GOOGLE_APPLICATION_CREDENTIALS"] == str(tmp_path / "service-account.json")
    account = json.loads((tmp_path / "service-account.json").read_text())
    assert account["token_uri"] == "http://127.0.0.1:7/token"
    assert settings["manychat"]["cdn_base"] == urls["manychat"]
    assert settings["manychat"]["webhook_headers"] == {"X-Watibot-Secret": "s" * 16}
    assert settings["wati"]["webhook_url"] == f"{service}/webhook?token={'s' * 16}"
    assert [(each["title"], each["message"]) for each in journal] == [("T", "M")]


@pytest.mark.parametrize("pair", ["colour=1", "fax.colour=1", "wati"])
def test_a_setting_names_its_emulator(pair: str) -> None:
    assert options_from(["wati.retry_seconds=5", "wati.token=t"]) == {
        "wati": {"retry_seconds": 5, "token": "t"}
    }
    with pytest.raises(ValueError, match=r"NAME\.KEY=VALUE"):
        options_from([pair])


async def test_the_process_says_ready_and_leaves_at_sigterm(tmp_path: Path) -> None:
    command = ["-m", "watibot.emulators", "--wati", "0", "--directory", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert [each.partition("=")[0] for each in lines] == ["WATI_BASE_URL", "WATI_TOKEN", "ready"]
