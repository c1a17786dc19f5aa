"""The session as the conversation's durable twin: the stop behind the answer.

New history is appended to the Vertex session in order, under the shared quota, after the guest has
the answer. Appends are not idempotent, so items are marked as being sent first, and after a crash
or a lost connection the session is read back, once nothing can be on its way any more, before
anything is repeated. A session that is gone is made anew and given the recent conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watibot import telemetry
from watibot.charges import Operation, Use
from watibot.conversations import Conversation
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind, digest
from watibot.modelcalls import Occasion
from watibot.ports import Clock, MirrorJob, SessionEvent, Sessions, Store
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

AT_ONCE = 8
ITEMS_AT_ONCE = 50
LOOK_SECONDS = 15.0
PAUSE_SECONDS = 20.0
ALL_ITEMS = 1_000_000
REPLAYED_ITEMS = 20  # five messages and more, for each may have calls and results beside it


def session_id_of(conversation: Conversation, generation: int) -> str:
    """Our own id: letters, digits and hyphens, first a letter, 63 at most, and no number in it.

    The same conversation always has the same ids, so that a session is found again by whoever has
    lost the local store.
    """
    name = f"{conversation.hotel_id}\n{conversation.conversation_id}"
    hashed = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"c-{hashed}-{generation}"


def event_of(item: HistoryItem, *, plain: bool = False) -> SessionEvent:
    """An item as a session event: one for each guest message, model step and round of results.

    `plain` is for content that the sessions API refuses, because Gemini has a part that it does not
    know yet: the content then travels in the free-form raw event, beside its text.
    """
    author = {
        ItemKind.GUEST: "user",
        ItemKind.STAFF: "staff",
        ItemKind.ASSISTANT: "watibot",
        ItemKind.TOOL_CALL: "watibot",
        ItemKind.TOOL_RESULT: "tools",
    }[item.kind]
    content = item.content or {"role": "model", "parts": [{"text": item.text}]}
    raw: dict[str, object] = {"kind": item.kind.value}
    if plain:
        raw["content"] = content
        content = {"role": content["role"], "parts": [{"text": item.text or f"[{item.kind}]"}]}
    if item.author:
        raw["author"] = item.author
    if item.origin:
        raw["origin"] = item.origin
    return SessionEvent(
        event_id=item.item_id,
        author=author,
        invocation_id=item.turn_id or item.item_id,
        timestamp=item.at,
        content=content,
        raw=raw,
    )


def item_of(event: SessionEvent) -> HistoryItem | None:
    """The way back; None for an event that is not ours."""
    if event.event_id is None:
        return None
    kind = ItemKind(event.raw.get("kind", ItemKind.GUEST))
    parts = (event.content or {}).get("parts", [])
    text = "\n".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
    author = event.raw.get("author")
    origin = event.raw.get("origin")
    return HistoryItem(
        item_id=event.event_id,
        kind=kind,
        at=event.timestamp,
        text=text,
        content=None if kind is ItemKind.STAFF else event.raw.get("content", event.content),
        turn_id=event.invocation_id,
        author=str(author) if author else None,
        origin=origin if isinstance(origin, dict) else None,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Local history beside session. Every list is of item ids; `ok` if there is no difference."""

    local: int
    remote: int
    missing: tuple[str, ...]  # in the local history only
    extra: tuple[str, ...]  # in the session only
    doubled: tuple[str, ...]
    differing: tuple[str, ...]
    in_order: bool

    @property
    def ok(self) -> bool:
        return self.in_order and not (self.missing or self.extra or self.doubled or self.differing)


def compare(local: Sequence[HistoryItem], remote: Sequence[SessionEvent]) -> Comparison:
    """Item by item, by our event ids. Pure."""
    there = [event.event_id or "(not ours)" for event in remote]
    here = {item.item_id: item for item in local}
    back = {event.event_id: item_of(event) for event in remote if event.event_id}
    differing = []
    for item_id, item in here.items():
        twin = back.get(item_id)
        if twin is not None and digest([item]) != digest([twin]):
            differing.append(item_id)
    common = [item_id for item_id in dict.fromkeys(there) if item_id in here]
    return Comparison(
        local=len(local),
        remote=len(remote),
        missing=tuple(item_id for item_id in here if item_id not in back),
        extra=tuple(item_id for item_id in dict.fromkeys(there) if item_id not in here),
        doubled=tuple(sorted(item_id for item_id, count in Counter(there).items() if count > 1)),
        differing=tuple(differing),
        in_order=common == [item_id for item_id in here if item_id in back],
    )


class Mirror:
    """Writes behind the answer. `alone_since`, in epoch seconds: when this process began to be the
    only one that sends; now, if nothing is said. `used` hears of the events of each pass."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        clock: Clock,
        metrics: Metrics,
        alone_since: float | None = None,
        used: Callable[[Use], None] = lambda use: None,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._clock = clock
        self._metrics = metrics
        self._used = used
        # What a killed process had sent may arrive yet, and until then the session does not tell
        # what it lacks.
        began = clock.time() if alone_since is None else alone_since
        self._settled_at = began + PAUSE_SECONDS
        self._new = asyncio.Event()
        self._under_work: set[str] = set()
        self._not_before: dict[str, float] = {}

    def look(self, _conversation_id: str = "") -> None:
        """Something new is at rest."""
        self._new.set()

    async def run(self) -> None:
        """Until cancelled. What is under way then is read back after the next start."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._new.clear()
                now = self._clock.time()
                free = AT_ONCE - len(tasks)
                due = await self._store.mirror_due(AT_ONCE + len(self._not_before)) if free else []
                for conversation_id in due:
                    waits = self._not_before.get(conversation_id, 0.0) > now
                    if conversation_id in self._under_work or waits or len(tasks) >= AT_ONCE:
                        continue
                    self._under_work.add(conversation_id)
                    task = asyncio.create_task(self._one(conversation_id))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: self._new.set())
                with contextlib.suppress(TimeoutError):
                    await self._clock.limit(LOOK_SECONDS, self._new.wait())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, conversation_id: str) -> None:
        try:
            with self._metrics.passing("mirror", conversation=conversation_id):
                await self.mirror(conversation_id)
            self._not_before.pop(conversation_id, None)
        except ProviderError as error:
            pause = max(error.retry_after or 0.0, PAUSE_SECONDS)
            self._not_before[conversation_id] = self._clock.time() + pause
            self._metrics.failed(error.provider, error.cause)
            self._metrics.retries.labels("mirror").inc()
            log.warning("mirror.later", conversation=conversation_id, cause=error.cause)
        except Exception as error:
            self._not_before[conversation_id] = self._clock.time() + PAUSE_SECONDS
            log.error("mirror.failed", exc_info=telemetry.without_values(error))
        finally:
            self._under_work.discard(conversation_id)

    async def mirror(self, conversation_id: str, *, moving: bool = False) -> bool:
        """Appends what the conversation's session lacks, so many items at a time; whether there may
        be more. `moving`: what is parked for a migration. Raises ProviderError; what was appended
        until then stays."""
        job = await self._store.mirror_job(conversation_id, ITEMS_AT_ONCE, moving)
        if job is None:
            return False
        session_id = job.conversation.session_id
        there: set[str | None] = set()
        if session_id is None:
            session_id, there = await self._begin(job)
        elif job.in_doubt:
            await self._clock.sleep(max(0.0, self._settled_at - self._clock.time()))
            there = await self._read_back(session_id, job.items)
        done = [item.item_id for item in job.items if item.item_id in there]
        found = len(done)
        try:
            for item in job.items:
                if item.item_id not in there:
                    await self._append(session_id, item)
                    done.append(item.item_id)
        except ProviderError as error:
            if error.cause is not Cause.NOT_FOUND:
                raise
            await self.renew(job.conversation, moving=moving)
            # What it took before it went was paid for, and is given to the new one once more.
            self._charge(job.conversation, len(done) - found)
            done = []
            return True
        finally:
            if done:
                await self._store.mirror_done(conversation_id, done)
                self._charge(job.conversation, len(done))
        return len(job.items) == ITEMS_AT_ONCE

    def _charge(self, conversation: Conversation, events: int) -> None:
        """Once an item is done, and so once for each: one whose append was in doubt, and that was
        found, was not charged when the answer was lost. Each of our events has content."""
        if not events:
            return
        occasion = Occasion(Operation.EVENT, conversation.conversation_id, conversation.channel)
        self._used(Use("sessions", Operation.EVENT, quantity=events, occasion=occasion))

    async def _append(self, session_id: str, item: HistoryItem) -> None:
        try:
            await self._sessions.append(session_id, event_of(item))
        except ProviderError as error:
            if error.cause is not Cause.INVALID:
                raise
            log.error("mirror.content_refused", item=item.item_id, kind=item.kind)
            await self._sessions.append(session_id, event_of(item, plain=True))

    async def _read_back(self, session_id: str, items: Sequence[HistoryItem]) -> set[str | None]:
        """The ids of the session's events from the first of the items on. A migrated past lies
        before what was said since, so that the newest events alone may not reach so far."""
        count = 2 * len(items)
        while True:
            try:
                newest = await self._sessions.newest(session_id, count)
            except ProviderError as error:
                if error.cause is Cause.NOT_FOUND:
                    return set()
                raise
            if len(newest) < count or newest[-1].timestamp < items[0].at:
                return {event.event_id for event in newest}
            count *= 4

    async def _begin(self, job: MirrorJob) -> tuple[str, set[str | None]]:
        """Makes the conversation's first session; what it has already. If it is there, a crash came
        between two calls, or it is the past of a store that was lost: the local history is given it
        back."""
        conversation = job.conversation
        session_id = session_id_of(conversation, conversation.session_generation)
        made = await self._sessions.create(session_id, conversation.conversation_id)
        there: set[str | None] = set()
        if not made:
            events = await self._sessions.events(session_id)
            there = {event.event_id for event in events}
            own = {item.item_id for item in job.items}
            past = [
                item for event in events if (item := item_of(event)) and item.item_id not in own
            ]
            restored = await self._store.restore_history(conversation.conversation_id, past)
            await self._store.mirror_done(
                conversation.conversation_id, [item.item_id for item in past]
            )
            log.info(
                "session.found",
                conversation=conversation.conversation_id,
                restored=restored,
            )
        await self._store.set_session(
            conversation.conversation_id, session_id, conversation.session_generation
        )
        return session_id, there

    async def renew(self, conversation: Conversation, *, moving: bool = False) -> None:
        """The session is gone: a new one is given the recent conversation. The guest notices
        nothing, because answers are built from the local history."""
        generation = conversation.session_generation + 1
        session_id = session_id_of(conversation, generation)
        await self._sessions.create(session_id, conversation.conversation_id)
        await self._store.set_session(
            conversation.conversation_id,
            session_id,
            generation,
            replay=ALL_ITEMS if moving else REPLAYED_ITEMS,
            moving=moving,
        )
        self._new.set()
        log.warning(
            "session.renewed",
            conversation=conversation.conversation_id,
            generation=generation,
        )
