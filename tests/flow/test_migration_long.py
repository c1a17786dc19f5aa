"""Pasts that are longer than what the mirror takes at a time."""

from __future__ import annotations

import pytest

from tests.migrating import Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.migration.crew import Mark
from watibot.service.mirror import ITEMS_AT_ONCE


@pytest.mark.parametrize(
    "count", [ITEMS_AT_ONCE - 1, ITEMS_AT_ONCE, ITEMS_AT_ONCE + 1, 2 * ITEMS_AT_ONCE]
)
async def test_the_session_is_given_all_of_a_long_past(stage: Stage, count: int) -> None:
    await stage.settled(messages=count, tools=False)
    (outcome,) = await stage.verb("run")
    assert (outcome.mark, outcome.events) == (Mark.DONE, count)
    conversation = await stage.conversation()
    assert await stage.store.unmoved(conversation.conversation_id) == 0
    events = await stage.session()
    assert [event.event_id for event in events] == [item.item_id for item in await stage.history()]
