"""A server that speaks Assistants v2 and Conversations as far as the exam of sources needs it.

Strict about headers and parameters; its oddities are settings, one for each that servers in the
wild have. The full emulator is `watibot.emulators.openai`.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.fakes_threads import ENDED, Kept, message
from watibot.emulators.kit import Clock, Emulator, read_json

Row = dict[str, Any]

DEFAULTS: dict[str, object] = {
    "key": "sk-test",
    "auth": "authorization",
    "query": {},
    "largest_page": 100,
    "has_more": "honest",  # absent, always, never
    "after": True,  # whether `after` is heeded
    "steps_status": 200,
    "lists_threads": False,
    "lists_assistants": True,
    "sunset": False,
    "unnamed": False,  # its 404 names nothing
}


class StandIn(Emulator):
    """`seen` keeps (method, path, query, headers) of each request."""

    def __init__(self, **options: object) -> None:
        super().__init__("openai", Clock(), DEFAULTS, options)
        self.kept: dict[str, Kept] = {}
        self.conversations: dict[str, tuple[Row, list[Row]]] = {}
        self.files: dict[str, tuple[Row, bytes | None]] = {}
        self.steps_missing: set[str] = set()
        self.seen: list[tuple[str, str, list[tuple[str, str]], dict[str, str]]] = []
        self._ids = itertools.count(1)

    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.seen]

    def put(self, thread_id: str, messages: list[Row], runs: list[Row] | None = None) -> None:
        head = {"id": thread_id, "object": "thread", "created_at": 1_760_000_000, "metadata": {}}
        self.kept[thread_id] = Kept(head, messages, runs or [])

    def put_conversation(self, id_: str, items: list[Row]) -> None:
        head = {"id": id_, "object": "conversation", "created_at": 1_760_000_000, "metadata": {}}
        self.conversations[id_] = (head, items)

    def routes(self) -> list[BaseRoute]:
        thread, conversation = "/v1/threads/{id}", "/v1/conversations/{id}"
        routes = [
            self._route("GET", thread, self._thread),
            self._route("GET", f"{thread}/messages", self._messages),
            self._route("POST", f"{thread}/messages", self._add),
            self._route("GET", f"{thread}/runs", self._runs),
            self._route("GET", f"{thread}/runs/{{run}}/steps", self._steps),
            self._route("POST", f"{thread}/runs/{{run}}/cancel", self._cancel),
            self._route("GET", conversation, self._conversation),
            self._route("GET", f"{conversation}/items", self._items),
            self._route("GET", "/v1/files/{id}", self._file),
            self._route("GET", "/v1/files/{id}/content", self._content),
        ]
        if self.settings["lists_assistants"]:
            routes.append(self._route("GET", "/v1/assistants", self._assistants))
        if self.settings["lists_threads"]:
            routes.append(self._route("GET", "/v1/threads", self._threads))
        return [*routes, self._route("*", "/v1/{rest:path}", self._nowhere)]

    def _route(
        self, method: str, path: str, call: Callable[[Request], Awaitable[Response]]
    ) -> BaseRoute:
        last = path.rsplit("/", 1)[-1]
        operation = last if last[0] != "{" else path.split("/")[2].removesuffix("s")

        async def admitted(request: Request) -> Response:
            return self._door(request) or await call(request)

        async def endpoint(request: Request) -> Response:
            headers = dict(request.headers)
            query = list(request.query_params.multi_items())
            path = request.scope["raw_path"].decode()
            self.seen.append((request.method, path, query, headers))
            return await self.guarded(operation, request, admitted)

        return Route(path, endpoint, methods=["GET", "POST"] if method == "*" else [method])

    def _door(self, request: Request) -> Response | None:
        key = self.settings["key"]
        expected = f"Bearer {key}" if self.settings["auth"] == "authorization" else key
        if key and request.headers.get(str(self.settings["auth"])) != expected:
            return refused(401, f"Incorrect API key provided: {key}", code="invalid_api_key")
        path = request.url.path
        threads = path.startswith(("/v1/threads", "/v1/assistants"))
        if threads and self.settings["sunset"]:
            return self._missing(request, f"Invalid URL ({request.method} {path})")
        if threads and request.headers.get("openai-beta") != "assistants=v2":
            return refused(400, "You must provide the 'OpenAI-Beta' header to access this.")
        return None

    def _missing(self, request: Request, text: str) -> Response:
        if self.settings["unnamed"]:
            return JSONResponse({"detail": "Not Found"}, 404)
        return refused(404, text)

    async def _nowhere(self, request: Request) -> Response:
        return self._missing(request, f"Invalid URL ({request.method} {request.url.path})")

    async def _thread(self, request: Request) -> Response:
        kept = self.kept.get(request.path_params["id"])
        return JSONResponse(kept.thread) if kept else self._no_thread(request)

    def _no_thread(self, request: Request) -> Response:
        return self._missing(request, f"No thread found with id '{request.path_params['id']}'.")

    async def _messages(self, request: Request) -> Response:
        kept = self.kept.get(request.path_params["id"])
        return self._page(request, kept.messages) if kept else self._no_thread(request)

    async def _runs(self, request: Request) -> Response:
        kept = self.kept.get(request.path_params["id"])
        if kept is None:
            return self._no_thread(request)
        return self._page(
            request, [{k: v for k, v in run.items() if k != "steps"} for run in kept.runs]
        )

    async def _steps(self, request: Request) -> Response:
        status = self.settings["steps_status"]
        run_id = request.path_params["run"]
        if status != 200 or run_id in self.steps_missing:
            return refused(404 if status == 200 else int(str(status)), f"No run found: {run_id}")
        runs = self.kept[request.path_params["id"]].runs
        return self._page(request, next(run["steps"] for run in runs if run["id"] == run_id))

    async def _add(self, request: Request) -> Response:
        thread_id = request.path_params["id"]
        kept = self.kept.get(thread_id)
        if kept is None:
            return self._no_thread(request)
        if kept.runs and kept.runs[-1]["status"] not in ENDED:
            run_id = kept.runs[-1]["id"]
            text = f"Can't add messages to {thread_id} while a run {run_id} is active."
            return refused(400, text)
        body = await read_json(request)
        if unknown := set(body) - {"role", "content", "metadata", "attachments"}:
            return refused(400, f"Unknown parameter: '{unknown.pop()}'.")
        made = message(thread_id, len(kept.messages) + 1, body["content"], body["role"])
        made |= {"id": f"msg_new{next(self._ids)}", "metadata": body.get("metadata", {})}
        made["content"] = made["content"][:1]
        kept.messages.append(made)
        return JSONResponse(made)

    async def _cancel(self, request: Request) -> Response:
        kept = self.kept.get(request.path_params["id"])
        if kept is None:
            return self._no_thread(request)
        run = next(each for each in kept.runs if each["id"] == request.path_params["run"])
        if run["status"] in ENDED:
            return refused(400, f"Cannot cancel run with status '{run['status']}'.")
        run["status"] = "cancelled"
        return JSONResponse({**run, "status": "cancelling"})

    async def _conversation(self, request: Request) -> Response:
        found = self.conversations.get(request.path_params["id"])
        return JSONResponse(found[0]) if found else self._no_conversation(request)

    async def _items(self, request: Request) -> Response:
        found = self.conversations.get(request.path_params["id"])
        return self._page(request, found[1]) if found else self._no_conversation(request)

    def _no_conversation(self, request: Request) -> Response:
        text = f"Conversation with id '{request.path_params['id']}' not found."
        return self._missing(request, text)

    async def _file(self, request: Request) -> Response:
        file_id = request.path_params["id"]
        if file_id not in self.files:
            return refused(404, f"No such File object: {file_id}")
        return JSONResponse(self.files[file_id][0])

    async def _content(self, request: Request) -> Response:
        content = self.files.get(request.path_params["id"], ({}, None))[1]
        if content is None:
            return refused(400, "Not allowed to download files of purpose: assistants")
        return Response(content)

    async def _assistants(self, request: Request) -> Response:
        return self._page(request, [{"id": "asst_hotel", "object": "assistant"}])

    async def _threads(self, request: Request) -> Response:
        return self._page(request, [kept.thread for kept in self.kept.values()])

    def _page(self, request: Request, rows: list[Row]) -> Response:
        """`rows` are oldest first; lists answer newest first unless they are asked otherwise."""
        query = request.query_params
        asked = int(query.get("limit", "20"))
        if not 1 <= asked <= 100:
            return refused(400, "Invalid 'limit'.")
        limit = min(asked, int(str(self.settings["largest_page"])))
        listed = rows if query.get("order") == "asc" else rows[::-1]
        start = 0
        if self.settings["after"] and (after := query.get("after")):
            ids = [row.get("id", f"n{n}") for n, row in enumerate(listed)]
            if after not in ids:
                return refused(400, f"Unknown id: {after}")
            start = ids.index(after) + 1
        data = listed[start : start + limit]
        more = start + limit < len(listed)
        last = data[-1].get("id", f"n{start + len(data) - 1}") if data else None
        page: Row = {"object": "list", "data": data, "last_id": last}
        match self.settings["has_more"]:
            case "honest":
                page["has_more"] = more
            case "always":
                page["has_more"] = True
            case "never":
                page["has_more"] = False
        return JSONResponse(page)


def refused(status: int, text: str, code: str | None = None, **headers: str) -> Response:
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)
