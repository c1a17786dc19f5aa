"""The tables of what people do and are told: escalations, payment proofs, the console.

Beside them the calls that a provider counts. Amounts are in hundredths of their currency; the rest
of the tables is in `tables.py`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    literal_column,
)

from watibot.storage.columns import Json, Moment, Name, Words
from watibot.storage.tables import Serial, hotel_column, metadata, where

# A dead end that a person has to see to.
escalations = Table(
    "escalations",
    metadata,
    Column("escalation_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("key", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    Column("cause", Name, nullable=False),
    Column("reason", Words, nullable=False),
    Column("turn_id", Name),
    Column("opened_at", Moment, nullable=False),
    Column("told", Integer, nullable=False),  # how often
    Column("repeat_at", Moment),  # null: not to be told again
    Column("acknowledged_at", Moment),
    Column("acknowledged_by", Words),
    Column("note", Words),
    UniqueConstraint("hotel_id", "key"),
    sqlite_autoincrement=True,
)
IS_OPEN: ColumnElement[bool] = escalations.c.acknowledged_at.is_(None)
IS_TO_REPEAT: ColumnElement[bool] = escalations.c.repeat_at.is_not(None)
Index(
    "ix_escalations_open",
    escalations.c.hotel_id,
    escalations.c.conversation_id,
    **where(IS_OPEN),
)
Index(
    "ix_escalations_repeat",
    escalations.c.hotel_id,
    escalations.c.repeat_at,
    **where(IS_TO_REPEAT),
)

payment_proofs = Table(
    "payment_proofs",
    metadata,
    Column("proof_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("key", Name, nullable=False),
    Column("conversation_id", Name, nullable=False),
    Column("turn_id", Name, nullable=False),
    Column("media_id", BigInteger, nullable=False),
    Column("booking_id", BigInteger),
    Column("sha256", Name, nullable=False),
    Column("picture_hash", Name),  # 16 hexadecimal digits; null: no picture
    Column("reference", Name),  # as `payments.py` compares it
    Column("extraction", Json, nullable=False),
    Column("verdict", Name, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("state", Name, nullable=False),  # waiting, accepted, rejected, none
    Column("decided_at", Moment),
    Column("decided_by", Words),
    Column("note", Words),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("hotel_id", "key"),
    Index("ix_payment_proofs_reference", "hotel_id", "reference"),
    Index("ix_payment_proofs_conversation", "hotel_id", "conversation_id"),
    sqlite_autoincrement=True,
)
IS_UNDECIDED: ColumnElement[bool] = payment_proofs.c.state == literal_column("'waiting'")
Index("ix_payment_proofs_waiting", payment_proofs.c.hotel_id, **where(IS_UNDECIDED))

users = Table(
    "users",
    metadata,
    hotel_column(),
    Column("user_name", Name, nullable=False),
    Column("full_name", Words, nullable=False),  # what guests and the model read
    Column("password_hash", Name, nullable=False),
    Column("role", Name, nullable=False),  # desk, owner
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    PrimaryKeyConstraint("hotel_id", "user_name"),
)
# A browser that is signed in.
sign_ins = Table(
    "sign_ins",
    metadata,
    hotel_column(),
    Column("token_hash", Name, nullable=False),
    Column("user_name", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    PrimaryKeyConstraint("hotel_id", "token_hash"),
)
# What people did, and who tried to.
audit = Table(
    "audit",
    metadata,
    Column("audit_id", Serial, primary_key=True, autoincrement=True),
    hotel_column(),
    Column("at", Moment, nullable=False),
    Column("user_name", Name, nullable=False),
    Column("action", Name, nullable=False),
    Column("conversation_id", Name),
    Column("detail", Words),
    Index("ix_audit_at", "hotel_id", "at"),
    Index("ix_audit_action", "hotel_id", "user_name", "action", "at"),
    sqlite_autoincrement=True,
)

# Calls of a provider that counts them by the month.
calls = Table(
    "calls",
    metadata,
    hotel_column(),
    Column("provider", Name, nullable=False),
    Column("month", Name, nullable=False),  # 2026-11, in UTC
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("hotel_id", "provider", "month"),
)
