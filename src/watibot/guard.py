"""What an answer must not give away. Pure.

`service/answer.py` asks `leak` once the model has answered in words and before they become bubbles:
instructions that are internal, the service's own marks, names of tools, notes among staff. What a
guest may know (prices, hours, the sentences that the instructions give in «») passes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from watibot.envelopes import TAGS, TOLD

# Characters of a run that is no chance: shorter ones occur in honest answers.
LONGEST_RUN = 60
# So many lines in a row are a list read out, of headings most of all.
_LINES = 3
# A note among staff is short; all of it, or a run of this.
_SHORTEST_NOTE = 15

# A part that nobody closed ends where the hotel's facts begin, which guests may know.
_INTERNAL = re.compile(
    r"<!--\s*interno\s*-->(.*?)(?:<!--\s*/interno\s*-->|^\# Datos del hotel$|\Z)",
    re.S | re.I | re.M,
)
_HEADING = re.compile(r"^#+[ \t]+(.+)$", re.M)
_SAYABLE = re.compile(r"«[^»]*»")
_MARKS = re.compile(rf"[<‹＜]\s*/?\s*(?:{'|'.join(TAGS)})\b|\[Ahora en el hotel:|<!--", re.I)
_CALLS = re.compile(
    r"function_?(?:call|response|declarations?)\b|tool_?(?:code|calls?|outputs?)\b|"
    r"thought_?signature|default_api\b|system_?instructions?\b",
    re.I,
)
# Instructions explain tools by their names: whatever is written like one is taken for one. Not
# preceded or followed by what makes it a piece of an address.
_NAME = re.compile(r"(?<![\w@./-])[a-z]+(?:_[a-z]+)+(?![\w@/-])")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What one version of the instructions keeps to itself, in plain words."""

    runs: frozenset[str]
    lists: frozenset[tuple[str, ...]]
    names: re.Pattern[str] | None


def leak(
    text: str, instructions: str, names: Iterable[str] = (), notes: Iterable[str] = ()
) -> str | None:
    """Why an answer must not leave, in English and without its words; None if it may. `names`:
    of tools, beside those that the instructions name. `notes`: what no guest is to be told
    (`wording.is_internal`)."""
    if _MARKS.search(text):
        return "the service's own marks"
    if _CALLS.search(text):
        return "the form of a tool call"
    kept = _kept(instructions)
    if kept.names and kept.names.search(text):
        return "a tool's name"
    if any(name.lower() in text.lower() for name in names):
        return "a tool's name"
    if any(part in kept.lists for part in _lists(text.splitlines())):
        return "lines of the instructions"
    said = _plain(text)
    if any(said[at : at + LONGEST_RUN] in kept.runs for at in _runs(said)):
        return "a passage of the instructions"
    if any(_tells(said, _plain(note)) for note in notes):
        return "a note among staff"
    return None


@lru_cache(maxsize=4)  # one version is in use for days, and has 100,000 characters
def _kept(instructions: str) -> _Kept:
    blocks = _INTERNAL.findall(instructions)
    pieces = [_plain(piece) for block in (TOLD, *blocks) for piece in _pieces(block)]
    lists = _lists(_HEADING.findall(instructions))
    lists += [part for block in blocks for part in _lists(_SAYABLE.sub(" ", block).splitlines())]
    names = sorted({name for block in blocks for name in _NAME.findall(block)})
    return _Kept(
        frozenset(piece[at : at + LONGEST_RUN] for piece in pieces for at in _runs(piece)),
        frozenset(lists),
        re.compile(rf"\b(?:{'|'.join(names)})\b", re.I) if names else None,
    )


def _pieces(block: str) -> list[str]:
    """A block without the sentences that it gives to be said."""
    return _SAYABLE.sub("\0", block).split("\0")


def _lists(lines: Iterable[str]) -> list[tuple[str, ...]]:
    """Neighbouring lines, without those that hold no words."""
    told = [plain for line in lines if (plain := _plain(line))]
    return [tuple(told[at : at + _LINES]) for at in range(len(told) - _LINES + 1)]


def _runs(plain: str) -> range:
    return range(max(len(plain) - LONGEST_RUN + 1, 0))


def _tells(said: str, note: str) -> bool:
    if len(note) < _SHORTEST_NOTE:
        return False
    if len(note) <= LONGEST_RUN:
        return note in said
    return any(note[at : at + LONGEST_RUN] in said for at in _runs(note))


def _plain(text: str) -> str:
    """Words alone: lower case, no accents, marks, numbers or line breaks, so that a passage is
    known again however it is dressed."""
    bare = "".join(
        sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)
    )
    return " ".join(re.findall(r"[^\W\d_]+", bare.casefold()))
