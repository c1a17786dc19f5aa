"""The store's exam, fourth part: colleagues' words that answer no guest. Both databases sit it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.contract.colleague import give_back, staff, take
from tests.contract.stores import GUEST, UNTIL, Hand, at
from watibot.conversations import Owner
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.people import Holding
from watibot.storage.store import SqlStore

NOTICE = {"source": "notice", "answers": False}


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


async def word(
    store: SqlStore, text: str, said: float, heard: float | None = None, record: str | None = None
) -> Holding:
    """`#pausa` or `#bot`, as a webhook brings it."""
    message = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, f"w-{said}", at(said), text, "Rosa", record
    )
    heard = said if heard is None else heard
    assert await store.staff_message(message, at(heard), UNTIL + timedelta(seconds=heard))
    return await store.people.obey(message, text == "#pausa", at(heard))


async def owner(store: SqlStore) -> tuple[Owner, datetime | None]:
    conversation = await store.conversation(GUEST)
    assert conversation is not None
    return conversation.owner, conversation.stopped_at


async def test_the_word_that_gives_it_back_answers_nobody(store: SqlStore, hand: Hand) -> None:
    await take(store, 5)
    await hand.hear("¿hay parqueo?", 10)
    assert await word(store, "#bot", 60, record="row-1") == Holding(GUEST, True, at(60))
    assert [m.text for m in (await hand.begin(61)).messages] == ["¿hay parqueo?"]
    (item,) = [i for i in await store.history(GUEST, 9) if i.kind is ItemKind.STAFF]
    assert item.origin == {
        "source": "word",
        "ids": ["w-60", "row-1"],
        "said_at": at(60).isoformat(),
        "answers": False,
    }


async def test_silence_answers_nobody(store: SqlStore, hand: Hand) -> None:
    await hand.hear("¿hay parqueo?", 10)
    assert await word(store, "#pausa", 20) == Holding(GUEST, False)
    assert await owner(store) == (Owner.STAFF, at(20))
    await store.people.stop(GUEST, None)
    assert (await give_back(store, 60)).due_at is not None


async def test_a_late_word_does_not_give_back_over_a_colleagues_head(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("hola", 0)
    await word(store, "#pausa", 4)
    await staff(store, "Yo le atiendo", 300)
    assert await word(store, "#bot", 60, heard=660) == Holding(GUEST, False)
    assert await owner(store) == (Owner.STAFF, at(4))


async def test_a_late_word_that_nothing_followed_counts(store: SqlStore, hand: Hand) -> None:
    await take(store, 5)
    await hand.hear("¿hay parqueo?", 10)
    await hand.hear("¿y piscina?", 100)
    assert (await word(store, "#bot", 60, heard=660)).changed
    texts = [m.text for m in (await hand.begin(660)).messages]
    assert texts == ["¿hay parqueo?", "¿y piscina?"]


@pytest.mark.parametrize(
    ("first", "meanwhile", "late", "stopped"),
    [
        ("#bot", None, "#pausa", None),
        ("#pausa", None, "#bot", 100),
        (None, "colleague", "#pausa", 60),  # who goes on writing does not take silence back
        ("#bot", "colleague", "#pausa", None),
        (None, "given back", "#pausa", None),
        (None, "guest", "#bot", 100),
    ],
)
async def test_of_words_the_newest_counts(
    store: SqlStore,
    hand: Hand,
    first: str | None,
    meanwhile: str | None,
    late: str,
    stopped: float | None,
) -> None:
    await hand.hear("hola", 0)
    await take(store, 1)
    if first is not None:
        await word(store, first, 100)
    match meanwhile:
        case "colleague":
            await staff(store, "un momento", 110)
        case "given back":
            await give_back(store, 110)
        case "guest":
            await store.people.stop(GUEST, at(100))
    await word(store, late, 60, heard=200)
    assert (await owner(store))[1] == (None if stopped is None else at(stopped))


@pytest.mark.parametrize("text", ["#pausa", "#bot"])
async def test_a_word_that_is_delivered_again_counts_once(
    store: SqlStore, hand: Hand, text: str
) -> None:
    await hand.hear("hola", 0)
    await word(store, text, 60)
    now = None if text == "#pausa" else at(60)
    await store.people.stop(GUEST, now)  # the guest's own wish since
    message = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w-60", at(60), text)
    again = await store.people.obey(message, text == "#pausa", at(90))
    assert again == Holding(GUEST, False)
    assert (await owner(store))[1] == now


async def test_a_word_in_an_unknown_conversation(store: SqlStore) -> None:
    message = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w", at(0), "#bot")
    assert await store.people.obey(message, False, at(0)) == Holding(GUEST, False)
    assert await store.conversation(GUEST) is None


@pytest.mark.parametrize("running", [False, True])
async def test_a_notice_does_not_answer_what_waits(
    store: SqlStore, hand: Hand, running: bool
) -> None:
    await hand.hear("¿a qué hora es la entrada?", 0)
    turn = await hand.begin(5) if running else None
    item = HistoryItem("n", ItemKind.STAFF, at(6), "Pago recibido", author="Rosa", origin=NOTICE)
    await store.people.staff_says(GUEST, item, ("Pago recibido",), at(900))
    if turn is not None:
        (answer,) = await hand.finish(turn, "a las 3", seconds=8)
        assert await hand.permit(answer, 9) == "staff"
        await hand.release()
    (bubble,) = (await hand.claim(10)).bubbles
    await hand.send(bubble, 10)
    await hand.release()
    back = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False)
    assert (await store.people.hold(back, at(900), None)).due_at is not None
    texts = [m.text for m in (await hand.begin(900)).messages]
    assert texts == ["¿a qué hora es la entrada?"]
