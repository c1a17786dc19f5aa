"""Threads on a server that still speaks Assistants v2: Azure AI Foundry, or one of one's own.

The migration reads here what it carries over (`ports.ThreadSource`) and, on a rollback, writes back
what was said since (`ports.Threads`). Every object is kept word for word; `translation.py` reads
them. Beneath it is `openai_http.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from watibot.errors import Cause, ProviderError
from watibot.ports.threads import ActiveRun
from watibot.providers.openai_errors import ENDED
from watibot.providers.openai_files import Files, problem
from watibot.providers.openai_http import THREADS, OpenAIHttp
from watibot.providers.openai_key import PROVIDER
from watibot.threads import Form, RawThread, ThreadRef, metadata_of

_ENDED = frozenset({"cancelled", "failed", "completed", "incomplete", "expired"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_AT_ONCE = 8  # requests for steps: a long thread has hundreds of runs
_OLDEST_FIRST = {"order": "asc"}
_NEWEST_FIRST = {"order": "desc"}


class AssistantsServer:
    """Keeps the promises of `ports.ThreadSource` and `ports.Threads`."""

    name = "assistants"

    def __init__(self, http: OpenAIHttp) -> None:
        self._http = http
        self._files = Files(http)
        self._steps_at_once = asyncio.Semaphore(_AT_ONCE)

    async def check(self) -> str:
        await self._http.preflight(THREADS)
        return f"threads answer at {self._http.host}"

    async def thread_ids(self) -> frozenset[str] | None:
        """Foundry lists its threads; OpenAI's API never did."""
        try:
            threads = await self._http.pages(THREADS, "/threads", _OLDEST_FIRST)
        except ProviderError as error:
            if error.cause not in (Cause.GONE, Cause.NOT_FOUND, Cause.INVALID):
                raise
            await self._http.preflight(THREADS)  # no list, or no API?
            return None
        return frozenset(each["id"] for each in threads if isinstance(each.get("id"), str))

    async def gives(self, ref: ThreadRef) -> bool:
        thread_id = ref.thread_id or ""
        return bool(_ID.fullmatch(thread_id)) and not thread_id.startswith("conv_")

    async def read(self, ref: ThreadRef) -> RawThread:
        thread_id = ref.thread_id or ""
        path = _path(thread_id)
        thread = await self._http.get(THREADS, path)
        messages = await self._http.pages(THREADS, f"{path}/messages", _OLDEST_FIRST)
        runs, run_errors = await self._runs(path, thread_id)
        files, file_errors = await self._files.named_in(messages)
        return RawThread(
            thread_id=thread_id,
            form=Form.ASSISTANTS,
            source=self.name,
            thread=thread,
            messages=tuple(messages),
            runs=runs,
            files=files,
            errors=(*run_errors, *file_errors),
        )

    async def file(self, file_id: str) -> bytes | None:
        return await self._files.content(file_id)

    async def newest(self, thread_id: str, count: int) -> list[dict[str, Any]]:
        path = f"{_path(thread_id)}/messages"
        return await self._http.pages(THREADS, path, _NEWEST_FIRST, most=count)

    async def add(self, thread_id: str, role: str, text: str, *item_ids: str) -> str:
        body = {"role": role, "content": text, "metadata": metadata_of(item_ids)}
        made = await self._http.post(THREADS, f"{_path(thread_id)}/messages", body)
        if not isinstance(made.get("id"), str):
            raise ProviderError(PROVIDER, Cause.LOST, "the answer names no message", status=200)
        return str(made["id"])

    async def active_run(self, thread_id: str) -> ActiveRun | None:
        path = f"{_path(thread_id)}/runs"
        newest = await self._http.pages(THREADS, path, _NEWEST_FIRST, most=1)
        return _active(newest[0]) if newest else None

    async def cancel(self, thread_id: str, run_id: str) -> None:
        try:
            await self._http.post(
                THREADS, f"{_path(thread_id)}/runs/{quote(run_id, safe='')}/cancel"
            )
        except ProviderError as error:
            if not error.detail.startswith(ENDED):
                raise

    async def _runs(
        self, path: str, thread_id: str
    ) -> tuple[tuple[dict[str, Any], ...] | None, list[dict[str, Any]]]:
        """All runs, the oldest first, each with its `steps`; None from a server without them."""
        try:
            runs = await self._http.pages(THREADS, f"{path}/runs", _OLDEST_FIRST)
        except ProviderError as error:
            if not await self._is_without(error, path):
                raise
            return None, [problem("runs", thread_id, "not_served", error.detail)]
        given = await _together([self._steps(path, run) for run in runs])
        errors = [each for each in given if isinstance(each, dict)]
        if errors and len(errors) == len(runs):
            return None, errors
        return (
            tuple(
                run if isinstance(steps, dict) else {**run, "steps": steps}
                for run, steps in zip(runs, given, strict=True)
            ),
            errors,
        )

    async def _steps(
        self, path: str, run: Mapping[str, Any]
    ) -> list[dict[str, Any]] | dict[str, Any]:
        """A run's steps, or an entry for the export's errors: old ones are no longer kept, and some
        servers have none."""
        run_id = str(run.get("id"))
        async with self._steps_at_once:
            try:
                steps = f"{path}/runs/{quote(run_id, safe='')}/steps"
                return await self._http.pages(THREADS, steps, _OLDEST_FIRST)
            except ProviderError as error:
                if not await self._is_without(error, path):
                    raise
                return problem("run_steps", run_id, "not_found_or_expired", error.detail)

    async def _is_without(self, error: ProviderError, path: str) -> bool:
        """Whether only this call is not served: the thread, which was just read, is still there.
        Raises ProviderError GONE when it went away with the API in between."""
        if error.cause is Cause.INVALID:
            return error.status in (400, 405, 501)
        if error.cause not in (Cause.NOT_FOUND, Cause.GONE):
            return False
        await self._http.get(THREADS, path)
        return True


async def _together(work: Sequence[Any]) -> list[Any]:
    """What all give, in their order. The first that fails ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _active(run: Mapping[str, Any]) -> ActiveRun | None:
    if run.get("status") in _ENDED:
        return None
    expires = run.get("expires_at")
    return ActiveRun(
        run_id=str(run.get("id")),
        status=str(run.get("status")),
        expires_at=datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) else None,
        metadata={
            key: value
            for key, value in (run.get("metadata") or {}).items()
            if isinstance(value, str)
        },
    )


def _path(thread_id: str) -> str:
    """Raises ProviderError NOT_FOUND for what no thread is called: a server would take it for
    another route, and its answer for the end of the API."""
    if not _ID.fullmatch(thread_id):
        raise ProviderError(PROVIDER, Cause.NOT_FOUND, "not a thread's id")
    return f"/threads/{thread_id}"
