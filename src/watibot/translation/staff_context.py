"""What staff and the guest said to each other, as a thread is told it: a block in a user's message.
The service before this one wrote such blocks too. Pure.

`posts.py` has its blocks written here; `words.py` asks here before it writes a guest's message
down, so that what was told in a block becomes what it was, words of the guest and of staff.

Our own blocks give every word back. A further line of somebody's words that looks like one of the
block's own (header, footer, "--- Conversación 2 ---", "Cliente: ...", "Agente (...): ...") has a
">" more in front of it there, and one that had such marks already too, so that nothing that a guest
writes passes for a colleague's word. Two exceptions: a colleague's words alone in a block stand as
they are, for there is nothing to tell them from; of a guest's message outside of blocks only the
header is marked, without which there is no block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

HEADER = "=== CONVERSACIONES CON AGENTES HUMANOS ==="
FOOTER = "=== FIN DEL HISTORIAL DE AGENTES ==="
_PREAMBLE = "El siguiente historial muestra conversaciones previas"
_INTRODUCTION = f"{_PREAMBLE} entre el cliente y agentes humanos..."

_CONVERSATION = re.compile(r"--- Conversación (\d{1,9}) ---")
_GUEST = re.compile(r"Cliente:(?: (.*))?")
_STAFF = re.compile(r"Agente \((.*?)\):(?: (.*))?")

# A colleague's words alone, whatever lines they have.
_ALONE = re.compile(
    rf"{HEADER}\n[^\n]*\n\n--- Conversación 1 ---\nAgente \((.*?)\): (.*)\n\n{FOOTER}", re.DOTALL
)
_HEADER_LINE = re.compile(rf"\s*{HEADER}\s*")
_BLOCK_LINE = re.compile(
    rf"\s*(?:{HEADER}|{FOOTER}|{_CONVERSATION.pattern})\s*|Cliente:.*|Agente \(.*\):.*"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Words with one speaker. `conversation` is the block's number for it, 0 for a block that is
    not in the known form and stays whole; None for what stands beside a block."""

    text: str
    by_staff: bool = False
    author: str | None = None
    conversation: int | None = None


def told(conversations: Sequence[Sequence[tuple[str | None, str]]]) -> str:
    """The block. Of each conversation who spoke, None for the guest, and the words."""
    lines = [HEADER, _INTRODUCTION]
    alone = sum(map(len, conversations)) == 1
    for number, said in enumerate(conversations, start=1):
        lines += ["", f"--- Conversación {number} ---"]
        for staff, text in said:
            first, *more = text.split("\n")
            speaker = "Cliente" if staff is None else f"Agente ({_name(staff)})"
            lines += [f"{speaker}: {first}", *(more if alone else _marked(more, _BLOCK_LINE))]
    return "\n".join([*lines, "", FOOTER])


def own(text: str, count: int) -> tuple[Segment, ...] | None:
    """The words of `count` items, in a block that we wrote into the thread ourselves; None if this
    is none, or not whole."""
    if count == 1:
        alone = _ALONE.fullmatch(text)
        return None if alone is None else (Segment(alone[2], True, alone[1], 1),)
    lines = text.split("\n")
    entries = _entries(lines) if (lines[0], lines[-1]) == (HEADER, FOOTER) else None
    if entries is None or len(entries) != count:
        return None
    following = [number for number, _, _ in entries[1:]]
    found = []
    for (number, author, said), after in zip(entries, [*following, None], strict=True):
        # An empty line ends a conversation.
        first, *more = said if number == after else said[:-1]
        text = "\n".join([first, *_unmarked(more, _BLOCK_LINE)])
        found.append(Segment(text, author is not None, author, number))
    return tuple(found)


def disarmed(text: str) -> str:
    """A guest's words outside of blocks, in which there is none."""
    return "\n".join(_marked(text.split("\n"), _HEADER_LINE))


def rearmed(text: str) -> str:
    """What was `disarmed`."""
    return "\n".join(_unmarked(text.split("\n"), _HEADER_LINE))


def split(text: str) -> tuple[Segment, ...] | None:
    """The message's segments, or None if there is no block in it: header and footer must be lines
    of their own, and what merely quotes them is the guest's."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    segments: list[Segment] = []
    done = 0
    while True:
        start = _find(lines, HEADER, done)
        if start is None:
            break
        end = _find(lines, FOOTER, start)
        if end is None:
            if _words(lines[:start]):  # somebody else's sentence about it
                break
            end = len(lines) - 1
        segments += _beside(lines[done:start])
        block = lines[start : end + 1]
        told = _read(block)
        segments += told or [Segment("\n".join(block).strip(), by_staff=True, conversation=0)]
        done = end + 1
    if not done:
        return None
    return (*segments, *_beside(lines[done:]))


def _read(block: Sequence[str]) -> list[Segment] | None:
    """The speakers of a whole block, or None if it is not in the known form."""
    entries = _entries(block) if block[-1].strip() == FOOTER else None
    return [_entry(*entry) for entry in entries or ()] or None


def _entries(block: Sequence[str]) -> list[tuple[int, str | None, list[str]]] | None:
    """What is between header and footer: the conversation's number, staff's name, the lines."""
    number: int | None = None
    entries: list[tuple[int, str | None, list[str]]] = []
    open_entry: list[str] | None = None
    for line in block[1:-1]:
        if conversation := _CONVERSATION.fullmatch(line.strip()):
            number, open_entry = int(conversation[1]), None
        elif number is not None and (guest := _GUEST.fullmatch(line)):
            open_entry = [guest[1] or ""]
            entries.append((number, None, open_entry))
        elif number is not None and (staff := _STAFF.fullmatch(line)):
            open_entry = [staff[2] or ""]
            entries.append((number, staff[1], open_entry))
        elif open_entry is not None:
            open_entry.append(line)
        elif line.strip() and not (number is None and line.startswith(_PREAMBLE)):
            return None
    return entries


def _entry(number: int, author: str | None, lines: Sequence[str]) -> Segment:
    return Segment(_words(lines), author is not None, author or None, number)


def _name(staff: str) -> str:
    """One line that ends where the brackets do."""
    return " ".join(staff.split()).replace("):", ") :")


def _marked(lines: Iterable[str], like: re.Pattern[str]) -> Iterator[str]:
    return (f">{line}" if like.fullmatch(line.lstrip(">")) else line for line in lines)


def _unmarked(lines: Iterable[str], like: re.Pattern[str]) -> Iterator[str]:
    for line in lines:
        bare = line.lstrip(">")
        yield line[1:] if bare != line and like.fullmatch(bare) else line


def _beside(lines: Sequence[str]) -> Iterator[Segment]:
    words = _words(lines)
    if words:
        yield Segment(words)


def _words(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()


def _find(lines: Sequence[str], line: str, start: int) -> int | None:
    return next((n for n in range(start, len(lines)) if lines[n].strip() == line), None)
