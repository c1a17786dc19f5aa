"""How much of a conversation a prompt holds, and where it is folded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.invented import item
from watibot.history import HistoryItem, ItemKind
from watibot.windows import Sizes, bounded, may_begin, to_fold, tokens

G, A, S = ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.STAFF
C, R = ItemKind.TOOL_CALL, ItemKind.TOOL_RESULT

SIZES = Sizes(tokens=1_000, items=40)


def spoken(kinds: str, characters: int = 346) -> list[HistoryItem]:
    """A letter an item; 346 characters are 100 tokens."""
    named = {"g": G, "a": A, "s": S, "c": C, "r": R}
    return [item(i, named[letter], "x" * characters) for i, letter in enumerate(kinds)]


def test_tokens_count_text_and_json() -> None:
    assert tokens(item(1, G, "x" * 350)) == 101
    assert tokens(item(1, S, "x" * 350)) == 101
    assert tokens(item(1, C, "check_office_status")) > 20


@pytest.mark.parametrize(
    ("kinds", "characters", "expected"),
    [
        ("", 346, 0),
        ("gagagagaga", 346, 0),  # 1,000: all of it has room
        ("gagagagagaga", 346, 8),  # 1,200: what stays has 400, and begins with a guest
        ("gagagagasasa", 346, 8),  # ... or with staff
        ("gagagacraaga", 346, 10),
        ("gagagagacsra", 346, 6),  # not between a call and its result; nothing smaller there is
        ("ga" * 18, 10, 0),
        ("ga" * 19, 10, 18),  # 38 of 40 items
        ("aaaaaaaaaaaa", 346, 0),  # nobody spoke
        ("g", 10_000, 0),
        ("gg", 10_000, 1),
    ],
)
def test_where_to_fold(kinds: str, characters: int, expected: int) -> None:
    assert to_fold(spoken(kinds, characters), SIZES) == expected


def test_a_prompt_holds_at_most_twice_the_tokens() -> None:
    items = spoken("ga" * 500)
    for length in range(0, 1000, 7):
        shown = bounded(items[:length], SIZES)
        assert sum(tokens(each) for each in shown) <= 2 * SIZES.tokens
        assert list(shown) == items[length - len(shown) : length]
    assert list(bounded(spoken("g", 100_000), SIZES)) == spoken("g", 100_000)


def test_the_bound_moves_by_blocks() -> None:
    items = spoken("ga" * 200)
    firsts = [bounded(items[:length], SIZES)[0].item_id for length in range(1, 401)]
    moves = sum(one != two for one, two in pairwise(firsts))
    assert moves == 35  # once in 11 items, which is what the block has room for


KINDS = st.lists(st.sampled_from(["ga", "gcra", "gs", "g", "gcrcra", "sga"]), max_size=120)


@given(KINDS, st.integers(1, 500))
def test_the_beginning_stays_unless_a_fold_happened(turns: list[str], characters: int) -> None:
    """Turn by turn, none of them longer than the room, with a fold after each that leaves too
    much."""
    items: list[HistoryItem] = []
    start, before = 0, None
    for kinds in turns:
        added = spoken(kinds, characters)
        items += [item(len(items) + i, each.kind, each.text) for i, each in enumerate(added)]
        shown = list(bounded(items[start:], SIZES))
        if before is not None:
            assert shown[: len(before)] == before
        folded = to_fold(items[start:], SIZES)
        assert folded == 0 or may_begin(items[start:], folded)
        start += folded
        before = None if folded else shown
