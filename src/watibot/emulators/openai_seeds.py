"""Pasts put into the OpenAI emulator and read back for judging, by control routes.

Used by tests, the demonstration and rehearsals. The form is that of an export: a thread with its
messages oldest first, its runs with their steps, its files; ids and times are kept word for word.
"""

import base64
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import read_json
from watibot.emulators.openai_conversations import Conversation, Conversations
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_progress import Progress
from watibot.emulators.openai_runs import Runs
from watibot.emulators.openai_wire import ApiError, Json
from watibot.emulators.openai_world import ACTIVE, Run, Thread, World

PREFIX = "/_emulator"


class Seeds:
    def __init__(
        self,
        world: World,
        files: Files,
        runs: Runs,
        progress: Progress,
        conversations: Conversations,
    ) -> None:
        self._world, self._files, self._runs = world, files, runs
        self._progress, self._conversations = progress, conversations
        self._assistant = ""

    def routes(self, assistant: str) -> list[BaseRoute]:
        """`assistant` is whose runs are begun here."""
        self._assistant = assistant
        thread, conversation = f"{PREFIX}/threads/{{id}}", f"{PREFIX}/conversations/{{id}}"
        return [
            Route(f"{PREFIX}/threads", self._threads, methods=["GET", "POST"]),
            Route(thread, self._thread),
            Route(f"{thread}/runs", self._stick, methods=["POST"]),
            Route(f"{thread}/runs/{{run}}", self._tell, methods=["POST"]),
            Route(f"{PREFIX}/conversations", self._plant, methods=["GET", "POST"]),
            Route(conversation, self._conversation),
            Route(f"{conversation}/lock", self._lock, methods=["POST", "DELETE"]),
        ]

    def seed(self, past: Json) -> None:
        """One thread in export form, instead of one that has its id."""
        view = dict(past["thread"])
        thread = Thread(view, past.get("messages", []))
        for message in thread.messages:
            self._world.count_item(thread, message)
        for exported in past.get("runs") or []:
            seen = {name: value for name, value in exported.items() if name != "steps"}
            run = Run(view["id"], seen, exported.get("steps", []), stuck=True)
            thread.runs.append(run)
            if run.active:
                self._progress.follow(run)
        for id_, known in (past.get("files") or {}).items():
            content = known.get("content")
            file = {name: value for name, value in known.items() if name != "content"}
            bytes_ = None if content is None else base64.b64decode(content)
            self._files.store({"id": id_, "object": "file", **file}, bytes_)
            thread.files.append(id_)
        self._world.threads[view["id"]] = thread

    def export(self, thread: Thread) -> Json:
        """The thread as `seed` takes it."""
        found = {id_: self._files.all[id_] for id_ in thread.files if id_ in self._files.all}
        files = {
            id_: {**each.view, "content": base64.b64encode(each.content).decode()}
            if each.content is not None
            else each.view
            for id_, each in found.items()
        }
        runs = [{**run.view, "steps": run.steps} for run in thread.runs]
        shown = {"thread": thread.view, "messages": thread.messages, "runs": runs}
        return {**shown, "files": files}

    async def _threads(self, request: Request) -> Response:
        self._progress.settle()
        if request.method == "GET":
            return JSONResponse(list(self._world.threads))
        given = await _read_list(request)
        for past in given:
            self.seed(past)
        return JSONResponse({"threads": len(given)}, 201)

    async def _thread(self, request: Request) -> Response:
        self._progress.settle()
        thread = self._world.threads.get(request.path_params["id"])
        if thread is None:
            return _error("no such thread", 404)
        return JSONResponse(self.export(thread))

    async def _stick(self, request: Request) -> Response:
        """A run that stays as it is until it is told, cancelled, or `expires_in` seconds old. With
        `cancels` false it stays in "cancelling" too."""
        self._progress.settle()
        thread = self._world.threads.get(request.path_params["id"])
        if thread is None:
            return _error("no such thread", 404)
        spec = await read_json(request)
        if unknown := set(spec) - {"status", "expires_in", "cancels", "metadata"}:
            return _error(f"a run has no {sorted(unknown)}", 400)
        status, lifetime = spec.get("status", "in_progress"), spec.get("expires_in")
        if status not in ACTIVE:
            return _error(f"status {status!r} is none of {sorted(ACTIVE)}", 400)
        metadata = spec.get("metadata", {})
        try:
            found = {"assistant_id": self._assistant, "metadata": metadata}
            run = self._runs.begin(thread, found)
        except ApiError as error:
            return error.response()
        run.stuck, run.deaf = True, spec.get("cancels") is False
        expires = None if lifetime is None else self._world.now() + lifetime
        run.view.update(status=status, expires_at=expires)
        self._progress.follow(run)
        return JSONResponse(run.view, 201)

    async def _tell(self, request: Request) -> Response:
        """Ends an active run with the `status` of the body; its other fields go into the run."""
        self._progress.settle()
        thread = self._world.threads.get(request.path_params["id"])
        wanted = request.path_params["run"]
        run = next((each for each in thread.runs if each.id == wanted), None) if thread else None
        if run is None or not run.active:
            return _error("no such active run", 404)
        told = {"status": "completed", **await read_json(request)}
        self._progress.end(run, self._world.clock.time(), **told)
        return JSONResponse(run.view)

    async def _plant(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(list(self._conversations.all))
        given = await _read_list(request)
        for past in given:
            view = past["conversation"]
            self._conversations.all[view["id"]] = Conversation(view, past.get("items", []))
        return JSONResponse({"conversations": len(given)}, 201)

    async def _conversation(self, request: Request) -> Response:
        found = self._conversations.all.get(request.path_params["id"])
        if found is None:
            return _error("no such conversation", 404)
        return JSONResponse({"conversation": found.view, "items": found.items})

    async def _lock(self, request: Request) -> Response:
        """As if another process were at work on the conversation; DELETE ends it."""
        found = self._conversations.all.get(request.path_params["id"])
        if found is None:
            return _error("no such conversation", 404)
        found.locked = request.method == "POST"
        return Response(status_code=204)


async def _read_list(request: Request) -> list[Any]:
    """A list of pasts, or a single one."""
    given = json.loads(await request.body())
    return given if isinstance(given, list) else [given]


def _error(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status)
