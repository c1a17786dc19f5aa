"""The first schema. It stands by itself: what `tables.py` becomes later does not change it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORDS = sa.Text()
JSON = sa.Text()
MOMENT = sa.BigInteger()  # microseconds since the epoch
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "aliases",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "channel", "alias", name="pk_aliases"),
    )
    op.create_table(
        "bookings",
        sa.Column("booking_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("wa_id", NAME, nullable=True),
        sa.Column("subscriber_id", NAME, nullable=True),
        sa.Column("guest_name", WORDS, nullable=True),
        sa.Column("turn_id", NAME, nullable=False),
        sa.Column("arrival", NAME, nullable=False),
        sa.Column("departure", NAME, nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("room", WORDS, nullable=True),
        sa.Column("notes", WORDS, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("booking_id", name="pk_bookings"),
        sa.UniqueConstraint("hotel_id", "key", name="uq_bookings_hotel_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bubbles",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("bubble_id", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("turn_id", NAME, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", MOMENT, nullable=True),
        sa.Column("provider_id", NAME, nullable=True),
        sa.Column("record_id", NAME, nullable=True),
        sa.Column("receipt", NAME, nullable=True),
        sa.Column("receipt_at", MOMENT, nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_bubbles"),
        sa.UniqueConstraint("hotel_id", "bubble_id", name="uq_bubbles_hotel_id_bubble_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_bubbles_attempt",
        "bubbles",
        ["hotel_id", "conversation_id", "last_attempt_at"],
        unique=False,
    )
    op.create_index(
        "ix_bubbles_open",
        "bubbles",
        ["hotel_id", "conversation_id"],
        unique=False,
        **_where("state IN ('waiting', 'sending')"),
    )
    op.create_index(
        "ix_bubbles_provider",
        "bubbles",
        ["hotel_id", "provider_id"],
        unique=False,
        **_where("provider_id IS NOT NULL"),
    )
    op.create_index(
        "ix_bubbles_record",
        "bubbles",
        ["hotel_id", "record_id"],
        unique=False,
        **_where("record_id IS NOT NULL"),
    )
    op.create_index("ix_bubbles_turn", "bubbles", ["hotel_id", "turn_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("guest_name", WORDS, nullable=True),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("staff_until", MOMENT, nullable=True),
        sa.Column("handover_turn_id", NAME, nullable=True),
        sa.Column("last_guest_at", MOMENT, nullable=False),
        sa.Column("session_id", NAME, nullable=True),
        sa.Column("session_generation", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("deadline_at", MOMENT, nullable=True),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("last_item_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "conversation_id", name="pk_conversations"),
    )
    op.create_index(
        "ix_conversations_address",
        "conversations",
        ["hotel_id", "channel", "address"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_due",
        "conversations",
        ["hotel_id", "due_at"],
        unique=False,
        **_where("due_at IS NOT NULL"),
    )
    op.create_table(
        "history",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("item_id", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("content", JSON, nullable=True),
        sa.Column("turn_id", NAME, nullable=True),
        sa.Column("author", WORDS, nullable=True),
        sa.Column("mirror", NAME, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_history"),
        sa.UniqueConstraint(
            "hotel_id", "conversation_id", "at", name="uq_history_hotel_id_conversation_id_at"
        ),
        sa.UniqueConstraint(
            "hotel_id",
            "conversation_id",
            "item_id",
            name="uq_history_hotel_id_conversation_id_item_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_history_mirror",
        "history",
        ["hotel_id", "conversation_id", "at"],
        unique=False,
        **_where("mirror != 'done'"),
    )
    op.create_table(
        "media",
        sa.Column("media_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("message_seq", sa.BigInteger(), nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("mime", NAME, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("path", WORDS, nullable=True),
        sa.Column("file_name", WORDS, nullable=True),
        sa.Column("failure", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("media_id", name="pk_media"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_media_message", "media", ["hotel_id", "message_seq"], unique=False)
    op.create_index(
        "ix_media_pending", "media", ["hotel_id"], unique=False, **_where("state = 'pending'")
    )
    op.create_table(
        "messages",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("provider_id", NAME, nullable=False),
        sa.Column("record_id", NAME, nullable=True),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("item_id", NAME, nullable=False),
        sa.Column("provider_time", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("reply_to", NAME, nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("turn_id", NAME, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint(
            "hotel_id", "channel", "provider_id", name="uq_messages_hotel_id_channel_provider_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_messages_turn",
        "messages",
        ["hotel_id", "turn_id"],
        unique=False,
        **_where("turn_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_waiting",
        "messages",
        ["hotel_id", "conversation_id"],
        unique=False,
        **_where("state = 'waiting'"),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=True),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("body", WORDS, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("error", WORDS, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
        sa.UniqueConstraint("hotel_id", "key", name="uq_notices_hotel_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_notices_due",
        "notices",
        ["hotel_id", "due_at"],
        unique=False,
        **_where("due_at IS NOT NULL"),
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="pk_quarantine"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quarantine_at", "quarantine", ["hotel_id", "at"], unique=False)
    op.create_table(
        "steps",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("turn_id", NAME, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("content", JSON, nullable=True),
        sa.PrimaryKeyConstraint("hotel_id", "turn_id", "position", name="pk_steps"),
    )
    op.create_table(
        "turns",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("turn_id", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("recoveries", sa.Integer(), nullable=False),
        sa.Column("active", sa.Float(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("effect_done", sa.Boolean(), nullable=False),
        sa.Column("instructions_version", NAME, nullable=True),
        sa.Column("model", NAME, nullable=True),
        sa.Column("failure", WORDS, nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("thoughts_tokens", sa.BigInteger(), nullable=False),
        sa.Column("model_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "turn_id", name="pk_turns"),
    )
    op.create_index(
        "ix_turns_running",
        "turns",
        ["hotel_id", "conversation_id"],
        unique=True,
        **_where("state = 'running'"),
    )


def downgrade() -> None:
    for table in (
        "aliases",
        "bookings",
        "bubbles",
        "conversations",
        "history",
        "media",
        "messages",
        "notices",
        "quarantine",
        "steps",
        "turns",
    ):
        op.drop_table(table)
