"""Turns: opened with what waits, recorded step by step, finished in one commit.

`service/answer.py` walks a turn through these; `outbox.py` sends what `finish_turn` leaves. A
turn's history is `held` from the mirror until its first bubble has left, and `restart_turn` takes
it back. A colleague's own words from the console are bubbles of no turn: their turn id is
`staff-` and the item's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from watibot.conversations import Owner, held_by_staff, longest_hold
from watibot.errors import LostLease
from watibot.history import HistoryItem, ItemKind
from watibot.modelcalls import Usage
from watibot.ports.store import Finish, StepRecord
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    AnyRow,
    Tx,
    conversation_of,
    fenced,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import (
    IS_RUNNING,
    IS_WAITING,
    NOT_AT_REST,
    NOT_MIRRORED,
    bubbles,
    history,
    messages,
    steps,
    turns,
)
from watibot.storage.timeline import append_new, free, guest_items, turn_messages, window
from watibot.turns import Bubble, BubbleState, Progress, Step, Turn, TurnState

_STAFF = "staff-"

_RUNNING = select(turns).where(of_conversation(turns), IS_RUNNING)
_ONE_TURN = select(turns).where(of_hotel(turns), turns.c.turn_id == bindparam("turn"))
_INSERT_TURN = insert(turns)
UPDATE_TURN = update(turns).where(of_hotel(turns), turns.c.turn_id == bindparam("turn"))
_TAKE_WAITING = (
    update(messages)
    .where(of_conversation(messages), IS_WAITING)
    .values(state="in_turn", turn_id=bindparam("taken_by"))
)
_SETTLE_MESSAGES = (
    update(messages)
    .where(of_hotel(messages), messages.c.turn_id == bindparam("turn"))
    .values(state=bindparam("new_state"))
)
_ANY_WAITING = select(messages.c.seq).where(of_conversation(messages), IS_WAITING).limit(1)
_STEPS = (
    select(steps)
    .where(of_hotel(steps), steps.c.turn_id == bindparam("turn"))
    .order_by(steps.c.position)
)
_STEP_COUNT = (
    select(func.count())
    .select_from(steps)
    .where(of_hotel(steps), steps.c.turn_id == bindparam("turn"))
)
_INSERT_STEP = insert(steps)
_DROP_STEPS = delete(steps).where(of_hotel(steps), steps.c.turn_id == bindparam("turn"))
_INSERT_BUBBLES = insert(bubbles)
_CANCEL_BUBBLES = (
    update(bubbles)
    .where(
        of_hotel(bubbles),
        bubbles.c.turn_id == bindparam("turn"),
        bubbles.c.state == BubbleState.WAITING,
    )
    .values(state=BubbleState.CANCELLED, reason="superseded")
)
# An answer that is under way, and one of which a bubble waits.
_OUTDATE = (
    update(turns)
    .where(
        of_conversation(turns),
        or_(
            IS_RUNNING,
            turns.c.turn_id.in_(
                select(bubbles.c.turn_id).where(of_conversation(bubbles), NOT_AT_REST)
            ),
        ),
    )
    .values(stale=True)
)
_TAKE_BACK = delete(history).where(
    of_conversation(history), NOT_MIRRORED, history.c.turn_id == bindparam("turn")
)


def open_turn(
    tx: Tx, conversation_id: str, fence: int, now: datetime, history_items: int, restarts: int
) -> Turn | None:
    conversation = fenced(tx, conversation_id, fence)
    row = tx.one(_RUNNING, conversation=conversation_id)
    waiting = tx.one(_ANY_WAITING, conversation=conversation_id) is not None
    if row is None:
        if not waiting:
            return None
        row = _new_turn(tx, conversation_id, now)
        _take_waiting(tx, conversation_id, row.turn_id)
    elif (waiting or row.stale) and not row.effect_done:
        started = tx.all(_STEP_COUNT, turn=row.turn_id)[0][0] > 0
        if not started or row.restarts < restarts:
            if started:
                tx.run(_DROP_STEPS, turn=row.turn_id)
            tx.run(UPDATE_TURN, turn=row.turn_id, restarts=row.restarts + int(started), stale=False)
            _take_waiting(tx, conversation_id, row.turn_id)
            row = _turn(tx, conversation_id, row.turn_id)
    guests = turn_messages(tx, row.turn_id)
    return Turn(
        row.turn_id,
        conversation_of(conversation),
        guests,
        window(tx, conversation, history_items, {guest.item_id for guest in guests}),
        tuple(Step(step.position, _step_item(step)) for step in tx.all(_STEPS, turn=row.turn_id)),
        Progress(row.tries, row.recoveries, row.active, row.restarts),
        row.opened_at,
        row.effect_done,
    )


def record_step(tx: Tx, conversation_id: str, fence: int, turn_id: str, step: StepRecord) -> None:
    fenced(tx, conversation_id, fence)
    turn = _running(tx, conversation_id, turn_id)
    item = step.item
    tx.add(
        _INSERT_STEP,
        [
            {
                "turn_id": turn_id,
                "position": tx.all(_STEP_COUNT, turn=turn_id)[0][0],
                "item_id": item.item_id,
                "kind": item.kind,
                "at": item.at,
                "text": item.text,
                "content": item.content,
                "source_id": item.source_id,
                "origin": item.origin,
            }
        ],
    )
    usage = step.usage or Usage()
    tx.run(
        UPDATE_TURN,
        turn=turn_id,
        **_progress(step.progress),
        effect_done=turn.effect_done or step.effect,
        model=step.model or turn.model,
        prompt_tokens=turn.prompt_tokens + usage.prompt,
        cached_tokens=turn.cached_tokens + usage.cached,
        output_tokens=turn.output_tokens + usage.output,
        thoughts_tokens=turn.thoughts_tokens + usage.thoughts,
        model_seconds=turn.model_seconds + step.seconds,
    )


def save_progress(
    tx: Tx, conversation_id: str, fence: int, turn_id: str, progress: Progress, drop_steps: bool
) -> None:
    fenced(tx, conversation_id, fence)
    _running(tx, conversation_id, turn_id)
    if drop_steps:
        tx.run(_DROP_STEPS, turn=turn_id)
    tx.run(UPDATE_TURN, turn=turn_id, **_progress(progress))


def finish_turn(
    tx: Tx, conversation_id: str, fence: int, turn_id: str, finish: Finish, now: datetime
) -> tuple[Bubble, ...]:
    conversation = fenced(tx, conversation_id, fence)
    turn = _running(tx, conversation_id, turn_id)
    guests = turn_messages(tx, turn_id)
    items = [
        replace(item, source_id=finish.posted.get(item.item_id))
        for item in guest_items(guests, turn_id)
    ]
    if finish.texts or turn.effect_done:
        items += [_step_item(step) for step in tx.all(_STEPS, turn=turn_id)]
    if finish.item is not None:
        items.append(finish.item)
    append_new(
        tx,
        conversation_id,
        conversation.last_item_at,
        [_of_turn(item, turn_id) for item in items],
        "held" if finish.texts else free(conversation),
        finish.posted,
    )
    tx.run(_DROP_STEPS, turn=turn_id)
    tx.run(_SETTLE_MESSAGES, turn=turn_id, new_state="done")
    tx.run(
        UPDATE_TURN,
        turn=turn_id,
        state=TurnState.ANSWERED if finish.failed is None else TurnState.FAILED,
        finished_at=now,
        instructions_version=finish.instructions_version,
        failure=finish.failed,
    )
    if finish.hand_over_until is not None:
        _hand_over(tx, conversation, turn, finish.hand_over_until, now)
    return add_bubbles(tx, conversation_id, turn_id, finish.texts, now)


def restart_turn(tx: Tx, conversation_id: str, fence: int, turn_id: str) -> None:
    fenced(tx, conversation_id, fence)
    turn = _turn(tx, conversation_id, turn_id)
    tx.run(_CANCEL_BUBBLES, turn=turn_id)
    tx.run(_TAKE_BACK, conversation=conversation_id, turn=turn_id)
    tx.run(_SETTLE_MESSAGES, turn=turn_id, new_state="in_turn")
    tx.run(
        UPDATE_TURN,
        turn=turn_id,
        state=TurnState.RUNNING,
        finished_at=None,
        failure=None,
        restarts=turn.restarts + 1,
    )


def outdate(tx: Tx, conversation_id: str) -> None:
    """Something was said that the answer on its way does not know."""
    tx.run(_OUTDATE, conversation=conversation_id)


def any_waiting(tx: Tx, conversation_id: str) -> bool:
    """Whether the guest has written since the turn took its messages."""
    return tx.one(_ANY_WAITING, conversation=conversation_id) is not None


def turn_row(tx: Tx, turn_id: str) -> AnyRow | None:
    """The turn that a bubble names; None: a colleague wrote it."""
    return tx.one(_ONE_TURN, turn=turn_id)


def turn_of_staff(item_id: str) -> str:
    """What the bubbles of a colleague's words have in a turn's stead."""
    return f"{_STAFF}{item_id}"


def by_staff(turn_id: str) -> bool:
    """Whether a bubble's turn is a colleague's words."""
    return turn_id.startswith(_STAFF)


def _hand_over(tx: Tx, row: AnyRow, turn: AnyRow, until: datetime, now: datetime) -> None:
    """Staff hold it from now on. They were told while the turn ran: who took it since keeps it, and
    over the head of who wrote since the turn's own answer does not leave."""
    conversation = conversation_of(row)
    held = held_by_staff(conversation, now)
    tx.run(
        UPDATE_CONVERSATION,
        conversation=row.conversation_id,
        owner=Owner.STAFF,
        staff_until=longest_hold(conversation, now, until),
        handover_turn_id=None if held and turn.stale else turn.turn_id,
        owner_at=now,
        taken_by=row.taken_by if held else None,
    )


def _turn(tx: Tx, conversation_id: str, turn_id: str) -> AnyRow:
    row = tx.one(_ONE_TURN, turn=turn_id)
    if row is None or row.conversation_id != conversation_id:
        raise LostLease("the turn is not this conversation's")
    return row


def _running(tx: Tx, conversation_id: str, turn_id: str) -> AnyRow:
    row = _turn(tx, conversation_id, turn_id)
    if row.state != TurnState.RUNNING:
        raise LostLease("the turn is not running any more")
    return row


def _new_turn(tx: Tx, conversation_id: str, now: datetime) -> AnyRow:
    turn_id = uuid4().hex
    tx.add(
        _INSERT_TURN,
        [
            {
                "turn_id": turn_id,
                "conversation_id": conversation_id,
                "state": TurnState.RUNNING,
                "opened_at": now,
                **_progress(Progress()),
                "restarts": 0,
                "effect_done": False,
                "prompt_tokens": 0,
                "cached_tokens": 0,
                "output_tokens": 0,
                "thoughts_tokens": 0,
                "model_seconds": 0.0,
            }
        ],
    )
    return _turn(tx, conversation_id, turn_id)


def _take_waiting(tx: Tx, conversation_id: str, turn_id: str) -> None:
    tx.run(_TAKE_WAITING, conversation=conversation_id, taken_by=turn_id)
    tx.run(UPDATE_CONVERSATION, conversation=conversation_id, deadline_at=None)


def _progress(progress: Progress) -> dict[str, Any]:
    """Without the restarts, which only the store counts."""
    return {
        "tries": progress.tries,
        "recoveries": progress.recoveries,
        "active": progress.active,
    }


def _step_item(row: AnyRow) -> HistoryItem:
    return HistoryItem(
        row.item_id,
        ItemKind(row.kind),
        row.at,
        row.text,
        row.content,
        row.turn_id,
        source_id=row.source_id,
        origin=row.origin,
    )


def _of_turn(item: HistoryItem, turn_id: str) -> HistoryItem:
    return item if item.turn_id == turn_id else replace(item, turn_id=turn_id)


def add_bubbles(
    tx: Tx, conversation_id: str, turn_id: str, texts: Sequence[str], now: datetime
) -> tuple[Bubble, ...]:
    """Texts into the outbox, in their order."""
    made = tuple(
        Bubble(f"watibot-{uuid4()}", conversation_id, turn_id, position, text)
        for position, text in enumerate(texts)
    )
    if made:
        tx.add(
            _INSERT_BUBBLES,
            [
                {
                    "bubble_id": bubble.bubble_id,
                    "conversation_id": conversation_id,
                    "turn_id": turn_id,
                    "position": bubble.position,
                    "text": bubble.text,
                    "state": bubble.state,
                    "attempts": 0,
                    "created_at": now,
                }
                for bubble in made
            ],
        )
    return made
