"""The store's exam about the console: users, sign-ins, the audit log, what pages show. Both
databases sit it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.contract.stores import GUEST, UNTIL, Hand, at, words
from watibot.history import HistoryItem, ItemKind
from watibot.messages import Attachment, AttachmentKind, ChannelName, MessageKind, Takeover
from watibot.ports.console import Entry, Role
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState

IDLE = timedelta(hours=12)
NOW = at(0)


@pytest.fixture
def rows(store: SqlStore) -> SqlConsole:
    return SqlConsole(Door(store._writer, "posada"))


@pytest.fixture
def elsewhere(store: SqlStore) -> SqlConsole:
    """Another hotel in the same store."""
    return SqlConsole(Door(store._writer, "another-hotel"))


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


# --- users ---


async def test_a_user_is_added_once_and_disabled_once(rows: SqlConsole) -> None:
    made = await asyncio.gather(
        *(rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW) for _ in range(5))
    )
    assert sorted(made) == [False] * 4 + [True]
    assert await rows.add_user("ana", "Ana", "hash", Role.OWNER, NOW)
    found = await rows.users()
    assert [(one.user_name, one.role, one.disabled_at) for one in found] == [
        ("ana", Role.OWNER, None),
        ("rosa", Role.DESK, None),
    ]
    assert await rows.disable_user("rosa", at(5))
    assert not await rows.disable_user("rosa", at(6))
    assert not await rows.disable_user("nobody", at(6))
    rosa = await rows.user("rosa")
    assert rosa is not None
    assert (rosa.full_name, rosa.password_hash, rosa.disabled_at) == ("Rosa", "hash", at(5))
    assert not await rows.add_user("rosa", "Rosa", "other", Role.OWNER, at(7))
    assert await rows.user("nobody") is None


async def test_a_sign_in_lasts_while_it_is_used(rows: SqlConsole) -> None:
    await rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW)
    await rows.sign_in("t1", "rosa", NOW, NOW - IDLE)
    for hours in (11, 22, 33):
        found = await rows.signed_in("t1", at(hours * 3600), IDLE)
        assert found is not None
        assert found.user_name == "rosa"
    assert await rows.signed_in("t1", at(45 * 3600), IDLE) is None
    assert await rows.signed_in("other", NOW, IDLE) is None


async def test_that_a_browser_was_seen_is_not_noted_each_second(rows: SqlConsole) -> None:
    await rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW)
    await rows.sign_in("t1", "rosa", NOW, NOW - IDLE)
    assert await rows.signed_in("t1", at(59), IDLE)
    assert await rows.signed_in("t1", NOW + IDLE, IDLE) is None
    assert await rows.signed_in("t1", at(60), IDLE)
    assert await rows.signed_in("t1", NOW + IDLE, IDLE)


async def test_signing_out_and_being_disabled_end_it(rows: SqlConsole) -> None:
    await rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW)
    for token in ("t1", "t2", "t3"):
        await rows.sign_in(token, "rosa", NOW, NOW - IDLE)
    await rows.sign_out("t1")
    assert await rows.signed_in("t1", NOW, IDLE) is None
    assert await rows.signed_in("t2", NOW, IDLE)
    await rows.disable_user("rosa", NOW)
    assert await rows.signed_in("t2", NOW, IDLE) is None
    assert await rows.signed_in("t3", NOW, IDLE) is None


async def test_old_sign_ins_are_forgotten(rows: SqlConsole) -> None:
    await rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW)
    await rows.sign_in("old", "rosa", NOW - IDLE, NOW - 2 * IDLE)
    await rows.sign_in("new", "rosa", NOW, NOW - IDLE)
    assert await rows.signed_in("old", NOW, 9 * IDLE) is None
    assert await rows.signed_in("new", NOW, 9 * IDLE)


# --- the audit log ---


async def test_what_people_did_is_counted_and_listed(rows: SqlConsole) -> None:
    for seconds, name, action in (
        (1, "rosa", "sign_in.refused"),
        (2, "rosa", "sign_in.refused"),
        (3, "ana", "sign_in.refused"),
        (4, "rosa", "take"),
    ):
        await rows.note(Entry(at(seconds), name, action, GUEST if action == "take" else None, "d"))
    assert await rows.tried("sign_in.refused", NOW) == 3
    assert await rows.tried("sign_in.refused", at(1)) == 2
    assert await rows.tried("sign_in.refused", NOW, "rosa") == 2
    assert await rows.tried("take", NOW, "ana") == 0
    newest = await rows.entries(2)
    assert [(each.user_name, each.action, each.conversation_id) for each in newest] == [
        ("rosa", "take", GUEST),
        ("ana", "sign_in.refused", None),
    ]


async def test_hotels_do_not_see_each_other(
    rows: SqlConsole, elsewhere: SqlConsole, hand: Hand
) -> None:
    await rows.add_user("rosa", "Rosa", "hash", Role.DESK, NOW)
    await rows.sign_in("t1", "rosa", NOW, NOW - IDLE)
    await rows.note(Entry(NOW, "rosa", "take"))
    await hand.hear()
    assert await elsewhere.users() == []
    assert await elsewhere.user("rosa") is None
    assert await elsewhere.signed_in("t1", NOW, IDLE) is None
    assert await elsewhere.entries(9) == []
    assert await elsewhere.tried("take", at(-1)) == 0
    assert await elsewhere.find("", None, None, NOW, 9) == []
    assert await elsewhere.guests([GUEST]) == {}
    assert not await elsewhere.disable_user("rosa", NOW)
    await elsewhere.sign_out("t1")
    assert await rows.signed_in("t1", NOW, IDLE)


# --- pages ---

NAMES = {
    "50370000001": "Ángel Núñez",
    "50370000002": "angela 100%",
    "50370000003": None,
    "fb:900": "Óscar_Ruiz",
}


@pytest.fixture
async def guests(store: SqlStore) -> SqlStore:
    for number, (guest, name) in enumerate(NAMES.items()):
        channel = ChannelName.FACEBOOK if guest.startswith("fb") else ChannelName.WHATSAPP
        await Hand(store, guest).hear(
            sent=number,
            conversation_id=guest,
            address=guest.removeprefix("fb:"),
            sender_name=name,
            channel=channel,
        )
    taken = Takeover(ChannelName.WHATSAPP, "50370000002", "50370000002", held=True, by="Rosa")
    await store.people.hold(taken, at(50), UNTIL)
    return store


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["fb:900", "50370000003", "50370000002", "50370000001"]),
        ("angel", ["50370000002", "50370000001"]),
        ("ÁNGEL", ["50370000002", "50370000001"]),
        ("nunez", ["50370000001"]),
        ("oscar", ["fb:900"]),
        ("100%", ["50370000002"]),
        ("%", ["50370000002"]),
        ("_", ["fb:900"]),
        ("+503 7000-0003", ["50370000003"]),
        ("900", ["fb:900"]),
        ("!", []),
        ("'; drop table users", []),
    ],
)
async def test_a_search_by_name_and_number(
    guests: SqlStore, rows: SqlConsole, words: str, found: list[str]
) -> None:
    assert [c.conversation_id for c in await rows.find(words, None, None, NOW, 9)] == found


async def test_a_search_by_channel_and_holder(guests: SqlStore, rows: SqlConsole) -> None:
    async def ids(
        channel: ChannelName | None, staff: bool | None, seconds: float = 60
    ) -> list[str]:
        found = await rows.find("", channel, staff, at(seconds), 9)
        return [one.conversation_id for one in found]

    assert await ids(ChannelName.FACEBOOK, None) == ["fb:900"]
    assert await ids(None, True) == ["50370000002"]
    assert await ids(None, False) == ["fb:900", "50370000003", "50370000001"]
    assert await ids(ChannelName.FACEBOOK, True) == []
    assert await ids(None, True, 13 * 3600) == []  # it has ended by itself
    assert [one.taken_by for one in await rows.held(at(60), 9)] == ["Rosa"]
    assert await rows.held(at(13 * 3600), 9) == []
    assert len(await rows.find("", None, None, NOW, 2)) == 2


async def test_guests_are_named(guests: SqlStore, rows: SqlConsole) -> None:
    found = await rows.guests(["fb:900", "50370000003", "nobody"])
    assert {key: (one.channel, one.name) for key, one in found.items()} == {
        "fb:900": (ChannelName.FACEBOOK, "Óscar_Ruiz"),
        "50370000003": (ChannelName.WHATSAPP, None),
    }
    assert await rows.guests([]) == {}


async def test_a_transcript_has_history_bubbles_and_what_waits(
    store: SqlStore, rows: SqlConsole, hand: Hand
) -> None:
    await hand.hear("hola")
    turn, (first, _) = await hand.answer("buenas", "tardes")
    await hand.send(first)
    await hand.release()
    await hand.hear("espero", 100)
    said = await rows.transcript(GUEST, None, 50)
    assert [(item.kind, item.text) for item in said.items] == [
        (ItemKind.GUEST, "hola"),
        (ItemKind.ASSISTANT, "buenas tardes"),
    ]
    assert [(p.turn_id, p.text, p.state) for p in said.pieces] == [
        (turn.turn_id, "buenas", BubbleState.SENT),
        (turn.turn_id, "tardes", BubbleState.WAITING),
    ]
    assert [message.text for message in said.waiting] == ["espero"]
    assert said.older is None
    await hand.begin(200)
    assert [m.text for m in (await rows.transcript(GUEST, None, 50)).waiting] == ["espero"]


async def test_a_long_transcript_is_read_in_parts(store: SqlStore, rows: SqlConsole) -> None:
    await Hand(store).hear("nueva", 900)
    past = [words(f"w{number}", ItemKind.GUEST, seconds=number) for number in range(5)]
    await store.people.take_in(GUEST, past, at(900))
    seen: list[str] = []
    before = None
    for _ in range(3):
        said = await rows.transcript(GUEST, before, 2)
        seen = [item.text for item in said.items] + seen
        assert bool(said.waiting) == (before is None)
        before = said.older
    assert seen == ["w0", "w1", "w2", "w3", "w4"]
    assert before is None
    nobody = await rows.transcript("50370000009", None, 2)
    assert (nobody.items, nobody.pieces, nobody.waiting, nobody.older) == ((), (), (), None)


async def test_files_come_with_their_messages(
    store: SqlStore, rows: SqlConsole, elsewhere: SqlConsole, hand: Hand
) -> None:
    photo = (Attachment(AttachmentKind.IMAGE, "data/images/x.jpg"),)
    received = await hand.hear(kind=MessageKind.MEDIA, attachments=photo, text="")
    (waiting,) = (await rows.transcript(GUEST, None, 9)).waiting
    assert [file.media_id for file in waiting.media] == [received.media[0].media_id]
    await hand.answer("linda foto")
    said = await rows.transcript(GUEST, None, 9)
    assert [file.kind for file in said.media[said.items[0].item_id]] == ["image"]
    found = await rows.media(received.media[0].media_id)
    assert found is not None
    assert found.source == "data/images/x.jpg"
    assert await rows.media(received.media[0].media_id + 1) is None
    assert await elsewhere.media(received.media[0].media_id) is None


async def test_files_that_staff_were_sent_come_too(
    store: SqlStore, rows: SqlConsole, hand: Hand
) -> None:
    taken = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(taken, NOW, UNTIL)
    photo = (Attachment(AttachmentKind.IMAGE, "data/images/x.jpg"),)
    await hand.hear(kind=MessageKind.MEDIA, attachments=photo, text="", sent=5)
    said = await rows.transcript(GUEST, None, 9)
    assert [file.kind for file in said.media[said.items[0].item_id]] == ["image"]


async def test_what_a_colleague_wrote_has_its_bubbles(
    store: SqlStore, rows: SqlConsole, hand: Hand
) -> None:
    await hand.hear("hola")
    item = HistoryItem("desk-1", ItemKind.STAFF, at(10), "soy Rosa", author="rosa")
    assert await store.people.staff_says(GUEST, item, ["soy Rosa"], UNTIL)
    said = await rows.transcript(GUEST, None, 9)
    assert [(i.kind, i.author) for i in said.items] == [
        (ItemKind.GUEST, None),
        (ItemKind.STAFF, "rosa"),
    ]
    assert [piece.turn_id for piece in said.pieces] == [said.items[1].turn_id]
