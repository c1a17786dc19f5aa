"""Which conversation a webhook is about, and the rows that say so.

A guest can come under several names: the conversation's id, the channel's address, aliases such as
a business-scoped user id. `inbox.py` asks for a batch, `takeovers.py` for one name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, select
from sqlalchemy.dialects import postgresql, sqlite

from watibot.conversations import Owner
from watibot.messages import ChannelName, Inbound
from watibot.storage.among import among
from watibot.storage.rows import ByDialect, Tx, insert_once, locked, of_hotel
from watibot.storage.tables import aliases, conversations

# One statement for each index: joined by OR they would read every conversation of the channel.
_BY_ID = select(
    conversations.c.channel, conversations.c.conversation_id, conversations.c.conversation_id
).where(of_hotel(conversations), among(conversations.c.conversation_id, "names"))
_BY_ADDRESS = select(
    conversations.c.channel, conversations.c.address, conversations.c.conversation_id
).where(
    of_hotel(conversations),
    among(conversations.c.channel, "channels"),
    among(conversations.c.address, "names"),
)
_BY_ALIAS = select(aliases.c.channel, aliases.c.alias, aliases.c.conversation_id).where(
    of_hotel(aliases), among(aliases.c.channel, "channels"), among(aliases.c.alias, "names")
)
_NEW_ALIASES = insert_once(aliases)


def _upsert() -> ByDialect:
    forms: dict[str, Executable] = {}
    for name, dialect_insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = dialect_insert(conversations)
        forms[name] = statement.on_conflict_do_update(
            index_elements=[conversations.c.hotel_id, conversations.c.conversation_id],
            set_={
                column: statement.excluded[column]
                for column in (
                    "address",
                    "guest_name",
                    "chat_url",
                    "last_guest_at",
                    "due_at",
                    "deadline_at",
                )
            },
        )
    return forms


UPSERT_CONVERSATIONS = _upsert()


def names_of(message: Inbound) -> tuple[str, ...]:
    """All that a message says about who sent it."""
    return (message.conversation_id, message.address, *message.aliases)


def known_names(
    tx: Tx, names: Collection[str], channels: Collection[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """(channel, name) -> conversation id, for those of the names that are known."""
    for statement in (_BY_ID, _BY_ADDRESS, _BY_ALIAS):
        for channel, name, conversation_id in tx.all(
            statement, names=list(names), channels=list(channels)
        ):
            yield (channel, name), conversation_id


def add_aliases(tx: Tx, found: dict[tuple[str, str], str]) -> None:
    """Keeps new names; one that is another conversation's already stays there."""
    tx.add(
        tx.pick(_NEW_ALIASES),
        [
            {"channel": channel, "alias": alias, "conversation_id": conversation_id}
            for (channel, alias), conversation_id in sorted(found.items())
        ],
    )


def resolve(tx: Tx, channel: ChannelName, conversation_id: str, address: str) -> str:
    """The conversation that goes by these names; `conversation_id` itself if none does."""
    if locked(tx, conversation_id) is not None:
        return conversation_id
    # What WATI tells of staff may name the guest by the business-scoped id alone.
    names = (conversation_id, address, f"bsuid:{conversation_id}")
    known = dict(known_names(tx, names, (channel,)))
    for name in names:
        if (channel, name) in known:
            return known[channel, name]
    return conversation_id


def new_conversation(
    conversation_id: str,
    channel: str,
    address: str,
    created_at: datetime | None,
    **more: Any,
) -> dict[str, Any]:
    """A conversation's row as it begins."""
    return {
        "conversation_id": conversation_id,
        "channel": channel,
        "address": address,
        "owner": Owner.BOT,
        "session_generation": 0,
        "fence": 0,
        "created_at": created_at,
        **more,
    }
