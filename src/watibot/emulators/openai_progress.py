"""How runs go on by themselves: queued, in progress, then tool calls, words, or one of the ends.

`openai_runs` begins, answers and cancels runs; this moves them by virtual time. What is due is done
before anybody can look (each request, the journal, the summary), at the time at which it was due,
so that runs also go on when nobody polls. `openai_brain` says what the assistant says.

A fault of operation "run" is spent when a run would say something; its body, merged into the run,
is what happens instead: {"status": "failed", "last_error": {"code": "server_error", "message":
"-"}}, {"status": "incomplete", "incomplete_details": {"reason": "max_prompt_tokens"}}, a
"completed" without a message, or an "in_progress" that stays until it expires.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from watibot.emulators.kit import Faults
from watibot.emulators.openai_brain import CHARACTERS_A_TOKEN, ask, count_tokens, thread_contents
from watibot.emulators.openai_content import new_message, text_part
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_wire import Json
from watibot.emulators.openai_world import ACTIVE, Run, Thread, World

LIFETIME = 600
ENDED_AT = {
    "completed": "completed_at",
    "failed": "failed_at",
    "cancelled": "cancelled_at",
}
TOO_LONG = "The run's prompt is longer than the context of the model."


class Progress:
    """The plan of all active runs."""

    def __init__(
        self, world: World, files: Files, faults: Faults, settings: dict[str, object]
    ) -> None:
        self._world, self._files, self._faults, self._settings = world, files, faults, settings
        self._plan: list[tuple[float, int, int | None, Run, Callable[[Run, float], None]]] = []
        self._planned = 0

    def follow(self, run: Run) -> None:
        """Takes an active run into care: it expires when it says so, and otherwise waits."""
        if run.view.get("expires_at") is not None:
            self._at(float(run.view["expires_at"]), None, run, self._expire)

    def think(self, run: Run) -> None:
        """The run is queued now, works a quarter of `run_ms` later, and speaks after all of it."""
        run.turn += 1
        run.view["status"] = "queued"
        now, whole = self._world.clock.time(), cast(float, self._settings["run_ms"]) / 1000
        self._at(now + whole / 4, run.turn, run, self._work)
        self._at(now + whole, run.turn, run, self._speak)

    def cancel(self, run: Run) -> None:
        """The run ends half of `run_ms` from now; a deaf one stays as it is."""
        run.turn += 1
        run.view.update(status="cancelling", required_action=None)
        if not run.deaf:
            later = cast(float, self._settings["run_ms"]) / 2000
            self._at(self._world.clock.time() + later, run.turn, run, self._cancelled)

    def end(self, run: Run, at: float, status: str, **more: Any) -> None:
        """Ends a run now, whatever was planned for it."""
        run.turn += 1
        run.view.update(status=status, required_action=None, expires_at=None, **more)
        if status in ENDED_AT:
            run.view[ENDED_AT[status]] = int(at)
        if run.view.get("usage") is None:
            run.view["usage"] = _usage(0, 0)
        if status != "completed":
            _close_steps(run, int(at), status)
        self._world.journal.add("run_ended", thread=run.thread_id, run=run.id, status=status)

    def settle(self) -> None:
        """Does all that is due."""
        now = self._world.clock.time()
        while self._plan and self._plan[0][0] <= now:
            at, _, turn, run, act = heapq.heappop(self._plan)
            thread = self._world.threads.get(run.thread_id)
            there = thread is not None and run in thread.runs
            if there and run.active and turn in (None, run.turn):
                act(run, at)

    def _at(
        self, time: float, turn: int | None, run: Run, act: Callable[[Run, float], None]
    ) -> None:
        self._planned += 1
        heapq.heappush(self._plan, (time, self._planned, turn, run, act))

    def _work(self, run: Run, at: float) -> None:
        run.view.update(status="in_progress", started_at=run.view["started_at"] or int(at))

    def _cancelled(self, run: Run, at: float) -> None:
        self.end(run, at, "cancelled")

    def _expire(self, run: Run, at: float) -> None:
        self.end(run, at, "expired")

    def _speak(self, run: Run, at: float) -> None:
        instead = self._instead()
        if instead is not None:
            status = instead.get("status", "failed")
            if status in ACTIVE:
                run.view.update(instead)
            else:
                self.end(run, at, **{"status": status, **instead})
            return
        thread = self._world.threads[run.thread_id]
        contents = thread_contents(_seen(run, thread), run.steps, self._files)
        view = run.view
        tokens = count_tokens(contents, view["instructions"], view["tools"])
        if self._too_long(run, tokens):
            view["usage"] = _usage(tokens, 0)
            self._overflow(run, at)
            return
        tools = [tool["function"] for tool in view["tools"] if tool["type"] == "function"]
        wished = view["response_format"]
        schema = wished.get("json_schema", {}).get("schema") if isinstance(wished, dict) else None
        options = {"tool_choice": view["tool_choice"], "schema": schema}
        today = datetime.fromtimestamp(at, UTC).date()
        said = ask(contents, tools, options, today, view["parallel_tool_calls"] is False)
        if said.calls:
            self._call(run, at, said.calls)
        else:
            self._say(run, thread, at, said.text, tokens)

    def _call(self, run: Run, at: float, calls: list[tuple[str, str]]) -> None:
        asked = [
            {
                "id": self._world.new_id("call_"),
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for name, arguments in calls
        ]
        run.view["status"] = "requires_action"
        run.view["required_action"] = {
            "type": "submit_tool_outputs",
            "submit_tool_outputs": {"tool_calls": asked},
        }
        kept = [{**each, "function": {**_function(each), "output": None}} for each in asked]
        self._step(run, at, "in_progress", {"type": "tool_calls", "tool_calls": kept})

    def _say(self, run: Run, thread: Thread, at: float, text: str, tokens: int) -> None:
        most = run.view["max_completion_tokens"]
        cut = most is not None and len(text) > most * CHARACTERS_A_TOKEN
        if cut:
            text = text[: most * CHARACTERS_A_TOKEN]
        written = {
            "role": "assistant",
            "content": [text_part(text)],
            "attachments": [],
            "metadata": {},
        }
        message = new_message(
            self._world.new_id("msg_"),
            int(at),
            thread.view["id"],
            written,
            assistant_id=run.view["assistant_id"],
            run_id=run.id,
        )
        if cut:
            why = {"status": "incomplete", "incomplete_details": {"reason": "max_tokens"}}
            message.update(why, completed_at=None, incomplete_at=int(at))
        self._world.add_message(thread, message)
        created = {"message_id": message["id"]}
        details = {"type": "message_creation", "message_creation": created}
        self._step(run, at, "completed", details)
        run.view["usage"] = _usage(tokens, len(text) // CHARACTERS_A_TOKEN + 1)
        if cut and not self._foundry:
            reason = {"reason": "max_completion_tokens"}
            self.end(run, at, "incomplete", incomplete_details=reason)
        else:
            self.end(run, at, "completed")

    def _too_long(self, run: Run, tokens: int) -> bool:
        limits = (run.view["max_prompt_tokens"], self._settings["context_tokens"])
        return any(limit and tokens > cast(int, limit) for limit in limits)

    def _overflow(self, run: Run, at: float) -> None:
        if self._foundry:
            error = {"code": "invalid_prompt", "message": TOO_LONG}
            self.end(run, at, "failed", last_error=error)
        else:
            reason = {"reason": "max_prompt_tokens"}
            self.end(run, at, "incomplete", incomplete_details=reason)

    @property
    def _foundry(self) -> bool:
        return self._settings["mode"] == "foundry"

    def _step(self, run: Run, at: float, status: str, details: Json) -> None:
        run.steps.append(
            {
                "id": self._world.new_id("step_"),
                "object": "thread.run.step",
                "created_at": int(at),
                "assistant_id": run.view["assistant_id"],
                "thread_id": run.thread_id,
                "run_id": run.id,
                "type": details["type"],
                "status": status,
                "step_details": details,
                "last_error": None,
                "expired_at": None,
                "cancelled_at": None,
                "failed_at": None,
                "completed_at": int(at) if status == "completed" else None,
                "metadata": {},
                "usage": None,
            }
        )

    def _instead(self) -> Json | None:
        now = self._world.clock.time()
        for fault in self._faults.all.values():
            # Only faults that mean runs: "*" is about requests, and this is none.
            if fault.operation == "run" and fault.applies("run", now):
                fault.spent += 1
                return dict(cast(Json, fault.body or {"status": "failed"}))
        return None


def _function(call: Json) -> Json:
    function: Json = call["function"]
    return function


def _seen(run: Run, thread: Thread) -> list[Json]:
    """The messages that the run's `truncation_strategy` leaves."""
    strategy = run.view["truncation_strategy"] or {}
    last = strategy.get("last_messages") if strategy.get("type") == "last_messages" else None
    return thread.messages[-last:] if last else thread.messages


def _usage(prompt: int, completion: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_token_details": {"cached_tokens": 0},
    }


def _close_steps(run: Run, at: int, status: str) -> None:
    ended = status if status in ("cancelled", "expired", "failed") else "failed"
    for step in run.steps:
        if step.get("status") == "in_progress":
            step.update({"status": ended, f"{ended}_at": at})
