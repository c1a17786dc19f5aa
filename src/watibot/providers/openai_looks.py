"""Looks at a thread on OpenAI's side: its newest run, a run until something, what a run said.

`openai_assistant.py` asks here; `openai_sdk.py` carries the requests. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock
from watibot.providers.openai_runs import is_active
from watibot.providers.openai_sdk import Sdk

Json = dict[str, Any]

_TRIES = 3  # of a read while a run is watched
_PAGE = 100
_FEW = 10
_NO_STEPS = (Cause.NOT_FOUND, Cause.GONE, Cause.INVALID)


class Looks:
    """`every`: seconds between two looks at a run. Every method raises ProviderError."""

    def __init__(self, sdk: Sdk, clock: Clock, every: float) -> None:
        self._sdk = sdk
        self._clock = clock
        self._every = every

    async def watch(
        self, thread_id: str, run: Json, done: Callable[[Json], bool], most: float | None = None
    ) -> Json:
        """Looks at the run until `done`, for at most so many seconds."""
        end = None if most is None else self._clock.time() + most
        wait: float | None = None
        while not done(run) and (end is None or self._clock.time() < end):
            await self._clock.sleep(self._every if wait is None else wait)
            run, wait = await self.run(thread_id, id_of(run))
        return run

    async def run(self, thread_id: str, run_id: str) -> tuple[Json, float | None]:
        """The run, and when the server wants it to be looked at again. A read may be repeated."""
        for attempt in range(1, _TRIES + 1):
            try:
                reply = await self._sdk.get(f"{runs_path(thread_id)}/{quote(run_id, safe='')}")
            except ProviderError as error:
                if not error.transient or attempt == _TRIES:
                    raise
                await self._clock.sleep(error.retry_after or self._every)
            else:
                return {"id": run_id, **reply.body}, reply.again_after
        raise AssertionError("unreachable")

    async def newest_run(self, thread_id: str) -> Json | None:
        """The one that is active, else the newest: times have whole seconds, so that of two runs
        the server may show the older one first."""
        found = await self._page(runs_path(thread_id), limit=str(_FEW))
        active = next((run for run in found if is_active(run)), None)
        return active or (found[0] if found else None)

    async def messages(self, thread_id: str, run: Json) -> list[Json]:
        """What the assistant said in the run, in order."""
        found: list[Json] = []
        after: dict[str, str] = {}
        while True:
            page = await self._page(
                messages_path(thread_id), limit=str(_PAGE), run_id=id_of(run), **after
            )
            mine = [each for each in page if each.get("run_id") == run.get("id")]
            found += [each for each in mine if each.get("role") == "assistant"]
            # Some servers do not know `run_id`: the newest come first, so what follows is older.
            if len(page) < _PAGE or not mine:
                return found[::-1]
            after = {"after": id_of(page[-1])}

    async def step_of(self, thread_id: str, run: Json, call_id: str | None) -> tuple[str, ...]:
        """The id of the run's step with this call; nothing where the server keeps no steps."""
        try:
            steps = await self._page(f"{runs_path(thread_id)}/{quote(id_of(run), safe='')}/steps")
        except ProviderError as error:
            if error.cause not in _NO_STEPS:
                raise
            return ()
        for each in steps:
            calls = (each.get("step_details") or {}).get("tool_calls") or ()
            if any(call.get("id") == call_id for call in calls):
                return (id_of(each),)
        return ()

    async def _page(self, path: str, **params: str) -> list[Json]:
        """A list's first page, the newest first."""
        data = (await self._sdk.get(path, {"order": "desc", **params})).body.get("data")
        return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def id_of(found: Json) -> str:
    return str(found.get("id"))


def runs_path(thread_id: str) -> str:
    return f"/threads/{quote(thread_id, safe='')}/runs"


def messages_path(thread_id: str) -> str:
    return f"/threads/{quote(thread_id, safe='')}/messages"
