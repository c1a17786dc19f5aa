"""The promises of the store: to webhooks, to the worker, for records, to the mirror.

Methods are transactions: each is committed when it returns and leaves nothing when it raises.
Methods that take a `fence` raise LostLease when somebody else has claimed the conversation since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watibot.conversations import Conversation
from watibot.history import HistoryItem
from watibot.messages import ChannelName, Inbound, Receipt, StaffMessage
from watibot.modelcalls import Usage
from watibot.ports.migrations import Migrations
from watibot.settings import Debounce
from watibot.toolcalls import Caller
from watibot.turns import Bubble, BubbleState, Media, Progress, Turn


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an inbound message. `due_at` is None for a repetition and when staff hold the
    conversation or the guest has `stopped` the assistant. `media` are this message's attachments,
    all pending."""

    new: bool
    conversation_id: str
    due_at: datetime | None = None
    media: tuple[Media, ...] = ()
    stopped: bool = False


class Inbox(Protocol):
    """Where webhooks put what they received."""

    async def receive(
        self, message: Inbound, raw: bytes, received_at: datetime, debounce: Debounce
    ) -> Received:
        """One message, once: unique by (channel, provider_id), or for digests (`repeat_window`) by
        the same digest within the window. Makes the conversation, joins one that has an alias,
        refreshes address, name, reply window and link to the chat, sets the burst's due time
        (`turns.due`). While staff hold the conversation, or the guest has stopped the assistant,
        the message becomes history at once and no turn."""

    async def receipt(self, receipt: Receipt) -> Bubble | None:
        """Notes it at the bubble it is about, which counts as sent from now on if it was in doubt
        (attempted, and not known to have arrived), or as refused if the receipt says FAILED. None
        if it is about nothing of ours. The bubble is as it is afterwards."""

    async def staff_message(
        self, message: StaffMessage, received_at: datetime, staff_until: datetime
    ) -> bool:
        """Into the history, and staff hold the conversation until `staff_until` at least, unless
        they gave it back after they wrote this. False for a repetition and for an echo of a bubble
        of ours (its id, or `matching.alike` words within 120 s). Messages that wait become history
        before it. Makes the conversation, with its window closed, if the guest never wrote."""

    async def quarantine(self, channel: str, reason: str, raw: bytes, at: datetime) -> None:
        """Keeps what could not be understood."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A conversation under a lease. `bubbles` are those not yet at rest, in order; `open` says that
    a turn is running or guest messages wait for one."""

    conversation: Conversation
    bubbles: tuple[Bubble, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What a finished step adds to its turn. `seconds` is the model's own time."""

    item: HistoryItem
    progress: Progress
    usage: Usage | None = None
    model: str | None = None
    seconds: float = 0.0
    effect: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """How a turn ends. `texts` become bubbles. `failed` is the reason for an apology.
    `hand_over_until`: staff hold the conversation from now on. `posted`: by item id, the guest's
    messages that OpenAI's thread was given, each with its id there."""

    texts: tuple[str, ...]
    item: HistoryItem | None
    instructions_version: str
    failed: str | None = None
    hand_over_until: datetime | None = None
    posted: Mapping[str, str] = field(default_factory=dict)


class Permit(StrEnum):
    """Whether a bubble may leave now."""

    GO = "go"  # the attempt is noted
    # The guest wrote again, or something was said elsewhere, before the first bubble: start again.
    SUPERSEDED = "superseded"
    STAFF = "staff"  # staff took over: the turn's waiting bubbles are cancelled
    WINDOW = "window"  # the reply window is closed: the turn's waiting bubbles are refused
    GONE = "gone"  # not waiting any more


class Desk(Protocol):
    """The worker's side: conversations, turns, bubbles."""

    async def due(self) -> list[tuple[str, datetime]]:
        """Every conversation with work, and when it may be claimed."""

    async def break_leases(self, now: datetime) -> None:
        """For the one process of `engines/local` at its start: no other service can hold one. An
        OpenAI conversation stays held for as long as a request to its thread may be under way."""

    async def claim(self, conversation_id: str, now: datetime, until: datetime) -> Claim | None:
        """Takes the lease and raises the fence. None if held, not due, or nothing to do. If staff
        hold the conversation, waiting messages become history and are not worked on; a turn that
        runs stays open, for the worker to end, if need be with an empty `Finish`."""

    async def look_again(self, conversation_id: str, now: datetime) -> datetime | None:
        """When to ask for a conversation again that could not be claimed although it is due: soon,
        while another process (a migration) holds it. None: it is not due."""

    async def extend(self, conversation_id: str, fence: int, until: datetime) -> None: ...

    async def release(
        self, conversation_id: str, fence: int, again_at: datetime | None = None
    ) -> datetime | None:
        """Gives the lease back; when the conversation is to be claimed next, if at all. Not before
        `again_at`, not even for new messages. Without it, work that is left (a running turn,
        bubbles not at rest) is due at once."""

    async def open_turn(
        self, conversation_id: str, fence: int, now: datetime, history_items: int, restarts: int
    ) -> Turn | None:
        """The running turn, or a new one with all waiting messages in the order of the provider's
        time. Waiting messages join a running turn while no effect has run: freely while it has no
        steps, else as a restart (steps dropped), at most `restarts` times; so does what was said
        elsewhere (`People.take_in`). History: what follows the summary, if there is one; of that at
        least the newest `history_items / 2`, at most `history_items`, cut in blocks so that its
        beginning stays the same for many turns, and then begun with a person's words; nothing of
        the turn's own messages."""

    async def record_step(
        self, conversation_id: str, fence: int, turn_id: str, step: StepRecord
    ) -> None:
        """Durable before the next step begins. Restarts are counted by the store alone; those in
        a `Progress` that is handed in are not stored."""

    async def save_progress(
        self, conversation_id: str, fence: int, turn_id: str, progress: Progress, drop_steps: bool
    ) -> None:
        """After a failure. `drop_steps` forgets the finished steps (a recovery)."""

    async def finish_turn(
        self, conversation_id: str, fence: int, turn_id: str, finish: Finish, now: datetime
    ) -> tuple[Bubble, ...]:
        """One commit: bubbles in the outbox, history extended by the guest's messages, the steps
        and the last item, turn closed, staff told. New history is held back from the mirror until
        the first bubble has left, because until then the turn may start again. Without texts the
        steps are forgotten, unless an effect has run: nobody was given anything of them."""

    async def restart_turn(self, conversation_id: str, fence: int, turn_id: str) -> None:
        """After SUPERSEDED: bubbles cancelled, the turn's history and steps taken back, running,
        one restart more. `open_turn` then adds the messages that wait."""

    async def permit(
        self, conversation_id: str, fence: int, bubble_id: str, now: datetime, restarts: int
    ) -> Permit:
        """Asked before every bubble. GO notes the attempt in the same commit. Never SUPERSEDED: a
        turn that failed, handed over, ran an effect or has restarted `restarts` times. A
        colleague's own words (`People.staff_says`) are asked for the window alone."""

    async def bubble_done(
        self,
        conversation_id: str,
        fence: int,
        bubble_id: str,
        state: BubbleState,
        at: datetime,
        provider_id: str | None = None,
        record_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """WAITING: certainly not arrived, to be tried again. A bubble that a receipt has brought to
        rest meanwhile stays as it is and is only given the ids. REFUSED refuses the turn's later
        bubbles too. The first bubble at rest lets the turn's history go to the mirror; if nothing
        of the turn was sent and no effect has run, its answer leaves the history."""


class Records(Protocol):
    """What tools and alerts keep, and what media become."""

    async def media_done(self, media: Media) -> None: ...

    async def pending_media(self) -> list[tuple[ChannelName, Media]]: ...

    async def book(self, caller: Caller, booking: Booking) -> tuple[int, bool]:
        """The booking's number, and whether it is new: once per `caller.key`."""

    async def history(self, conversation_id: str, newest: int) -> list[HistoryItem]:
        """The newest items, the oldest of them first."""

    async def conversation(self, conversation_id: str) -> Conversation | None: ...

    async def add_notice(
        self, key: str, kind: str, title: str, body: str, conversation_id: str | None, at: datetime
    ) -> bool:
        """Once per `key`."""

    async def due_notices(self, now: datetime) -> list[Notice]: ...

    async def notice_done(
        self, notice_id: int, again_at: datetime | None, error: str | None
    ) -> None:
        """Told, or to be tried again at `again_at`."""


class Mirrored(Protocol):
    """What the sessions still lack."""

    async def mirror_due(self, limit: int) -> list[str]:
        """Conversations with history to be mirrored, the longest waiting first."""

    async def mirror_job(
        self, conversation_id: str, limit: int, moving: bool = False
    ) -> MirrorJob | None:
        """Marks the next items as being sent; `in_doubt` if any was so already. `moving`: those
        that are parked for a migration, and no others."""

    async def mirror_done(self, conversation_id: str, item_ids: Sequence[str]) -> None: ...

    async def set_session(
        self,
        conversation_id: str,
        session_id: str,
        generation: int,
        replay: int | None = None,
        moving: bool = False,
    ) -> None:
        """The conversation's session. `replay`: the newest so many items are to be mirrored again,
        because the session is a new one; `moving`: by the migration."""

    async def restore_history(self, conversation_id: str, items: Sequence[HistoryItem]) -> int:
        """Puts items read back from a session before the local ones; how many were new."""


class Store(Inbox, Desk, Records, Mirrored, Migrations, Protocol):
    """All of it, for one hotel."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking request for staff to confirm. Dates are ISO."""

    arrival: str
    departure: str
    guests: int
    name: str
    room: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that staff must be told, kept until they were."""

    notice_id: int
    conversation_id: str | None
    kind: str
    title: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class MirrorJob:
    """What a session is to be given next, in order."""

    conversation: Conversation
    items: tuple[HistoryItem, ...]
    in_doubt: bool
