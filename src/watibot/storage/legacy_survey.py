"""One reading of the earlier table: which row becomes which conversation, and what is odd.

`adopt.py` surveys first, for a dry run as well as for the real one; `legacy_intake.py` then writes
what was found here. Nothing here writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from watibot.storage.identities import known_names
from watibot.storage.legacy_file import Shape
from watibot.storage.legacy_rows import Guest, OldRow, Value, digest, fingerprint, read
from watibot.storage.migration_tables import legacy_threads
from watibot.storage.rows import Tx, of_hotel

_FORMER = select(
    legacy_threads.c.position,
    legacy_threads.c.wa_id,
    legacy_threads.c.conversation_id,
    legacy_threads.c.original,
).where(of_hotel(legacy_threads))


@dataclass(slots=True)
class Entry:
    """One row. `position` is its place in `legacy_threads`; `fresh`: it is not there as it is."""

    wa_id: str | None
    fingerprint: bytes
    conversation_id: str | None
    problem: str | None
    position: int = 0
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Former:
    """A row of an earlier adoption."""

    position: int
    fingerprint: bytes
    conversation_id: str | None


@dataclass(slots=True)
class Survey:
    """What the table holds. `entries` are in the rows' order; `met` are the conversations that the
    store has already; `replaced` are rows of an earlier adoption that have changed; `gone` those
    that are not in the table any more."""

    entries: list[Entry] = field(default_factory=list)
    channels: Counter[str] = field(default_factory=Counter)
    with_thread: int = 0
    without_thread: int = 0
    collisions: int = 0
    odd_times: Counter[str] = field(default_factory=Counter)
    met: set[str] = field(default_factory=set)
    replaced: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)

    @property
    def digest(self) -> str:
        return digest(entry.fingerprint for entry in self.entries)


def survey(
    tx: Tx | None, batches: Iterable[Sequence[Sequence[Value]]], shape: Shape, now: datetime
) -> Survey:
    """`tx`: of the store, None if it has no tables yet."""
    found = Survey()
    winners: dict[str, tuple[datetime, Entry, bool, str]] = {}
    for rows in batches:
        olds = [read(shape.meant(row), now) for row in rows]
        names = _known(tx, [old.guest for old in olds if old.guest is not None])
        for row, old in zip(rows, olds, strict=True):
            entry = Entry(old.wa_id, fingerprint(shape.original(row)), None, old.problem)
            found.entries.append(entry)
            found.odd_times.update(old.odd)
            if old.guest is not None:
                named = old.guest.conversation_id
                entry.conversation_id = names.get(named, named)
                if named in names:
                    found.met.add(entry.conversation_id)
                _compete(winners, entry, old)
    for _, entry, has_thread, channel in winners.values():
        entry.problem = None
        found.channels[channel] += 1
        found.with_thread += has_thread
        found.without_thread += not has_thread
    for entry in found.entries:
        if entry.problem is not None and entry.conversation_id is not None:
            entry.conversation_id = None
            found.collisions += 1
    _match(found, {} if tx is None else _former(tx))
    return found


def _compete(
    winners: dict[str, tuple[datetime, Entry, bool, str]], entry: Entry, old: OldRow
) -> None:
    """Of several spellings of one guest the one that was used last is the conversation."""
    assert entry.conversation_id is not None
    assert old.guest is not None
    entry.problem = "the same guest as another row"
    best = winners.get(entry.conversation_id)
    if best is None or old.last_guest_at > best[0]:
        has_thread = old.thread_id is not None
        winners[entry.conversation_id] = (old.last_guest_at, entry, has_thread, old.guest.channel)


def _known(tx: Tx | None, guests: Sequence[Guest]) -> dict[str, str]:
    """The ids of guests whom the store knows -> their conversations."""
    if tx is None or not guests:
        return {}
    names = {name for guest in guests for name in (guest.conversation_id, guest.address)}
    found: dict[tuple[str, str], str] = {}
    for key, conversation_id in known_names(tx, names, {guest.channel for guest in guests}):
        found.setdefault(key, conversation_id)
    known = {}
    for guest in guests:
        for name in (guest.conversation_id, guest.address):
            if (guest.channel, name) in found:
                known[guest.conversation_id] = found[guest.channel, name]
                break
    return known


def _former(tx: Tx) -> dict[str | None, list[Former]]:
    former: dict[str | None, list[Former]] = {}
    for row in tx.all(_FORMER):
        made = Former(row.position, fingerprint(row.original), row.conversation_id)
        former.setdefault(row.wa_id, []).append(made)
    return former


def _match(found: Survey, former: dict[str | None, list[Former]]) -> None:
    """Gives each row its place: that of the same row of an earlier adoption, or a new one."""
    free = max((each.position for rows in former.values() for each in rows), default=0)
    for entry in found.entries:
        rows = former.get(entry.wa_id)
        if not rows:
            free += 1
            entry.position = free
            continue
        same = (each for each in rows if each.fingerprint == entry.fingerprint)
        there = next(same, rows[-1])
        rows.remove(there)
        entry.position = there.position
        entry.fresh = (there.fingerprint, there.conversation_id) != (
            entry.fingerprint,
            entry.conversation_id,
        )
        if entry.fresh:
            found.replaced.append(there.position)
    found.gone = {each.position for rows in former.values() for each in rows}
