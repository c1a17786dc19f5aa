"""What tools and alerts keep, and what attachments became."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update

from watibot.conversations import Conversation
from watibot.messages import ChannelName
from watibot.ports.store import Booking, Notice
from watibot.storage.rows import (
    Tx,
    conversation_of,
    insert_once,
    media_of,
    of_conversation,
    of_hotel,
)
from watibot.storage.tables import IS_PENDING, IS_UNTOLD, bookings, conversations, media, notices
from watibot.toolcalls import Caller
from watibot.turns import Media

_UPDATE_MEDIA = update(media).where(of_hotel(media), media.c.media_id == bindparam("file"))
_PENDING_MEDIA = select(media).where(of_hotel(media), IS_PENDING).order_by(media.c.media_id)
_BOOKING = select(bookings.c.booking_id).where(
    of_hotel(bookings), bookings.c.key == bindparam("once")
)
_NEW_BOOKING = insert_once(bookings, bookings.c.booking_id)
_CONVERSATION = select(conversations).where(of_conversation(conversations))
_NEW_NOTICE = insert_once(notices, notices.c.notice_id)
_DUE_NOTICES = (
    select(notices)
    .where(of_hotel(notices), IS_UNTOLD, notices.c.due_at <= bindparam("now"))
    .order_by(notices.c.notice_id)
)
_NOTICE = select(notices).where(of_hotel(notices), notices.c.notice_id == bindparam("notice"))
_UPDATE_NOTICE = update(notices).where(
    of_hotel(notices), notices.c.notice_id == bindparam("notice")
)


def media_done(tx: Tx, done: Media) -> None:
    tx.run(
        _UPDATE_MEDIA,
        file=done.media_id,
        state=done.state,
        mime=done.mime,
        size=done.size,
        path=done.path,
        file_name=done.file_name,
        failure=done.failure,
    )


def pending_media(tx: Tx) -> list[tuple[ChannelName, Media]]:
    return [(ChannelName(row.channel), media_of(row)) for row in tx.all(_PENDING_MEDIA)]


def book(tx: Tx, caller: Caller, booking: Booking) -> tuple[int, bool]:
    row = {
        "key": caller.key,
        "conversation_id": caller.conversation_id,
        "channel": caller.channel,
        "wa_id": caller.wa_id,
        "subscriber_id": caller.subscriber_id,
        "guest_name": caller.guest_name,
        "turn_id": caller.turn_id,
        "arrival": booking.arrival,
        "departure": booking.departure,
        "guests": booking.guests,
        "name": booking.name,
        "room": booking.room,
        "notes": booking.notes,
        "created_at": caller.now,
    }
    made = tx.add(tx.pick(_NEW_BOOKING), [row])
    if made:
        return made[0][0], True
    return tx.all(_BOOKING, once=caller.key)[0][0], False


def conversation(tx: Tx, conversation_id: str) -> Conversation | None:
    row = tx.one(_CONVERSATION, conversation=conversation_id)
    return None if row is None else conversation_of(row)


def add_notice(
    tx: Tx,
    key: str,
    kind: str,
    title: str,
    body: str,
    conversation_id: str | None,
    at: datetime,
) -> bool:
    row = {
        "key": key,
        "conversation_id": conversation_id,
        "kind": kind,
        "title": title,
        "body": body,
        "attempts": 0,
        "due_at": at,
        "created_at": at,
    }
    return bool(tx.add(tx.pick(_NEW_NOTICE), [row]))


def due_notices(tx: Tx, now: datetime) -> list[Notice]:
    return [
        Notice(row.notice_id, row.conversation_id, row.kind, row.title, row.body, row.attempts)
        for row in tx.all(_DUE_NOTICES, now=now)
    ]


def notice_done(tx: Tx, notice_id: int, again_at: datetime | None, error: str | None) -> None:
    row = tx.one(_NOTICE, notice=notice_id)
    if row is not None:
        tx.run(
            _UPDATE_NOTICE,
            notice=notice_id,
            attempts=row.attempts + 1,
            due_at=again_at,
            error=error,
        )
