"""Threads and messages of the OpenAI emulator.

Called through the table that `openai.py` routes by; what is written is checked by `openai_content`.
A thread takes no message while one of its runs is active.
"""

from typing import Any

from watibot.emulators.openai_content import new_message, read_message
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_wire import (
    ARRAY,
    LISTING,
    OBJECT,
    ApiError,
    Call,
    Json,
    Operation,
    no_such,
    page,
    read_body,
)
from watibot.emulators.openai_world import Thread, World

CREATED = {"messages": ARRAY, "tool_resources": OBJECT, "metadata": OBJECT}
CHANGED = {"tool_resources": OBJECT, "metadata": OBJECT}


class Threads:
    def __init__(self, world: World, files: Files) -> None:
        self._world, self._files = world, files

    def table(self) -> list[Operation]:
        one = "threads/{thread}"
        messages, message = one + "/messages", one + "/messages/{message}"
        return [
            Operation("createThread", "POST", "threads", lambda call: self.create(call.body).view),
            Operation("getThread", "GET", one, lambda call: self._thread(call).view),
            Operation("modifyThread", "POST", one, self._modify),
            Operation("deleteThread", "DELETE", one, self._delete),
            Operation("listMessages", "GET", messages, self._messages, LISTING | {"run_id"}),
            Operation("createMessage", "POST", messages, self._create_message),
            Operation("getMessage", "GET", message, self._message),
            Operation("modifyMessage", "POST", message, self._modify_message),
            Operation("deleteMessage", "DELETE", message, self._delete_message),
        ]

    def lists(self) -> list[Operation]:
        """The list of threads, which only Foundry has."""
        return [Operation("listThreads", "GET", "threads", self._list, LISTING)]

    def create(self, body: Any, where: str = "") -> Thread:
        """A new thread with the messages that `body` brings."""
        found = read_body(body, CREATED, where=where)
        prefix = f"{where}." if where else ""
        written = [
            read_message(each, self._files.all, f"{prefix}messages[{index}]")
            for index, each in enumerate(found.get("messages", []))
        ]
        thread = Thread(
            {
                "id": self._world.new_id("thread_"),
                "object": "thread",
                "created_at": self._world.now(),
                "metadata": found.get("metadata", {}),
                "tool_resources": found.get("tool_resources", {}),
            }
        )
        self._world.threads[thread.view["id"]] = thread
        self._world.journal.add("thread_created", thread=thread.view["id"])
        for each in written:
            self._add(thread, each)
        return thread

    def add_messages(self, thread: Thread, bodies: list[Any], where: str) -> None:
        """The `additional_messages` of a run."""
        written = [
            read_message(body, self._files.all, f"{where}[{index}]")
            for index, body in enumerate(bodies)
        ]
        for each in written:
            self._add(thread, each)

    def _thread(self, call: Call) -> Thread:
        return self._world.thread(call.names["thread"])

    def _list(self, call: Call) -> Json:
        threads = list(self._world.threads.values())
        threads.sort(key=lambda thread: thread.view["created_at"])
        return page(call, threads, "thread", lambda thread: thread.view)

    def _modify(self, call: Call) -> Json:
        thread = self._thread(call)
        thread.view.update(read_body(call.body, CHANGED))
        return thread.view

    def _delete(self, call: Call) -> Json:
        self._thread(call)
        del self._world.threads[call.names["thread"]]
        return {"id": call.names["thread"], "object": "thread.deleted", "deleted": True}

    def _messages(self, call: Call) -> Json:
        thread, run_id = self._thread(call), call.one("run_id")
        found = thread.messages
        if run_id is not None:
            found = [each for each in found if each.get("run_id") == run_id]
        return page(call, found, "message", lambda message: message)

    def _create_message(self, call: Call) -> Json:
        thread = self._thread(call)
        written = read_message(call.body, self._files.all)
        run = thread.active_run()
        if run is not None:
            text = f"Can't add messages to {thread.view['id']} while a run {run.id} is active."
            raise ApiError(400, text)
        return self._add(thread, written)

    def _add(self, thread: Thread, written: Json) -> Json:
        id_, now = self._world.new_id("msg_"), self._world.now()
        message = new_message(id_, now, thread.view["id"], written)
        self._world.add_message(thread, message)
        return message

    def _message(self, call: Call) -> Json:
        for message in self._thread(call).messages:
            if message["id"] == call.names["message"]:
                return message
        raise no_such("message", call.names["message"])

    def _modify_message(self, call: Call) -> Json:
        message = self._message(call)
        message.update(read_body(call.body, {"metadata": OBJECT}))
        return message

    def _delete_message(self, call: Call) -> Json:
        message = self._message(call)
        self._thread(call).messages.remove(message)
        return {"id": message["id"], "object": "thread.message.deleted", "deleted": True}
