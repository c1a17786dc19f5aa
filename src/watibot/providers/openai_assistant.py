"""OpenAI's assistant: words into the thread, a run, its tools, its answer.

`service/asking.py` asks here for each step of an answer in a conversation that is not cut over.
Beneath are `openai_looks.py`, which looks at a thread and its runs, `openai_runs.py`, which knows
what a run says, `openai_sdk.py`, which carries the requests, and a `ports.Threads` for the words.

A run carries its turn's id, so that whoever comes after a crash finds it and goes on with it. One
run at a time is active on a thread, and while it is the thread takes no message.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from watibot import telemetry
from watibot.charges import Operation, Use
from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock
from watibot.ports.threads import (
    AssistantAnswer,
    AssistantRequest,
    Threads,
    items_there,
    put_words,
)
from watibot.providers import openai_runs as runs
from watibot.providers.openai_key import PROVIDER
from watibot.providers.openai_looks import Looks, id_of, messages_path, runs_path
from watibot.providers.openai_sdk import Sdk
from watibot.settings import OpenAI
from watibot.threads import Post, metadata_of
from watibot.toolcalls import Tool

log = telemetry.logger(__name__)

Json = dict[str, Any]

_LITTLE = 10.0  # seconds that somebody else's run is given to end by itself
_CANCELLING = 30.0  # seconds that a cancelled one is given
_REMEMBERED = 1_000  # runs
_RACES = 3  # beginnings that another's run, or a lost answer, may spoil
_UNSURE = (Cause.BUSY, Cause.LOST, Cause.TIMEOUT)
_NO_FILES = (Cause.NOT_FOUND, Cause.GONE, Cause.INVALID)


@dataclass(slots=True)
class _Step:
    """One call of `answer`, and the run that it has come to."""

    request: AssistantRequest
    run_id: str | None = None


class OpenAIAssistant:
    """Keeps the promise of `ports.Assistant`. `used` hears of each run that has ended, once."""

    def __init__(
        self,
        settings: OpenAI,
        clock: Clock,
        sdk: Sdk,
        threads: Threads,
        used: Callable[[Use], None] = lambda use: None,
    ) -> None:
        self._assistant_id = settings.assistant_id
        self._clock = clock
        self._sdk = sdk
        self._looks = Looks(sdk, clock, settings.poll)
        self._threads = threads
        self._declared: tuple[tuple[Tool, ...], list[Json]] = ((), [])
        self._used = used
        self._counted: deque[str] = deque(maxlen=_REMEMBERED)

    async def warm_up(self) -> None:
        await self._sdk.warm_up()

    async def close(self) -> None:
        await self._sdk.close()

    async def answer(self, request: AssistantRequest) -> AssistantAnswer:
        step = _Step(request)
        try:
            return await self._clock.limit(request.timeout, self._answer(step))
        except TimeoutError:
            # The next try would find this run again and wait for it as long.
            if step.run_id is not None:
                await self._cancel(request.thread_id, step.run_id)
            detail = f"no answer in {request.timeout:.0f} s"
            raise ProviderError(PROVIDER, Cause.TIMEOUT, detail) from None

    async def _answer(self, step: _Step) -> AssistantAnswer:
        request = step.request
        run = None if request.run_id is None else await self._continued(step, request.run_id)
        posted: dict[str, str] = {}
        if run is None:
            run, posted = await self._begun(step)
        run = await self._at_rest(step, run)
        self._count(request, run)
        if runs.was_too_long(run) and not runs.is_shortened(run):
            log.warning("openai.shortened", run=run.get("id"))
            run = await self._at_rest(step, await self._begin(request, shortened=True))
            self._count(request, run)
        calls = runs.calls_of(run) if runs.asks(run) else ()
        if calls:
            asked = await self._looks.step_of(request.thread_id, run, calls[0].call_id)
            return AssistantAnswer(runs.asking(run, calls), id_of(run), asked, posted)
        if not runs.has_answer(run):
            raise runs.failure(run)
        messages = await self._looks.messages(request.thread_id, run)
        for kind in {kind for each in messages for kind in runs.others_in(each)}:
            log.warning("openai.part_left_out", run=run.get("id"), kind=kind)
        sources = tuple(id_of(each) for each in messages)
        return AssistantAnswer(runs.answering(run, messages), id_of(run), sources, posted)

    # --- a run that is there already ----------------------------------------------------------

    async def _continued(self, step: _Step, run_id: str) -> Json | None:
        """The run of an earlier step, given its results; None if it is over and takes none."""
        thread_id = step.request.thread_id
        run, _ = await self._looks.run(thread_id, run_id)
        step.run_id = run_id
        if runs.asks(run) and not runs.has_expired(run, self._clock.time()):
            wanted = {call.call_id for call in runs.calls_of(run)}
            given = {each.call.call_id: each.response for each in step.request.results}
            if wanted != set(given):
                return run  # these were taken before, and it asks for the next ones
            outputs = [
                {"tool_call_id": each, "output": json.dumps(response, ensure_ascii=False)}
                for each, response in given.items()
            ]
            try:
                path = f"{runs_path(thread_id)}/{quote(run_id, safe='')}/submit_tool_outputs"
                found = (await self._sdk.post(path, {"tool_outputs": outputs})).body
                return {"id": run_id, **found}
            except ProviderError as error:
                if error.cause not in (Cause.INVALID, *_UNSURE):
                    raise
                run, _ = await self._looks.run(thread_id, run_id)
                if runs.asks(run):
                    raise
        return run if self._goes_on(run) else None

    def _goes_on(self, run: Json) -> bool:
        if runs.is_working(run) or runs.asks(run):
            return not runs.has_expired(run, self._clock.time())
        return runs.has_answer(run)

    # --- a new one ----------------------------------------------------------------------------

    async def _begun(self, step: _Step) -> tuple[Json, dict[str, str]]:
        """This turn's own run, found or new, and the ids of its words."""
        for race in range(1, _RACES + 1):
            try:
                return await self._own_or_new(step)
            except ProviderError as error:
                # What came between is seen by looking again.
                if error.cause not in _UNSURE or race == _RACES:
                    raise
        raise AssertionError("unreachable")

    async def _own_or_new(self, step: _Step) -> tuple[Json, dict[str, str]]:
        request = step.request
        newest = await self._looks.newest_run(request.thread_id)
        shortened = False
        if newest is not None and runs.is_of(newest, request.turn_id):
            if self._goes_on(newest):
                posted = await self._posted(request)
                if posted is not None:
                    return newest, posted
                # The guest has written on, and nobody has seen anything of this run yet.
                self._count(request, newest)
                await self._ended(request.thread_id, newest, at_once=True)
                await self._take_back(request.thread_id, newest)
                newest = None
            else:
                shortened = runs.was_too_long(newest)
        if newest is not None and runs.is_active(newest):
            # Nobody will give it what it asks for: its turn is over.
            left = runs.asks(newest) and runs.owner(newest) is not None
            await self._ended(request.thread_id, newest, at_once=left)
        posted = await put_words(
            self._threads,
            request.thread_id,
            request.words,
            self._clock,
            lambda post: self._add(request.thread_id, post),
        )
        return await self._begin(request, shortened=shortened), posted

    async def _begin(self, request: AssistantRequest, *, shortened: bool) -> Json:
        if self._declared[0] != request.tools:
            self._declared = (request.tools, [runs.declaration(tool) for tool in request.tools])
        body: Json = {
            "assistant_id": self._assistant_id,
            "instructions": request.instructions,
            "additional_instructions": request.note,
            "tools": self._declared[1],
            "metadata": {runs.OWNER: request.turn_id},
        }
        if shortened:
            body["truncation_strategy"] = runs.SHORTENED
        run = (await self._sdk.post(runs_path(request.thread_id), body)).body
        if not isinstance(run.get("id"), str):
            raise ProviderError(PROVIDER, Cause.LOST, "the answer names no run", status=200)
        return run

    async def _posted(self, request: AssistantRequest) -> dict[str, str] | None:
        """The ids of the request's words; None if one of them is not in the thread."""
        there = await items_there(self._threads, request.thread_id, request.words)
        if any(words.item_id not in there for words in request.words):
            return None
        return {words.item_id: there[words.item_id] for words in request.words}

    async def _take_back(self, thread_id: str, run: Json) -> None:
        """An answer that nobody was given, so that the next run does not count on it."""
        for message in await self._looks.messages(thread_id, run):
            try:
                await self._sdk.delete(
                    f"{messages_path(thread_id)}/{quote(id_of(message), safe='')}"
                )
            except ProviderError as error:
                log.warning("openai.not_taken_back", run=run.get("id"), cause=error.cause)

    async def _add(self, thread_id: str, post: Post) -> str:
        if not post.images:
            return await self._threads.add(thread_id, post.role, post.text, *post.item_ids)
        content: list[Json] = [{"type": "text", "text": post.text}] if post.text else []
        for mime, data in post.images:
            try:
                file_id = await self._sdk.upload(mime, data)
            except ProviderError as error:
                if error.cause not in _NO_FILES or not post.text:
                    raise
                # Its words, which name the picture, are better than no answer.
                log.warning("openai.picture_refused", cause=error.cause, status=error.status)
            else:
                content.append({"type": "image_file", "image_file": {"file_id": file_id}})
        metadata = metadata_of(post.item_ids)
        body = {"role": post.role, "content": content, "metadata": metadata}
        made = (await self._sdk.post(messages_path(thread_id), body)).body
        if not isinstance(made.get("id"), str):
            raise ProviderError(PROVIDER, Cause.LOST, "the answer names no message", status=200)
        return id_of(made)

    def _count(self, request: AssistantRequest, run: Json) -> None:
        """What a run has used is known at its end; it may be looked at more than once."""
        answered = runs.has_answer(run)
        if runs.is_active(run) or not (answered or run.get("usage")) or id_of(run) in self._counted:
            return
        self._counted.append(id_of(run))
        self._used(
            Use(
                PROVIDER,
                Operation.RUN,
                str(run.get("model") or ""),
                usage=runs.usage(run),
                outcome="ok" if answered else runs.failure(run).cause.value,
                seconds=runs.seconds(run),
                occasion=request.occasion,
            )
        )

    # --- until it rests -----------------------------------------------------------------------

    async def _at_rest(self, step: _Step, run: Json) -> Json:
        """The run once it asks for something or has ended. Raises ProviderError UNAVAILABLE when
        it should have long since."""
        step.run_id = id_of(run)

        def rests(run: Json) -> bool:
            late = runs.has_expired(run, self._clock.time())
            return late or not runs.is_active(run) or runs.asks(run)

        run = await self._looks.watch(step.request.thread_id, run, rests)
        if runs.is_active(run) and not runs.asks(run):
            await self._cancel(step.request.thread_id, id_of(run))
            raise ProviderError(PROVIDER, Cause.UNAVAILABLE, "the run has expired")
        return run

    async def _ended(self, thread_id: str, run: Json, *, at_once: bool) -> None:
        """Makes room on the thread: waits a little for the run, then asks for its end. Raises
        ProviderError BUSY if it does not come."""

        def over(run: Json) -> bool:
            return not runs.is_active(run)

        if not at_once and not runs.has_expired(run, self._clock.time()):
            run = await self._looks.watch(thread_id, run, over, _LITTLE)
        if runs.is_active(run):
            log.warning("openai.run_cancelled", run=run.get("id"), status=runs.status(run))
            await self._cancel(thread_id, id_of(run))
            run = await self._looks.watch(thread_id, run, over, _CANCELLING)
        # Past its time the server may count it as ended, whatever it shows: the next write tells.
        if runs.is_active(run) and not runs.has_expired(run, self._clock.time()):
            raise ProviderError(PROVIDER, Cause.BUSY, "another run does not end")

    async def _cancel(self, thread_id: str, run_id: str) -> None:
        """Best effort: what it came to is seen by looking."""
        try:
            await self._threads.cancel(thread_id, run_id)
        except ProviderError as error:
            log.warning("openai.not_cancelled", run=run_id, cause=error.cause)
