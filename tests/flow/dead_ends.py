"""A worker, its store and everything that can go wrong around it, in one process that can be
killed: the stage of `test_dead_ends.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tests.clocks import NOON, JumpingClock
from tests.contract.stores import DEBOUNCE
from tests.dying import Fuse, Wired
from tests.fakes import FakeChannel, FakeMedia
from tests.fakes_vertex import FakeModel
from tests.invented import UnreadReceipts
from tests.invented import hotel as invented
from watibot import tools
from watibot.channels.media import DiskMediaFiles
from watibot.conversations import Conversation
from watibot.escalations import Escalation
from watibot.instructions import InstructionsFile
from watibot.messages import ChannelName, Inbound, MessageKind
from watibot.ports import Outcome, Unknown
from watibot.service.alert import Alerts
from watibot.service.answer import Along, Answerer
from watibot.service.asking import Askers, AskGemini, AskOpenAI
from watibot.service.deliver import Deliverer
from watibot.service.escalate import Escalator
from watibot.service.media import Downloads
from watibot.service.receive import Listeners, Receiver
from watibot.service.rounds import Rounds
from watibot.settings import Patience, Staff
from watibot.storage.door import Door
from watibot.storage.escalations import SqlEscalations
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.toolcalls import Caller
from watibot.tools.toolkit import declare
from watibot.tools.toolkit import run as run_tool
from watibot.turns import Bubble
from watibot.windows import Sizes

PUBLIC_URL = "https://bot.hotel.example"


class Told:
    """Whoever answers for `ports.Notifier`."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []

    async def tell(self, title: str, body: str) -> None:
        self.notices.append((title, body))

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.notices]


class Silent(FakeChannel):
    """A provider that never says whether a message arrived."""

    async def send(self, conversation: Conversation, bubble: Bubble) -> Outcome:
        return Unknown("lost")


class Nothing(BaseModel):
    """No arguments."""


async def open_the_gate(arguments: Nothing, caller: Caller) -> dict[str, Any]:
    """Opens the gate of the car park."""
    raise OSError("gate: no answer")


async def _nobody(caller: Caller, reason: str) -> bool:
    return False


@dataclass
class Stage:
    """What outlives a process: the store, the guest's phone, the staff's. Each `process` is a
    service of its own over them."""

    store: SqlStore
    folder: Path
    model: FakeModel
    silent: bool = False
    along: Along = field(default_factory=Along)
    clock: JumpingClock = field(default_factory=lambda: JumpingClock(NOON))
    staff: Staff = field(default_factory=lambda: Staff(repeat_minutes=15, repeats=2))

    def __post_init__(self) -> None:
        made = Silent if self.silent else FakeChannel
        self.channel = made(self.clock, history=not self.silent)
        self.told = Told()
        self.hotel = invented(self.folder)
        self.instructions = self.folder / "instrucciones.md"
        self.instructions.write_text("Sea amable. " * 20)

    def process(self, fuse: Fuse | None = None) -> Process:
        return Process(self, fuse or Fuse())

    async def guest_writes(self, guest: str, text: str = "¿Tienen piscina?") -> None:
        """As a webhook brings it; its turn is due at once."""
        self.channel.guest_writes(guest)
        await self.process().hears(guest, text)
        self.clock._now += timedelta(minutes=1)

    async def escalations(self, guest: str) -> list[Escalation]:
        return await SqlEscalations(Door(self.store._writer, "posada")).of(guest)


class Process:
    """The service, from the webhook to the channel."""

    def __init__(self, stage: Stage, fuse: Fuse) -> None:
        def wired(thing: object) -> Any:
            return Wired(thing, fuse)

        self.stage = stage
        self.store = wired(stage.store)
        patience, metrics, clock = Patience(), Metrics(), stage.clock
        escalations = wired(SqlEscalations(Door(stage.store._writer, "posada")))
        self.alerts = Alerts(self.store, stage.told, clock, patience)
        self.escalator = Escalator(
            escalations, self.store, self.alerts, clock, stage.hotel, stage.staff, PUBLIC_URL
        )
        kit = (
            *tools.build(
                stage.hotel,
                self.store,
                self.alerts.of_tool,
                self.escalator.of_tool,
                _nobody,
                UnreadReceipts(),
            ),
            declare(open_the_gate, effect=True),
        )
        downloads = Downloads(
            FakeMedia(), DiskMediaFiles(stage.folder / "media"), self.store, clock
        )
        self.answerer = Answerer(
            self.store,
            Askers(
                AskGemini(wired(stage.model), clock, stage.hotel, kit, Sizes()),
                AskOpenAI(None, self.store, clock, stage.hotel, kit),
            ),
            clock,
            stage.hotel,
            InstructionsFile(stage.instructions, stage.hotel),
            Rounds(kit, run_tool, clock, patience, metrics),
            downloads,
            self.alerts,
            patience,
            40,
            metrics,
            self.escalator,
            stage.along,
        )
        self.deliverer = Deliverer(
            self.store,
            {ChannelName.WHATSAPP: wired(stage.channel)},
            {ChannelName.WHATSAPP: 0.8},
            clock,
            patience,
            metrics,
            lambda conversation_id: None,
            self.escalator,
            self._hold,
        )
        self.receiver = Receiver(
            self.store,
            self.store,
            clock,
            {ChannelName.WHATSAPP: DEBOUNCE},
            patience,
            downloads,
            metrics,
            lambda conversation_id, at: None,
            self.escalator,
            Listeners(hold=self._hold),
        )

    async def _hold(self, takeover: Any, at: Any) -> Any:
        return await self.stage.store.people.hold(takeover, at, at + timedelta(hours=12))

    async def hears(self, guest: str, text: str) -> str:
        now = self.stage.clock.now()
        message = Inbound(
            ChannelName.WHATSAPP,
            guest,
            guest,
            f"wamid.{guest}.{now.timestamp()}",
            now,
            MessageKind.TEXT,
            text,
            sender_name="Ana",
            chat_url=f"https://inbox.example/{guest}",
        )
        return await self.receiver.take(message, b"{}", now)

    async def works(self, guest: str) -> None:
        """What a worker does for a conversation that is due, to its end."""
        clock = self.stage.clock
        await self.stage.store.break_leases(clock.now())
        while True:
            clock._now += timedelta(seconds=1)
            now = clock.now()
            claim = await self.store.claim(guest, now, now + timedelta(seconds=60))
            if claim is None:
                return
            conversation = claim.conversation
            again_at = None
            pause = await self.deliverer.deliver(conversation, claim.bubbles)
            if getattr(pause, "until", None) is None and claim.open:
                answered = await self.answerer.answer(conversation)
                again_at = answered.again_at
                if again_at is None:
                    pause = await self.deliverer.deliver(conversation, answered.bubbles)
            again_at = getattr(pause, "until", None) or again_at
            await self.store.release(guest, conversation.fence, again_at)
            if again_at is not None:
                clock._now = max(clock.now(), again_at)

    async def tells(self) -> None:
        """What waits for staff goes out."""
        await self.alerts._tell_due()
