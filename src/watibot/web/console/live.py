"""What is new, told to open pages: one stream of events for each browser, from `/console/live`.

A page has regions that ask for themselves again when their topic is told; without scripts they stay
as they were rendered. `static/console.js` listens and decides whether a region may be swapped: not
while somebody types in it or it has the focus, nor while a sound plays in it, nor if it came back
the same. A region is an element with an id and these attributes, here for one conversation, whose
page is recognised by its address:

    <section id="transcript" hx-get="{{ here }}" hx-select="#transcript" hx-swap="outerHTML"
     hx-trigger="sse:conversation from:body">

The topics are `today`, `queues` (escalations, proofs, what staff hold) and `conversation`. Forms
with hidden values that differ from page to page belong outside of a region.

One look at the store serves all browsers. It compares marks, so that nothing of a guest's is in the
stream: the browser asks for the page, through the doors, if it wants to see.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from starlette.responses import Response, StreamingResponse

from watibot.ports.figures import Beat, Pulse
from watibot.ports.outside import Clock
from watibot.web.console.doors import IDLE, SESSION_COOKIE, token_hash
from watibot.web.console.frame import BASE, HEADERS, Visit
from watibot.web.console.rooms import Way, page
from watibot.web.console.spans import day_of

EVERY_SECONDS = 2.0
# The day's figures change with every message, and take the longest to count.
CALM_SECONDS = 10.0
# A line that says nothing, so that a browser which has gone is noticed.
STILL_SECONDS = 20.0
MOST = 100  # browsers at once

_CONVERSATION = f"{BASE}/conversations/"


@dataclass(eq=False, slots=True)
class Listener:
    """A browser's open page. `told`: the newest mark of each topic that it was told of."""

    token_hash: str
    conversation_id: str | None
    still_at: datetime
    told: dict[str, str] = field(default_factory=dict)
    news: dict[str, str] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False


class Live:
    """The room of the stream. `run` in the background, `close` before the server waits for what is
    under way."""

    def __init__(self, pulse: Pulse, clock: Clock, zone: ZoneInfo) -> None:
        self._pulse = pulse
        self._clock = clock
        self._zone = zone
        self._listeners: set[Listener] = set()
        self._somebody = asyncio.Event()
        self._today: tuple[datetime, str] | None = None  # when the day's mark was made
        self._is_closed = False

    def ways(self) -> Sequence[Way]:
        return (page("/live", self.live),)

    async def live(self, visit: Visit) -> Response:
        """The stream. 503 when there are too many, or the service is about to stop."""
        if self._is_closed or len(self._listeners) >= MOST:
            return Response(status_code=503, headers={**HEADERS, "retry-after": "60"})
        listener = Listener(
            token_hash(visit.request.cookies[SESSION_COOKIE]),
            _conversation(visit.request.query_params.get("page", "")),
            self._clock.now(),
        )
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(listener), 200, headers, "text/event-stream")

    async def run(self) -> None:
        """Looks for as long as anybody listens, until cancelled. Then all streams end."""
        try:
            while True:
                await self._somebody.wait()
                await self._look()
                await self._clock.sleep(EVERY_SECONDS)
        finally:
            self._end(self._listeners)

    def close(self) -> None:
        """All streams end, and no new one begins."""
        self._is_closed = True
        self._end(self._listeners)

    async def _stream(self, listener: Listener) -> AsyncIterator[str]:
        self._listeners.add(listener)
        self._somebody.set()
        try:
            yield ": here\n\n"
            while not (listener.is_over or self._is_closed):
                await listener.wake.wait()
                listener.wake.clear()
                news, listener.news = listener.news, {}
                told = "".join(f"event: {topic}\ndata: {data}\n\n" for topic, data in news.items())
                yield told or ": still here\n\n"
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._somebody.clear()

    async def _look(self) -> None:
        now = self._clock.now()
        listeners = set(self._listeners)
        beat = await self._pulse.beat(
            day_of(now, self._zone).since,
            now,
            {each.conversation_id for each in listeners if each.conversation_id is not None},
            {each.token_hash for each in listeners},
            now - IDLE,
        )
        # Pages say how long ago something was: once a minute they are out of date by themselves.
        minute = f"{now:%H:%M}"
        if self._today is None or (now - self._today[0]).total_seconds() >= CALM_SECONDS:
            self._today = (now, f"{minute} {beat.today}")
        for listener in listeners:
            if listener.token_hash not in beat.signed_in:
                listener.news["end"] = "{}"
                self._end({listener})
                continue
            marks = {"today": self._today[1], "queues": f"{minute} {beat.queues}"}
            if listener.conversation_id is not None:
                mark = beat.conversations.get(listener.conversation_id, "")
                marks["conversation"] = f"{minute} {mark}"
            _tell(listener, marks, beat, now)

    def _end(self, listeners: set[Listener]) -> None:
        for listener in listeners:
            listener.is_over = True
            listener.wake.set()


def _tell(listener: Listener, marks: dict[str, str], beat: Beat, now: datetime) -> None:
    """What differs from what the browser was told; all of it the first time, because its page may
    be older than its stream."""
    for topic, mark in marks.items():
        if listener.told.get(topic) != mark:
            listener.told[topic] = mark
            listener.news[topic] = json.dumps(beat.waiting) if topic == "queues" else "{}"
    if listener.news or (now - listener.still_at).total_seconds() >= STILL_SECONDS:
        listener.still_at = now
        listener.wake.set()


def _conversation(path: str) -> str | None:
    """Whose page it is, if it is a conversation's."""
    if not path.startswith(_CONVERSATION):
        return None
    return unquote(path.removeprefix(_CONVERSATION)) or None
