"""Versions of the instructions in the store. Both databases sit it."""

from __future__ import annotations

import pytest

from tests.contract.stores import GUEST, Hand, at
from watibot.ports.versions import Listed
from watibot.storage.door import Door
from watibot.storage.store import SqlStore
from watibot.storage.versions import SqlVersions

TEXT = "# Hotel\n\nSeñor huésped: desayuno de 7 a 10.\n"


@pytest.fixture
def versions(store: SqlStore) -> SqlVersions:
    return SqlVersions(Door(store._writer, "posada"))


async def test_a_version_is_kept_whole(versions: SqlVersions) -> None:
    assert await versions.text("v1") is None
    assert await versions.seen("v1", TEXT, at(0))
    assert await versions.text("v1") == TEXT
    assert await versions.versions(9) == [Listed("v1", len(TEXT), 3, None, False, at(0), at(0))]


async def test_it_lives_from_the_first_to_the_last_time(versions: SqlVersions) -> None:
    await versions.seen("v1", TEXT, at(0))
    await versions.seen("v2", TEXT * 2, at(60))
    assert not await versions.seen("v1", TEXT, at(120))
    assert not await versions.seen("v1", "something else", at(90))
    found = await versions.versions(9)
    assert [(each.version, each.first_at, each.last_at) for each in found] == [
        ("v1", at(0), at(120)),
        ("v2", at(60), at(60)),
    ]
    assert await versions.text("v1") == TEXT
    assert [each.version for each in await versions.versions(1)] == ["v1"]


async def test_tokens_are_the_last_count(versions: SqlVersions) -> None:
    await versions.seen("v1", TEXT, at(0))
    await versions.counted("v1", 12, False)
    await versions.counted("v1", 14, True)
    (found,) = await versions.versions(9)
    assert (found.tokens, found.exact) == (14, True)


async def test_answers_are_counted(store: SqlStore, versions: SqlVersions) -> None:
    for version in ("v1", "v2"):
        await versions.seen(version, TEXT, at(0))
    for number in range(3):
        guest = f"5037000000{number}"
        hand = Hand(store, guest)
        await hand.hear(conversation_id=guest, address=guest)
        # `finish` of the exams answers under v1.
        await hand.answer("hola", seconds=30, **({"failed": "x"} if guest == GUEST else {}))
    assert {each.version: each.answers for each in await versions.versions(9)} == {"v1": 2, "v2": 0}


async def test_another_hotel_s_are_its_own(store: SqlStore, versions: SqlVersions) -> None:
    await versions.seen("v1", TEXT, at(0))
    other = SqlVersions(Door(store._writer, "otra"))
    assert await other.versions(9) == []
    assert await other.text("v1") is None
