"""Money and what is watched: charges, caches, tallies, versions of instructions, erasures."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORDS = sa.Text()
JSON = sa.Text()
MOMENT = sa.BigInteger()  # microseconds since the epoch
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "charges",
        sa.Column("charge_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("provider", NAME, nullable=False),
        sa.Column("operation", NAME, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("location", NAME, nullable=False),
        sa.Column("outcome", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=True),
        sa.Column("conversation_id", NAME, nullable=True),
        sa.Column("turn_id", NAME, nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("thoughts_tokens", sa.BigInteger(), nullable=False),
        sa.Column("audio_tokens", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("charge_id", name="pk_charges"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_charges_at", "charges", ["hotel_id", "at"])
    op.create_index("ix_charges_turn", "charges", ["hotel_id", "turn_id"])
    op.create_index("ix_charges_conversation", "charges", ["hotel_id", "conversation_id", "at"])
    op.create_table(
        "caches",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", NAME, nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "name", name="pk_caches"),
    )
    op.create_table(
        "tallies",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("outcome", NAME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "name", "at", "outcome", name="pk_tallies"),
    )
    op.create_table(
        "instruction_versions",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("version", NAME, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("exact", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "version", name="pk_instruction_versions"),
    )
    op.create_table(
        "erasures",
        sa.Column("erasure_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=True),
        sa.Column("session_id", NAME, nullable=True),
        sa.Column("thread_id", NAME, nullable=True),
        sa.Column("left", JSON, nullable=False),
        sa.Column("gone", JSON, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("problem", WORDS, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("erasure_id", name="pk_erasures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_erasures_at", "erasures", ["hotel_id", "asked_at"])
    op.create_index(
        "ix_messages_record",
        "messages",
        ["hotel_id", "record_id"],
        **_where("record_id IS NOT NULL"),
    )
    op.create_index("ix_turns_day", "turns", ["hotel_id", "opened_at"])


def downgrade() -> None:
    op.drop_index("ix_turns_day", "turns")
    op.drop_index("ix_messages_record", "messages")
    for table in ("erasures", "instruction_versions", "tallies", "caches", "charges"):
        op.drop_table(table)
