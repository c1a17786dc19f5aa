"""What those ask who watch conversations: which to look at, and small words about one.

`service/hold.py`, `look.py`, `past.py`, `poll.py` and `gate.py` come here through `people.py`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Executable, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from watibot.conversations import Conversation, Provider
from watibot.messages import ChannelName
from watibot.storage.desk_tables import calls
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    ByDialect,
    Tx,
    conversation_of,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import HELD_BY_STAFF, conversations, history, turns
from watibot.storage.takeovers import NEVER

_EXPIRED = (
    select(conversations)
    .where(
        of_hotel(conversations),
        HELD_BY_STAFF,
        conversations.c.staff_until <= bindparam("now"),
    )
    .order_by(conversations.c.staff_until)
)
# A thread brings its own past.
_WITHOUT_PAST = (
    select(conversations)
    .where(
        of_hotel(conversations),
        conversations.c.channel == ChannelName.WHATSAPP,
        conversations.c.history_imported.is_(False),
        conversations.c.provider != Provider.OPENAI,
        conversations.c.thread_id.is_(None),
    )
    .order_by(conversations.c.last_guest_at.desc())
    .limit(bindparam("at_most"))
)
_RECENT = select(conversations).where(
    of_hotel(conversations),
    conversations.c.channel == bindparam("on"),
    or_(
        conversations.c.last_guest_at >= bindparam("since"),
        conversations.c.last_item_at >= bindparam("since"),
    ),
)
_LAST = select(conversations.c.last_guest_at, conversations.c.last_item_at).where(
    of_conversation(conversations)
)
_SAID_AT = select(history.c.seq).where(
    of_conversation(history), history.c.at == bindparam("moment")
)
_TURNS_SINCE = (
    select(func.count())
    .select_from(turns)
    .where(of_conversation(turns), turns.c.opened_at >= bindparam("since"))
)


def _adding() -> ByDialect:
    forms: dict[str, Executable] = {}
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(calls)
        forms[name] = statement.on_conflict_do_update(
            index_elements=[calls.c.hotel_id, calls.c.provider, calls.c.month],
            set_={"count": calls.c["count"] + statement.excluded["count"]},
        ).returning(calls.c["count"])
    return forms


_ADD_CALLS = _adding()


def expired(tx: Tx, now: datetime) -> list[Conversation]:
    return [conversation_of(row) for row in tx.all(_EXPIRED, now=now)]


def without_past(tx: Tx, limit: int) -> list[Conversation]:
    return [conversation_of(row) for row in tx.all(_WITHOUT_PAST, at_most=limit)]


def recent(tx: Tx, channel: ChannelName, since: datetime) -> list[Conversation]:
    found = tx.all(_RECENT, on=channel, since=since)
    return [conversation_of(row) for row in sorted(found, key=_newest, reverse=True)]


def last_said(tx: Tx, conversation_id: str) -> datetime | None:
    row = tx.one(_LAST, conversation=conversation_id)
    newest = NEVER if row is None else _newest(row)
    return None if newest == NEVER else newest


def turns_since(tx: Tx, conversation_id: str, since: datetime) -> int:
    count: int = tx.all(_TURNS_SINCE, conversation=conversation_id, since=since)[0][0]
    return count


def fold(tx: Tx, conversation_id: str, summary: str, until: datetime) -> None:
    # A guest who was erased meanwhile and wrote again has another past.
    if tx.one(_SAID_AT, conversation=conversation_id, moment=until) is not None:
        tx.run(
            UPDATE_CONVERSATION, conversation=conversation_id, summary=summary, folded_until=until
        )


def count_calls(tx: Tx, provider: str, month: str, more: int) -> int:
    row = {"provider": provider, "month": month, "count": more}
    count: int = tx.add(tx.pick(_ADD_CALLS), [row])[0][0]
    return count


def _newest(row: AnyRow) -> datetime:
    """When anybody said something, what waits included."""
    newest: datetime = max(filter(None, (row.last_guest_at, row.last_item_at)))
    return newest
