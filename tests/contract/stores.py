"""What the exams of the store have in common: invented messages, and shortcuts through a turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.clocks import NOON
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Inbound, MessageKind
from watibot.ports.store import Claim, Finish, Received, Store
from watibot.settings import Debounce
from watibot.turns import Bubble, BubbleState, Turn

GUEST = "50370000001"
HISTORY = 40
RESTARTS = 2
LEASE = timedelta(seconds=60)
UNTIL = NOON + timedelta(hours=12)
_numbers = count(1)


class Waits(Debounce):
    """4 s, at most 20 s."""


DEBOUNCE = Waits()


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def inbound(text: str = "hola", sent: float = 0, **more: Any) -> Inbound:
    """A message of the guest, sent at `at(sent)`."""
    fields: dict[str, Any] = {
        "channel": ChannelName.WHATSAPP,
        "conversation_id": GUEST,
        "address": GUEST,
        "provider_id": f"wamid.{next(_numbers)}",
        "provider_time": at(sent),
        "kind": MessageKind.TEXT,
        "text": text,
    }
    return Inbound(**(fields | more))


def words(text: str, kind: ItemKind = ItemKind.ASSISTANT, seconds: float = 5) -> HistoryItem:
    """An item of the model's."""
    role = "user" if kind is ItemKind.TOOL_RESULT else "model"
    content = {"role": role, "parts": [{"text": text, "thoughtSignature": "c2lnbmF0dXJl"}]}
    return HistoryItem(f"item-{next(_numbers)}", kind, at(seconds), text, content)


def finish(*texts: str, **more: Any) -> Finish:
    """An answer of these bubbles."""
    item = words(" ".join(texts)) if texts else None
    return Finish(texts, more.pop("item", item), "v1", **more)


@dataclass
class Hand:
    """A worker's hand on one store: says less than the store's methods want to know."""

    store: Store
    conversation_id: str = GUEST
    fences: list[int] = field(default_factory=list)

    @property
    def fence(self) -> int:
        return self.fences[-1]

    async def hear(self, text: str = "hola", sent: float = 0, **more: Any) -> Received:
        """A message received a tenth of a second after it was sent."""
        message = inbound(text, sent, **more)
        return await self.store.receive(message, b"{}", at(sent + 0.1), DEBOUNCE)

    async def claim(self, seconds: float = 30) -> Claim:
        claim = await self.store.claim(self.conversation_id, at(seconds), at(seconds) + LEASE)
        assert claim is not None
        self.fences.append(claim.conversation.fence)
        return claim

    async def open(self, seconds: float = 30) -> Turn:
        turn = await self.store.open_turn(
            self.conversation_id, self.fence, at(seconds), HISTORY, RESTARTS
        )
        assert turn is not None
        return turn

    async def begin(self, seconds: float = 30) -> Turn:
        """A claimed conversation's turn."""
        await self.claim(seconds)
        return await self.open(seconds)

    async def answer(
        self, *texts: str, seconds: float = 30, **more: Any
    ) -> tuple[Turn, tuple[Bubble, ...]]:
        """A whole turn, up to its bubbles in the outbox."""
        turn = await self.begin(seconds)
        return turn, await self.finish(turn, *texts, seconds=seconds, **more)

    async def finish(
        self, turn: Turn, *texts: str, seconds: float = 30, **more: Any
    ) -> tuple[Bubble, ...]:
        return await self.store.finish_turn(
            self.conversation_id, self.fence, turn.turn_id, finish(*texts, **more), at(seconds)
        )

    async def permit(self, bubble: Bubble, seconds: float = 31) -> str:
        return await self.store.permit(
            self.conversation_id, self.fence, bubble.bubble_id, at(seconds), RESTARTS
        )

    async def done(
        self, bubble: Bubble, state: BubbleState, seconds: float = 32, **more: Any
    ) -> None:
        await self.store.bubble_done(
            self.conversation_id, self.fence, bubble.bubble_id, state, at(seconds), **more
        )

    async def send(self, bubble: Bubble, seconds: float = 31) -> None:
        """A bubble that leaves without trouble."""
        assert await self.permit(bubble, seconds) == "go"
        await self.done(bubble, BubbleState.SENT, seconds, provider_id=f"w-{bubble.position}")

    async def release(self, again_at: datetime | None = None) -> datetime | None:
        return await self.store.release(self.conversation_id, self.fence, again_at)

    async def said(self) -> list[tuple[str, str]]:
        """The history as (kind, text), and that its times rise."""
        items = await self.store.history(self.conversation_id, 1000)
        times = [item.at for item in items]
        assert times == sorted(set(times))
        return [(item.kind.value, item.text) for item in items]

    async def mirrored(self) -> list[str]:
        """The texts that the mirror is given now; they are then on their way."""
        job = await self.store.mirror_job(self.conversation_id, 100)
        return [] if job is None else [item.text for item in job.items]
