"""The parts every emulator is made of: virtual time, a journal, faults, control routes, a server.

An emulator is a subclass of `Emulator` that overrides `routes()` and `summary()` (and `start()`
when it has work of its own); `launch.py` and the tests call `app()` on it and give the result to
`serve()`. Nothing here knows an outside API, and nothing here is shared with the product: an
emulator that borrowed the product's code would agree with its mistakes.
"""

import asyncio
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

Handler = Callable[[Request], Awaitable[Response]]
TRANSPORT = "watibot.transport"


class Clock:
    """Virtual time: `anchor + (real - anchor) * speed`, the same in every process with one spec."""

    def __init__(self, speed: float = 1.0, anchor: float = 0.0) -> None:
        self.speed, self.anchor = speed, anchor

    @classmethod
    def parse(cls, spec: str | None) -> "Clock":
        """None or "" is real time; "10@1795169656" is ten times as fast since that epoch second."""
        if not spec:
            return cls()
        speed, _, anchor = spec.partition("@")
        if float(speed) <= 0:
            raise ValueError(f"clock {spec!r}: the speed must be above 0")
        return cls(float(speed), float(anchor))

    def time(self) -> float:
        """Virtual epoch seconds."""
        return self.anchor + (time.time() - self.anchor) * self.speed

    def now(self) -> datetime:
        """Virtual time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds` of virtual time."""
        await asyncio.sleep(seconds / self.speed)


class Journal:
    """What happened, in order: entries `{"n": 1, "at": iso, "kind": "...", ...fields}`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[dict[str, object]] = []
        self._cleared = 0

    def add(self, kind: str, **details: object) -> dict[str, object]:
        entry: dict[str, object] = {
            "n": self._cleared + len(self._entries) + 1,
            "at": self._clock.now().isoformat(),
            "kind": kind,
            **details,
        }
        self._entries.append(entry)
        return entry

    def since(self, n: int = 0, kind: str | None = None) -> list[dict[str, object]]:
        """Entries numbered above `n`, oldest first; only those of `kind` if one is given."""
        recent = self._entries[max(0, n - self._cleared) :]
        return recent if kind is None else [entry for entry in recent if entry["kind"] == kind]

    def clear(self) -> None:
        """Forgets the entries; numbering goes on, so that a reader's `after` stays valid."""
        self._cleared += len(self._entries)
        self._entries.clear()


@dataclass
class Fault:
    """A misbehaviour created before a test and asked afterwards how often it was `spent`.

    `operation` is "*" or an operation's name; `times` None is without limit; `start_in`,
    `for_seconds` and `delay_seconds` are virtual seconds; `status`, `body` and `headers` answer in
    the handler's place; `drop` closes the connection before or after the handler ran.
    """

    id: str
    operation: str = "*"
    times: int | None = None
    for_seconds: float | None = None
    start_in: float = 0.0
    status: int | None = None
    body: object | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    drop: Literal["before", "after"] | None = None
    spent: int = 0
    created: float = 0.0

    def applies(self, operation: str, now: float) -> bool:
        """Whether a call of `operation` at `now` (virtual epoch seconds) meets this fault."""
        begins = self.created + self.start_in
        return (
            self.operation in ("*", operation)
            and (self.times is None or self.spent < self.times)
            and begins <= now
            and (self.for_seconds is None or now < begins + self.for_seconds)
        )

    def response(self, status: int) -> Response:
        if self.body is None or isinstance(self.body, str):
            return PlainTextResponse(self.body or "", status, self.headers)
        return JSONResponse(self.body, status, self.headers)


FAULT_FIELDS = {each.name for each in fields(Fault)} - {"id", "spent", "created"}


class Faults:
    """The faults of one emulator, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = 0
        self.all: dict[str, Fault] = {}

    def create(self, spec: dict[str, Any]) -> Fault:
        """A fault from its JSON form; ValueError names a field that no fault has."""
        if unknown := set(spec) - FAULT_FIELDS:
            raise ValueError(f"a fault has no {sorted(unknown)}; it has {sorted(FAULT_FIELDS)}")
        self._made += 1
        fault = Fault(id=f"fault-{self._made}", created=self._clock.time(), **spec)
        self.all[fault.id] = fault
        return fault

    def take(self, operation: str) -> Fault | None:
        """The oldest fault that applies to this call, counted as spent."""
        if not self.all:
            return None
        now = self._clock.time()
        for fault in self.all.values():
            if fault.applies(operation, now):
                fault.spent += 1
                return fault
        return None


class Dropped(Response):
    """Closes the connection without a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][TRANSPORT]["transport"].close()
        # uvicorn answers 500 for an application that returns in silence on a connection it still
        # believes open, so stay until the loss has been noticed.
        while (await receive())["type"] != "http.disconnect":
            pass


class Emulator:
    """One outside API in memory. Subclasses override `routes`, `summary` and, at need, `start`."""

    def __init__(
        self, name: str, clock: Clock, defaults: dict[str, object], options: dict[str, object]
    ) -> None:
        """`options` overrides `defaults` (plus `latency_ms`, 0); an unknown key is a ValueError."""
        self.name = name
        self.clock = clock
        self.journal = Journal(clock)
        self.faults = Faults(clock)
        self.settings: dict[str, object] = {"latency_ms": 0, **defaults}
        self.requests = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.change(options)

    def routes(self) -> list[BaseRoute]:
        """The routes of the API that is stood in for."""
        return []

    def summary(self) -> dict[str, object]:
        """What `GET /_emulator/summary` answers."""
        return {"requests": self.requests}

    async def start(self) -> None:
        """Called once in the serving loop, before the first request."""

    async def stop(self) -> None:
        """Called after the last request; the tasks of `background` are gone by then."""

    def change(self, options: dict[str, object]) -> None:
        """Changes settings; ValueError names a key that this emulator does not have."""
        if unknown := set(options) - set(self.settings):
            raise ValueError(f"{self.name} has no setting {sorted(unknown)}")
        self.settings.update(options)

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` beside the requests; cancelled when the server stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def guarded(self, operation: str, request: Request, handler: Handler) -> Response:
        """Answers through latency, faults and the journal (kind "request")."""
        self.requests += 1
        if latency := cast(float, self.settings["latency_ms"]):
            await request.body()  # what has arrived is done, whether the client lives or not
            await self.clock.sleep(latency / 1000)
        fault = self.faults.take(operation)
        response = await (
            handler(request) if fault is None else self._faulty(fault, request, handler)
        )
        self.journal.add(
            "request",
            operation=operation,
            method=request.method,
            path=request.url.path,
            status=None if isinstance(response, Dropped) else response.status_code,
            fault=None if fault is None else fault.id,
        )
        return response

    async def _faulty(self, fault: Fault, request: Request, handler: Handler) -> Response:
        if fault.delay_seconds:
            await self.clock.sleep(fault.delay_seconds)
        if fault.drop is not None:
            # Closing on unread input would be a reset, which clients report as something else.
            await request.body()
        if fault.drop == "before":
            return Dropped()
        if fault.drop is None and fault.status is not None:
            return fault.response(fault.status)
        response = await handler(request)
        return Dropped() if fault.drop == "after" else response

    def app(self, routes: Sequence[BaseRoute] | None = None) -> Starlette:
        """The application: `routes` (default: `self.routes()`) and the control routes."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await self.start()
            try:
                yield
            finally:
                for task in list(self._tasks):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self.stop()

        own = self.routes() if routes is None else list(routes)
        return Starlette(routes=[*own, *self._control()], lifespan=lifespan)

    def _control(self) -> list[BaseRoute]:
        prefix = "/_emulator"

        async def health(_: Request) -> Response:
            now = self.clock.now().isoformat()
            return JSONResponse({"status": "ok", "name": self.name, "now": now})

        async def journal(request: Request) -> Response:
            if request.method == "DELETE":
                self.journal.clear()
                return Response(status_code=204)
            after = int(request.query_params.get("after", "0"))
            return JSONResponse(self.journal.since(after, request.query_params.get("kind")))

        async def faults(request: Request) -> Response:
            if request.method == "GET":
                return JSONResponse([asdict(each) for each in self.faults.all.values()])
            try:
                fault = self.faults.create(await read_json(request))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
            return JSONResponse(asdict(fault), 201)

        async def one_fault(request: Request) -> Response:
            fault = self.faults.all.get(request.path_params["id"])
            if fault is None:
                return JSONResponse({"error": "no such fault"}, 404)
            if request.method == "DELETE":
                del self.faults.all[fault.id]
                return Response(status_code=204)
            return JSONResponse(asdict(fault))

        async def settings(request: Request) -> Response:
            if request.method == "PATCH":
                try:
                    self.change(await read_json(request))
                except ValueError as error:
                    return JSONResponse({"error": str(error)}, 400)
            return JSONResponse(self.settings)

        async def summary(_: Request) -> Response:
            return JSONResponse(self.summary())

        return [
            Route(f"{prefix}/health", health),
            Route(f"{prefix}/journal", journal, methods=["GET", "DELETE"]),
            Route(f"{prefix}/faults", faults, methods=["GET", "POST"]),
            Route(f"{prefix}/faults/{{id}}", one_fault, methods=["GET", "DELETE"]),
            Route(f"{prefix}/settings", settings, methods=["GET", "PATCH"]),
            Route(f"{prefix}/summary", summary),
        ]


async def read_json(request: Request) -> dict[str, Any]:
    """The request's body as an object ({} when empty); ValueError says what it was instead."""
    body = await request.body()
    value = json.loads(body) if body else {}
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is expected, not {type(value).__name__}")
    return value


class _Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, which also shows the application its transport, for `Dropped`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, for a server that starts a moment later.

    Below the ports that systems give to outgoing connections (32768 and up on Linux, 49152 by
    RFC 6335): one of those would be taken by somebody's connection now and then before the server
    is there, or while it is started again.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def serve(app: Starlette, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves `app` in the running loop and yields its base URL, "http://127.0.0.1:PORT".

    uvicorn's protocol without its `Server`: that one takes the process's signals and sleeps a tenth
    of a second at each end, and here several servers share one loop.
    """
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    async with app.router.lifespan_context(app):
        server = await loop.create_server(
            lambda: _Protocol(config=config, server_state=state, app_state={}),
            host,
            port,
            backlog=2048,
        )
        try:
            yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for connection in list(state.connections):
                cast(_Protocol, connection).transport.abort()
            for task in list(state.tasks):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*state.tasks, return_exceptions=True)
            await server.wait_closed()
