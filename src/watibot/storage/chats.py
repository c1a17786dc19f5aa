"""Chats as the console's lists name them: those that staff hold, a search, whose a row is.

`console.py` is the door before it. Read only, and bounded.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import reduce

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from watibot.conversations import Conversation
from watibot.messages import ChannelName
from watibot.ports.console import Guest
from watibot.storage.among import among
from watibot.storage.columns import Moment, Name
from watibot.storage.desk_tables import escalations
from watibot.storage.rows import Tx, conversation_of, of_hotel
from watibot.storage.tables import HELD_BY_STAFF, bookings, conversations

_LETTERS = dict(zip("ÁÉÍÓÚÜÑáéíóúüñ", "aeiouunaeiouun", strict=True))
_FOLD = str.maketrans(_LETTERS)


def _folded(words: ColumnElement[str]) -> ColumnElement[str]:
    """As `_fold`: SQLite's own `lower` knows ASCII only, and guests are called Ángel."""
    return reduce(
        lambda made, pair: func.replace(
            made, literal_column(f"'{pair[0]}'"), literal_column(f"'{pair[1]}'")
        ),
        _LETTERS.items(),
        func.lower(func.coalesce(words, literal_column("''"))),
    )


def _fold(words: str) -> str:
    return words.lower().translate(_FOLD)


_GUESTS = select(
    conversations.c.conversation_id, conversations.c.channel, conversations.c.guest_name
).where(of_hotel(conversations), among(conversations.c.conversation_id, "ids"))
_SINCE = select(conversations.c.conversation_id, conversations.c.owner_at).where(
    of_hotel(conversations),
    HELD_BY_STAFF,
    conversations.c.owner_at.is_not(None),
    among(conversations.c.conversation_id, "ids"),
)
_HELD = and_(
    HELD_BY_STAFF,
    or_(
        conversations.c.staff_until.is_(None),
        conversations.c.staff_until > bindparam("now", type_=Moment),
    ),
)
# A rule of ManyChat's without a channel holds the contact on both, and is all there is of one.
_SPOKEN_IN = or_(
    conversations.c.last_item_at.is_not(None),
    conversations.c.last_guest_at != literal_column("0"),
)
_ALL_HELD = (
    select(conversations)
    .where(of_hotel(conversations), _HELD, _SPOKEN_IN)
    .order_by(conversations.c.staff_until)
    .limit(bindparam("at_most"))
)


def _like(words: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return words.like(bindparam(name), escape="!")


_FIND = (
    select(conversations)
    .where(
        of_hotel(conversations),
        _SPOKEN_IN,
        or_(
            _like(_folded(conversations.c.guest_name), "name_like"),
            _like(conversations.c.conversation_id, "number_like"),
            _like(conversations.c.address, "number_like"),
        ),
        or_(
            bindparam("on_channel", type_=Name) == literal_column("''"),
            conversations.c.channel == bindparam("on_channel"),
        ),
    )
    .order_by(conversations.c.last_guest_at.desc())
    .limit(bindparam("at_most"))
)
_FINDS = {None: _FIND, True: _FIND.where(_HELD), False: _FIND.where(not_(_HELD))}
OF_BOOKING = select(bookings.c.conversation_id).where(
    of_hotel(bookings), bookings.c.booking_id == bindparam("number")
)
OF_ESCALATION = select(escalations.c.conversation_id).where(
    of_hotel(escalations), escalations.c.escalation_id == bindparam("number")
)


def guests(tx: Tx, conversation_ids: Collection[str]) -> dict[str, Guest]:
    if not conversation_ids:
        return {}
    return {
        row.conversation_id: Guest(row.conversation_id, ChannelName(row.channel), row.guest_name)
        for row in tx.all(_GUESTS, ids=sorted(conversation_ids))
    }


def held(tx: Tx, now: datetime, limit: int) -> list[Conversation]:
    return [conversation_of(row) for row in tx.all(_ALL_HELD, now=now, at_most=limit)]


def held_since(tx: Tx, conversation_ids: Collection[str]) -> dict[str, datetime]:
    if not conversation_ids:
        return {}
    rows = tx.all(_SINCE, ids=sorted(conversation_ids))
    return {row.conversation_id: row.owner_at for row in rows}


def find(
    tx: Tx,
    words: str,
    channel: ChannelName | None,
    staff: bool | None,
    now: datetime,
    limit: int,
) -> list[Conversation]:
    number = words.removeprefix("+").replace(" ", "").replace("-", "")
    values = {} if staff is None else {"now": now}
    found = tx.all(
        _FINDS[staff],
        name_like=_holding(_fold(words)),
        number_like=_holding(number if number.isdigit() else words),
        on_channel=channel or "",
        at_most=limit,
        **values,
    )
    return [conversation_of(row) for row in found]


def _holding(words: str) -> str:
    """The pattern for what holds these words."""
    for sign in "!%_":
        words = words.replace(sign, f"!{sign}")
    return f"%{words}%"


def whose(tx: Tx, statement: Select[str], number: int) -> str | None:
    row = tx.one(statement, number=number)
    return None if row is None else row.conversation_id
