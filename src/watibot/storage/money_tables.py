"""The tables of money and of what is watched: charges, caches, tallies, versions, erasures.

The rest of the tables is in `tables.py` and `desk_tables.py`. Money is whole micro-dollars.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from watibot.storage.columns import Json, Moment, Name, Words
from watibot.storage.tables import Serial, hotel_column, metadata

# Something of a provider's that was used (`charges.py`).
charges = Table(
    "charges",
    metadata,
    Column("charge_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("at", Moment, nullable=False),
    Column("provider", Name, nullable=False),
    Column("operation", Name, nullable=False),
    Column("model", Name, nullable=False),
    Column("location", Name, nullable=False),
    Column("outcome", Name, nullable=False),
    Column("channel", Name),
    Column("conversation_id", Name),  # null: of nobody, or of a guest who was erased
    Column("turn_id", Name),
    Column("quantity", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("thoughts_tokens", BigInteger, nullable=False),
    Column("audio_tokens", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("micros", BigInteger),  # null: no price is known
    Index("ix_charges_at", "hotel_id", "at"),
    Index("ix_charges_turn", "hotel_id", "turn_id"),
    Index("ix_charges_conversation", "hotel_id", "conversation_id", "at"),
    sqlite_autoincrement=True,
)

# Explicit caches at the model, one row for each that may still be there.
caches = Table(
    "caches",
    metadata,
    hotel_column(),
    Column("name", Name, nullable=False),  # the provider's
    Column("version", Name, nullable=False),  # digest of what is in it, and for which model
    Column("tokens", BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("hotel_id", "name"),
)

# How often something happened within one minute.
tallies = Table(
    "tallies",
    metadata,
    hotel_column(),
    Column("at", Moment, nullable=False),  # the minute's beginning
    Column("name", Name, nullable=False),
    Column("outcome", Name, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("hotel_id", "name", "at", "outcome"),
)

# Instructions that were live, whole.
instruction_versions = Table(
    "instruction_versions",
    metadata,
    hotel_column(),
    Column("version", Name, nullable=False),
    Column("text", Words, nullable=False),
    Column("tokens", BigInteger),  # null: nobody has counted
    Column("exact", Boolean, nullable=False, server_default=text("false")),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),  # when it was last seen live
    PrimaryKeyConstraint("hotel_id", "version"),
)

# Guests who were erased: what went, and from where. Nothing here says who it was.
erasures = Table(
    "erasures",
    metadata,
    Column("erasure_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("key", Name, nullable=False),  # a keyed digest of the conversation's name
    Column("asked_at", Moment, nullable=False),
    Column("asked_by", Name, nullable=False),
    Column("conversation_id", Name),  # until everything is gone
    Column("session_id", Name),
    Column("thread_id", Name),
    Column("left", Json, nullable=False),  # what is still to go: names of places
    Column("gone", Json, nullable=False),  # counts by place
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment),  # null: complete
    Column("problem", Words),
    Column("ended_at", Moment),
    Index("ix_erasures_at", "hotel_id", "asked_at"),
    sqlite_autoincrement=True,
)
