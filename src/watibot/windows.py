"""How much of a conversation a prompt holds, and when the older half becomes a summary. Pure.

`prompts.py` keeps the bound, `service/fold.py` asks where to cut. Tokens are estimated: the real
count needs the provider.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from watibot.history import HistoryItem, ItemKind

CHARACTERS_A_TOKEN = 3.5
_PEOPLE = (ItemKind.GUEST, ItemKind.STAFF)


@dataclass(frozen=True, slots=True)
class Sizes:
    """`tokens` and `items`: of history; more than that is folded. `characters`: of one message of a
    guest (settings: VERTEX_HISTORY_TOKENS, VERTEX_HISTORY_ITEMS, LIMITS_CHARACTERS)."""

    tokens: int = 24_000
    items: int = 200
    characters: int = 8_000


def tokens(item: HistoryItem) -> int:
    """About how many tokens an item takes in a prompt."""
    if item.content is None:
        return round(len(item.text) / CHARACTERS_A_TOKEN) + 1
    characters = sum(
        len(part["text"]) if set(part) == {"text"} else len(json.dumps(part, ensure_ascii=False))
        for part in item.content["parts"]
    )
    return round(characters / CHARACTERS_A_TOKEN) + 1


def bounded(items: Sequence[HistoryItem], sizes: Sizes) -> Sequence[HistoryItem]:
    """The items without the oldest ones, where all of them were more than twice `sizes.tokens`.

    The cut is found from the beginning on, and moves by `sizes.tokens` at a time: what is appended
    moves it rarely, so that the provider's cache goes on serving the rest."""
    counted = [tokens(item) for item in items]
    start, total = 0, 0
    for end, count in enumerate(counted):
        total += count
        if total > 2 * sizes.tokens:
            while total > sizes.tokens and start < end:
                total -= counted[start]
                start += 1
    return items[start:]


def to_fold(items: Sequence[HistoryItem], sizes: Sizes) -> int:
    """How many of the oldest items a summary is to stand for; 0 while all of them have room.

    What stays is at most half of the room and begins with a person's words, never between a call
    and its result. Folding begins a little before `sizes.items`, from where on the store leaves
    the oldest out by itself."""
    counted = [tokens(item) for item in items]
    if sum(counted) <= sizes.tokens and len(items) <= sizes.items * 9 // 10:
        return 0
    rest = list(accumulate(reversed(counted), initial=0))[::-1]  # of the items from each one on
    cuts = [index for index in range(1, len(items)) if may_begin(items, index)]
    small = (
        index
        for index in cuts
        if rest[index] <= sizes.tokens / 2 and len(items) - index <= sizes.items / 2
    )
    return next(small, cuts[-1] if cuts else 0)


def may_begin(items: Sequence[HistoryItem], index: int) -> bool:
    """Whether a part may begin with this item: a person's words, not between a call and its
    result."""
    after_call = index > 0 and items[index - 1].kind is ItemKind.TOOL_CALL
    return items[index].kind in _PEOPLE and not after_call
