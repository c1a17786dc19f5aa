"""Bubbles: whether one may leave now, what became of it, and what the provider tells of it later.

`service/deliver.py` asks `permit` before every bubble and reports with `bubble_done`; receipts come
from webhooks, without a lease, at any moment.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from watibot.conversations import Conversation, may_send, window_open
from watibot.errors import LostLease
from watibot.history import ItemKind
from watibot.messages import Receipt, ReceiptState
from watibot.ports.store import Permit
from watibot.storage.rows import (
    AnyRow,
    Tx,
    bubble_of,
    conversation_of,
    fenced,
    locked,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import (
    HAS_PROVIDER_ID,
    HAS_RECORD_ID,
    NOT_AT_REST,
    NOT_MIRRORED,
    bubbles,
    history,
)
from watibot.storage.timeline import free
from watibot.storage.turnbook import any_waiting, by_staff, turn_row
from watibot.turns import Bubble, BubbleState, TurnState

_BUBBLE = select(bubbles).where(of_hotel(bubbles), bubbles.c.bubble_id == bindparam("bubble"))
_BY_PROVIDER_ID = select(bubbles.c.bubble_id).where(
    of_hotel(bubbles), HAS_PROVIDER_ID, bubbles.c.provider_id == bindparam("their_id")
)
_BY_RECORD_ID = select(bubbles.c.bubble_id).where(
    of_hotel(bubbles), HAS_RECORD_ID, bubbles.c.record_id == bindparam("their_id")
)
_UPDATE_BUBBLE = update(bubbles).where(
    of_hotel(bubbles), bubbles.c.bubble_id == bindparam("bubble")
)
_OF_TURN = of_hotel(bubbles) & (bubbles.c.turn_id == bindparam("turn"))
_OPEN = select(bubbles.c.turn_id).where(of_conversation(bubbles), NOT_AT_REST)
_STATES = select(bubbles.c.state).where(_OF_TURN)
_END_WAITING = (
    update(bubbles)
    .where(_OF_TURN, bubbles.c.state == BubbleState.WAITING)
    .values(state=bindparam("new_state"), reason=bindparam("why"))
)
_TURN_HISTORY = of_conversation(history) & NOT_MIRRORED & (history.c.turn_id == bindparam("turn"))
_LET_GO = (
    update(history)
    .where(_TURN_HISTORY, history.c.mirror == "held")
    .values(mirror=bindparam("new_mirror"))
)
_TAKE_ANSWER_BACK = delete(history).where(_TURN_HISTORY, history.c.kind != ItemKind.GUEST)

_AT_REST = (BubbleState.SENT, BubbleState.REFUSED, BubbleState.CANCELLED)
# Receipts come in any order; what was read is not merely sent again.
_FURTHER: dict[str | None, int] = {
    None: 0,
    ReceiptState.SENT: 1,
    ReceiptState.FAILED: 2,
    ReceiptState.DELIVERED: 3,
    ReceiptState.READ: 4,
}


def permit(
    tx: Tx, conversation_id: str, fence: int, bubble_id: str, now: datetime, restarts: int
) -> Permit:
    conversation = conversation_of(fenced(tx, conversation_id, fence))
    bubble = tx.one(_BUBBLE, bubble=bubble_id)
    if bubble is None or bubble.state != BubbleState.WAITING:
        return Permit.GONE
    match _refusal(conversation, bubble.turn_id, now):
        case "staff":
            end_waiting(tx, conversation_id, bubble.turn_id, BubbleState.CANCELLED, "staff")
            return Permit.STAFF
        case "window":
            end_waiting(tx, conversation_id, bubble.turn_id, BubbleState.REFUSED, "window")
            return Permit.WINDOW
    turn = turn_row(tx, bubble.turn_id)
    if (
        turn is not None
        and turn.state == TurnState.ANSWERED
        and not turn.effect_done
        and conversation.handover_turn_id != bubble.turn_id
        and turn.restarts < restarts
        and (turn.stale or any_waiting(tx, conversation_id))
        and _states(tx, bubble.turn_id) <= {BubbleState.WAITING, BubbleState.CANCELLED}
    ):
        return Permit.SUPERSEDED
    tx.run(
        _UPDATE_BUBBLE,
        bubble=bubble_id,
        state=BubbleState.SENDING,
        attempts=bubble.attempts + 1,
        last_attempt_at=now,
    )
    return Permit.GO


def _refusal(conversation: Conversation, turn_id: str, now: datetime) -> str | None:
    """Why it must not leave. A colleague's own words may while staff hold the conversation."""
    if by_staff(turn_id):
        return None if window_open(conversation, now) else "window"
    return may_send(conversation, turn_id, now)


def cancel_waiting(tx: Tx, conversation: Conversation) -> None:
    """Ends the answers that were on their way when staff took the conversation."""
    turn_ids = {row.turn_id for row in tx.all(_OPEN, conversation=conversation.conversation_id)}
    for turn_id in sorted(turn_ids - {conversation.handover_turn_id}):
        if not by_staff(turn_id):
            end_waiting(tx, conversation.conversation_id, turn_id, BubbleState.CANCELLED, "staff")


def end_waiting(
    tx: Tx, conversation_id: str, turn_id: str, state: BubbleState, why: str | None
) -> None:
    """Brings a turn's bubbles that wait to rest."""
    tx.run(_END_WAITING, turn=turn_id, new_state=state, why=why)
    _settle(tx, conversation_id, turn_id)


def bubble_done(
    tx: Tx,
    conversation_id: str,
    fence: int,
    bubble_id: str,
    state: BubbleState,
    at: datetime,
    provider_id: str | None,
    record_id: str | None,
    reason: str | None,
) -> None:
    fenced(tx, conversation_id, fence)
    bubble = tx.one(_BUBBLE, bubble=bubble_id)
    if bubble is None or bubble.conversation_id != conversation_id:
        raise LostLease("the bubble is not this conversation's")
    ids = {
        "provider_id": bubble.provider_id or provider_id,
        "record_id": bubble.record_id or record_id,
    }
    if bubble.state in _AT_REST:  # a receipt was quicker and knows better
        tx.run(_UPDATE_BUBBLE, bubble=bubble_id, **ids)
        return
    _come_to(tx, bubble, state, at, reason, ids)


def receipt(tx: Tx, receipt: Receipt) -> Bubble | None:
    found = _find(tx, receipt)
    if found is None:
        return None
    locked(tx, found.conversation_id)
    bubble = tx.all(_BUBBLE, bubble=found.bubble_id)[0]  # as it is now that nobody else writes
    noted = {
        "provider_id": bubble.provider_id or receipt.provider_id,
        "record_id": bubble.record_id or receipt.record_id,
    }
    if _FURTHER[receipt.state] > _FURTHER[bubble.receipt]:
        noted |= {"receipt": receipt.state, "receipt_at": receipt.at}
    failed = receipt.state is ReceiptState.FAILED
    if bubble.attempts > 0 and bubble.state not in _AT_REST:
        state = BubbleState.REFUSED if failed else BubbleState.SENT
        _come_to(tx, bubble, state, receipt.at, receipt.failure, noted)
    else:
        if failed and bubble.state == BubbleState.SENT:
            noted["reason"] = receipt.failure
        tx.run(_UPDATE_BUBBLE, bubble=bubble.bubble_id, **noted)
    return bubble_of(tx.all(_BUBBLE, bubble=bubble.bubble_id)[0])


def _find(tx: Tx, receipt: Receipt) -> AnyRow | None:
    bubble_id = receipt.local_message_id
    row = tx.one(_BUBBLE, bubble=bubble_id) if bubble_id is not None else None
    for statement, their_id in (
        (_BY_PROVIDER_ID, receipt.provider_id),
        (_BY_RECORD_ID, receipt.record_id),
    ):
        if row is None and their_id is not None:
            named = tx.one(statement, their_id=their_id)
            row = None if named is None else tx.one(_BUBBLE, bubble=named.bubble_id)
    return row


def _come_to(
    tx: Tx,
    bubble: AnyRow,
    state: BubbleState,
    at: datetime,
    reason: str | None,
    more: dict[str, Any],
) -> None:
    """Moves a bubble, and what hangs on it: later bubbles, the turn's history."""
    tx.run(
        _UPDATE_BUBBLE,
        bubble=bubble.bubble_id,
        state=state,
        reason=reason,
        sent_at=at if state is BubbleState.SENT else None,
        **more,
    )
    if state is BubbleState.REFUSED:
        tx.run(_END_WAITING, turn=bubble.turn_id, new_state=state, why=reason)
    if state is not BubbleState.WAITING:
        _settle(tx, bubble.conversation_id, bubble.turn_id)


def _settle(tx: Tx, conversation_id: str, turn_id: str) -> None:
    """Lets the turn's history go once it is certain what of it the guest was given."""
    states = _states(tx, turn_id)
    given = states & {BubbleState.SENT, BubbleState.UNKNOWN}
    if not given:
        if states & {BubbleState.WAITING, BubbleState.SENDING}:
            return
        turn = turn_row(tx, turn_id)
        if turn is None or not turn.effect_done:
            tx.run(_TAKE_ANSWER_BACK, conversation=conversation_id, turn=turn_id)
    conversation = locked(tx, conversation_id)
    assert conversation is not None
    tx.run(
        _LET_GO,
        conversation=conversation_id,
        turn=turn_id,
        new_mirror=free(conversation),
    )


def _states(tx: Tx, turn_id: str) -> set[BubbleState]:
    return {BubbleState(row.state) for row in tx.all(_STATES, turn=turn_id)}
