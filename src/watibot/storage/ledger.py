"""The migration's ledger: one line for each conversation, in the order of work."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.ports.migrations import Move, State
from watibot.storage.among import among
from watibot.storage.migration_tables import migrations
from watibot.storage.rows import AnyRow, Tx, insert_once, of_conversation, of_hotel
from watibot.storage.tables import conversations

JOINED = conversations.outerjoin(
    migrations,
    and_(
        migrations.c.hotel_id == conversations.c.hotel_id,
        migrations.c.conversation_id == conversations.c.conversation_id,
    ),
)
OURS: ColumnElement[bool] = or_(
    conversations.c.thread_id.is_not(None),
    conversations.c.provider == Provider.OPENAI,
    migrations.c.state.is_not(None),
)
_STATE = func.coalesce(migrations.c.state, State.PENDING.value)
# The place in the order of work, as text that sorts: what was imported once before, the channels
# by their number of conversations, the id.
_RANK = (
    case((conversations.c.history_imported, "0"), else_="1")
    .concat(
        case(
            (conversations.c.channel == ChannelName.WHATSAPP, "0"),
            (conversations.c.channel == ChannelName.FACEBOOK, "1"),
            else_="2",
        )
    )
    .concat(conversations.c.conversation_id)
)
_COLUMNS = (
    conversations.c.conversation_id,
    conversations.c.channel,
    conversations.c.address,
    conversations.c.thread_id,
    conversations.c.provider,
    conversations.c.history_imported,
    *(
        column
        for column in migrations.c
        if column.name not in ("hotel_id", "conversation_id", "state")
    ),
    _STATE.label("state"),
)
_MOVES = (
    select(*_COLUMNS)
    .select_from(JOINED)
    .where(of_hotel(conversations), OURS)
    .where(
        or_(bindparam("any_state") == 1, among(_STATE, "states")),
        or_(bindparam("any_channel") == 1, among(conversations.c.channel, "channels")),
        or_(bindparam("any_id") == 1, among(conversations.c.conversation_id, "ids")),
        bindparam("rank") < _RANK,
    )
    .order_by(_RANK)
    .limit(bindparam("at_most"))
)
_ONE = (
    select(*_COLUMNS)
    .select_from(JOINED)
    .where(of_hotel(conversations), conversations.c.conversation_id == bindparam("conversation"))
)
_RANK_OF = select(_RANK).where(
    of_hotel(conversations), conversations.c.conversation_id == bindparam("conversation")
)
_INSERT = insert_once(migrations)
_UPDATE = update(migrations).where(
    of_conversation(migrations), migrations.c.state == bindparam("expected")
)
_COUNTS = (
    select(migrations.c.state, func.count())
    .select_from(JOINED)
    .where(of_hotel(conversations), OURS)
    .group_by(migrations.c.state)
)


def moves(
    tx: Tx,
    states: Collection[State],
    channels: Collection[ChannelName],
    only: Collection[str],
    after: str | None,
    limit: int,
) -> list[Move]:
    rank = ""
    if after is not None:
        found = tx.one(_RANK_OF, conversation=after)
        rank = "" if found is None else found[0]
    rows = tx.all(
        _MOVES,
        any_state=int(not states),
        states=sorted(states),
        any_channel=int(not channels),
        channels=sorted(channels),
        any_id=int(not only),
        ids=sorted(only),
        rank=rank,
        at_most=limit,
    )
    return [_move(row) for row in rows]


def move(tx: Tx, conversation_id: str) -> Move | None:
    row = tx.one(_ONE, conversation=conversation_id)
    return None if row is None else _move(row)


def save_move(tx: Tx, move: Move, expected: State) -> bool:
    row = _row(move)
    if expected is State.PENDING:
        new = {**row, "conversation_id": move.conversation_id}
        if tx.count(tx.pick(_INSERT), [new]):
            return True
    values = {name: value for name, value in row.items() if name != "hotel_id"}
    return (
        tx.run(_UPDATE, conversation=move.conversation_id, expected=expected.value, **values) == 1
    )


def count_moves(tx: Tx) -> dict[State, int]:
    counted = dict.fromkeys(State, 0)
    for state, count in tx.all(_COUNTS):
        counted[State(state or State.PENDING)] += count
    return counted


def _row(move: Move) -> dict[str, Any]:
    return {
        "state": move.state,
        "problem": move.problem,
        "attempts": move.attempts,
        "source": move.source,
        "version": move.version,
        "messages": move.messages,
        "tool_calls": move.tool_calls,
        "media": move.media,
        "items": move.items,
        "losses": dict(move.losses),
        "planned_at": move.planned_at,
        "exported_at": move.exported_at,
        "imported_at": move.imported_at,
        "verified_at": move.verified_at,
        "verified_version": move.verified_version,
        "cut_over_at": move.cut_over_at,
        "rolled_back_at": move.rolled_back_at,
    }


def _move(row: AnyRow) -> Move:
    return Move(
        row.conversation_id,
        ChannelName(row.channel),
        row.address,
        row.thread_id,
        Provider(row.provider),
        bool(row.history_imported),
        State(row.state),
        row.problem,
        row.attempts or 0,
        row.source,
        row.version,
        row.messages or 0,
        row.tool_calls or 0,
        row.media or 0,
        row.items or 0,
        row.losses or {},
        row.planned_at,
        row.exported_at,
        row.imported_at,
        row.verified_at,
        row.verified_version,
        row.cut_over_at,
        row.rolled_back_at,
    )
