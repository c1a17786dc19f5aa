"""The promises of the store about people: who holds a conversation, and what was said elsewhere.

Methods are transactions, as in `store.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watibot.conversations import Conversation
from watibot.history import HistoryItem
from watibot.matching import Said
from watibot.messages import ChannelName, StaffMessage, Takeover


@dataclass(frozen=True, slots=True)
class Holding:
    """What a takeover or a hand-back came to. `changed` is False when it stood so already or
    something newer is known. `due_at`: the guest's messages that nobody answered while staff held
    the conversation wait for a turn, which is due then."""

    conversation_id: str
    changed: bool
    due_at: datetime | None = None


class People(Protocol):
    """Who holds what, and what was said where the service did not hear it."""

    async def hold(self, takeover: Takeover, at: datetime, until: datetime | None) -> Holding:
        """Staff take the conversation (until `until`; None: until they give it back), or give it
        back. `at` is when they did, not later than now: older than the newest word that is known,
        it changes nothing. While they hold it, a shorter `until` does not shorten a longer one.

        Taking: messages that wait become history, the turn's bubbles that wait are cancelled by
        `permit`. Giving back: bubbles that still wait are cancelled unless the takeover had ended
        by itself (`Store.claim` gives such a conversation back too), a note becomes a staff item,
        and what the guest wrote since anybody answered waits for a turn again, due at once, each
        message once in the history: unless the window is closed, the message is older than that, a
        tool with an effect has run for it, or the guest has stopped the assistant. Makes the
        conversation (window closed) if the guest never wrote and staff take it."""

    async def expired(self, now: datetime) -> list[Conversation]:
        """Those that staff hold although `staff_until` has passed."""

    async def known(self, conversation_id: str, since: datetime, ids: Sequence[str]) -> list[Said]:
        """What passed through here since `since` (bubbles whose request was sent, guest messages,
        staff items), and whatever goes by one of `ids` (provider ids, record ids, bubble ids),
        however old; each once. Guest messages that are not history yet are always among them."""

    async def take_in(
        self, conversation_id: str, items: Sequence[HistoryItem], checked_at: datetime | None
    ) -> int:
        """Items that were said elsewhere, after what is there, each once by its `item_id`; how many
        were new. That the model was given such items is noted, and `checked_at` unless it is None:
        nobody has compared the provider's history then. A turn that runs is stale from now on:
        before its first bubble leaves it starts again (Permit.SUPERSEDED), as for a guest who wrote
        again."""

    async def take_in_past(
        self, conversation_id: str, items: Sequence[HistoryItem], next_page: int | None
    ) -> int:
        """Items from before the conversation began here: before everything that is there, each once
        by its `item_id`, their times kept; how many were new. `next_page`: where to go on; None:
        the past is read (`history_imported`)."""

    async def without_past(self, limit: int) -> list[Conversation]:
        """WhatsApp conversations whose past has not been read, those that wrote last first. None
        that has a thread, which brings its own."""

    async def recent(self, channel: ChannelName, since: datetime) -> list[Conversation]:
        """Conversations in which anybody said something since, the newest first."""

    async def last_said(self, conversation_id: str) -> datetime | None:
        """When anybody's newest message was, the guest's that waits included."""

    async def staff_says(
        self, conversation_id: str, item: HistoryItem, texts: Sequence[str], until: datetime
    ) -> datetime | None:
        """A colleague writes through the service: staff hold the conversation until `until`, the
        item is history, the texts are bubbles (their turn id is `staff-` and the item's id) that
        leave while staff hold it. When to work on it. Once per `item_id`; if nothing of it could be
        sent, the item leaves the history. None if there is no such conversation."""

    async def turns_since(self, conversation_id: str, since: datetime) -> int:
        """Turns that were opened since."""

    async def stop(self, conversation_id: str, at: datetime | None) -> None:
        """The guest wants the assistant to be silent from `at` on; None: to speak again."""

    async def obey(self, message: StaffMessage, silent: bool, now: datetime) -> Holding:
        """A colleague's message, stored already, was a word to the assistant and answers nothing
        that the guest asked: to be silent from when it was said, or to speak again, which also
        gives the conversation back. It changes nothing if another such word was said since, or a
        newer word on who holds the conversation is known (one that keeps it with staff does not
        hinder silence); a guest's own wish for silence since then stands."""

    async def fold(self, conversation_id: str, summary: str, until: datetime) -> None:
        """`summary` stands for the history up to and with `until` from now on: `open_turn` gives
        the items after it."""

    async def count_calls(self, provider: str, month: str, more: int) -> int:
        """Adds to the calls of a month ("2026-11", UTC); how many there are."""
