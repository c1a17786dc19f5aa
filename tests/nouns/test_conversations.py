"""Who holds a conversation, and until when it may be answered."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.invented import NOON, conversation
from watibot.conversations import Owner, held_by_staff, may_send, window_open

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


HELD: list[tuple[Owner, datetime | None, bool]] = [
    (Owner.BOT, None, False),
    (Owner.BOT, NOON + HOUR, False),
    (Owner.STAFF, None, True),
    (Owner.STAFF, NOON + TICK, True),
    (Owner.STAFF, NOON, False),
    (Owner.STAFF, NOON - HOUR, False),
]


@pytest.mark.parametrize(("owner", "until", "held"), HELD)
def test_held_by_staff(owner: Owner, until: datetime | None, held: bool) -> None:
    assert held_by_staff(conversation(owner=owner, staff_until=until), NOON) is held


WINDOW = [
    (NOON - 24 * HOUR + TICK, True),
    (NOON - 24 * HOUR, False),
    (NOON, True),
]


@pytest.mark.parametrize(("last_guest_at", "is_open"), WINDOW)
def test_window(last_guest_at: datetime, is_open: bool) -> None:
    assert window_open(conversation(last_guest_at=last_guest_at), NOON) is is_open


OLD = NOON - 25 * HOUR
SENDING: list[tuple[Owner, str | None, datetime, str | None]] = [
    (Owner.BOT, None, NOON, None),
    (Owner.BOT, None, OLD, "window"),
    (Owner.STAFF, None, NOON, "staff"),
    (Owner.STAFF, "another", NOON, "staff"),
    (Owner.STAFF, "t1", NOON, None),  # the farewell of the turn that handed over
    (Owner.STAFF, "t1", OLD, "window"),
    (Owner.STAFF, None, OLD, "staff"),
]


@pytest.mark.parametrize(("owner", "handover", "last_guest_at", "reason"), SENDING)
def test_may_send(
    owner: Owner, handover: str | None, last_guest_at: datetime, reason: str | None
) -> None:
    held = conversation(owner=owner, handover_turn_id=handover, last_guest_at=last_guest_at)
    assert may_send(held, "t1", NOON) == reason
