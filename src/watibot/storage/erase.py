"""The store's door for guests who are to be forgotten: `ports.erasures.Erasures`.

All rows of a guest go in one transaction, in which the erasure is told what is left outside: who is
killed in between finds either everything or the rest of the work. `guest_rows.py` knows the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    LargeBinary,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)

from watibot.ports.erasures import Erasure, Place, Unreached
from watibot.ports.migrations import Busy
from watibot.storage.among import among
from watibot.storage.columns import micros, moment
from watibot.storage.door import Door
from watibot.storage.guest_rows import NAMELESS, OF_GUEST, names_of
from watibot.storage.money_tables import erasures
from watibot.storage.rows import AnyRow, ByDialect, Tx, locked, of_conversation, of_hotel
from watibot.storage.tables import (
    IS_PENDING,
    IS_RUNNING,
    NOT_AT_REST,
    bubbles,
    media,
    messages,
    quarantine,
    turns,
)

# A name in a body that nobody could read: shorter ones may be anything.
_SHORTEST_NAME = 6

_NEW = insert(erasures).returning(erasures.c.erasure_id)
_ONE = select(erasures).where(of_hotel(erasures), erasures.c.erasure_id == bindparam("which"))
_ONE_LOCKED = _ONE.with_for_update()
_CHANGE = update(erasures).where(of_hotel(erasures), erasures.c.erasure_id == bindparam("which"))
# What a second worker still thought does not bring back what the first has completed.
_SAVE = _CHANGE.where(erasures.c.ended_at.is_(None))
_OF_CONVERSATION = select(erasures).where(of_conversation(erasures)).order_by(erasures.c.erasure_id)
_DUE = (
    select(erasures)
    .where(of_hotel(erasures), erasures.c.due_at <= bindparam("now"))
    .order_by(erasures.c.erasure_id)
)
_NEWEST = (
    select(erasures)
    .where(of_hotel(erasures))
    .order_by(erasures.c.erasure_id.desc())
    .limit(bindparam("at_most"))
)
_GIVEN_UP = and_(erasures.c.due_at.is_(None), erasures.c.ended_at.is_(None))
_AGAIN = update(erasures).where(
    of_hotel(erasures), erasures.c.erasure_id == bindparam("which"), _GIVEN_UP
)
_COUNT_GIVEN_UP = select(func.count()).select_from(erasures).where(of_hotel(erasures), _GIVEN_UP)
_OF_KEY = select(erasures).where(of_hotel(erasures), erasures.c.key == bindparam("digest"))
_UNDER_WAY = select(
    exists().where(of_conversation(turns), IS_RUNNING).label("running"),
    exists().where(of_conversation(bubbles), NOT_AT_REST).label("bubbles"),
    exists()
    .where(
        of_hotel(media),
        IS_PENDING,
        media.c.message_seq.in_(select(messages.c.seq).where(of_conversation(messages))),
    )
    .label("files"),
)
_PATHS = select(media.c.path).where(OF_GUEST[media], media.c.path.is_not(None)).distinct()
_IN_USE = select(exists().where(of_hotel(media), media.c.path == bindparam("file")).label("used"))
_DELETIONS = [delete(table).where(condition) for table, condition in OF_GUEST.items()]
_WITHOUT_NAME = [
    update(table)
    .where(condition)
    .values({name: null() for name in ("conversation_id", "detail") if name in table.c})
    for table, condition in NAMELESS.items()
]
_NEEDLE = bindparam("needle", type_=LargeBinary)
_UNREAD: ByDialect = {
    "sqlite": select(quarantine.c.quarantine_id, quarantine.c.raw).where(
        of_hotel(quarantine), func.instr(quarantine.c.raw, _NEEDLE) > literal_column("0")
    ),
    "postgresql": select(quarantine.c.quarantine_id, quarantine.c.raw).where(
        of_hotel(quarantine),
        func.position(_NEEDLE.op("IN")(quarantine.c.raw)) > literal_column("0"),
    ),
}
_FORGET_UNREAD = delete(quarantine).where(
    of_hotel(quarantine), among(quarantine.c.quarantine_id, "numbers")
)


class SqlErasures:
    """`ports.erasures.Erasures` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._write = door.write
        self._read = door.read
        self._cut_log = door.cut_log

    async def ask(self, key: str, conversation_id: str, by: str, at: datetime) -> int | None:
        return await self._write(_ask, key, conversation_id, by, at)

    async def erasure(self, erasure_id: int) -> Erasure | None:
        return await self._read(_erasure, erasure_id)

    async def due(self, now: datetime) -> list[Erasure]:
        return await self._read(_due, now)

    async def erase_rows(self, erasure_id: int, now: datetime, *, patient: bool) -> Busy | None:
        busy = await self._write(_erase_rows, erasure_id, now, patient)
        if busy is None:
            await self._cut_log()
        return busy

    async def in_use(self, path: str) -> bool:
        return await self._read(_in_use, path)

    async def save(self, after: Erasure) -> None:
        await self._write(_save, after)
        if after.ended_at is not None:
            await self._cut_log()

    async def again(self, erasure_id: int, at: datetime) -> bool:
        return await self._write(_again, erasure_id, at)

    async def newest(self, limit: int) -> list[Erasure]:
        return await self._read(_newest, limit)

    async def count_given_up(self) -> int:
        return await self._read(_count_given_up)

    async def erased_at(self, key: str) -> datetime | None:
        return await self._read(_erased_at, key)


def _ask(tx: Tx, key: str, conversation_id: str, by: str, at: datetime) -> int | None:
    if locked(tx, conversation_id) is None:
        return None
    for row in tx.all(_OF_CONVERSATION, conversation=conversation_id):
        if Place.ROWS in row.left:
            return int(row.erasure_id)
    made = {
        "key": key,
        "asked_at": at,
        "asked_by": by,
        "conversation_id": conversation_id,
        "left": {Place.ROWS: []},
        "gone": _gone({}, (), None),
        "tries": 0,
        "due_at": at,
    }
    return int(tx.add(_NEW, [made])[0].erasure_id)


def _erasure(tx: Tx, erasure_id: int) -> Erasure | None:
    row = tx.one(_ONE, which=erasure_id)
    return None if row is None else _erasure_of(row)


def _due(tx: Tx, now: datetime) -> list[Erasure]:
    return [_erasure_of(row) for row in tx.all(_DUE, now=now)]


def _erase_rows(tx: Tx, erasure_id: int, now: datetime, patient: bool) -> Busy | None:
    asked = tx.one(_ONE_LOCKED, which=erasure_id)
    if asked is None or Place.ROWS not in asked.left:
        return None
    here = {"conversation": asked.conversation_id}
    row = locked(tx, asked.conversation_id)
    if row is not None and (busy := _busy(tx, row, now, patient)):
        return busy
    names = names_of(tx, asked.conversation_id, row.address if row is not None else None)
    session_id = row.session_id if row is not None else None
    thread_id = row.thread_id if row is not None else None
    left: dict[str, list[str]] = {
        Place.MEDIA: sorted(each.path for each in tx.all(_PATHS, **here)),
        Place.SESSIONS: [session_id] if session_id else [],
        Place.THREAD: [thread_id] if thread_id else [],
        Place.ARCHIVE: [*([thread_id] if thread_id else []), *names],
    }
    count = _forget_unread(tx, names)
    for deletion in _DELETIONS:
        count += tx.run(deletion, names=names, **here)
    for change in _WITHOUT_NAME:
        tx.run(change, **here)
    tx.run(
        _CHANGE,
        which=erasure_id,
        session_id=session_id,
        thread_id=thread_id,
        left=left,
        gone=_gone({Place.ROWS: count}, (), now),
        due_at=now,
        problem=None,
    )
    return None


def _busy(tx: Tx, row: AnyRow, now: datetime, patient: bool) -> Busy | None:
    if row.lease_until is not None and row.lease_until > now:
        return Busy("it is being answered")
    if not patient:
        return None
    work = tx.all(_UNDER_WAY, conversation=row.conversation_id)[0]
    if work.running:
        return Busy("a turn has not ended")
    if work.bubbles:
        return Busy("an answer is on its way")
    # Its bytes would come to the folder after everything was cleared.
    return Busy("a file is being downloaded") if work.files else None


def _forget_unread(tx: Tx, names: Iterable[str]) -> int:
    """Bodies that nobody could read and that name the guest."""
    found: set[int] = set()
    for name in names:
        plain = name.rpartition(":")[2]
        if len(plain) < _SHORTEST_NAME:
            continue
        whole = re.compile(rb"(?<![0-9A-Za-z])" + re.escape(plain.encode()) + rb"(?![0-9A-Za-z])")
        for row in tx.all(tx.pick(_UNREAD), needle=plain.encode()):
            if whole.search(bytes(row.raw)):
                found.add(row.quarantine_id)
    return tx.run(_FORGET_UNREAD, numbers=sorted(found)) if found else 0


def _in_use(tx: Tx, path: str) -> bool:
    return bool(tx.all(_IN_USE, file=path)[0].used)


def _forget_late(tx: Tx, erasure_id: int) -> None:
    """What was under way when the rows went, and was noted after: a migration's step, the charge of
    a summary or of the mirror, a notice. Of who came back since, everything is theirs now."""
    asked = tx.one(_ONE, which=erasure_id)
    if asked is None or asked.conversation_id is None:
        return
    if locked(tx, asked.conversation_id) is not None:
        return
    for deletion in _DELETIONS:
        tx.run(deletion, conversation=asked.conversation_id, names=[asked.conversation_id])
    for change in _WITHOUT_NAME:
        tx.run(change, conversation=asked.conversation_id)


def _save(tx: Tx, after: Erasure) -> None:
    ended = after.ended_at is not None
    if ended:
        _forget_late(tx, after.erasure_id)
    nameless = dict.fromkeys(("conversation_id", "session_id", "thread_id")) if ended else {}
    tx.run(
        _SAVE,
        which=after.erasure_id,
        left={place: list(names) for place, names in after.left.items()},
        gone=_gone(after.gone, after.unreached, after.rows_gone_at),
        tries=after.tries,
        due_at=after.due_at,
        problem=after.problem,
        ended_at=after.ended_at,
        **nameless,
    )


def _again(tx: Tx, erasure_id: int, at: datetime) -> bool:
    return tx.run(_AGAIN, which=erasure_id, due_at=at, tries=0) == 1


def _newest(tx: Tx, limit: int) -> list[Erasure]:
    return [_erasure_of(row) for row in tx.all(_NEWEST, at_most=limit)]


def _count_given_up(tx: Tx) -> int:
    return int(tx.all(_COUNT_GIVEN_UP)[0][0])


def _erased_at(tx: Tx, key: str) -> datetime | None:
    found = [_erasure_of(row).rows_gone_at for row in tx.all(_OF_KEY, digest=key)]
    return max(filter(None, found), default=None)


def _erasure_of(row: AnyRow) -> Erasure:
    gone: dict[str, Any] = row.gone
    return Erasure(
        erasure_id=row.erasure_id,
        key=row.key,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        conversation_id=row.conversation_id,
        left={Place(place): tuple(names) for place, names in row.left.items()},
        gone={Place(place): count for place, count in gone.get("counts", {}).items()},
        unreached=frozenset(Unreached(each) for each in gone.get("unreached", ())),
        rows_gone_at=None if gone.get("rows_at") is None else moment(gone["rows_at"]),
        tries=row.tries,
        due_at=row.due_at,
        problem=row.problem,
        ended_at=row.ended_at,
    )


def _gone(
    counts: Mapping[Place, int], unreached: Iterable[Unreached], rows_at: datetime | None
) -> dict[str, Any]:
    return {
        "counts": dict(counts),
        "unreached": sorted(unreached),
        "rows_at": None if rows_at is None else micros(rows_at),
    }
