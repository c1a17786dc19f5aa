"""What is new in a chat's rows, and what it means. Pure.

`look.py` reads the rows, has them matched (`matching.py`), asks here and does what comes out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watibot.conversations import REPLY_WINDOW
from watibot.history import HistoryItem, ItemKind
from watibot.matching import Assignment, Author, Finding, Row, RowKind, Said, alike, is_machine
from watibot.messages import ChannelName
from watibot.ports import ChatRow

# A webhook that is late bears the same id as the row, if the row has it; else the store knows the
# two for one by the record's id, if the row comes first, and only by their words and time, if the
# webhook does.
LATE = timedelta(seconds=30)
LATE_WITHOUT_ID = timedelta(minutes=2)
# As long as the provider takes to try again, and some: until then a row may be known here already.
RETRIED = timedelta(minutes=15)
SAME_TIME = timedelta(seconds=2)  # between the times of one message by webhook and as a row
# Something that went out and bears nobody's name may be a machine's: silence is the safe error, but
# not for hours.
NAMELESS = timedelta(minutes=30)
PAST = "past"


@dataclass(frozen=True, slots=True)
class Word:
    """Who holds the chat from `at` on: staff (`by`) until `until`, or the assistant."""

    held: bool
    at: datetime
    until: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """`messages` are the guest's and wait for an answer; `items` are to be known, in order of time;
    `word` is the newest on who holds the chat, if it still counts."""

    messages: tuple[ChatRow, ...] = ()
    items: tuple[HistoryItem, ...] = ()
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """`began`: what is older is the past's business. `told_by_webhook`: the guest's messages come
    in another way too, and may only be late."""

    now: datetime
    began: datetime
    takeover: timedelta
    operators: frozenset[str]
    told_by_webhook: bool = True


def judge(
    found: Sequence[tuple[ChatRow, Finding]],
    assigned: Assignment | None,
    said: Sequence[Said],
    rules: Rules,
) -> News:
    """`said`: what the rows were matched with. Rows in any order."""
    ids = frozenset(name for one in said for name in one.ids)
    new = [
        (row, finding)
        for row, finding in sorted(found, key=lambda pair: pair[1].row.at)
        if finding.row.kind is RowKind.MESSAGE
        and finding.known is None
        and finding.row.at >= rules.began
        and ids.isdisjoint(names_of(row))
    ]
    claimed = {id(finding.known) for _, finding in found if finding.known is not None}
    left = [one for one in said if one.author is Author.GUEST and id(one) not in claimed]
    answers = (each.row.at for _, each in found if each.author in (Author.BOT, Author.STAFF))
    answered_at = max(answers, default=rules.began)
    messages: list[ChatRow] = []
    items: list[HistoryItem] = []
    for row, finding in new:
        at = finding.row.at
        if finding.author is Author.STAFF:
            items.append(item_of(row, ItemKind.STAFF))
        elif finding.author is Author.GUEST and _lost(row, left, rules):
            if at > answered_at and rules.now - at < REPLY_WINDOW:
                messages.append(row)
            else:
                items.append(item_of(row, ItemKind.GUEST))
    staff = [finding for _, finding in new if finding.author is Author.STAFF]
    return News(tuple(messages), tuple(items), _word(staff, assigned, rules))


def _lost(row: ChatRow, said: Sequence[Said], rules: Rules) -> bool:
    """Whether a guest's message will not come in any other way, nor has."""
    if row.message is None or any(_same(row, one) for one in said):
        return False
    if not rules.told_by_webhook:
        return True
    return rules.now - row.row.at >= (LATE if row.row.provider_id else LATE_WITHOUT_ID)


def _same(row: ChatRow, said: Said) -> bool:
    """Whether a guest's message that is known may be this row after all: it became history later
    than it came, or its words are ours (a place, a file). To answer twice is the worse error."""
    after = said.at - row.row.at
    if abs(after) <= SAME_TIME:
        return True
    return timedelta(0) <= after <= RETRIED and alike(row.words, said.text)


def _word(staff: Sequence[Finding], assigned: Assignment | None, rules: Rules) -> Word | None:
    words: list[Word] = []
    if assigned is not None:
        to = None if is_machine(assigned.to, assigned.to, rules.operators) else assigned.to
        until = assigned.at + rules.takeover if to else None
        words.append(Word(to is not None, assigned.at, until, to))
    for finding in staff:
        row = finding.row
        by = row.operator or row.operator_email
        words.append(Word(True, row.at, row.at + (rules.takeover if by else NAMELESS), by))
    if not words:
        return None
    newest = max(words, key=lambda word: (word.at, word.held))
    if not newest.held:
        return newest
    back = max((word.at for word in words if not word.held), default=None)
    held = [word for word in words if word.held and (back is None or word.at >= back)]
    until = max(word.until for word in held if word.until is not None)
    if until <= rules.now:
        return None
    by = next((word.by for word in reversed(held) if word.by), None)
    return Word(True, newest.at, until, by)


def item_of(row: ChatRow, kind: ItemKind, *, past: bool = False) -> HistoryItem:
    """The row as an item of the history. `past`: from before the conversation began here."""
    who = row.row
    staff, plain, old = names_of(row)[0], *names_of(row)[-2:]
    role = {ItemKind.GUEST: "user", ItemKind.ASSISTANT: "model"}.get(kind)
    return HistoryItem(
        item_id=old if past else staff if kind is ItemKind.STAFF else plain,
        kind=kind,
        at=who.at,
        text=row.words,
        content={"role": role, "parts": [{"text": row.words}]} if role else None,
        author=(who.operator or who.operator_email) if kind is ItemKind.STAFF else None,
        origin={"source": "wati", "ids": _ids(who), "said_at": who.at.isoformat()},
    )


def names_of(row: ChatRow) -> tuple[str, ...]:
    """Ids under which the history may have the row: a colleague's message as its webhook names it
    (by the message's id, else by the record's), then any row, then one of the past."""
    staff = [_hashed("staff", f"{ChannelName.WHATSAPP}:{name}") for name in _ids(row.row)]
    return (*staff, _hashed("row", row.row.row_id), _hashed(PAST, row.row.row_id))


def _ids(row: Row) -> list[str]:
    return list(dict.fromkeys(name for name in (row.provider_id, row.row_id) if name))


def of_the_past(name: str) -> bool:
    """Whether an item's id says that it is from before the conversation began here."""
    return name.startswith(f"{PAST}-")


def _hashed(prefix: str, name: str) -> str:
    return f"{prefix}-" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
