"""A hotel in the middle of its migration, for the tests of the verbs.

Threads and sessions are in memory, store and archive on disk. All speak through the store as the
service lets them; a process can be killed at any call, and another goes on with what is left.
"""

from __future__ import annotations

import asyncio
import copy
import shutil
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from tests import balance
from tests.contract.conftest import sqlite_template as sqlite_template
from tests.contract.stores import DEBOUNCE, HISTORY, LEASE, RESTARTS, inbound
from tests.dying import Fuse, Wired, WorkClock
from tests.fakes_threads import FakeThreads, message
from tests.fakes_vertex import FakeSessions
from tests.steps import ask_gemini, ask_openai, ended_run
from watibot.conversations import Conversation, Provider
from watibot.history import HistoryItem
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.migration import crew
from watibot.migration.crew import Cohort, Means, Outcome, Tally, work_through
from watibot.migration.cutover import STATES as CUTOVER_STATES
from watibot.migration.cutover import cutover
from watibot.migration.rollback import STATES as ROLLBACK_STATES
from watibot.migration.rollback import rollback
from watibot.migration.run import STATES as RUN_STATES
from watibot.migration.run import run
from watibot.migration.sources import Sources
from watibot.migration.verify import STATES as VERIFY_STATES
from watibot.migration.verify import verify
from watibot.ports import Archive as ArchivePort
from watibot.ports import SessionEvent, Store
from watibot.ports.migrations import Move, State
from watibot.ports.store import Finish, Permit
from watibot.providers.archive import Archive
from watibot.service.mirror import Mirror
from watibot.storage.store import SqlStore
from watibot.storage.writer import Writer
from watibot.telemetry import Metrics
from watibot.turns import Bubble, BubbleState

HOTEL = "posada"
GUEST = "50370000001"
STAFF_MINUTES = timedelta(minutes=1)
_BEGAN = 1_760_000_000
Json = dict[str, Any]
VERBS: Mapping[str, tuple[crew.Work, Collection[State]]] = {
    "run": (run, RUN_STATES),
    "verify": (verify, VERIFY_STATES),
    "cutover": (cutover, CUTOVER_STATES),
    "rollback": (rollback, ROLLBACK_STATES),
}


@dataclass
class Process:
    """A process of ours: what it opened. `fuse` kills it."""

    store: SqlStore
    means: Means
    mirror: Mirror
    fuse: Fuse


class Stage:
    """One hotel. `said` keeps, by conversation, every text that anybody has said."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.path = folder / "store.db"
        if not self.path.exists():
            shutil.copy(template, self.path)
        self.threads = FakeThreads()
        self.sessions = FakeSessions()
        self.clock = WorkClock()
        self.said: dict[str, list[str]] = {}
        self.numbers = 0
        self.process: Process | None = None

    # --- processes ---

    async def start(self, fuse: Fuse | None = None) -> Process:
        """A process with objects of its own on the same state."""
        fuse = fuse or Fuse()
        writer = Writer(f"sqlite:///{self.path}", asyncio.get_running_loop())
        opened = SqlStore(writer, HOTEL, None)
        store = cast("Store", Wired(opened, fuse))
        sessions = cast("FakeSessions", Wired(self.sessions, fuse))
        threads = cast("FakeThreads", Wired(self.threads, fuse))
        kept = Archive(self.folder / "archive", fsync=False)
        archive = cast("ArchivePort", Wired(kept, fuse))
        mirror = Mirror(store, sessions, self.clock, Metrics())
        means = Means(
            hotel_id=HOTEL,
            store=store,
            sources=Sources([threads, archive], self.clock),
            archive=archive,
            sessions=sessions,
            drain=partial(mirror.mirror, moving=True),
            renew=partial(mirror.renew, moving=True),
            threads=threads,
            clock=self.clock,
            at_once=1,
        )
        self.process = Process(opened, means, mirror, fuse)
        return self.process

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.store.close()
            self.process = None

    async def restart(self, fuse: Fuse | None = None) -> Process:
        """As after a crash: what it held is let go by time alone."""
        await self.stop()
        return await self.start(fuse)

    @property
    def here(self) -> Process:
        assert self.process is not None
        return self.process

    @property
    def store(self) -> SqlStore:
        return self.here.store

    async def clone(self, folder: Path) -> Stage:
        """The same hotel in another folder; this one has no process at the moment."""
        assert self.process is None
        shutil.copytree(self.folder, folder)
        twin = Stage(folder, self.path)
        twin.threads = copy.deepcopy(self.threads)
        twin.sessions = copy.deepcopy(self.sessions)
        await twin.clock.advance((self.clock.now() - twin.clock.now()).total_seconds())
        twin.said = copy.deepcopy(self.said)
        twin.numbers = self.numbers
        return twin

    # --- people ---

    def text(self, who: str, conversation_id: str) -> str:
        self.numbers += 1
        said = f"{who} {self.numbers} dice algo."
        self.said.setdefault(conversation_id, []).append(said)
        return said

    async def settled(
        self,
        conversation_id: str = GUEST,
        messages: int = 4,
        *,
        channel: ChannelName = ChannelName.WHATSAPP,
        tools: bool = True,
        imported: bool = False,
    ) -> str:
        """A guest of the time before, whom OpenAI answers: the thread's id."""
        takeover = Takeover(channel, conversation_id, conversation_id, held=True)
        await self.store.people.hold(takeover, self.clock.now(), self.clock.now())
        thread_id = f"thread_{conversation_id.replace(':', '')}"
        self.sql(
            "UPDATE conversations SET owner = 'bot', staff_until = NULL, provider = 'openai', "
            "thread_id = ?, history_imported = ? WHERE conversation_id = ?",
            thread_id,
            int(imported),
            conversation_id,
        )
        self.threads.put(thread_id)
        for number in range(messages):
            self.post(conversation_id, "user" if number % 2 == 0 else "assistant", tools=tools)
        return thread_id

    def thread_id(self, conversation_id: str = GUEST) -> str:
        return f"thread_{conversation_id.replace(':', '')}"

    def kept(self, conversation_id: str = GUEST) -> list[Json]:
        """The thread's messages."""
        return self.threads.kept[self.thread_id(conversation_id)].messages

    def post(
        self,
        conversation_id: str = GUEST,
        role: str = "user",
        *,
        tools: bool = False,
        text: str | None = None,
        at: int | None = None,
    ) -> Json:
        """Straight into the thread, as the application before this one does."""
        thread = self.threads.kept[self.thread_id(conversation_id)]
        if text is None:
            text = self.text("Huésped" if role == "user" else "Hotel", conversation_id)
        made = message(thread.thread["id"], 1, text, role)
        self.numbers += 1
        number = self.numbers
        now = int(self.clock.time())
        created = at if at is not None else (_BEGAN + number if now < 0 else now - 40 * 86_400)
        created = max([created, *(int(each["created_at"]) for each in thread.messages)])
        made |= {"id": f"msg_old{number}", "created_at": created, "run_id": None}
        if role == "assistant":
            run_id = f"run_old{number}"
            made["run_id"] = run_id
            thread.runs.append(ended_run(run_id, created, made["id"], number if tools else None))
        thread.messages.append(made)
        return made

    async def guest(self, conversation_id: str = GUEST) -> str:
        """A guest writes; nobody has answered yet."""
        await self.clock.advance(2)
        text = self.text("Huésped", conversation_id)
        now = self.clock.now()
        sent = inbound(
            text,
            conversation_id=conversation_id,
            address=conversation_id,
            channel=await self._channel(conversation_id),
            provider_time=now,
        )
        await self.store.receive(sent, b"{}", now, DEBOUNCE)
        return text

    async def staff(self, conversation_id: str = GUEST, author: str | None = "Rosa") -> str:
        """A colleague writes, and gives the conversation back a minute later."""
        await self.clock.advance(2)
        text = self.text("Recepción", conversation_id)
        now = self.clock.now()
        written = StaffMessage(
            await self._channel(conversation_id),
            conversation_id,
            conversation_id,
            f"wamid.staff{self.numbers}",
            now,
            text,
            author,
        )
        await self.store.staff_message(written, now, now + STAFF_MINUTES)
        await self.clock.advance(61)
        return text

    async def _channel(self, conversation_id: str) -> ChannelName:
        found = await self.store.conversation(conversation_id)
        return found.channel if found else ChannelName.WHATSAPP

    # --- who answers ---

    async def answer(
        self, conversation_id: str = GUEST, *, tools: bool = False, deliver: bool = True
    ) -> Provider | None:
        """Whoever answers now answers what waits; None if nothing does."""
        await self.clock.advance(30)
        now = self.clock.now()
        claim = await self.store.claim(conversation_id, now, now + LEASE)
        if claim is None:
            return None
        fence = claim.conversation.fence
        for bubble in claim.bubbles:
            await self._deliver(conversation_id, fence, bubble)
        turn = await self.store.open_turn(conversation_id, fence, now, HISTORY, RESTARTS)
        if turn is None:
            await self.store.release(conversation_id, fence)
            return None
        provider = turn.conversation.provider
        if provider is Provider.OPENAI:
            posted = await ask_openai(self, turn, fence, tools)
        else:
            posted = await ask_gemini(self, turn, fence, tools)
        await self.clock.advance(1)
        steps = turn.messages
        assert steps
        bubbles = await self.store.finish_turn(
            conversation_id,
            fence,
            turn.turn_id,
            Finish((self.said[conversation_id][-1],), None, "v1", posted=posted),
            self.clock.now(),
        )
        if deliver:
            for bubble in bubbles:
                await self._deliver(conversation_id, fence, bubble)
        await self.store.release(conversation_id, fence)
        return provider

    async def _deliver(self, conversation_id: str, fence: int, bubble: Bubble) -> None:
        """An answer that comes too late is nobody's words, unless OpenAI's thread has it."""
        now, name = self.clock.now(), bubble.bubble_id
        permit = await self.store.permit(conversation_id, fence, name, now, RESTARTS)
        if permit is Permit.GO:
            await self.store.bubble_done(conversation_id, fence, name, BubbleState.SENT, now)
            return
        if permit is Permit.SUPERSEDED:
            await self.store.restart_turn(conversation_id, fence, bubble.turn_id)
        if bubble.text not in {item.text for item in await self.history(conversation_id)}:
            self.said[conversation_id].remove(bubble.text)

    async def live_mirror(self) -> None:
        """What the service's own mirror would do by now."""
        for conversation_id in await self.store.mirror_due(100):
            while await self.here.mirror.mirror(conversation_id):
                pass

    # --- the verbs ---

    async def verb(self, name: str, *only: str, cohort: Cohort | None = None) -> list[Outcome]:
        """Its outcomes, in the order in which they were told."""
        work, states = VERBS[name]
        told: list[Outcome] = []

        def tell(outcome: Outcome, _: Tally) -> None:
            told.append(outcome)

        cohort = cohort or Cohort(only=frozenset(only))
        await work_through(self.here.means, work, states, cohort, tell)
        return told

    async def verbs(self, *names: str) -> list[Outcome]:
        """One after the other, none of them put off; the last one's outcomes."""
        told: list[Outcome] = []
        for name in names:
            told = await self.verb(name)
            for outcome in told:
                assert not outcome.move.problem, (name, outcome.move.problem)
        return told

    # --- what is there ---

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as books, books:
            return books.execute(statement, values).fetchall()

    async def history(self, conversation_id: str = GUEST) -> list[HistoryItem]:
        return await self.store.whole_history(conversation_id)

    async def conversation(self, conversation_id: str = GUEST) -> Conversation:
        found = await self.store.conversation(conversation_id)
        assert found is not None
        return found

    async def move(self, conversation_id: str = GUEST) -> Move:
        found = await self.store.move(conversation_id)
        assert found is not None
        return found

    async def session_id(self, conversation_id: str = GUEST) -> str:
        found = (await self.conversation(conversation_id)).session_id
        assert found is not None
        return found

    async def session(self, conversation_id: str = GUEST) -> list[SessionEvent]:
        session_id = (await self.conversation(conversation_id)).session_id
        return [] if session_id is None else self.sessions.kept[session_id]

    def dump(self) -> Json:
        """Everything that a verb must not change the second time."""
        books = {
            table: self.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            for table in ("history", "migrations", "messages", "bubbles", "turns")
        }
        books["conversations"] = self.sql(
            "SELECT conversation_id, owner, session_id, session_generation, due_at, deadline_at, "
            "last_item_at, provider, thread_id, migrated_at FROM conversations ORDER BY 1"
        )
        files = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted((self.folder / "archive").rglob("*"))
            if path.is_file()
        }
        threads = {name: copy.deepcopy(one.messages) for name, one in self.threads.kept.items()}
        return books | {
            "archive": files,
            "sessions": copy.deepcopy(self.sessions.kept),
            "threads": threads,
        }

    # --- what must be true ---

    async def faults(self, conversation_id: str = GUEST, *, moved: bool = True) -> list[str]:
        """One line for each thing that must not be. `moved`: all of the thread has been taken in,
        and the session has been given everything."""
        return await balance.faults(self, conversation_id, moved=moved)


@pytest.fixture
async def stage(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Stage]:
    """With one process."""
    made = Stage(tmp_path, sqlite_template)
    await made.start()
    yield made
    await made.stop()
