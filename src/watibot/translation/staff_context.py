"""What staff said, as the old service told it to the assistant: a block in a user's message. Pure.

`words.py` asks here before it writes a guest's message down; what was told in a block becomes what
it was, words of the guest and of staff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER = "=== CONVERSACIONES CON AGENTES HUMANOS ==="
FOOTER = "=== FIN DEL HISTORIAL DE AGENTES ==="
_PREAMBLE = "El siguiente historial muestra conversaciones previas"

_CONVERSATION = re.compile(r"--- Conversación (\d{1,9}) ---")
_GUEST = re.compile(r"Cliente:(?: (.*))?")
_STAFF = re.compile(r"Agente \((.*?)\):(?: (.*))?")

# As `thread_words.py` writes it: one colleague, whatever lines the words have.
_OURS = re.compile(
    rf"{HEADER}\n[^\n]*\n\n--- Conversación 1 ---\nAgente \((.*?)\): (.*)\n\n{FOOTER}", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Words with one speaker. `conversation` is the block's number for it, 0 for a block that is
    not in the known form and stays whole; None for what stands beside a block."""

    text: str
    by_staff: bool = False
    author: str | None = None
    conversation: int | None = None


def own(text: str) -> Segment | None:
    """What a colleague said here, in a block that we wrote into the thread ourselves."""
    found = _OURS.fullmatch(text)
    return None if found is None else Segment(found[2], by_staff=True, author=found[1])


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
    if block[-1].strip() != FOOTER:
        return None
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
    return [_entry(*entry) for entry in entries] or None


def _entry(number: int, author: str | None, lines: Sequence[str]) -> Segment:
    return Segment(_words(lines), author is not None, author or None, number)


def _beside(lines: Sequence[str]) -> Iterator[Segment]:
    words = _words(lines)
    if words:
        yield Segment(words)


def _words(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()


def _find(lines: Sequence[str], line: str, start: int) -> int | None:
    return next((n for n in range(start, len(lines)) if lines[n].strip() == line), None)
