"""The store's exam about guests who are erased. Both databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.stores import GUEST, Hand, at
from tests.guest_rows import ANA, MARKS, ROSA, dump, fill
from watibot.charges import Charge, Operation, Use
from watibot.messages import Attachment, AttachmentKind, ChannelName, MessageKind
from watibot.modelcalls import Occasion
from watibot.ports.console import Entry
from watibot.ports.erasures import Erasure, Place, Unreached
from watibot.ports.migrations import Busy
from watibot.storage.all_tables import metadata
from watibot.storage.door import Door
from watibot.storage.erase import SqlErasures
from watibot.storage.guest_rows import NAMELESS, OF_GUEST, OF_NOBODY, SqlGuestRows
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState

KEY = "0123456789ab"


@pytest.fixture
def erasures(store: SqlStore) -> SqlErasures:
    return SqlErasures(Door(store._writer, "posada"))


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def asked(erasures: SqlErasures, guest: str = GUEST, seconds: float = 0) -> int:
    number = await erasures.ask(KEY, guest, "ana", at(seconds))
    assert number is not None
    return number


async def erasure(erasures: SqlErasures, number: int) -> Erasure:
    found = await erasures.erasure(number)
    assert found is not None
    return found


def ended(one: Erasure, seconds: float = 900) -> Erasure:
    return replace(one, left={}, due_at=None, ended_at=at(seconds))


def test_every_table_has_its_place() -> None:
    """A new table must say whether a guest is in it."""
    named = {*OF_GUEST, *NAMELESS, *OF_NOBODY}
    assert named == set(metadata.tables.values())


async def test_nothing_of_the_guest_is_left_and_all_of_the_others(
    store: SqlStore, store_url: str, erasures: SqlErasures
) -> None:
    fill(store_url, "posada", ROSA)
    others = dump(store_url)
    fill(store_url, "posada", ANA)
    number = await asked(erasures, ANA)
    assert await erasures.erase_rows(number, at(5), patient=True) is None
    found = await erasure(erasures, number)
    assert found.left[Place.SESSIONS] == (f"{MARKS[ANA]}-{ANA}-session_id",)
    assert found.left[Place.THREAD] == (f"{MARKS[ANA]}-{ANA}-thread_id",)
    assert found.left[Place.MEDIA] == (f"{MARKS[ANA]}-{ANA}-path",)
    assert {ANA, f"{MARKS[ANA]}-{ANA}-thread_id"} <= set(found.left[Place.ARCHIVE])
    assert found.gone == {Place.ROWS: len(OF_GUEST) + 1}  # and a body that nobody could read
    assert found.rows_gone_at == at(5)
    await erasures.save(ended(found))
    for name, rows in dump(store_url).items():
        for row in rows:
            assert MARKS[ANA] not in row, name
            assert ANA not in row, name
    after = dump(store_url, without=("erasures",))
    for name, rows in others.items():
        assert name == "erasures" or set(rows) <= set(after[name]), name
    more = {name for name, rows in after.items() if len(rows) != len(others[name])}
    assert more == {table.name for table in NAMELESS}
    receipt = await erasure(erasures, number)
    assert (receipt.key, receipt.asked_by, receipt.conversation_id) == (KEY, "ana", None)


async def test_a_name_within_another_is_not_hers(
    store: SqlStore, store_url: str, erasures: SqlErasures, hand: Hand
) -> None:
    """Of bodies that nobody could read, only those that name the guest whole."""
    await hand.hear()
    for raw in (b'{"waId": "%s"}', b'{"waId": "1%s"}', b'{"id": "wamid%s"}'):
        await store.quarantine("wati", "r", raw % GUEST.encode(), at(0))
    await store.quarantine("wati", "r", b"\xff\x00not text", at(0))
    await erasures.erase_rows(await asked(erasures), at(5), patient=True)
    assert len(await store.quarantined(9)) == 3


async def test_it_waits_for_what_is_under_way(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    await hand.hear()
    number = await asked(erasures)
    await hand.begin(30)
    for patient in (True, False):
        busy = await erasures.erase_rows(number, at(40), patient=patient)
        assert busy == Busy("it is being answered")
    assert await erasures.erase_rows(number, at(100), patient=True) == Busy("a turn has not ended")
    assert await store.conversation(GUEST) is not None
    assert await erasures.erase_rows(number, at(100), patient=False) is None
    assert await store.conversation(GUEST) is None


async def test_it_waits_for_an_answer_and_a_file(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    sent = (Attachment(AttachmentKind.IMAGE, "data/x"),)
    received = await hand.hear("mire", kind=MessageKind.MEDIA, attachments=sent)
    number = await asked(erasures)
    assert await erasures.erase_rows(number, at(1), patient=True) == Busy(
        "a file is being downloaded"
    )
    await store.media_done(replace(received.media[0], state="failed"))  # type: ignore[arg-type]
    _, (bubble,) = await hand.answer("bonita")
    await hand.release()
    assert await erasures.erase_rows(number, at(99), patient=True) == Busy(
        "an answer is on its way"
    )
    await hand.claim(100)
    await hand.permit(bubble, 100)
    await hand.done(bubble, BubbleState.SENT, 101)
    await hand.release()
    assert await erasures.erase_rows(number, at(102), patient=True) is None


async def test_it_is_asked_for_once_at_a_time(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    assert await erasures.ask(KEY, GUEST, "ana", at(0)) is None
    await hand.hear()
    numbers = await asyncio.gather(*(asked(erasures) for _ in range(5)))
    assert len(set(numbers)) == 1
    assert [each.erasure_id for each in await erasures.due(at(0))] == [numbers[0]]
    assert await erasures.due(at(-1)) == []
    await erasures.erase_rows(numbers[0], at(5), patient=True)
    assert await erasures.ask(KEY, GUEST, "ana", at(6)) is None
    # The guest comes back before everything outside is gone, and is erased again.
    await hand.hear("hola otra vez", 60)
    second = await asked(erasures, seconds=61)
    assert second != numbers[0]
    assert len(await erasures.due(at(61))) == 2


async def test_who_comes_back_has_no_past(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    await hand.hear("me llamo Ana", sender_name="Ana")
    _, (bubble,) = await hand.answer("hola Ana")
    await hand.send(bubble)
    await hand.release()
    await store.set_session(GUEST, "c-old-0", 0)
    number = await asked(erasures, seconds=50)
    await erasures.erase_rows(number, at(60), patient=True)
    await hand.hear("hola", 70)
    back = await store.conversation(GUEST)
    assert back is not None
    assert (back.guest_name, back.session_id, back.session_generation) == (None, None, 0)
    await hand.answer("bienvenida", seconds=100)
    said = [text for _, text in await hand.said()]
    assert said == ["hola", "bienvenida"]
    assert await erasures.erased_at(KEY) == at(60)
    assert await erasures.erased_at("ffffffffffff") is None


async def test_no_session_is_begun_while_the_old_one_may_be_there(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    await hand.hear()
    number = await asked(erasures)
    await erasures.erase_rows(number, at(5), patient=True)
    other = Hand(store, ROSA)
    for each in (hand, other):
        await each.hear(
            "hola", 20, conversation_id=each.conversation_id, address=each.conversation_id
        )
        _, (bubble,) = await each.answer("sí", seconds=50)
        await each.send(bubble, 51)
        await each.release()
    assert await store.mirror_due(9) == [ROSA]
    assert await hand.mirrored() == []
    await erasures.save(ended(await erasure(erasures, number)))
    assert sorted(await store.mirror_due(9)) == [GUEST, ROSA]
    assert await hand.mirrored() == ["hola", "sí"]


async def test_a_summary_that_comes_too_late_is_nobody_s(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    await hand.hear()
    await hand.answer("sí")
    await hand.release()
    (last,) = (await store.history(GUEST, 9))[-1:]
    await erasures.erase_rows(await asked(erasures), at(99), patient=False)
    await hand.hear("hola", 200)
    await store.people.fold(GUEST, "Se llama Ana.", last.at)
    back = await store.conversation(GUEST)
    assert back is not None
    assert back.summary is None


async def test_what_was_begun_before_and_written_after_goes_with_the_end(
    store: SqlStore, store_url: str, erasures: SqlErasures, hand: Hand
) -> None:
    """A mirror or a summary under way is charged after the rows went, under the guest's name."""
    await hand.hear()
    number = await asked(erasures)
    await erasures.erase_rows(number, at(5), patient=True)
    occasion = Occasion(Operation.EVENT, GUEST, ChannelName.WHATSAPP)
    use = Use("sessions", Operation.EVENT, quantity=2, occasion=occasion)
    await store.charges.add([Charge(at(6), use, 500, ChannelName.WHATSAPP)])
    await store.console.note(Entry(at(6), "ana", "migration.retry", GUEST, "run 1 ids"))
    await store.add_notice("booking:1", "booking", "Reserva", "de Ana", GUEST, at(6))
    await erasures.save(ended(await erasure(erasures, number)))
    for name, rows in dump(store_url).items():
        assert not any(GUEST in row or "de Ana" in row for row in rows), name
    assert (await store.charges.total(at(0), at(9))).micros == 500


async def test_what_the_end_finds_of_who_came_back_is_theirs(
    store: SqlStore, erasures: SqlErasures, hand: Hand
) -> None:
    await hand.hear()
    number = await asked(erasures)
    await erasures.erase_rows(number, at(5), patient=True)
    await hand.hear("hola otra vez", 60)
    await store.add_notice("booking:2", "booking", "Reserva", "de Ana", GUEST, at(61))
    await erasures.save(ended(await erasure(erasures, number)))
    assert await store.conversation(GUEST) is not None
    assert len(await store.due_notices(at(99))) == 1


async def test_a_receipt_says_what_is_left(erasures: SqlErasures, hand: Hand) -> None:
    await hand.hear()
    number = await asked(erasures)
    await erasures.erase_rows(number, at(5), patient=True)
    found = await erasure(erasures, number)
    given_up = replace(
        found,
        gone={**found.gone, Place.SESSIONS: 2},
        unreached=frozenset({Unreached.THREAD}),
        tries=30,
        due_at=None,
        problem="sessions: away",
    )
    await erasures.save(given_up)
    assert await erasure(erasures, number) == given_up
    assert given_up.given_up
    assert await erasures.count_given_up() == 1
    assert await erasures.due(at(9999)) == []
    assert await erasures.again(number, at(10))
    assert not await erasures.again(number, at(10))
    (due,) = await erasures.due(at(10))
    assert (due.tries, due.given_up, due.conversation_id) == (0, False, GUEST)
    assert [each.erasure_id for each in await erasures.newest(9)] == [number]


async def test_what_is_complete_stays_so(erasures: SqlErasures, hand: Hand) -> None:
    """Two processes may work on one erasure."""
    await hand.hear()
    number = await asked(erasures)
    await erasures.erase_rows(number, at(5), patient=True)
    found = await erasure(erasures, number)
    await erasures.save(ended(found))
    await erasures.save(replace(found, due_at=at(60)))
    assert (await erasure(erasures, number)).ended_at == at(900)
    assert await erasures.due(at(9999)) == []


async def test_hotels_do_not_see_each_other(store: SqlStore, hand: Hand) -> None:
    elsewhere = SqlErasures(Door(store._writer, "another-hotel"))
    await hand.hear()
    mine = SqlErasures(Door(store._writer, "posada"))
    assert await elsewhere.ask(KEY, GUEST, "ana", at(0)) is None
    number = await asked(mine)
    assert await elsewhere.erasure(number) is None
    assert await elsewhere.due(at(9)) == await elsewhere.newest(9) == []
    assert await elsewhere.erase_rows(number, at(5), patient=False) is None
    assert await store.conversation(GUEST) is not None
    assert await SqlGuestRows(Door(store._writer, "another-hotel")).kept(GUEST) is None


async def test_everything_is_given_out(store: SqlStore, store_url: str) -> None:
    """Each table's rows, and nobody else's."""
    fill(store_url, "posada", ROSA)
    fill(store_url, "posada", ANA)
    rows = SqlGuestRows(Door(store._writer, "posada"))
    kept = await rows.kept(ANA)
    assert kept is not None
    assert set(kept) == {table.name for table in (*OF_GUEST, *NAMELESS)}
    assert all(len(found) == 1 for found in kept.values())
    assert MARKS[ROSA] not in repr(kept)
    assert await rows.kept("50379999999") is None


def test_the_file_forgets_too(sqlite_template: Path, tmp_path: Path) -> None:
    """SQLite leaves what is deleted in its file unless it is told to overwrite it."""
    url = f"sqlite:///{tmp_path}/store.db"
    (tmp_path / "store.db").write_bytes(sqlite_template.read_bytes())
    fill(url, "posada", ANA)

    async def erased() -> None:
        from watibot.storage import store as storage

        async with await storage.open(url, "posada") as store:
            erasures = SqlErasures(Door(store._writer, "posada"))
            number = await asked(erasures, ANA)
            await erasures.erase_rows(number, at(0) + timedelta(days=1), patient=False)
            await erasures.save(ended(await erasure(erasures, number)))
            assert MARKS[ANA].encode() not in _bytes(tmp_path)  # nor in the log beside it

    assert MARKS[ANA].encode() in _bytes(tmp_path)
    asyncio.run(erased())
    assert MARKS[ANA].encode() not in _bytes(tmp_path)


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("store.db*")))
