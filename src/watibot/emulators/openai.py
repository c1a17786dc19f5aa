"""OpenAI in memory: Assistants v2, Conversations, Responses and files, also after the sunset.

`watibot emulate` and the tests start it through `create`. A call passes a door (`openai_doors`:
what there is today, keys, limits), the routing table below and one of the resources
(`openai_threads`, `openai_runs`, `openai_assistants`, `openai_files`, `openai_conversations`,
`openai_responses`).
`openai_seeds` fills it with pasts. Streaming and vector stores are not there.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from inspect import isawaitable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.forms import Form, read_form
from watibot.emulators.kit import Clock, Emulator, Journal
from watibot.emulators.openai_assistants import Assistants
from watibot.emulators.openai_conversations import Conversations
from watibot.emulators.openai_doors import (
    DEFAULTS,
    MODES,
    Entry,
    Meter,
    enter,
    no_route,
    session_key_only,
)
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_progress import Progress
from watibot.emulators.openai_responses import Responses
from watibot.emulators.openai_runs import Runs
from watibot.emulators.openai_seeds import Seeds
from watibot.emulators.openai_threads import Threads
from watibot.emulators.openai_wire import ApiError, Call, Operation, unknown_parameter
from watibot.emulators.openai_world import World


def create(clock: Clock, options: dict[str, object]) -> "OpenAI":
    """The emulator with `DEFAULTS` overridden by `options`; ValueError names an unknown option."""
    return OpenAI("openai", clock, DEFAULTS, options)


class Settled(Journal):
    """A journal in which everything that is due has happened before anybody reads it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.settle: Callable[[], None] = lambda: None

    def since(self, n: int = 0, kind: str | None = None) -> list[dict[str, object]]:
        self.settle()
        return super().since(n, kind)


class OpenAI(Emulator):
    def __init__(
        self, name: str, clock: Clock, defaults: dict[str, object], options: dict[str, object]
    ) -> None:
        super().__init__(name, clock, defaults, options)
        self.journal = journal = Settled(clock)
        self.world = World(clock, journal)
        self._assistant = str(self.settings["assistant"])
        self._meter = Meter(clock, self.settings)
        files = Files(self.world)
        self._progress = Progress(self.world, files, self.faults, self.settings)
        journal.settle = self._progress.settle
        threads = Threads(self.world, files)
        assistants = Assistants(self.world, self._assistant)
        runs = Runs(self.world, threads, assistants, self._progress)
        conversations = Conversations(self.world)
        responses = Responses(self.world, files, conversations, self.settings)
        self.seeds = Seeds(self.world, files, runs, self._progress, conversations)
        self._table: dict[str, list[tuple[re.Pattern[str], Operation]]] = defaultdict(list)
        # Runs before threads: "threads/runs" is no thread.
        for resource in (runs, threads, assistants, files, conversations, responses):
            for operation in resource.table():
                self._table[operation.method].append((operation.pattern(), operation))
        self._foundry = [(each.pattern(), each) for each in threads.lists()]

    def routes(self) -> list[BaseRoute]:
        methods = ["GET", "POST", "DELETE"]
        return [
            *self.seeds.routes(self._assistant),
            Route("/v1/{path:path}", self._serve, methods=methods),
            Route("/openai/{path:path}", self._serve, methods=methods),
            Route("/api/projects/{project}/{path:path}", self._serve, methods=methods),
        ]

    def change(self, options: dict[str, object]) -> None:
        """ValueError also for a mode that there is not."""
        if options.get("mode", "assistants") not in MODES:
            raise ValueError(f"mode {options['mode']!r} is none of {MODES}")
        super().change(options)

    def summary(self) -> dict[str, object]:
        """`threads`, `messages`, `runs`, `active_runs` are there now; the rest counts since the
        start."""
        self._progress.settle()
        threads = self.world.threads.values()
        return {
            "requests": self.requests,
            "threads": len(threads),
            "messages": sum(len(each.messages) for each in threads),
            "messages_doubled": self.world.doubled,
            "runs": sum(len(each.runs) for each in threads),
            "active_runs": sum(run.active for each in threads for run in each.runs),
            "throttled": self._meter.throttled,
        }

    async def _serve(self, request: Request) -> Response:
        self._progress.settle()
        routed: tuple[Operation, dict[str, str]] | ApiError
        try:
            entry = enter(request, str(self.settings["mode"]), str(self.settings["api_key"]))
            routed = self._route(request, entry)
        except ApiError as error:
            routed = error

        async def handle(_: Request) -> Response:
            if isinstance(routed, ApiError):
                response = routed.response()
            else:
                response = await self._handle(*routed, request)
            response.headers["x-request-id"] = f"req_{self.requests:08d}"
            return response

        name = "refused" if isinstance(routed, ApiError) else routed[0].name
        return await self.guarded(name, request, handle)

    def _route(self, request: Request, entry: Entry) -> tuple[Operation, dict[str, str]]:
        table = self._table[request.method]
        if entry.dialect == "foundry" and request.method == "GET":
            table = [*self._foundry, *table]
        for pattern, operation in table:
            if match := pattern.fullmatch(entry.path):
                return operation, match.groupdict()
        if entry.dialect == "openai" and (request.method, entry.path) == ("GET", "threads"):
            raise session_key_only(request)
        raise no_route(request, entry)

    async def _handle(
        self, operation: Operation, names: dict[str, str], request: Request
    ) -> Response:
        headers: dict[str, str] = {}
        try:
            headers = self._meter.take()
            # Latency and a fault's delay may have passed since the request came.
            self._progress.settle()
            answer = operation.handle(await _read(operation, names, request))
            if isawaitable(answer):
                answer = await answer
            response = JSONResponse(answer) if isinstance(answer, dict) else answer
        except ApiError as error:
            response = error.response()
        response.headers.update(headers)
        return response


async def _read(operation: Operation, names: dict[str, str], request: Request) -> Call:
    query: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        query[name.removesuffix("[]")].append(value)
    query.pop("api-version", None)
    for name in query:
        if name not in operation.query:
            raise unknown_parameter(name)
    if operation.name == "createFile":
        return Call(names, query, None, await read_form(request))
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        text = "We could not parse the JSON body of your request."
        raise ApiError(400, text) from None
    return Call(names, query, body, Form())
