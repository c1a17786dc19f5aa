"""A process that ends at any moment of an OpenAI turn: the next one goes on, nothing is doubled.

Without the web around it: a store on disk, the real client, the emulator. Every write of a turn is
a place to die at, once before and once after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.assistant_rig import Real, real
from tests.contract.stores import DEBOUNCE
from tests.fakes import FakeMedia
from tests.fakes_vertex import FakeModel
from tests.flow.house import HOTEL, INSTRUCTIONS
from tests.invented import UnreadReceipts
from watibot import tools
from watibot.channels.media import DiskMediaFiles
from watibot.conversations import Conversation
from watibot.history import ItemKind
from watibot.hotel import load
from watibot.instructions import InstructionsFile
from watibot.messages import ChannelName, Inbound, MessageKind
from watibot.ports import Assistant, Finish
from watibot.service.alert import Alerts
from watibot.service.answer import Answerer
from watibot.service.asking import Askers, AskGemini, AskOpenAI
from watibot.service.escalate import Escalator
from watibot.service.media import Downloads
from watibot.service.rounds import Rounds
from watibot.service.walk import Answered
from watibot.settings import Patience, Staff
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.tools.toolkit import run as run_tool
from watibot.windows import Sizes

GUEST = "50370000001"
BOOKING = "Quiero reservar para 2 personas del 2027-02-10 al 2027-02-12, soy Ana Pérez."
WRITES = ("posted", "record_step", "book", "finish_turn")
# The first words are in the thread; the call, the booking, its result, the answer; the end.
WRITES_OF_A_TURN = 6


class Killed(BaseException):
    """As SIGKILL: nobody catches it."""


class Dying:
    """A store whose `last`-th write is the end, before or after it is done."""

    def __init__(self, store: SqlStore, last: int, *, after: bool) -> None:
        self._store = store
        self._left = last
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._counted(method) if name in WRITES else method

    def _counted(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def write(*given: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            found = await method(*given)
            if self._left == 0:
                raise Killed
            return found

        return write


class Place:
    """A store and an assistant; each `answer` is a process of its own."""

    def __init__(self, store: SqlStore, client: Real, folder: Path) -> None:
        self.store = store
        self.client = client
        self.folder = folder
        self.hotel = load(HOTEL)

    def sql(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "w.db", timeout=20)) as database, database:
            return database.execute(statement).fetchall()

    def answerer(self, desk: Any, assistant: Assistant | None) -> Answerer:
        clock, patience, metrics = self.client.clock, Patience(), Metrics()

        async def nobody(*_: Any) -> bool:
            return False

        alerts = Alerts(desk, None, clock, patience)  # type: ignore[arg-type]
        escalations = self.store.escalations
        escalator = Escalator(escalations, desk, alerts, clock, self.hotel, Staff(), "")
        kit = tools.build(
            self.hotel, desk, alerts.of_tool, escalator.of_tool, nobody, UnreadReceipts()
        )
        return Answerer(
            desk,
            Askers(
                AskGemini(FakeModel([]), clock, self.hotel, kit, Sizes()),
                AskOpenAI(assistant, desk, clock, self.hotel, kit),
            ),
            clock,
            self.hotel,
            InstructionsFile(INSTRUCTIONS, self.hotel),
            Rounds(kit, run_tool, clock, patience, metrics),
            Downloads(FakeMedia(), DiskMediaFiles(self.folder / "media"), desk, clock),
            alerts,
            patience,
            40,
            metrics,
            escalator,
        )

    async def says(self, text: str) -> None:
        now = self.client.clock.now()
        message = Inbound(
            channel=ChannelName.WHATSAPP,
            conversation_id=GUEST,
            address=GUEST,
            provider_id=f"wamid.{now.timestamp()}",
            provider_time=now,
            kind=MessageKind.TEXT,
            text=text,
        )
        await self.store.receive(message, b"{}", now, DEBOUNCE)

    async def claimed(self) -> Conversation:
        await self.store.break_leases(self.client.clock.now())
        now = self.client.clock.now() + timedelta(hours=1)
        claim = await self.store.claim(GUEST, now, now + timedelta(hours=1))
        assert claim is not None
        return claim.conversation

    async def answer(self, desk: Any = None, assistant: Any = "real") -> Answered:
        conversation = await self.claimed()
        chosen = self.client.assistant if assistant == "real" else assistant
        return await self.answerer(desk or self.store, chosen).answer(conversation)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A guest whose first words, which nobody answered, are not in the thread."""
    async with (
        await storage.open(f"sqlite:///{tmp_path}/w.db", load(HOTEL).id) as store,
        real() as client,
    ):
        made = Place(store, client, tmp_path)
        await made.says("Hola")
        first = await made.claimed()
        now = client.clock.now()
        turn = await store.open_turn(GUEST, first.fence, now, 40, 2)
        assert turn is not None
        made.sql("update conversations set provider = 'openai', thread_id = 'thread_1'")
        await store.finish_turn(GUEST, first.fence, turn.turn_id, Finish((), None, "v1"), now)
        yield made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, WRITES_OF_A_TURN + 1))
async def test_killed_at_a_write(place: Place, last: int, after: bool) -> None:
    await place.says(BOOKING)
    with pytest.raises(Killed):
        await place.answer(Dying(place.store, last, after=after))
    answered = await place.answer()
    # At the very end the answer was in the outbox already.
    assert len(answered.bubbles) == (0 if last == WRITES_OF_A_TURN and after else 1)
    assert place.sql("select count(*), state from bubbles") == [(1, "waiting")]
    history = await place.store.history(GUEST, 100)
    assert [item.kind for item in history] == [
        ItemKind.GUEST,
        ItemKind.GUEST,
        ItemKind.TOOL_CALL,
        ItemKind.TOOL_RESULT,
        ItemKind.ASSISTANT,
    ]
    items = [item for _, _, item in place.client.said()]
    assert items == [history[0].item_id, history[1].item_id, None]
    assert place.client.runs() == 1
    assert place.sql("select count(*) from bookings") == [(1,)]
    assert [item.origin.get("run") for item in history[2:] if item.origin] == [
        place.client.views()[0]["id"]
    ] * 3


async def test_a_run_that_ends_over_its_tools_books_nothing_twice(place: Place) -> None:
    await place.says(BOOKING)
    with pytest.raises(Killed):  # the booking is done, its result is recorded
        await place.answer(Dying(place.store, 4, after=True))
    (run,) = place.client.views()
    await place.client.control(f"runs/{run['id']}", status="expired")
    answered = await place.answer()
    assert len(answered.bubbles) == 1
    assert place.client.runs() == 2
    assert place.sql("select count(*) from bookings") == [(1,)]
    results = [
        item.content["parts"][0]["functionResponse"]["response"]
        for item in await place.store.history(GUEST, 100)
        if item.kind is ItemKind.TOOL_RESULT and item.content
    ]
    assert len(results) == 2
    assert results[0] == results[1]


async def test_an_assistant_that_was_taken_away_in_the_middle(place: Place) -> None:
    await place.says(BOOKING)
    with pytest.raises(Killed):
        await place.answer(Dying(place.store, 2, after=True))
    answered = await place.answer(assistant=None)
    assert answered.bubbles[0].text.startswith(place.hotel.texts.apology)


async def test_the_end_of_the_api_in_the_middle_is_an_apology(place: Place) -> None:
    await place.says(BOOKING)
    with pytest.raises(Killed):
        await place.answer(Dying(place.store, 2, after=True))
    place.client.end_the_api()
    answered = await place.answer()
    assert answered.bubbles[0].text.startswith(place.hotel.texts.apology)
