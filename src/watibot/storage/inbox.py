"""Stores what guests send, many messages in one transaction: all that is between a webhook's body
and its 200.

`store.py` collects what arrives while the writer is busy and hands it over as one batch. Nothing
here is done for each message that can be done for the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import bindparam, insert, select

from watibot.conversations import Conversation, Owner, held_by_staff
from watibot.messages import Inbound
from watibot.ports.store import Received
from watibot.settings import Debounce
from watibot.storage.among import among
from watibot.storage.columns import micros
from watibot.storage.identities import (
    UPSERT_CONVERSATIONS,
    add_aliases,
    known_names,
    names_of,
    new_conversation,
)
from watibot.storage.records import conversation
from watibot.storage.rows import Tx, insert_once, locked, of_hotel
from watibot.storage.tables import conversations, media, messages
from watibot.storage.timeline import append, free, guest_items
from watibot.turns import GuestMessage, Media, MediaState, due

_CONVERSATIONS = (
    select(
        conversations.c.conversation_id,
        conversations.c.channel,
        conversations.c.address,
        conversations.c.guest_name,
        conversations.c.owner,
        conversations.c.last_guest_at,
        conversations.c.due_at,
        conversations.c.deadline_at,
        conversations.c.not_before,
        conversations.c.stopped_at,
        conversations.c.chat_url,
    )
    .where(
        of_hotel(conversations),
        among(conversations.c.conversation_id, "ids"),
    )
    .order_by(conversations.c.conversation_id)  # locks in one order: no deadlock
    .with_for_update()
)
_REPEATED = (
    select(messages.c.seq)
    .where(
        of_hotel(messages),
        messages.c.channel == bindparam("on"),
        messages.c.provider_id > bindparam("low"),
        messages.c.provider_id < bindparam("high"),
    )
    .limit(1)
)
_NEW_MESSAGES = insert_once(messages)
_STORED = select(messages.c.item_id, messages.c.seq).where(
    of_hotel(messages),
    among(messages.c.channel, "channels"),
    among(messages.c.provider_id, "their_ids"),
)
_BY_RECORD = select(messages.c.channel, messages.c.provider_id).where(
    of_hotel(messages),
    among(messages.c.channel, "channels"),
    among(messages.c.provider_id, "record_ids"),
)
_NEW_MEDIA = insert(media).returning(media.c.media_id)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One call of `Inbox.receive`."""

    message: Inbound
    raw: bytes
    received_at: datetime
    debounce: Debounce


@dataclass(slots=True)
class _Burst:
    """A conversation while a batch is stored. `staffed` is it as it was, if staff had it."""

    channel: str
    address: str
    guest_name: str | None
    last_guest_at: datetime
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    not_before: datetime | None = None
    stopped_at: datetime | None = None
    chat_url: str | None = None
    staffed: Conversation | None = None
    touched: bool = False

    @property
    def stopped(self) -> bool:
        return self.stopped_at is not None

    def held(self, now: datetime) -> bool:
        return self.staffed is not None and held_by_staff(self.staffed, now)

    def state(self, now: datetime) -> str:
        """What becomes of a message: `done` is not answered by anybody, ever."""
        if self.stopped:
            return "done"
        return "with_staff" if self.held(now) else "waiting"


def receive(tx: Tx, arrivals: Sequence[Arrival]) -> list[Received]:
    """Stores a batch in its order; one answer each."""
    batch = _Batch(tx)
    batch.find(arrivals)
    ids = [batch.identify(arrival) for arrival in arrivals]
    items = batch.insert(arrivals, ids)
    return batch.apply(arrivals, ids, items)


class _Batch:
    """The steps of one batch and what they have found out."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._bursts: dict[str, _Burst] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._seqs: dict[str, int] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def find(self, arrivals: Sequence[Arrival]) -> None:
        """The conversations that the batch is about."""
        self._load({arrival.message.conversation_id for arrival in arrivals})
        unknown = [
            arrival.message
            for arrival in arrivals
            if arrival.message.conversation_id not in self._bursts
        ]
        if not unknown:
            return
        names = {name for message in unknown for name in names_of(message)}
        channels = {message.channel for message in unknown}
        self._names.update(known_names(self._tx, names, channels))
        self._load(set(self._names.values()) - self._bursts.keys())

    def _load(self, ids: Iterable[str]) -> None:
        wanted = sorted(ids)
        if not wanted:
            return
        for row in self._tx.many(_CONVERSATIONS, ids=wanted):
            conversation_id, channel, address, guest_name, owner, *times = row
            burst = _Burst(channel, address, guest_name, *times)
            if owner == Owner.STAFF:
                burst.staffed = conversation(self._tx, conversation_id)
            self._bursts[conversation_id] = burst

    def identify(self, arrival: Arrival) -> str:
        """The conversation of a message; a new one if none of its names is known."""
        message = arrival.message
        if message.conversation_id in self._bursts:
            for name in message.aliases:
                self._names.setdefault((message.channel, name), message.conversation_id)
            return message.conversation_id
        for name in names_of(message):
            known = self._names.get((message.channel, name))
            if known is not None:
                return known
        self._bursts[message.conversation_id] = _Burst(
            message.channel,
            message.address,
            message.sender_name,
            min(message.provider_time, arrival.received_at),
        )
        for name in names_of(message):
            self._names[message.channel, name] = message.conversation_id
        return message.conversation_id

    def insert(self, arrivals: Sequence[Arrival], ids: Sequence[str]) -> list[str | None]:
        """Inserts what is new; each message's item id, None for a repetition in the batch."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        items: list[str | None] = []
        digests: dict[tuple[str, str], datetime] = {}
        by_record = self._by_record(arrivals)
        for arrival, conversation_id in zip(arrivals, ids, strict=True):
            message = arrival.message
            provider_id = message.provider_id
            if message.repeat_window is not None:
                if self._repeated(arrival, message.repeat_window, digests):
                    items.append(None)
                    continue
                provider_id = f"{provider_id}@{micros(arrival.received_at)}"
            key = (message.channel.value, provider_id)
            record = (message.channel.value, message.record_id)
            if key in rows or record in by_record or record in rows:
                items.append(None)
                continue
            item_id = token_hex(16)
            items.append(item_id)
            rows[key] = {
                "channel": message.channel,
                "provider_id": provider_id,
                "record_id": message.record_id,
                "conversation_id": conversation_id,
                "item_id": item_id,
                "provider_time": message.provider_time,
                "received_at": arrival.received_at,
                "kind": message.kind,
                "text": message.text,
                "reply_to": message.reply_to,
                "raw": arrival.raw,
                "state": self._bursts[conversation_id].state(arrival.received_at),
            }
        if rows:
            self._insert(list(rows.values()), any(each.message.attachments for each in arrivals))
        return items

    def _by_record(self, arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
        """Names by which messages were stored already: one that a look brought before the provider
        had its own id for it goes by that of the provider's record."""
        ids = {
            arrival.message.record_id: arrival.message.channel
            for arrival in arrivals
            if arrival.message.record_id not in (None, arrival.message.provider_id)
        }
        if not ids:
            return set()
        found = self._tx.all(_BY_RECORD, channels=list(set(ids.values())), record_ids=list(ids))
        return {(row.channel, row.provider_id) for row in found}

    def _insert(self, rows: list[dict[str, Any]], files: bool) -> None:
        """Which items are new, and their numbers if somebody needs them. RETURNING would tell, but
        each row that SQLite gives back lets the loop's thread in for milliseconds."""
        made = self._tx.count(self._tx.pick(_NEW_MESSAGES), rows)
        if made == len(rows) and not files and all(row["state"] == "waiting" for row in rows):
            self._seqs = dict.fromkeys((row["item_id"] for row in rows), 0)
            return
        stored = self._tx.all(
            _STORED,
            channels=list({row["channel"] for row in rows}),
            their_ids=[row["provider_id"] for row in rows],
        )
        mine = {row["item_id"] for row in rows}
        self._seqs = {row.item_id: row.seq for row in stored if row.item_id in mine}

    def _repeated(
        self, arrival: Arrival, seconds: float, digests: dict[tuple[str, str], datetime]
    ) -> bool:
        """Whether the same digest came within the window, in this batch or before it. Two service
        processes that are given the same new digest at the same instant would both keep it."""
        message = arrival.message
        key = (message.channel, message.provider_id)
        earlier = digests.get(key)
        if earlier is not None and (arrival.received_at - earlier).total_seconds() < seconds:
            return True
        low = micros(arrival.received_at) - int(seconds * 1_000_000)
        found = self._tx.one(
            _REPEATED,
            on=message.channel,
            low=f"{message.provider_id}@{low}",
            high=f"{message.provider_id}@:",  # ":" follows "9"
        )
        if found is not None:
            return True
        digests[key] = arrival.received_at
        return False

    def apply(
        self, arrivals: Sequence[Arrival], ids: Sequence[str], items: Sequence[str | None]
    ) -> list[Received]:
        """What the new messages do to their conversations."""
        answers: list[Received] = []
        unasked: dict[str, list[GuestMessage]] = {}
        for arrival, conversation_id, item_id in zip(arrivals, ids, items, strict=True):
            if item_id is None or item_id not in self._seqs:
                answers.append(Received(False, conversation_id))
                continue
            seq = self._seqs[item_id]
            burst = self._bursts[conversation_id]
            self._refresh(burst, conversation_id, arrival)
            files = self._add_media(arrival.message, seq) if arrival.message.attachments else ()
            if burst.state(arrival.received_at) != "waiting":
                unasked.setdefault(conversation_id, []).append(
                    _guest_message(arrival, seq, item_id, files)
                )
                answers.append(Received(True, conversation_id, None, files, burst.stopped))
                continue
            wake, burst.deadline_at = due(
                arrival.message, arrival.received_at, burst.deadline_at, arrival.debounce
            )
            burst.due_at = wake
            if burst.not_before is not None:
                wake = max(wake, burst.not_before)
            answers.append(Received(True, conversation_id, wake, files))
        self._save(arrivals[0].received_at)
        for conversation_id, guests in unasked.items():
            stored = locked(self._tx, conversation_id)
            assert stored is not None
            append(
                self._tx,
                conversation_id,
                stored.last_item_at,
                guest_items(guests, None),
                free(stored),
            )
        return answers

    def _refresh(self, burst: _Burst, conversation_id: str, arrival: Arrival) -> None:
        message = arrival.message
        burst.touched = True
        burst.last_guest_at = max(
            burst.last_guest_at, min(message.provider_time, arrival.received_at)
        )
        burst.guest_name = message.sender_name or burst.guest_name
        burst.chat_url = message.chat_url or burst.chat_url
        names = message.aliases
        if message.conversation_id != conversation_id:
            names = (*names, message.conversation_id)
        if message.address != burst.address:
            names = (*names, burst.address)
            burst.address = message.address
        for name in names:
            self._aliases[message.channel, name] = conversation_id

    def _add_media(self, message: Inbound, seq: int) -> tuple[Media, ...]:
        files = []
        for attachment in message.attachments:
            row = {
                "message_seq": seq,
                "channel": message.channel,
                "kind": attachment.kind,
                "source": attachment.source,
                "state": MediaState.PENDING,
                "file_name": attachment.file_name,
            }
            media_id = self._tx.add(_NEW_MEDIA, [row])[0][0]
            files.append(
                Media(
                    media_id,
                    attachment.kind,
                    attachment.source,
                    MediaState.PENDING,
                    file_name=attachment.file_name,
                )
            )
        return tuple(files)

    def _save(self, now: datetime) -> None:
        changed = [
            new_conversation(
                conversation_id,
                burst.channel,
                burst.address,
                now,
                guest_name=burst.guest_name,
                chat_url=burst.chat_url,
                last_guest_at=burst.last_guest_at,
                due_at=burst.due_at,
                deadline_at=burst.deadline_at,
            )
            for conversation_id, burst in sorted(self._bursts.items())
            if burst.touched
        ]
        if changed:
            self._tx.add(self._tx.pick(UPSERT_CONVERSATIONS), changed)
        if self._aliases:
            add_aliases(self._tx, self._aliases)


def _guest_message(
    arrival: Arrival, seq: int, item_id: str, files: tuple[Media, ...]
) -> GuestMessage:
    message = arrival.message
    return GuestMessage(
        seq,
        item_id,
        message.provider_time,
        arrival.received_at,
        message.kind,
        message.text,
        files,
        message.reply_to,
    )
