"""The tables of the migration out of OpenAI; the rest is in `tables.py`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
)

from watibot.storage.columns import Json, Moment, Name, Words
from watibot.storage.tables import hotel_column, metadata

# A conversation on its way out of OpenAI: how far it is, and what was counted.
migrations = Table(
    "migrations",
    metadata,
    hotel_column(),
    Column("conversation_id", Name, nullable=False),
    Column("state", Name, nullable=False),
    Column("problem", Words),
    Column("attempts", Integer, nullable=False),
    Column("source", Name),
    Column("version", Name),
    Column("messages", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("media", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("losses", Json),
    Column("planned_at", Moment),
    Column("exported_at", Moment),
    Column("imported_at", Moment),
    Column("verified_at", Moment),
    Column("verified_version", Name),
    Column("cut_over_at", Moment),
    Column("rolled_back_at", Moment),
    PrimaryKeyConstraint("hotel_id", "conversation_id"),
)

# The rows of the operator's earlier database, as they were, and what each says by itself: where its
# conversation says the same still, the view `threads` shows the original.
legacy_threads = Table(
    "legacy_threads",
    metadata,
    hotel_column(),
    Column("position", BigInteger, nullable=False),
    Column("wa_id", Words),
    Column("conversation_id", Name),  # null: no conversation of any channel
    Column("problem", Words),
    Column("original", Json, nullable=False),
    Column("provider", Name, nullable=False),
    Column("thread_id", Name),
    Column("last_guest_at", Moment, nullable=False),
    Column("migrated_at", Moment),
    Column("history_imported", Boolean, nullable=False),
    Column("agent_context_injected", Boolean, nullable=False),
    Column("vertex_context_injected", Boolean, nullable=False),
    Column("context_checked_at", Moment),
    PrimaryKeyConstraint("hotel_id", "position"),
    Index("ix_legacy_threads_conversation", "hotel_id", "conversation_id"),
    Index("ix_legacy_threads_wa_id", "hotel_id", "wa_id"),
)
adoptions = Table(
    "adoptions",
    metadata,
    hotel_column(),
    Column("adopted_at", Moment, nullable=False),
    Column("source", Words, nullable=False),
    Column("backup", Words),
    Column("row_count", BigInteger, nullable=False),
    Column("digest", Name, nullable=False),
    Column("shape", Json, nullable=False),  # its columns and the SQL that made it
    PrimaryKeyConstraint("hotel_id"),
)
