"""Runs and their steps: begun, read, given tool outputs, cancelled.

Called through the table that `openai.py` routes by; `openai_progress` moves them on. One run at a
time is active on a thread.
"""

from typing import Any

from watibot.emulators.openai_assistants import Assistants, check_tools
from watibot.emulators.openai_progress import LIFETIME, Progress
from watibot.emulators.openai_threads import Threads
from watibot.emulators.openai_wire import (
    ANY,
    ARRAY,
    BOOLEAN,
    DECIMAL,
    INTEGER,
    LISTING,
    OBJECT,
    STRING,
    ApiError,
    Call,
    Json,
    Operation,
    no_such,
    page,
    read_body,
)
from watibot.emulators.openai_world import Run, Thread, World

SHAPE = {
    **dict.fromkeys(("assistant_id", "model", "instructions"), STRING),
    **dict.fromkeys(("additional_instructions", "reasoning_effort"), STRING),
    **dict.fromkeys(("additional_messages", "tools"), ARRAY),
    **dict.fromkeys(("metadata", "truncation_strategy"), OBJECT),
    **dict.fromkeys(("temperature", "top_p"), DECIMAL),
    **dict.fromkeys(("stream", "parallel_tool_calls"), BOOLEAN),
    **dict.fromkeys(("max_prompt_tokens", "max_completion_tokens"), INTEGER),
    **dict.fromkeys(("tool_choice", "response_format"), ANY),
}
WITH_THREAD = {
    **{name: kind for name, kind in SHAPE.items() if not name.startswith("additional_")},
    **dict.fromkeys(("thread", "tool_resources"), OBJECT),
}
OUTPUT = {"tool_call_id": STRING, "output": STRING}
CANCELLABLE = ("queued", "in_progress", "requires_action")
INCLUDE = frozenset(["include"])


class Runs:
    def __init__(
        self, world: World, threads: Threads, assistants: Assistants, progress: Progress
    ) -> None:
        self._world, self._threads = world, threads
        self._assistants, self._progress = assistants, progress

    def table(self) -> list[Operation]:
        many, one = "threads/{thread}/runs", "threads/{thread}/runs/{run}"
        steps = one + "/steps"
        submit = one + "/submit_tool_outputs"
        return [
            Operation("getRun", "GET", one, lambda call: self._run(call).view),
            Operation("createThreadAndRun", "POST", "threads/runs", self._create_both),
            Operation("createRun", "POST", many, self._create, INCLUDE),
            Operation("listRuns", "GET", many, self._list, LISTING),
            Operation("modifyRun", "POST", one, self._modify),
            Operation("cancelRun", "POST", one + "/cancel", self._cancel),
            Operation("submitToolOutputs", "POST", submit, self._submit),
            Operation("listSteps", "GET", steps, self._steps, LISTING | INCLUDE),
            Operation("getStep", "GET", steps + "/{step}", self._step, INCLUDE),
        ]

    def begin(self, thread: Thread, found: Json) -> Run:
        """A new run, queued, in the care of nobody yet. `found` has the fields of create-run."""
        assistant = self._assistants.find(found["assistant_id"])
        now = self._world.now()
        more = found.get("additional_instructions")
        instructions = found.get("instructions", assistant["instructions"]) or ""
        view: Json = {
            "id": self._world.new_id("run_"),
            "object": "thread.run",
            "created_at": now,
            "assistant_id": assistant["id"],
            "thread_id": thread.view["id"],
            "status": "queued",
            "started_at": None,
            "expires_at": now + LIFETIME,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": None,
            "required_action": None,
            "last_error": None,
            "incomplete_details": None,
            "model": found.get("model", assistant["model"]),
            "instructions": "\n".join(filter(None, (instructions, more))),
            "tools": found.get("tools", assistant["tools"]),
            "metadata": found.get("metadata", {}),
            "temperature": found.get("temperature", assistant["temperature"]),
            "top_p": found.get("top_p", assistant["top_p"]),
            "max_prompt_tokens": found.get("max_prompt_tokens"),
            "max_completion_tokens": found.get("max_completion_tokens"),
            "truncation_strategy": found.get("truncation_strategy", {"type": "auto"}),
            "tool_choice": found.get("tool_choice", "auto"),
            "parallel_tool_calls": found.get("parallel_tool_calls", True),
            "response_format": found.get("response_format", assistant["response_format"]),
            "usage": None,
        }
        run = Run(thread.view["id"], view, [])
        thread.runs.append(run)
        self._world.journal.add("run_created", thread=thread.view["id"], run=run.id)
        return run

    def _create(self, call: Call) -> Json:
        thread = self._thread(call)
        found = self._read(call.body, SHAPE)
        active = thread.active_run()
        if active is not None:
            text = f"Thread {thread.view['id']} already has an active run {active.id}."
            raise ApiError(400, text)
        messages = found.get("additional_messages", [])
        self._threads.add_messages(thread, messages, "additional_messages")
        return self._start(thread, found)

    def _create_both(self, call: Call) -> Json:
        found = self._read(call.body, WITH_THREAD)
        return self._start(self._threads.create(found.get("thread"), "thread"), found)

    def _read(self, body: Any, shape: dict[str, str]) -> Json:
        found = read_body(body, shape, ("assistant_id",))
        self._assistants.find(found["assistant_id"])
        check_tools(found.get("tools", []))
        if found.get("stream"):
            raise ApiError(400, "The emulator does not stream.", "stream")
        if found.get("max_prompt_tokens", 256) < 256:
            text = (
                "Invalid 'max_prompt_tokens': integer below minimum value. Expected a value >= 256,"
                f" but got {found['max_prompt_tokens']} instead."
            )
            raise ApiError(400, text, "max_prompt_tokens", "integer_below_min_value")
        return found

    def _start(self, thread: Thread, found: Json) -> Json:
        run = self.begin(thread, found)
        self._progress.follow(run)
        self._progress.think(run)
        return run.view

    def _list(self, call: Call) -> Json:
        return page(call, self._thread(call).runs, "run", lambda run: run.view)

    def _modify(self, call: Call) -> Json:
        run = self._run(call)
        run.view.update(read_body(call.body, {"metadata": OBJECT}))
        return run.view

    def _cancel(self, call: Call) -> Json:
        run = self._run(call)
        if run.status not in CANCELLABLE:
            raise ApiError(400, f"Cannot cancel run with status '{run.status}'.")
        self._progress.cancel(run)
        return run.view

    def _submit(self, call: Call) -> Json:
        run = self._run(call)
        found = read_body(call.body, {"tool_outputs": ARRAY, "stream": BOOLEAN}, ("tool_outputs",))
        outputs = [
            read_body(each, OUTPUT, ("tool_call_id",), f"tool_outputs[{index}]")
            for index, each in enumerate(found["tool_outputs"])
        ]
        if run.status != "requires_action":
            text = f'Runs in status "{run.status}" do not accept tool outputs.'
            raise ApiError(400, text)
        given = {each["tool_call_id"]: each.get("output", "") for each in outputs}
        asked = run.view["required_action"]["submit_tool_outputs"]["tool_calls"]
        wanted = [each["id"] for each in asked]
        if sorted(wanted) != sorted(each["tool_call_id"] for each in outputs):
            text = f"Expected tool outputs for call_ids {wanted}, got {list(given)}"
            raise ApiError(400, text)
        step = run.steps[-1]
        for made in step["step_details"]["tool_calls"]:
            made["function"]["output"] = given[made["id"]]
        step.update(status="completed", completed_at=self._world.now())
        self._world.journal.add(
            "tool_outputs",
            thread=run.thread_id,
            run=run.id,
            tools=[each["function"]["name"] for each in asked],
        )
        run.view.update(status="queued", required_action=None)
        if not run.stuck:
            self._progress.think(run)
        return run.view

    def _steps(self, call: Call) -> Json:
        return page(call, self._run(call).steps, "run step", lambda step: step)

    def _step(self, call: Call) -> Json:
        for step in self._run(call).steps:
            if step["id"] == call.names["step"]:
                return step
        raise no_such("run step", call.names["step"])

    def _thread(self, call: Call) -> Thread:
        return self._world.thread(call.names["thread"])

    def _run(self, call: Call) -> Run:
        for run in self._thread(call).runs:
            if run.id == call.names["run"]:
                return run
        raise no_such("run", call.names["run"])
