"""People and chats in memory: what `service/look.py` and its neighbours read and write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.clocks import NOON
from tests.invented import conversation
from watibot.conversations import Conversation, Owner
from watibot.errors import ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.matching import Author, Row, RowKind, Said
from watibot.messages import ChannelName, Inbound, MessageKind, StaffMessage, Takeover
from watibot.ports import ChatPage, ChatRow, Contact, Holding

GUEST = "50370000001"
_AUTHORS = {
    ItemKind.GUEST: Author.GUEST,
    ItemKind.ASSISTANT: Author.BOT,
    ItemKind.STAFF: Author.STAFF,
}


def row(name: str, minutes: float, text: str = "", **changes: object) -> ChatRow:
    """A guest's row, `minutes` from noon on; `own=True` and `operator` make it somebody else's."""
    facts: dict[str, object] = {"own": False, "text": text or name, **changes}
    at = NOON + timedelta(minutes=minutes)
    made = replace(Row(name, RowKind.MESSAGE, at), **facts)  # type: ignore[arg-type]
    message = Inbound(
        ChannelName.WHATSAPP,
        GUEST,
        GUEST,
        made.provider_id or name,
        at,
        MessageKind.TEXT,
        made.text,
        record_id=name,
    )
    return ChatRow(made, made.text, message, name.encode())


def staff(name: str, minutes: float, text: str = "", operator: str | None = "Rosa") -> ChatRow:
    return row(name, minutes, text, own=True, operator=operator)


def bot(name: str, minutes: float, text: str = "") -> ChatRow:
    return row(name, minutes, text, own=True, operator="API", local_id=f"watibot-{name}")


def assigned(name: str, minutes: float, to: str | None) -> ChatRow:
    at = NOON + timedelta(minutes=minutes)
    made = Row(name, RowKind.ASSIGNED, at, assignee=to, actor=to or "Bot")
    return ChatRow(made, "", None, b"")


def said(author: Author, minutes: float, text: str, *ids: str) -> Said:
    return Said(author, NOON + timedelta(minutes=minutes), text, ids)


class FakeChat:
    """`ports.ChatHistory` over rows, which are given in any order."""

    def __init__(self, *rows: ChatRow, failure: ProviderError | None = None) -> None:
        self.rows = list(rows)
        self.failure = failure
        self.asked: list[tuple[str, int]] = []

    async def page(self, address: str, number: int, size: int) -> ChatPage:
        self.asked.append((address, number))
        if self.failure is not None:
            raise self.failure
        newest_first = sorted(self.rows, key=lambda each: each.row.at, reverse=True)
        shown = newest_first[(number - 1) * size : number * size]
        return ChatPage(tuple(shown), len(shown) < size)


class FakeContacts:
    """`ports.ContactList`, two on a page."""

    def __init__(self, *contacts: Contact) -> None:
        self.contacts = list(contacts)
        self.asked: list[int] = []

    async def page(self, number: int) -> tuple[Contact, ...]:
        self.asked.append(number)
        return tuple(self.contacts[(number - 1) * 2 : number * 2])


@dataclass(frozen=True, slots=True)
class Held:
    """A call of `hold`."""

    held: bool
    at: datetime
    until: datetime | None
    by: str | None
    note: str | None


class FakePeople:
    """`ports.People`, so far as looks, the past and holding need it."""

    def __init__(self, *said: Said, here: Conversation | None = None) -> None:
        self.said = list(said)
        self.here = here or conversation()
        self.items: list[HistoryItem] = []
        self.past: list[HistoryItem] = []
        self.pages: list[int | None] = []
        self.holds: list[Held] = []
        self.order: list[str] = []
        self.checked: list[datetime] = []
        self.without: list[Conversation] = []
        self.lately: list[Conversation] = []
        self.forgotten: list[Conversation] = []
        self.calls: dict[tuple[str, str], int] = {}
        self.failure: Exception | None = None
        self.due_at: datetime | None = None

    async def hold(self, takeover: Takeover, at: datetime, until: datetime | None) -> Holding:
        self.holds.append(Held(takeover.held, at, until, takeover.by, takeover.note))
        self.order.append("take" if takeover.held else "give back")
        owner = Owner.STAFF if takeover.held else Owner.BOT
        changed = self.here.owner is not owner
        self.here = replace(self.here, owner=owner, staff_until=until, taken_by=takeover.by)
        due_at = self.due_at if changed and not takeover.held else None
        return Holding(takeover.conversation_id, changed, due_at)

    async def expired(self, now: datetime) -> list[Conversation]:
        return [
            each for each in self.forgotten if each.staff_until is None or each.staff_until <= now
        ]

    async def known(self, conversation_id: str, since: datetime, ids: Sequence[str]) -> list[Said]:
        return [
            one
            for one in [*self.said, *map(_said, (*self.items, *self.past))]
            if one.at >= since or not set(ids).isdisjoint(one.ids)
        ]

    async def take_in(
        self, conversation_id: str, items: Sequence[HistoryItem], checked_at: datetime | None
    ) -> int:
        known = {item.item_id for item in self.items}
        new = [item for item in items if item.item_id not in known]
        self.items += new
        self.order += ["take in"] if items else []
        if checked_at is not None:
            self.checked.append(checked_at)
            self.here = replace(self.here, checked_at=checked_at)
        return len(new)

    async def take_in_past(
        self, conversation_id: str, items: Sequence[HistoryItem], next_page: int | None
    ) -> int:
        if self.failure is not None:
            raise self.failure
        known = {item.item_id for item in self.past}
        new = [item for item in items if item.item_id not in known]
        self.past = [*new, *self.past]
        self.pages.append(next_page)
        self.without = [
            replace(each, past_page=next_page)
            for each in self.without
            if each.conversation_id != conversation_id or next_page is not None
        ]
        return len(new)

    async def without_past(self, limit: int) -> list[Conversation]:
        return self.without[:limit]

    async def recent(self, channel: ChannelName, since: datetime) -> list[Conversation]:
        return self.lately

    async def last_said(self, conversation_id: str) -> datetime | None:
        return max((one.at for one in self.said), default=None)

    async def staff_says(
        self, conversation_id: str, item: HistoryItem, texts: Sequence[str], until: datetime
    ) -> datetime | None:
        raise NotImplementedError

    async def turns_since(self, conversation_id: str, since: datetime) -> int:
        raise NotImplementedError

    async def stop(self, conversation_id: str, at: datetime | None) -> None:
        raise NotImplementedError

    async def obey(self, message: StaffMessage, silent: bool, now: datetime) -> Holding:
        raise NotImplementedError

    async def fold(self, conversation_id: str, summary: str, until: datetime) -> None:
        raise NotImplementedError

    async def count_calls(self, provider: str, month: str, more: int) -> int:
        if self.failure is not None:
            raise self.failure
        self.calls[provider, month] = self.calls.get((provider, month), 0) + more
        return self.calls[provider, month]


def _said(item: HistoryItem) -> Said:
    return Said(_AUTHORS[item.kind], item.at, item.text, (item.item_id,))


async def nobody_waits(*_: object) -> None:
    """Hears that a colleague wrote to a guest (`Looker`), and does nothing."""
