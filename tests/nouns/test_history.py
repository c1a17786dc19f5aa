"""Where an item of the history comes from, and when it was said."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.clocks import NOON
from watibot.history import HistoryItem, ItemKind, in_thread, said_at
from watibot.storage.moves import place

SAID = {"source": "webhook", "ids": ["w1", "r1"], "said_at": NOON.isoformat()}

ORIGINS: list[tuple[dict[str, Any] | None, bool]] = [
    (None, False),
    ({"source": "note"}, False),
    (SAID, False),
    ({"source": "wati", "ids": ["r1"], "said_at": NOON.isoformat()}, False),
    ({"source": "wati", "time": "exact", "created_at": 1}, True),
    ({"source": "assistants", "sources": ["msg_1"], "run": "run_1"}, True),
]


@pytest.mark.parametrize(("origin", "expected"), ORIGINS)
def test_whether_it_is_of_a_thread(origin: dict[str, Any] | None, expected: bool) -> None:
    assert in_thread(origin) is expected


@pytest.mark.parametrize("origin", [None, {"source": "note"}, {"said_at": None}])
def test_what_bears_no_time_was_said_where_it_stands(origin: dict[str, Any] | None) -> None:
    assert said_at(NOON, origin) == NOON


def test_its_place_may_be_later_than_its_words() -> None:
    assert said_at(NOON + timedelta(hours=1), SAID) == NOON


@pytest.mark.parametrize(("origin", "expected"), ORIGINS)
def test_words_said_here_first_do_not_push_the_threads_back(
    origin: dict[str, Any] | None, expected: bool
) -> None:
    """They may have come to the thread long afterwards; what came from there is in its order."""
    words = HistoryItem("staff-1", ItemKind.STAFF, NOON + timedelta(hours=2), "80", source_id="m2")
    asked = HistoryItem("msg-1", ItemKind.GUEST, NOON + timedelta(hours=1), "x", source_id="m1")
    here = SimpleNamespace(
        item_id="staff-1", at=NOON, kind=ItemKind.STAFF, source_id="m2", origin=origin
    )
    (placed,) = place([asked, words], [here])
    assert (placed.at < NOON) is expected
