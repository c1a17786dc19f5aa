"""Staff take a conversation, write in it, or give it back; and what nobody could read.

Webhooks come here through `store.py`. What waits for a turn becomes history before a colleague's
words do, so that the question stands before its answer.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, bindparam, insert, or_, select

from watibot.conversations import Owner
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.storage.identities import new_conversation, resolve
from watibot.storage.rows import (
    UPDATE_CONVERSATION,
    Tx,
    insert_once,
    locked,
    of_conversation,
)
from watibot.storage.tables import bubbles, conversations, history, quarantine
from watibot.storage.timeline import append, free, waiting_to_staff
from watibot.turns import BubbleState

# An echo of a bubble comes under the provider's ids or, where they are not known yet, with its text
# soon after the attempt (docs/reference/providers.md).
ECHO_WINDOW = timedelta(seconds=120)
# For a guest who has not written yet the reply window is closed.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_NEW_CONVERSATION = insert_once(conversations)
_STAFF_ITEM = select(history.c.seq).where(
    of_conversation(history), history.c.item_id == bindparam("item")
)
_ECHO = (
    select(bubbles.c.seq)
    .where(
        of_conversation(bubbles),
        or_(
            bubbles.c.provider_id == bindparam("their_id"),
            bubbles.c.record_id == bindparam("their_record"),
            and_(
                bubbles.c.text == bindparam("words"),
                bubbles.c.last_attempt_at >= bindparam("from_time"),
                bubbles.c.last_attempt_at <= bindparam("to_time"),
                bubbles.c.state != BubbleState.CANCELLED,
            ),
        ),
    )
    .limit(1)
)
_QUARANTINE = insert(quarantine)


def staff_message(
    tx: Tx, message: StaffMessage, received_at: datetime, staff_until: datetime
) -> bool:
    conversation_id = _conversation(
        tx, message.channel, message.conversation_id, message.address, received_at
    )
    item_id = _item_id(message)
    if tx.one(_STAFF_ITEM, conversation=conversation_id, item=item_id) is not None:
        return False
    if tx.one(
        _ECHO,
        conversation=conversation_id,
        their_id=message.provider_id,
        their_record=message.record_id,
        words=message.text,
        from_time=message.provider_time - ECHO_WINDOW,
        to_time=message.provider_time + ECHO_WINDOW,
    ):
        return False
    row = locked(tx, conversation_id)
    assert row is not None
    last_item_at = waiting_to_staff(tx, row)
    item = HistoryItem(
        item_id,
        ItemKind.STAFF,
        min(message.provider_time, received_at),
        message.text,
        author=message.operator,
    )
    append(tx, conversation_id, last_item_at, [item], free(row))
    # A person writes by hand now: not even the handover's own answer may cut in any more.
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        owner=Owner.STAFF,
        staff_until=staff_until,
        handover_turn_id=None,
        deadline_at=None,
    )
    return True


def takeover(tx: Tx, takeover: Takeover, staff_until: datetime) -> None:
    if not takeover.held:
        conversation_id = resolve(tx, takeover.channel, takeover.conversation_id, takeover.address)
        tx.run(
            UPDATE_CONVERSATION,
            conversation=conversation_id,
            owner=Owner.BOT,
            staff_until=None,
            handover_turn_id=None,
        )
        return
    conversation_id = _conversation(
        tx, takeover.channel, takeover.conversation_id, takeover.address, _NEVER
    )
    row = locked(tx, conversation_id)
    assert row is not None
    waiting_to_staff(tx, row)
    tx.run(
        UPDATE_CONVERSATION,
        conversation=conversation_id,
        owner=Owner.STAFF,
        staff_until=staff_until,
        deadline_at=None,
    )


def keep(tx: Tx, channel: str, reason: str, raw: bytes, at: datetime) -> None:
    """Into quarantine."""
    tx.add(_QUARANTINE, [{"channel": channel, "reason": reason, "raw": raw, "at": at}])


def _conversation(
    tx: Tx, channel: ChannelName, conversation_id: str, address: str, now: datetime
) -> str:
    """The conversation that goes by these names, made if there is none."""
    conversation_id = resolve(tx, channel, conversation_id, address)
    row = new_conversation(conversation_id, channel, address, now, last_guest_at=_NEVER)
    tx.add(tx.pick(_NEW_CONVERSATION), [row])
    return conversation_id


def _item_id(message: StaffMessage) -> str:
    """The same for each delivery of the same message."""
    name = f"{message.channel}:{message.provider_id}"
    return "staff-" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
