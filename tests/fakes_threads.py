"""Threads in memory, which sit the same exam as the real sources.

`FakeThreads` keeps `ports.ThreadSource` and `ports.Threads`; what needs HTTP uses an emulator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.threads import ActiveRun
from watibot.threads import Form, RawThread, ThreadRef, metadata_of

T = TypeVar("T")

ENDED = ("cancelled", "failed", "completed", "incomplete", "expired")


def ref(thread_id: str | None, address: str = "50370000001") -> ThreadRef:
    return ThreadRef(f"c-{thread_id}", ChannelName.WHATSAPP, address, thread_id)


def message(
    thread_id: str, n: int, text: str | None = None, role: str | None = None
) -> dict[str, Any]:
    """A `thread.message` with content of several kinds."""
    role = role or ("user" if n % 2 else "assistant")
    content: list[dict[str, Any]] = [
        {"type": "text", "text": {"value": text or f"¿Hay sitio? {n} 🏨", "annotations": []}}
    ]
    if n % 7 == 3:
        content.append({"type": "hologram", "hologram": {"depth": 1.5}})
    return {
        "id": f"msg_{thread_id}_{n}",
        "object": "thread.message",
        "created_at": 1_760_000_000 + n // 3,
        "thread_id": thread_id,
        "role": role,
        "content": content,
        "metadata": {},
    }


@dataclass
class Kept:
    """One thread; runs are kept in the order in which they began, each with its `steps`."""

    thread: dict[str, Any]
    messages: list[dict[str, Any]]
    runs: list[dict[str, Any]] = field(default_factory=list)


class FakeThreads:
    """Threads in memory. `fail` makes the next call of a method fail, before or after its work;
    `gone` ends the API; `listed` lets it list its threads. `calls` keeps (method, thread id)."""

    name = "assistants"

    def __init__(self, source: str = "assistants", *, listed: bool = False) -> None:
        self.name = source
        self.kept: dict[str, Kept] = {}
        self.files: dict[str, tuple[dict[str, Any], bytes | None]] = {}
        self.calls: list[tuple[str, str]] = []
        self.gone = False
        self._listed = listed
        self._failures: list[tuple[str, ProviderError, bool]] = []
        self._made = 0

    def put(
        self,
        thread_id: str,
        messages: Iterable[dict[str, Any]] = (),
        runs: Iterable[dict[str, Any]] = (),
        **thread: Any,
    ) -> None:
        """A thread with all of its objects as they are to be read."""
        head = {"id": thread_id, "object": "thread", "created_at": 1_760_000_000, "metadata": {}}
        self.kept[thread_id] = Kept({**head, **thread}, list(messages), list(runs))

    def begin_run(
        self, thread_id: str, status: str = "in_progress", expires_at: int | None = None
    ) -> str:
        """A run that stays as it is until `end_run`; its id."""
        run_id = self._new("run")
        run = {"id": run_id, "object": "thread.run", "thread_id": thread_id, "status": status}
        self.kept[thread_id].runs.append(
            {**run, "expires_at": expires_at, "metadata": {}, "steps": []}
        )
        return run_id

    def end_run(self, thread_id: str, run_id: str, status: str = "completed") -> None:
        run = next(each for each in self.kept[thread_id].runs if each["id"] == run_id)
        run["status"] = status

    def fail(self, method: str, error: ProviderError, *, arrived: bool = False) -> None:
        """`method` may be "*". `arrived`: the work is done all the same, as when an answer is
        lost."""
        self._failures.append((method, error, arrived))

    async def check(self) -> str:
        return self._do("check", "", lambda: f"{self.name}: {len(self.kept)} threads")

    async def thread_ids(self) -> frozenset[str] | None:
        return self._do("thread_ids", "", lambda: frozenset(self.kept) if self._listed else None)

    async def gives(self, ref: ThreadRef) -> bool:
        return bool(ref.thread_id) and not str(ref.thread_id).startswith("conv_")

    async def read(self, ref: ThreadRef) -> RawThread:
        thread_id = ref.thread_id or ""

        def work() -> RawThread:
            kept = self._thread(thread_id)
            named = [each for each in self.files if each in str(kept.messages)]
            return copy.deepcopy(
                RawThread(
                    thread_id,
                    Form.ASSISTANTS,
                    self.name,
                    thread=kept.thread,
                    messages=tuple(kept.messages),
                    runs=tuple(kept.runs),
                    files={each: self.files[each][0] for each in named},
                )
            )

        return self._do("read", thread_id, work)

    async def file(self, file_id: str) -> bytes | None:
        return self._do("file", file_id, lambda: self.files.get(file_id, ({}, None))[1])

    async def newest(self, thread_id: str, count: int) -> list[dict[str, Any]]:
        def work() -> list[dict[str, Any]]:
            return copy.deepcopy(self._thread(thread_id).messages[::-1][:count])

        return self._do("newest", thread_id, work)

    async def add(self, thread_id: str, role: str, text: str, *item_ids: str) -> str:
        def work() -> str:
            kept = self._thread(thread_id)
            if active := _active(kept.runs):
                detail = f"a run is active: {thread_id}, {active.run_id}"
                raise ProviderError("openai", Cause.BUSY, detail, status=400)
            made = message(thread_id, len(kept.messages) + 1, text, role)
            made |= {"id": self._new("msg"), "metadata": metadata_of(item_ids)}
            made["content"] = made["content"][:1]
            kept.messages.append(made)
            return str(made["id"])

        return self._do("add", thread_id, work)

    async def active_run(self, thread_id: str) -> ActiveRun | None:
        return self._do("active_run", thread_id, lambda: _active(self._thread(thread_id).runs))

    async def cancel(self, thread_id: str, run_id: str) -> None:
        def work() -> None:
            for run in self._thread(thread_id).runs:
                if run["id"] == run_id and run["status"] not in ENDED:
                    run["status"] = "cancelled"

        self._do("cancel", thread_id, work)

    def _thread(self, thread_id: str) -> Kept:
        if thread_id not in self.kept:
            detail = f"not found: {thread_id}"
            raise ProviderError("openai", Cause.NOT_FOUND, detail, status=404)
        return self.kept[thread_id]

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{kind}_fake{self._made}"

    def _do(self, method: str, thread_id: str, work: Callable[[], T]) -> T:
        self.calls.append((method, thread_id))
        if self.gone and method != "file":
            raise ProviderError("openai", Cause.GONE, "Invalid URL", status=404)
        failure = next((each for each in self._failures if each[0] in (method, "*")), None)
        if failure is None:
            return work()
        self._failures.remove(failure)
        if failure[2]:
            work()
        raise failure[1]


def _active(runs: list[dict[str, Any]]) -> ActiveRun | None:
    if not runs or runs[-1]["status"] in ENDED:
        return None
    newest: Mapping[str, Any] = runs[-1]
    expires = newest.get("expires_at")
    at = datetime.fromtimestamp(expires, UTC) if expires is not None else None
    return ActiveRun(newest["id"], newest["status"], at, dict(newest.get("metadata") or {}))
