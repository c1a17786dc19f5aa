"""People in the conversation: who holds it, escalations, payment proofs, the console."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORDS = sa.Text()
JSON = sa.Text()
MOMENT = sa.BigInteger()  # microseconds since the epoch
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_name", NAME, nullable=False),
        sa.Column("action", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=True),
        sa.Column("detail", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_action", "audit", ["hotel_id", "user_name", "action", "at"])
    op.create_index("ix_audit_at", "audit", ["hotel_id", "at"])
    op.create_table(
        "calls",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("provider", NAME, nullable=False),
        sa.Column("month", NAME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "provider", "month", name="pk_calls"),
    )
    op.create_table(
        "escalations",
        sa.Column("escalation_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("cause", NAME, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("turn_id", NAME, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("repeat_at", MOMENT, nullable=True),
        sa.Column("acknowledged_at", MOMENT, nullable=True),
        sa.Column("acknowledged_by", WORDS, nullable=True),
        sa.Column("note", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("escalation_id", name="pk_escalations"),
        sa.UniqueConstraint("hotel_id", "key", name="uq_escalations_hotel_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_escalations_open",
        "escalations",
        ["hotel_id", "conversation_id"],
        **_where("acknowledged_at IS NULL"),
    )
    op.create_index(
        "ix_escalations_repeat",
        "escalations",
        ["hotel_id", "repeat_at"],
        **_where("repeat_at IS NOT NULL"),
    )
    op.create_table(
        "payment_proofs",
        sa.Column("proof_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("turn_id", NAME, nullable=False),
        sa.Column("media_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=True),
        sa.Column("sha256", NAME, nullable=False),
        sa.Column("picture_hash", NAME, nullable=True),
        sa.Column("reference", NAME, nullable=True),
        sa.Column("extraction", JSON, nullable=False),
        sa.Column("verdict", NAME, nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", WORDS, nullable=True),
        sa.Column("note", WORDS, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("proof_id", name="pk_payment_proofs"),
        sa.UniqueConstraint("hotel_id", "key", name="uq_payment_proofs_hotel_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_payment_proofs_conversation", "payment_proofs", ["hotel_id", "conversation_id"]
    )
    op.create_index("ix_payment_proofs_reference", "payment_proofs", ["hotel_id", "reference"])
    op.create_index(
        "ix_payment_proofs_waiting", "payment_proofs", ["hotel_id"], **_where("state = 'waiting'")
    )
    op.create_table(
        "sign_ins",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("token_hash", NAME, nullable=False),
        sa.Column("user_name", NAME, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "token_hash", name="pk_sign_ins"),
    )
    op.create_table(
        "users",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("user_name", NAME, nullable=False),
        sa.Column("full_name", WORDS, nullable=False),
        sa.Column("password_hash", NAME, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("hotel_id", "user_name", name="pk_users"),
    )
    op.add_column("bookings", sa.Column("amount_due", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("currency", NAME, nullable=True))
    op.create_index("ix_bookings_conversation", "bookings", ["hotel_id", "conversation_id"])
    op.add_column("conversations", sa.Column("owner_at", MOMENT, nullable=True))
    op.add_column("conversations", sa.Column("taken_by", WORDS, nullable=True))
    op.add_column("conversations", sa.Column("chat_url", WORDS, nullable=True))
    op.add_column("conversations", sa.Column("stopped_at", MOMENT, nullable=True))
    op.add_column("conversations", sa.Column("past_page", sa.Integer(), nullable=True))
    op.add_column("conversations", sa.Column("summary", WORDS, nullable=True))
    op.add_column("conversations", sa.Column("folded_until", MOMENT, nullable=True))
    op.add_column(
        "turns", sa.Column("stale", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(
        "ix_messages_with_staff",
        "messages",
        ["hotel_id", "conversation_id"],
        **_where("state = 'with_staff'"),
    )
    op.create_index(
        "ix_conversations_held",
        "conversations",
        ["hotel_id", "staff_until"],
        **_where("owner = 'staff'"),
    )
    op.create_index("ix_conversations_newest", "conversations", ["hotel_id", "last_guest_at"])
    op.create_index("ix_turns_opened", "turns", ["hotel_id", "conversation_id", "opened_at"])


def downgrade() -> None:
    for table in ("audit", "calls", "escalations", "payment_proofs", "sign_ins", "users"):
        op.drop_table(table)
    op.drop_index("ix_bookings_conversation", table_name="bookings")
    op.drop_index("ix_turns_opened", table_name="turns")
    op.drop_index("ix_conversations_newest", table_name="conversations")
    op.drop_index("ix_conversations_held", table_name="conversations")
    op.drop_index("ix_messages_with_staff", table_name="messages")
    with op.batch_alter_table("bookings") as batch:
        for column in (
            "amount_due",
            "currency",
        ):
            batch.drop_column(column)
    with op.batch_alter_table("conversations") as batch:
        for column in (
            "owner_at",
            "taken_by",
            "chat_url",
            "stopped_at",
            "past_page",
            "summary",
            "folded_until",
        ):
            batch.drop_column(column)
    with op.batch_alter_table("turns") as batch:
        for column in ("stale",):
            batch.drop_column(column)
