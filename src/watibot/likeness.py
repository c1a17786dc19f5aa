"""When two texts are the same words, and which of those said at one time belong together. Pure.

`matching.py` asks for rows of a provider's history and what we know, `storage/` for an echo of one
message. Providers trim texts and change signs; people write "ok" twice a minute.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise

from rapidfuzz.distance import Indel

# Two texts are said at the same time within this.
NEAR = timedelta(seconds=120)
SIMILAR = 0.90

_NEAR = NEAR.total_seconds()
_SHORTEST = 5  # below, one character's difference is more than SIMILAR allows
# Where more than a few texts crowd one window, those are compared that have one of a text's rarest
# parts in common, and of them the nearest on either side.
_FEW, _RAREST, _BESIDE = 16, 4, 8


UNREADABLE = "[ilegible]"
# The notes that `wording.py` writes: a file reads as its kind, for captions and names come and go.
_NOTES = {
    "foto": "[foto]",
    "nota de voz": "[audio]",
    "audio": "[audio]",
    "video": "[video]",
    "documento": "[archivo]",
    "archivo": "[archivo]",
    "sticker": "[sticker]",
    "ubicación": "[ubicacion]",
    "contacto": "[contacto]",
    "mensaje que no se puede leer": UNREADABLE,
    "mensaje vacío": UNREADABLE,
}
_MARKS = frozenset(_NOTES.values())
_NOTE = re.compile(rf"^\[({'|'.join(_NOTES)})(?:: [^\n]*)?\]$", re.MULTILINE)
_QUOTE = re.compile(r"\A\[en respuesta a un mensaje anterior\]\n")
_TAPPED = re.compile(r"\A\[botón elegido: (.*)\]\Z", re.DOTALL)

_DASHES = re.compile("[‐‑‒–—―−]")
_MODIFIERS = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_LEFT_OUT = re.compile(  # quotes, accents, signs without width, emoji
    "[“”„‟‘’‚‛«»‹›′"
    "\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufe00-\ufe0f\u20d0-\u20ff"
    "\u00a9\u00ae\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\u3030\u303d"
    "\U0001f000-\U0001faff\U000e0000-\U000e007f]"
)
_NUMBERS = re.compile(r"\d+")


def normal(text: str) -> str:
    """The text as it is compared: case, accents, spaces, emoji and typographic signs left out; a
    file as its kind alone. Empty only for a text without a sign: an emoji alone stays."""
    if "[" in text:
        if found := _NOTE.search(text):
            return _NOTES[found[1]]
        text = _TAPPED.sub(r"\1", _QUOTE.sub("", text))
    words = text.replace('"', "").replace("'", "").replace("`", "")
    if not words.isascii():
        apart = unicodedata.normalize("NFKD", words.replace("´", ""))  # it would become a space
        words = _DASHES.sub("-", _LEFT_OUT.sub("", apart))
    return " ".join(words.casefold().split()) or "".join(_MODIFIERS.sub("", text).split())


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same words, as far as a provider's changes go (`SIMILAR`)."""
    first, second = normal(one), normal(other)
    return bool(first) and (first == second or _similarity(first, second) >= SIMILAR)


def _similarity(one: str, other: str) -> float:
    """Of two normal texts; 0 below SIMILAR."""
    score = Indel.normalized_similarity(one, other, score_cutoff=SIMILAR)
    # A provider changes no number; a colleague who corrects a price changes nothing else.
    same = score and not (one in _MARKS or other in _MARKS) and _numbers(one) == _numbers(other)
    return score if same else 0.0


def _numbers(key: str) -> str:
    return " ".join(_NUMBERS.findall(key))


@dataclass(slots=True, eq=False)
class Words:
    """A row of the provider's, or what is known of one here, as they are compared. `at`: epoch
    seconds; `key`: normal text. `pair`: its other side, found once."""

    at: float
    key: str
    known: bool
    pair: Words | None = None


def pair_up(rows: list[Words], entries: list[Words], skew: float = 0.0) -> None:
    """Pairs those within NEAR that have no pair yet: equal words first, then similar ones. `skew`:
    by how many seconds the rows' clock is ahead. Near-linear, however many are said at once."""
    groups: dict[str, tuple[list[Words], list[Words]]] = defaultdict(lambda: ([], []))
    for side, words in enumerate((rows, entries)):
        for each in words:
            if each.pair is None and each.key:
                groups[each.key][side].append(each)
    for some_rows, some_entries in groups.values():
        if some_rows and some_entries:
            _nearest(some_rows, some_entries, skew)
    asking = [row for row in rows if _may_differ(row)]
    while asking and (free := [entry for entry in entries if _may_differ(entry)]):
        left = _similar(asking, free, skew)
        if len(left) > len(asking) // 2:  # thousands in one crowd: more rounds would find little
            break
        asking = left


def _nearest(rows: list[Words], entries: list[Words], skew: float) -> None:
    """Pairs the two that are nearest in time, then the next two. In the order of time those are
    always neighbours, for whatever stood between them is paired already."""
    line = sorted((*rows, *entries), key=lambda each: each.at - (0 if each.known else skew))
    before, after = list(range(-1, len(line) - 1)), list(range(1, len(line) + 1))

    def pairs(left: int, right: int) -> list[tuple[float, int, int]]:
        if left < 0 or right >= len(line) or line[left].known == line[right].known:
            return []
        row, entry = (left, right) if line[right].known else (right, left)
        apart = line[row].at - line[entry].at
        return [(abs(apart - skew), left, right)] if abs(apart) <= _NEAR else []

    heap = [pair for left in range(len(line) - 1) for pair in pairs(left, left + 1)]
    heapify(heap)
    while heap:
        _, left, right = heappop(heap)
        one, other = line[left], line[right]
        if one.pair or other.pair:
            continue
        one.pair, other.pair = other, one
        outer, further = before[left], after[right]
        if outer >= 0:
            after[outer] = further
        if further < len(line):
            before[further] = outer
        for pair in pairs(outer, further):
            heappush(heap, pair)


def _similar(asking: list[Words], entries: list[Words], skew: float) -> list[Words]:
    """Pairs the most similar first, of equally similar ones the nearest. Back come the rows whose
    likeness another row has taken."""
    entries = sorted(entries, key=lambda entry: entry.at)
    crowd = _Crowd(entries)
    found = []
    for number, row in enumerate(asking):
        for position in crowd.around(row, skew):
            apart = row.at - entries[position].at
            if abs(apart) <= _NEAR and (score := _similarity(row.key, entries[position].key)):
                found.append((-score, abs(apart - skew), number, position))
    for *_, number, position in sorted(found):
        row, entry = asking[number], entries[position]
        if not (row.pair or entry.pair):
            row.pair, entry.pair = entry, row
    numbers = dict.fromkeys(number for *_, number, _ in found)
    return [asking[number] for number in sorted(numbers) if not asking[number].pair]


class _Crowd:
    """Which entries, in the order of time, may be similar to a row."""

    def __init__(self, entries: list[Words]) -> None:
        self._entries = entries
        self._times = [entry.at for entry in entries]

    def around(self, row: Words, skew: float) -> Iterable[int]:
        """Positions: all within NEAR if they are few."""
        first = bisect_left(self._times, row.at - _NEAR)
        last = bisect_right(self._times, row.at + _NEAR, first)
        if last - first <= _FEW:
            return range(first, last)
        middle = bisect_right(self._times, row.at - skew)
        lists = [self._index[part] for part in _parts(row.key) if part in self._index]
        lists.sort(key=len)
        once: set[int] = set()
        twice: set[int] = set()
        for positions in lists[:_RAREST]:
            here = bisect_left(positions, middle)
            near = positions[max(here - _BESIDE, 0) : here + _BESIDE]
            twice.update(once.intersection(near))
            once.update(near)
        return twice if len(lists) >= _RAREST else once  # a short text has no second part to share

    @cached_property
    def _index(self) -> dict[str, list[int]]:
        index: dict[str, list[int]] = defaultdict(list)
        for position, entry in enumerate(self._entries):
            for part in _parts(entry.key):
                index[part].append(position)
        return index


def _may_differ(words: Words) -> bool:
    return words.pair is None and len(words.key) >= _SHORTEST and words.key not in _MARKS


def _parts(key: str) -> dict[str, None]:
    """Its words, pairs of words, and ends: in the order of the text, so that the same is found in
    every run. With the numbers, which have to be the same."""
    numbers = _numbers(key)
    words = key.split()
    ends = (f"^{key[:3]}", f"{key[-3:]}$") if len(words) < _SHORTEST else ()
    parts = (*words, *map(" ".join, pairwise(words)), *ends)
    return dict.fromkeys(f"{numbers} {part}" for part in parts) if numbers else dict.fromkeys(parts)
