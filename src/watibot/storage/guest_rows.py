"""Where a guest is in the tables: what is given out to them, and what goes when they are erased.

`erase.py` deletes by `OF_GUEST`, `SqlGuestRows` reads by it for `service/export.py`. A test holds
that every table is named here, so that a new one is not forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select

from watibot.storage.among import among
from watibot.storage.desk_tables import (
    audit,
    calls,
    escalations,
    payment_proofs,
    sign_ins,
    users,
)
from watibot.storage.door import Door
from watibot.storage.migration_tables import adoptions, legacy_threads, migrations
from watibot.storage.money_tables import caches, charges, erasures, instruction_versions, tallies
from watibot.storage.rows import Tx, of_conversation, of_hotel
from watibot.storage.tables import (
    aliases,
    bookings,
    bubbles,
    conversations,
    history,
    media,
    messages,
    notices,
    quarantine,
    quotas,
    steps,
    turns,
)

_MESSAGES = select(messages.c.seq).where(of_conversation(messages))
_TURNS = select(turns.c.turn_id).where(of_conversation(turns))
# In an order in which they can go: what is found through another table before that one. Beside
# `conversation` the `names` are bound under which an earlier database may have kept the guest.
OF_GUEST: Mapping[Table, ColumnElement[bool]] = {
    media: of_hotel(media) & media.c.message_seq.in_(_MESSAGES),
    steps: of_hotel(steps) & steps.c.turn_id.in_(_TURNS),
    messages: of_conversation(messages),
    bubbles: of_conversation(bubbles),
    history: of_conversation(history),
    turns: of_conversation(turns),
    bookings: of_conversation(bookings),
    payment_proofs: of_conversation(payment_proofs),
    escalations: of_conversation(escalations),
    notices: of_conversation(notices),
    migrations: of_conversation(migrations),
    legacy_threads: of_hotel(legacy_threads)
    & or_(of_conversation(legacy_threads), among(legacy_threads.c.wa_id, "names")),
    aliases: of_conversation(aliases),
    conversations: of_conversation(conversations),
}
# What was done and what was paid stays, without the name.
NAMELESS: Mapping[Table, ColumnElement[bool]] = {
    audit: of_conversation(audit),
    charges: of_conversation(charges),
}
# No guest is in these, but for bodies that nobody could read (`quarantine`), which are searched.
OF_NOBODY = frozenset(
    {
        quarantine,
        erasures,
        users,
        sign_ins,
        calls,
        quotas,
        caches,
        tallies,
        instruction_versions,
        adoptions,
    }
)

_CONVERSATION = select(conversations).where(of_conversation(conversations))
_ALIASES = select(aliases.c.alias).where(of_conversation(aliases))
_KEPT = {
    table.name: select(table).where(condition).order_by(*table.primary_key.columns)
    for table, condition in (*OF_GUEST.items(), *NAMELESS.items())
}


def names_of(tx: Tx, conversation_id: str, address: str | None) -> list[str]:
    """Every name that the guest goes by."""
    also = [row.alias for row in tx.all(_ALIASES, conversation=conversation_id)]
    return sorted({conversation_id, *also, *([address] if address else [])})


class SqlGuestRows:
    """`ports.erasures.GuestRows` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._read = door.read

    async def kept(self, conversation_id: str) -> dict[str, list[dict[str, Any]]] | None:
        return await self._read(_kept, conversation_id)


def _kept(tx: Tx, conversation_id: str) -> dict[str, list[dict[str, Any]]] | None:
    row = tx.one(_CONVERSATION, conversation=conversation_id)
    if row is None:
        return None
    bound = {
        "conversation": conversation_id,
        "names": names_of(tx, conversation_id, row.address),
    }
    return {
        name: [each._asdict() for each in tx.all(form, **bound)] for name, form in _KEPT.items()
    }
