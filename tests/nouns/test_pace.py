"""When a chat's history at the provider is worth a call."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.clocks import NOON
from tests.fakes_people import said
from watibot.matching import Author, Said
from watibot.service.pace import (
    Chat,
    Rhythm,
    before_burst,
    gap_passed,
    next_chat,
    next_read,
    rhythm,
)

GAP = timedelta(minutes=30)


def ago(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOON - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("wanted", "share", "expected"),
    [
        ("turn", 0.0, Rhythm.TURN),
        ("turn", 0.7999, Rhythm.TURN),
        ("turn", 0.8, Rhythm.GAP),
        ("turn", 0.9499, Rhythm.GAP),
        ("turn", 0.95, Rhythm.HELD),
        ("turn", 3.0, Rhythm.HELD),
        ("gap", 0.0, Rhythm.GAP),
        ("gap", 0.96, Rhythm.HELD),
        ("off", 0.0, Rhythm.NONE),
        ("off", 0.99, Rhythm.NONE),
    ],
)
def test_looks_become_rare_before_the_calls_are_used_up(
    wanted: str, share: float, expected: Rhythm
) -> None:
    assert rhythm(wanted, share) is expected


# last_said, checked_at, guest_at: minutes ago.
@pytest.mark.parametrize(
    ("last_said", "checked", "guest", "expected"),
    [
        (None, None, 0, True),
        (29.99, None, 0, False),
        (30, None, 0, True),
        (31, 29.99, 0, False),
        (31, 30, 0, True),
        (29, 500, 0, False),  # either of the two is enough to wait
        (500, 29, 0, False),
        (2000, 2000, 2000, True),
        # Checked a day after the guest wrote: nobody could write freely since.
        (5000, 3560, 5000, False),
        (5000, 3561, 5000, True),
        (5000, None, 5000, True),
    ],
)
def test_the_gap(
    last_said: float | None, checked: float | None, guest: float, expected: bool
) -> None:
    guest_at = NOON - timedelta(minutes=guest)
    assert gap_passed(ago(last_said), ago(checked), guest_at, NOON, GAP) is expected


G, B, S = Author.GUEST, Author.BOT, Author.STAFF


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        ([], None),
        ([said(G, 0, "a")], None),
        ([said(G, 0, "a"), said(G, 0.5, "b"), said(G, 1.4, "c")], None),
        ([said(B, -40, "x"), said(G, 0, "a"), said(G, 0.5, "b")], -40),
        ([said(S, -2, "x"), said(G, 0, "a")], -2),
        ([said(G, 0.5, "b"), said(S, -2, "x"), said(G, 0, "a")], -2),
        ([said(G, -20, "unanswered"), said(G, 0, "a")], -20),
        ([said(G, 0, "a"), said(B, 0.1, "x")], 0.1),
    ],
)
def test_what_was_said_before_the_burst(talk: list[Said], expected: float | None) -> None:
    found = before_burst(talk)
    assert found == (None if expected is None else NOON + timedelta(minutes=expected))


EVERY = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("changed", "read", "due"),  # minutes ago; minutes from now
    [
        (None, None, 0),
        (5, None, -5),
        (0.5, 2, -1),  # something happened since it was read
        (5, 0, 1),
        (9.9, 0, 1),
        (10, 0, 3),
        (59, 0, 3),
        (60, 0, 10),
        (360, 0, 40),
        (24 * 60, 0, 200),
        (None, 0, 200),
    ],
)
def test_quiet_chats_are_read_less_often(
    changed: float | None, read: float | None, due: float
) -> None:
    chat = Chat("a", ago(changed), ago(read))
    assert next_read(chat, NOON, EVERY) == NOON + timedelta(minutes=due)


def test_a_new_guest_is_not_kept_waiting_by_those_who_write_all_the_time() -> None:
    lively = [Chat(f"lively {n}", ago(0), ago(0.3)) for n in range(3)]
    every = timedelta(seconds=5)
    found = next_chat([*lively, Chat("new", ago(0.5))], NOON, every)
    assert found is not None
    assert found.key == "new"
    longest = next_chat([*lively, Chat("lively too", ago(0), ago(1))], NOON, every)
    assert longest is not None
    assert longest.key == "lively too"


def test_lively_chats_are_read_first() -> None:
    chats = [
        Chat("never heard of"),
        Chat("old", ago(50), ago(500)),
        Chat("busy", ago(1), ago(2)),
        Chat("just read", ago(0), ago(0)),
    ]
    order = []
    while (found := next_chat(chats, NOON, EVERY)) is not None:
        order.append(found.key)
        chats.remove(found)
    assert order == ["busy", "old", "never heard of"]
