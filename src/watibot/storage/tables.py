"""The tables of a message's way, once for both databases.

`migrations/` makes them; a test proves that they agree. Those of a migration out of OpenAI are in
`migration_tables.py`, those of people in `desk_tables.py`, those of money in `money_tables.py`.
Every row belongs to a hotel. Conditions of partial indexes are literals, here and in the statements
that rely on them: SQLite takes a
partial index only for the very same term.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    literal_column,
    text,
)

from watibot.storage.columns import Json, Moment, Name, Words

# SQLite counts only an INTEGER key on by itself.
Serial = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def hotel_column() -> Column[str]:
    return Column("hotel_id", Name, nullable=False)


def where(condition: ColumnElement[bool]) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


conversations = Table(
    "conversations",
    metadata,
    hotel_column(),
    Column("conversation_id", Name, nullable=False),
    Column("channel", Name, nullable=False),
    Column("address", Name, nullable=False),
    Column("guest_name", Words),
    Column("owner", Name, nullable=False),
    Column("staff_until", Moment),
    Column("handover_turn_id", Name),
    Column("last_guest_at", Moment, nullable=False),
    Column("session_id", Name),
    Column("session_generation", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_until", Moment),
    Column("due_at", Moment),  # set while there is work, so that a crash strands nothing
    Column("deadline_at", Moment),  # of the burst that waits
    Column("not_before", Moment),  # a back-off, which new messages do not cut short
    Column("last_item_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("provider", Name, nullable=False, server_default=text("'vertex'")),
    Column("thread_id", Name),
    Column("migrated_at", Moment),
    Column("history_imported", Boolean, nullable=False, server_default=text("false")),
    Column("agent_context_injected", Boolean, nullable=False, server_default=text("false")),
    Column("vertex_context_injected", Boolean, nullable=False, server_default=text("false")),
    Column("context_checked_at", Moment),
    Column("owner_at", Moment),  # of the newest word about who holds it
    Column("taken_by", Words),
    Column("chat_url", Words),  # the chat in the channel's own inbox
    Column("stopped_at", Moment),  # the guest asked the assistant to be silent
    Column("past_page", Integer),  # of an import under way, the next
    Column("summary", Words),  # of the history up to and with `folded_until`
    Column("folded_until", Moment),
    PrimaryKeyConstraint("hotel_id", "conversation_id"),
    Index("ix_conversations_address", "hotel_id", "channel", "address"),
    Index("ix_conversations_session", "hotel_id", "session_id"),  # for the view `threads`
    Index("ix_conversations_newest", "hotel_id", "last_guest_at"),
)
HELD_BY_STAFF: ColumnElement[bool] = conversations.c.owner == literal_column("'staff'")
Index(
    "ix_conversations_held",
    conversations.c.hotel_id,
    conversations.c.staff_until,
    **where(HELD_BY_STAFF),
)
HAS_WORK: ColumnElement[bool] = conversations.c.due_at.is_not(None)
Index("ix_conversations_due", conversations.c.hotel_id, conversations.c.due_at, **where(HAS_WORK))

aliases = Table(
    "aliases",
    metadata,
    hotel_column(),
    Column("channel", Name, nullable=False),
    Column("alias", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    PrimaryKeyConstraint("hotel_id", "channel", "alias"),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("channel", Name, nullable=False),
    Column("provider_id", Name, nullable=False),
    Column("record_id", Name),
    Column("conversation_id", Name, nullable=False),
    Column("item_id", Name, nullable=False),
    Column("provider_time", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("kind", Name, nullable=False),
    Column("text", Words, nullable=False),
    Column("reply_to", Name),
    Column("raw", LargeBinary, nullable=False),
    Column("state", Name, nullable=False),  # waiting, in_turn, with_staff, done
    Column("turn_id", Name),
    UniqueConstraint("hotel_id", "channel", "provider_id"),
    sqlite_autoincrement=True,
)
IS_WAITING: ColumnElement[bool] = messages.c.state == literal_column("'waiting'")
IN_TURN: ColumnElement[bool] = messages.c.turn_id.is_not(None)
Index(
    "ix_messages_waiting",
    messages.c.hotel_id,
    messages.c.conversation_id,
    **where(IS_WAITING),
)
WITH_STAFF: ColumnElement[bool] = messages.c.state == literal_column("'with_staff'")
Index(
    "ix_messages_with_staff",
    messages.c.hotel_id,
    messages.c.conversation_id,
    **where(WITH_STAFF),
)
HAS_THEIR_RECORD_ID: ColumnElement[bool] = messages.c.record_id.is_not(None)
Index(
    "ix_messages_record",
    messages.c.hotel_id,
    messages.c.record_id,
    **where(HAS_THEIR_RECORD_ID),
)
Index("ix_messages_turn", messages.c.hotel_id, messages.c.turn_id, **where(IN_TURN))

media = Table(
    "media",
    metadata,
    Column("media_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("message_seq", BigInteger, nullable=False),
    Column("channel", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("source", Words, nullable=False),
    Column("state", Name, nullable=False),
    Column("mime", Name),
    Column("size", BigInteger),
    Column("path", Words),
    Column("file_name", Words),
    Column("failure", Words),
    Index("ix_media_message", "hotel_id", "message_seq"),
    sqlite_autoincrement=True,
)
IS_PENDING: ColumnElement[bool] = media.c.state == literal_column("'pending'")
Index("ix_media_pending", media.c.hotel_id, **where(IS_PENDING))

turns = Table(
    "turns",
    metadata,
    hotel_column(),
    Column("turn_id", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    Column("state", Name, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("tries", Integer, nullable=False),
    Column("recoveries", Integer, nullable=False),
    Column("active", Float, nullable=False),  # seconds
    Column("restarts", Integer, nullable=False),
    Column("effect_done", Boolean, nullable=False),
    Column("instructions_version", Name),
    Column("model", Name),
    Column("failure", Words),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("thoughts_tokens", BigInteger, nullable=False),
    Column("model_seconds", Float, nullable=False),
    # A colleague's words came to light while it ran.
    Column("stale", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("hotel_id", "turn_id"),
    Index("ix_turns_opened", "hotel_id", "conversation_id", "opened_at"),
    Index("ix_turns_day", "hotel_id", "opened_at"),
)
IS_RUNNING: ColumnElement[bool] = turns.c.state == literal_column("'running'")
Index(
    "ix_turns_running",
    turns.c.hotel_id,
    turns.c.conversation_id,
    unique=True,
    **where(IS_RUNNING),
)

steps = Table(
    "steps",
    metadata,
    hotel_column(),
    Column("turn_id", Name, nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_id", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Column("text", Words, nullable=False),
    Column("content", Json),
    Column("source_id", Name),
    Column("origin", Json),
    PrimaryKeyConstraint("hotel_id", "turn_id", "position"),
)

bubbles = Table(
    "bubbles",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("bubble_id", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    Column("turn_id", Name, nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", Words, nullable=False),
    Column("state", Name, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_attempt_at", Moment),
    Column("provider_id", Name),
    Column("record_id", Name),
    Column("receipt", Name),
    Column("receipt_at", Moment),
    Column("reason", Words),
    Column("created_at", Moment, nullable=False),
    Column("sent_at", Moment),
    UniqueConstraint("hotel_id", "bubble_id"),
    Index("ix_bubbles_turn", "hotel_id", "turn_id"),
    Index("ix_bubbles_attempt", "hotel_id", "conversation_id", "last_attempt_at"),
    sqlite_autoincrement=True,
)
NOT_AT_REST: ColumnElement[bool] = bubbles.c.state.in_(
    (literal_column("'waiting'"), literal_column("'sending'"))
)
HAS_PROVIDER_ID: ColumnElement[bool] = bubbles.c.provider_id.is_not(None)
HAS_RECORD_ID: ColumnElement[bool] = bubbles.c.record_id.is_not(None)
Index("ix_bubbles_open", bubbles.c.hotel_id, bubbles.c.conversation_id, **where(NOT_AT_REST))
Index("ix_bubbles_provider", bubbles.c.hotel_id, bubbles.c.provider_id, **where(HAS_PROVIDER_ID))
Index("ix_bubbles_record", bubbles.c.hotel_id, bubbles.c.record_id, **where(HAS_RECORD_ID))

history = Table(
    "history",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("conversation_id", Name, nullable=False),
    Column("item_id", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Column("text", Words, nullable=False),
    Column("content", Json),
    Column("turn_id", Name),
    Column("author", Words),
    # held, waiting, sending, done; parked, moving: a migration's, not the mirror's
    Column("mirror", Name, nullable=False),
    Column("source_id", Name),
    Column("origin", Json),
    UniqueConstraint("hotel_id", "conversation_id", "at"),
    UniqueConstraint("hotel_id", "conversation_id", "item_id"),
    sqlite_autoincrement=True,
)
NOT_MIRRORED: ColumnElement[bool] = history.c.mirror.in_(
    (literal_column("'held'"), literal_column("'waiting'"), literal_column("'sending'"))
)
IS_PARKED: ColumnElement[bool] = history.c.mirror.in_(
    (literal_column("'parked'"), literal_column("'moving'"))
)
Index(
    "ix_history_mirror",
    history.c.hotel_id,
    history.c.conversation_id,
    history.c.at,
    **where(NOT_MIRRORED),
)
Index(
    "ix_history_parked",
    history.c.hotel_id,
    history.c.conversation_id,
    history.c.at,
    **where(IS_PARKED),
)

# The next free place under a provider's quota, for all processes together.
quotas = Table(
    "quotas",
    metadata,
    hotel_column(),
    Column("name", Name, nullable=False),
    Column("next_at", Moment, nullable=False),
    PrimaryKeyConstraint("hotel_id", "name"),
)

bookings = Table(
    "bookings",
    metadata,
    Column("booking_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("key", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    Column("channel", Name, nullable=False),
    Column("wa_id", Name),
    Column("subscriber_id", Name),
    Column("guest_name", Words),
    Column("turn_id", Name, nullable=False),
    Column("arrival", Name, nullable=False),
    Column("departure", Name, nullable=False),
    Column("guests", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("room", Words),
    Column("notes", Words),
    Column("created_at", Moment, nullable=False),
    Column("amount_due", BigInteger),  # in hundredths of the currency; set by staff
    Column("currency", Name),
    UniqueConstraint("hotel_id", "key"),
    Index("ix_bookings_conversation", "hotel_id", "conversation_id"),
    sqlite_autoincrement=True,
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("key", Name, nullable=False),
    Column("conversation_id", Name),
    Column("kind", Name, nullable=False),
    Column("title", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),  # null: told, or given up
    Column("error", Words),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("hotel_id", "key"),
    sqlite_autoincrement=True,
)
IS_UNTOLD: ColumnElement[bool] = notices.c.due_at.is_not(None)
Index("ix_notices_due", notices.c.hotel_id, notices.c.due_at, **where(IS_UNTOLD))

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("channel", Name, nullable=False),
    Column("reason", Words, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_quarantine_at", "hotel_id", "at"),
    sqlite_autoincrement=True,
)
