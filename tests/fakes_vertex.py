"""Stand-ins for the model and for sessions, which sit the same exams as the real clients.

Used by the service's tests and by `tests/contract`; what needs HTTP uses the emulator instead.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from google.oauth2.credentials import Credentials

from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelAnswer, ModelRequest, Usage
from watibot.ports.outside import SessionEvent
from watibot.providers.google_auth import Tokens
from watibot.settings import Vertex
from watibot.toolcalls import ToolCall

T = TypeVar("T")
Step = ModelAnswer | Exception

USAGE = Usage(prompt=1200, cached=1000, output=40, thoughts=16)


def says(text: str, *calls: ToolCall, usage: Usage = USAGE, finish: str = "STOP") -> ModelAnswer:
    """A model's step with this text, these calls, or both, signed as Gemini 3 signs."""
    parts: list[dict[str, Any]] = [{"text": text}] if text else []
    parts += [
        {
            "functionCall": {"name": call.name, "args": call.arguments}
            | ({"id": call.call_id} if call.call_id else {})
        }
        for call in calls
    ]
    parts[-len(calls) if calls else -1]["thoughtSignature"] = "c2lnbmVk"
    content = {"role": "model", "parts": parts}
    return ModelAnswer(content, text, calls, usage, "gemini-3.8-flash", finish)


def settings_at(url: str) -> Vertex:
    """Settings under which model and sessions are both found at `url`."""
    return Vertex.model_validate(
        {
            "project": "hotel",
            "engine_id": "123",
            "sessions_location": "europe-west1",
            "sessions_base_url": url,
            "model_base_url": url,
        }
    )


def static_tokens() -> Tokens:
    """The token that the emulator takes from everybody; it never ends."""
    return Tokens(Credentials(token="emu"))  # type: ignore[no-untyped-call]


class FakeModel:
    """Answers from a script: the steps one after the other (an exception is raised; the last step
    stays), or a function of the request. `requests` keeps what was asked."""

    def __init__(
        self, script: Iterable[Step] | Callable[[ModelRequest], Step | Awaitable[Step]]
    ) -> None:
        self.requests: list[ModelRequest] = []
        self._function = script if callable(script) else None
        self._steps = [] if callable(script) else list(script)

    async def generate(self, request: ModelRequest) -> ModelAnswer:
        self.requests.append(request)
        if self._function is None:
            step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        else:
            made = self._function(request)
            step = await made if isinstance(made, Awaitable) else made
        if isinstance(step, Exception):
            raise step
        return copy.deepcopy(step)


class FakeSessions:
    """Sessions in memory. `fail` makes the next call of a method fail, before or after its work."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.kept: dict[str, list[SessionEvent]] = {}
        self.calls: list[tuple[str, str]] = []
        self._failures: list[tuple[str, ProviderError, bool]] = []

    def fail(self, method: str, error: ProviderError, *, arrived: bool = False) -> None:
        """`arrived`: the work is done all the same, as when an answer is lost."""
        self._failures.append((method, error, arrived))

    async def create(self, session_id: str, user_id: str) -> bool:
        def work() -> bool:
            if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", session_id):
                raise ProviderError("sessions", Cause.INVALID, "session id", status=400)
            if session_id in self.kept:
                return False
            self.users[session_id] = user_id
            self.kept[session_id] = []
            return True

        return self._do("create", session_id, work)

    async def exists(self, session_id: str) -> bool:
        return self._do("exists", session_id, lambda: session_id in self.kept)

    async def append(self, session_id: str, event: SessionEvent) -> None:
        def work() -> None:
            events = self._events(session_id)
            events.append(copy.deepcopy(event))
            events.sort(key=lambda each: each.timestamp)

        self._do("append", session_id, work)

    async def newest(self, session_id: str, count: int) -> list[SessionEvent]:
        def work() -> list[SessionEvent]:
            return copy.deepcopy(self._events(session_id)[::-1][:count])

        return self._do("newest", session_id, work)

    async def events(self, session_id: str) -> list[SessionEvent]:
        return self._do("events", session_id, lambda: copy.deepcopy(self._events(session_id)))

    async def delete(self, session_id: str) -> None:
        def work() -> None:
            self.kept.pop(session_id, None)
            self.users.pop(session_id, None)

        self._do("delete", session_id, work)

    def _events(self, session_id: str) -> list[SessionEvent]:
        if session_id not in self.kept:
            raise ProviderError("sessions", Cause.NOT_FOUND, "session", status=404)
        return self.kept[session_id]

    def _do(self, method: str, session_id: str, work: Callable[[], T]) -> T:
        self.calls.append((method, session_id))
        failure = next((each for each in self._failures if each[0] == method), None)
        if failure is None:
            return work()
        self._failures.remove(failure)
        if failure[2]:
            work()
        raise failure[1]
