"""The store's exam about the console: users, sign-ins, the audit log, what pages show. Both
databases sit it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.stores import GUEST, UNTIL, Hand, at, words
from watibot.conversations import Conversation, Provider
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.history import HistoryItem, ItemKind
from watibot.messages import Attachment, AttachmentKind, ChannelName, MessageKind, Takeover
from watibot.modelcalls import Usage
from watibot.ports.console import ChatState, Entry, Listed, Role, Wanted
from watibot.ports.store import StepRecord
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState, Progress, TurnState

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
    assert await elsewhere.find(Wanted(), NOW, 9) == []
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


def ids(found: list[Listed]) -> list[str]:
    return [each.conversation.conversation_id for each in found]


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
    assert ids(await rows.find(Wanted(words), NOW, 9)) == found


async def test_a_search_by_channel_and_holder(guests: SqlStore, rows: SqlConsole) -> None:
    async def found(
        channel: ChannelName | None, staff: bool | None, seconds: float = 60
    ) -> list[str]:
        return ids(await rows.find(Wanted("", channel, staff), at(seconds), 9))

    assert await found(ChannelName.FACEBOOK, None) == ["fb:900"]
    assert await found(None, True) == ["50370000002"]
    assert await found(None, False) == ["fb:900", "50370000003", "50370000001"]
    assert await found(ChannelName.FACEBOOK, True) == []
    assert await found(None, True, 13 * 3600) == []  # it has ended by itself
    assert [one.taken_by for one in await rows.held(at(60), 9)] == ["Rosa"]
    assert await rows.held(at(13 * 3600), 9) == []


async def test_a_search_goes_on_where_a_page_ended(guests: SqlStore, rows: SqlConsole) -> None:
    await Hand(guests, "50370000009").hear(sent=0, conversation_id="50370000009", address="9")
    seen: list[str] = []
    wanted = Wanted()
    while page := await rows.find(wanted, NOW, 2):
        seen += ids(page)
        last = page[-1].conversation
        wanted = replace(wanted, after=(last.last_guest_at, last.conversation_id))
    # Two wrote at the same moment.
    assert seen == ["fb:900", "50370000003", "50370000002", "50370000009", "50370000001"]


async def test_a_search_by_state(store: SqlStore, rows: SqlConsole, hand: Hand) -> None:
    async def stands(seconds: float = 300) -> dict[str, list[str]]:
        """Which states the lists have it in, and what is told of it in them."""
        found: dict[str, list[str]] = {}
        for state in ChatState:
            for one in await rows.find(Wanted(state=state), at(seconds), 9):
                found[state] = sorted(one.states)
        told = (await rows.find(Wanted(), at(seconds), 9))[0]
        assert set(found) == set(told.states)
        assert all(states == sorted(told.states) for states in found.values())
        return found

    await hand.hear("hola")
    assert set(await stands()) == {"waiting"}
    turn = await hand.begin()
    assert set(await stands()) == {"answering"}
    (bubble,) = await hand.finish(turn, "buenas")
    await hand.send(bubble)
    await hand.release()
    assert set(await stands()) == {"answered"}
    assert set(await stands(25 * 3600)) == {"answered", "closed"}
    await store.people.stop(GUEST, at(40))
    assert set(await stands()) == {"answered", "stopped"}
    await store.people.stop(GUEST, None)
    taken = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(taken, at(50), UNTIL)
    assert set(await stands()) == {"answered"}
    await hand.hear("¿siguen ahí?", 60)
    assert set(await stands()) == {"waiting"}
    assert set(await stands(13 * 3600)) == {"answered"}  # the takeover has ended
    end = DeadEnd("k", EscalationCause.GUEST_WISH, GUEST, "r", at(70))
    assert await store.escalations.open(end, Told("t", "b", at(70)), None)
    assert set(await stands()) == {"waiting", "escalated"}


async def test_a_search_by_where_it_is_answered(
    store: SqlStore, rows: SqlConsole, hand: Hand
) -> None:
    await hand.hear("hola")
    for provider, state in ((Provider.OPENAI, "openai"), (Provider.VERTEX, "migrated")):
        held = await store.hold(GUEST, at(100), at(160))
        assert isinstance(held, Conversation)
        await store.flip(GUEST, held.fence, provider, at(100))
        await store.release(GUEST, held.fence)
        assert ids(await rows.find(Wanted(state=ChatState(state)), at(200), 9)) == [GUEST]
        other = {ChatState.OPENAI, ChatState.MIGRATED} - {ChatState(state)}
        assert ids(await rows.find(Wanted(state=other.pop()), at(200), 9)) == []


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


async def test_answers_replies_and_deliveries_are_told(
    store: SqlStore, rows: SqlConsole, hand: Hand
) -> None:
    await hand.hear("¿hay piscina?")
    turn = await hand.begin()
    call, used = words("pienso", ItemKind.TOOL_CALL), Usage(100, 40, 20, 5)
    step = StepRecord(call, Progress(), used, "gemini-x", 1.5)
    await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    (bubble,) = await hand.finish(turn, "Sí")
    await hand.permit(bubble)
    await hand.done(bubble, BubbleState.SENT, 33, provider_id="wamid.answer")
    await hand.release()
    await hand.hear("¿y a qué hora?", 60, reply_to="wamid.answer")
    await hand.hear("¿y esto?", 61, reply_to="wamid.nobody")
    said = await rows.transcript(GUEST, None, 9)
    answer = said.answers[turn.turn_id]
    assert (answer.state, answer.instructions_version) == (TurnState.ANSWERED, "v1")
    assert (answer.opened_at, answer.finished_at) == (turn.opened_at, at(30))
    assert (answer.usage, answer.model, answer.model_seconds) == (used, "gemini-x", 1.5)
    (piece,) = said.pieces
    assert (piece.attempts, piece.sent_at) == (1, at(33))
    assert said.quoted == {said.waiting[0].item_id: "Sí"}
    await hand.answer("Hasta las 20", seconds=90)
    later = await rows.transcript(GUEST, None, 9)
    assert list(later.quoted.values()) == ["Sí"]  # as history, too
    found = await rows.answers(GUEST, 1)
    assert (found.count, len(found.turn_ids)) == (2, 1)
    assert (found.usage, found.model_seconds) == (used, 1.5)
    assert found.turn_ids[0] != turn.turn_id
    assert (await rows.answers("50370000009", 9)).count == 0
