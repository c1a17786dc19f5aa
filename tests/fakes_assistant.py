"""A stand-in for OpenAI's assistant, which sits the same exam as the real client.

Threads are `FakeThreads`; what needs HTTP uses the emulator instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.clocks import JumpingClock
from tests.fakes_threads import FakeThreads, message
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelAnswer, Usage
from watibot.ports.threads import AssistantAnswer, AssistantRequest, put_words
from watibot.toolcalls import ToolCall

Rule = Callable[[AssistantRequest], ModelAnswer]


def says(text: str, *calls: ToolCall) -> ModelAnswer:
    """A step with this text or these calls."""
    asked: list[dict[str, Any]] = [
        {"functionCall": {"id": call.call_id, "name": call.name, "args": call.arguments}}
        for call in calls
    ]
    content = {"role": "model", "parts": asked or [{"text": text}]}
    finish = "REQUIRES_ACTION" if calls else "COMPLETED"
    usage = Usage() if calls else Usage(prompt=900, output=20)
    return ModelAnswer(content, text, calls, usage, "gpt-4o", finish)


def asks_the_desk(request: AssistantRequest) -> ModelAnswer:
    """Calls a tool for whoever asks whether the desk is open, and repeats what it found."""
    if request.results:
        return says(f"El estado es {request.results[0].response['status']}.")
    asked = "".join(words.text for words in request.words if words.role == "user")
    if "open" in asked and request.tools:
        return says("", ToolCall("check_office_status", {}, "call_fake1"))
    return says("Sí.")


@dataclass
class FakeAssistant:
    """Answers by a rule. `failures` are raised one per call, after the words were posted."""

    threads: FakeThreads = field(default_factory=FakeThreads)
    rule: Rule = asks_the_desk
    failures: list[ProviderError] = field(default_factory=list)
    requests: list[AssistantRequest] = field(default_factory=list)
    runs: list[tuple[str, str]] = field(default_factory=list)  # (thread, turn)

    async def answer(self, request: AssistantRequest) -> AssistantAnswer:
        self.requests.append(request)
        await self.threads.newest(request.thread_id, 1)  # is it there?
        posted = await put_words(self.threads, request.thread_id, request.words, JumpingClock())
        if self.failures:
            raise self.failures.pop(0)
        if (request.thread_id, request.turn_id) not in self.runs:
            self.runs.append((request.thread_id, request.turn_id))
        run_id = f"run_{self.runs.index((request.thread_id, request.turn_id)) + 1}"
        if request.run_id not in (None, run_id):
            raise ProviderError("openai", Cause.NOT_FOUND, f"not found: {request.run_id}")
        answer = self.rule(request)
        if answer.calls:
            return AssistantAnswer(answer, run_id, (f"step_{run_id}",), posted)
        kept = self.threads.kept[request.thread_id].messages
        said = message(request.thread_id, len(kept) + 1, answer.text, "assistant")
        if not any(each.get("run_id") == run_id for each in kept):
            kept.append({**said, "run_id": run_id})
        return AssistantAnswer(answer, run_id, (said["id"],), posted)
