"""Chats as the console's lists name them: those that staff hold, a search, whose a row is.

`console.py` is the door before it. Read only, and bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache, reduce
from typing import Any

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
    true,
)

from watibot.conversations import (
    REPLY_WINDOW,
    Conversation,
    Provider,
    held_by_staff,
    window_open,
)
from watibot.messages import ChannelName
from watibot.ports.console import ChatState, Guest, Listed, Wanted
from watibot.storage.among import among
from watibot.storage.columns import Moment, Name
from watibot.storage.desk_tables import IS_OPEN, escalations
from watibot.storage.rows import AnyRow, Tx, conversation_of, of_hotel
from watibot.storage.tables import (
    HELD_BY_STAFF,
    IS_RUNNING,
    IS_WAITING,
    bookings,
    conversations,
    messages,
    turns,
)

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


def _in(found: Select[str]) -> ColumnElement[bool]:
    """By a partial index of what is open: few rows, however many conversations there are."""
    return conversations.c.conversation_id.in_(found)


_OPEN = {
    ChatState.WAITING: (messages, IS_WAITING),
    ChatState.ANSWERING: (turns, IS_RUNNING),
    ChatState.ESCALATED: (escalations, IS_OPEN),
}
_GUEST_WAITS_FOR_STAFF = and_(
    _HELD,
    conversations.c.owner_at.is_not(None),
    conversations.c.last_guest_at > conversations.c.owner_at,
)
_STANDS: dict[ChatState, ColumnElement[bool]] = {
    state: _in(
        select(table.c.conversation_id).where(
            of_hotel(table),
            condition,
            # Of two indexes that begin with the hotel SQLite would take the one of all rows.
            table.c.conversation_id > literal_column("''"),
        )
    )
    for state, (table, condition) in _OPEN.items()
}
_STANDS[ChatState.WAITING] = or_(_STANDS[ChatState.WAITING], _GUEST_WAITS_FOR_STAFF)
_STANDS[ChatState.ANSWERED] = not_(or_(*_STANDS.values()))
_STANDS |= {
    ChatState.STOPPED: conversations.c.stopped_at.is_not(None),
    ChatState.CLOSED: conversations.c.last_guest_at <= bindparam("window", type_=Moment),
    ChatState.OPENAI: conversations.c.provider == literal_column("'openai'"),
    ChatState.MIGRATED: and_(
        conversations.c.provider == literal_column("'vertex'"),
        conversations.c.migrated_at.is_not(None),
    ),
}
_AFTER = and_(
    conversations.c.last_guest_at <= bindparam("after_at", type_=Moment),
    or_(
        conversations.c.last_guest_at < bindparam("after_at", type_=Moment),
        conversations.c.conversation_id < bindparam("after_id", type_=Name),
    ),
)
_NAMED = or_(
    _like(_folded(conversations.c.guest_name), "name_like"),
    _like(conversations.c.conversation_id, "number_like"),
    _like(conversations.c.address, "number_like"),
)
_HOLDERS = {None: true(), True: _HELD, False: not_(_HELD)}


@cache  # built when first asked for: together they would take 60 ms of every start
def _find(staff: bool | None, state: ChatState | None, *, named: bool, later: bool) -> Select[Any]:
    """By holder and state; with words that are looked for, of a page after the first."""
    return (
        select(conversations)
        .where(
            of_hotel(conversations),
            _SPOKEN_IN,
            or_(
                bindparam("on_channel", type_=Name) == literal_column("''"),
                conversations.c.channel == bindparam("on_channel"),
            ),
            _HOLDERS[staff],
            true() if state is None else _STANDS[state],
            _NAMED if named else true(),
            _AFTER if later else true(),
        )
        .order_by(conversations.c.last_guest_at.desc(), conversations.c.conversation_id.desc())
        .limit(bindparam("at_most"))
    )


_AMONG = {
    state: select(table.c.conversation_id)
    .where(of_hotel(table), condition, among(table.c.conversation_id, "ids"))
    .distinct()
    for state, (table, condition) in _OPEN.items()
}
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


def find(tx: Tx, wanted: Wanted, now: datetime, limit: int) -> list[Listed]:
    words = wanted.words
    number = words.removeprefix("+").replace(" ", "").replace("-", "")
    at, name = wanted.after or (now, "")
    statement = _find(wanted.staff, wanted.state, named=bool(words), later=wanted.after is not None)
    rows = tx.all(
        statement,
        name_like=_holding(_fold(words)),
        number_like=_holding(number if number.isdigit() else words),
        on_channel=wanted.channel or "",
        now=now,
        window=now - REPLY_WINDOW,
        after_at=at,
        after_id=name,
        at_most=limit,
    )
    if not rows:
        return []
    ids = sorted(row.conversation_id for row in rows)
    open_ones = {
        state: {each.conversation_id for each in tx.all(statement, ids=ids)}
        for state, statement in _AMONG.items()
    }
    return [_listed(row, open_ones, now) for row in rows]


def _listed(row: AnyRow, open_ones: Mapping[ChatState, set[str]], now: datetime) -> Listed:
    one = conversation_of(row)
    states = {state for state, ids in open_ones.items() if one.conversation_id in ids}
    if held_by_staff(one, now) and row.owner_at is not None and one.last_guest_at > row.owner_at:
        states.add(ChatState.WAITING)
    if not states:
        states.add(ChatState.ANSWERED)
    if one.stopped_at is not None:
        states.add(ChatState.STOPPED)
    if not window_open(one, now):
        states.add(ChatState.CLOSED)
    if one.provider is Provider.OPENAI:
        states.add(ChatState.OPENAI)
    elif row.migrated_at is not None:
        states.add(ChatState.MIGRATED)
    return Listed(one, frozenset(states))


def _holding(words: str) -> str:
    """The pattern for what holds these words."""
    for sign in "!%_":
        words = words.replace(sign, f"!{sign}")
    return f"%{words}%"


def whose(tx: Tx, statement: Select[str], number: int) -> str | None:
    row = tx.one(statement, number=number)
    return None if row is None else row.conversation_id
