"""What `watibot migrate status` and `report` read beside the ledger. Read only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, select

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.storage.migration_tables import migrations
from watibot.storage.rows import Tx, of_hotel
from watibot.storage.tables import conversations, history

ANSWERERS = (
    select(conversations.c.channel, conversations.c.provider, func.count())
    .where(of_hotel(conversations))
    .group_by(conversations.c.channel, conversations.c.provider)
)
_SESSIONS = select(conversations.c.conversation_id, conversations.c.session_id).where(
    of_hotel(conversations), conversations.c.session_id.is_not(None)
)
_ITEMS = (
    select(history.c.conversation_id, func.count())
    .select_from(
        history.join(
            migrations,
            and_(
                migrations.c.hotel_id == history.c.hotel_id,
                migrations.c.conversation_id == history.c.conversation_id,
            ),
        )
    )
    .where(of_hotel(history))
    .group_by(history.c.conversation_id)
)


@dataclass(frozen=True, slots=True)
class Around:
    """`answerers`: conversations by channel and who answers, those without a past included;
    `sessions`: ids by conversation; `items`: of the history, by conversation of the ledger."""

    answerers: dict[tuple[ChannelName, Provider], int]
    sessions: dict[str, str]
    items: dict[str, int]


def around(tx: Tx) -> Around:
    return Around(
        {(ChannelName(row[0]), Provider(row[1])): row[2] for row in tx.all(ANSWERERS)},
        {row[0]: row[1] for row in tx.all(_SESSIONS)},
        {row[0]: row[1] for row in tx.all(_ITEMS)},
    )
