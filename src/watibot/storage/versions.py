"""The store's door for versions of the instructions: `ports.VersionRows` over SQLite or PostgreSQL.

`service/versions.py` writes what is live, the console's page reads.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, literal_column, select, update

from watibot.ports.versions import Listed
from watibot.storage.door import Door
from watibot.storage.money_tables import instruction_versions
from watibot.storage.rows import AnyRow, Tx, insert_once, of_hotel
from watibot.storage.tables import turns

_NEW = insert_once(instruction_versions, instruction_versions.c.version)
_ONE = of_hotel(instruction_versions) & (instruction_versions.c.version == bindparam("which"))
# What is written late must not take back what is known already.
_LIVE = update(instruction_versions).where(
    _ONE, instruction_versions.c.last_at < bindparam("seen_at")
)
_COUNTED = update(instruction_versions).where(_ONE)
_TEXT = select(instruction_versions.c.text).where(_ONE)
_characters = func.length(instruction_versions.c.text)
_LISTED = (
    select(
        instruction_versions.c.version,
        _characters.label("characters"),
        (
            _characters
            - func.length(
                func.replace(
                    instruction_versions.c.text, bindparam("line_end"), literal_column("''")
                )
            )
        ).label("lines"),
        instruction_versions.c.tokens,
        instruction_versions.c.exact,
        instruction_versions.c.first_at,
        instruction_versions.c.last_at,
    )
    .where(of_hotel(instruction_versions))
    .order_by(instruction_versions.c.last_at.desc(), instruction_versions.c.first_at.desc())
    .limit(bindparam("most"))
)
_ANSWERS = (
    select(turns.c.instructions_version, func.count().label("answers"))
    .where(of_hotel(turns), turns.c.state == literal_column("'answered'"))
    .group_by(turns.c.instructions_version)
)


class SqlVersions:
    """`ports.VersionRows` for one hotel."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def seen(self, version: str, text: str, at: datetime) -> bool:
        return await self._door.write(_seen, version, text, at)

    async def counted(self, version: str, tokens: int, exact: bool) -> None:
        await self._door.write(_counted, version, tokens, exact)

    async def versions(self, limit: int) -> list[Listed]:
        return await self._door.read(_versions, limit)

    async def text(self, version: str) -> str | None:
        return await self._door.read(_text, version)


def _seen(tx: Tx, version: str, text: str, at: datetime) -> bool:
    row = {"version": version, "text": text, "exact": False, "first_at": at, "last_at": at}
    if tx.add(tx.pick(_NEW), [row]):
        return True
    tx.run(_LIVE, which=version, seen_at=at, last_at=at)
    return False


def _counted(tx: Tx, version: str, tokens: int, exact: bool) -> None:
    tx.run(_COUNTED, which=version, tokens=tokens, exact=exact)


def _versions(tx: Tx, limit: int) -> list[Listed]:
    answers = {row.instructions_version: row.answers for row in tx.all(_ANSWERS)}
    return [
        _listed(row, answers.get(row.version, 0))
        for row in tx.all(_LISTED, most=limit, line_end="\n")
    ]


def _listed(row: AnyRow, answers: int) -> Listed:
    return Listed(
        row.version,
        row.characters,
        row.lines,
        row.tokens,
        row.exact,
        row.first_at,
        row.last_at,
        answers,
    )


def _text(tx: Tx, version: str) -> str | None:
    row = tx.one(_TEXT, which=version)
    return None if row is None else row.text
