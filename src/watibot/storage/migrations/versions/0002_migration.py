"""Out of OpenAI: who answers, where an item comes from, the tables of a migration."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORDS = sa.Text()
JSON = sa.Text()
MOMENT = sa.BigInteger()  # microseconds since the epoch


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text("false"))


def upgrade() -> None:
    for column in (
        sa.Column("provider", NAME, nullable=False, server_default=sa.text("'vertex'")),
        sa.Column("thread_id", NAME, nullable=True),
        sa.Column("migrated_at", MOMENT, nullable=True),
        _flag("history_imported"),
        _flag("agent_context_injected"),
        _flag("vertex_context_injected"),
        sa.Column("context_checked_at", MOMENT, nullable=True),
    ):
        op.add_column("conversations", column)
    op.create_index("ix_conversations_session", "conversations", ["hotel_id", "session_id"])
    for table in ("history", "steps"):
        op.add_column(table, sa.Column("source_id", NAME, nullable=True))
        op.add_column(table, sa.Column("origin", JSON, nullable=True))
    op.drop_index("ix_history_mirror", table_name="history")
    op.create_index(
        "ix_history_mirror",
        "history",
        ["hotel_id", "conversation_id", "at"],
        **_where("mirror IN ('held', 'waiting', 'sending')"),
    )
    op.create_index(
        "ix_history_parked",
        "history",
        ["hotel_id", "conversation_id", "at"],
        **_where("mirror IN ('parked', 'moving')"),
    )
    op.create_table(
        "migrations",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("conversation_id", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("problem", WORDS, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("source", NAME, nullable=True),
        sa.Column("version", NAME, nullable=True),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("tool_calls", sa.Integer(), nullable=False),
        sa.Column("media", sa.Integer(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("losses", JSON, nullable=True),
        sa.Column("planned_at", MOMENT, nullable=True),
        sa.Column("exported_at", MOMENT, nullable=True),
        sa.Column("imported_at", MOMENT, nullable=True),
        sa.Column("verified_at", MOMENT, nullable=True),
        sa.Column("verified_version", NAME, nullable=True),
        sa.Column("cut_over_at", MOMENT, nullable=True),
        sa.Column("rolled_back_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("hotel_id", "conversation_id", name="pk_migrations"),
    )
    op.create_table(
        "legacy_threads",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("wa_id", WORDS, nullable=True),
        sa.Column("conversation_id", NAME, nullable=True),
        sa.Column("problem", WORDS, nullable=True),
        sa.Column("original", JSON, nullable=False),
        sa.Column("provider", NAME, nullable=False),
        sa.Column("thread_id", NAME, nullable=True),
        sa.Column("last_guest_at", MOMENT, nullable=False),
        sa.Column("migrated_at", MOMENT, nullable=True),
        sa.Column("history_imported", sa.Boolean(), nullable=False),
        sa.Column("agent_context_injected", sa.Boolean(), nullable=False),
        sa.Column("vertex_context_injected", sa.Boolean(), nullable=False),
        sa.Column("context_checked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("hotel_id", "position", name="pk_legacy_threads"),
    )
    op.create_index("ix_legacy_threads_wa_id", "legacy_threads", ["hotel_id", "wa_id"])
    op.create_index(
        "ix_legacy_threads_conversation", "legacy_threads", ["hotel_id", "conversation_id"]
    )
    op.create_table(
        "adoptions",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("adopted_at", MOMENT, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("backup", WORDS, nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("digest", NAME, nullable=False),
        sa.Column("shape", JSON, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", name="pk_adoptions"),
    )
    op.create_table(
        "quotas",
        sa.Column("hotel_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hotel_id", "name", name="pk_quotas"),
    )


def downgrade() -> None:
    for table in ("quotas", "adoptions", "legacy_threads", "migrations"):
        op.drop_table(table)
    op.drop_index("ix_history_parked", table_name="history")
    op.drop_index("ix_history_mirror", table_name="history")
    op.create_index(
        "ix_history_mirror",
        "history",
        ["hotel_id", "conversation_id", "at"],
        **_where("mirror != 'done'"),
    )
    op.drop_index("ix_conversations_session", table_name="conversations")
    for table in ("history", "steps"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("origin")
            batch.drop_column("source_id")
    with op.batch_alter_table("conversations") as batch:
        for column in (
            "provider",
            "thread_id",
            "migrated_at",
            "history_imported",
            "agent_context_injected",
            "vertex_context_injected",
            "context_checked_at",
        ):
            batch.drop_column(column)
