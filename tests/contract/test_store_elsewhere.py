"""The store's exam, fifth part: what was said elsewhere, and what is asked about conversations."""

from __future__ import annotations

import pytest

from tests.contract.colleague import staff
from tests.contract.stores import (
    GUEST,
    HISTORY,
    RESTARTS,
    UNTIL,
    Hand,
    at,
    words,
)
from watibot.conversations import Conversation
from watibot.history import HistoryItem, ItemKind
from watibot.matching import Row, RowKind
from watibot.messages import ChannelName, StaffMessage, Takeover
from watibot.ports.outside import ChatRow
from watibot.ports.store import StepRecord
from watibot.service.news import item_of
from watibot.storage.store import SqlStore
from watibot.storage.writer import engine_for
from watibot.turns import Progress

OTHER = "50370000002"


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


def said(text: str, seconds: float, kind: ItemKind = ItemKind.STAFF, **more: object) -> HistoryItem:
    fields = {"item_id": f"row-{text}", "kind": kind, "at": at(seconds), "text": text} | more
    return HistoryItem(**fields)  # type: ignore[arg-type]


async def conversation(store: SqlStore) -> Conversation:
    found = await store.conversation(GUEST)
    assert found is not None
    return found


# --- taken in ---


async def test_each_item_once_after_what_is_there(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 50)
    _, (bubble,) = await hand.answer("sí", seconds=60)
    await hand.send(bubble, 61)
    items = [said("a", 10), said("b", 20), said("b", 20)]
    assert await store.people.take_in(GUEST, items, at(70)) == 2
    assert await store.people.take_in(GUEST, [*items, said("c", 80)], at(90)) == 1
    assert [text for _, text in await hand.said()] == ["uno", "sí", "a", "b", "c"]
    assert (await conversation(store)).checked_at == at(90)
    assert (await hand.mirrored())[-3:] == ["a", "b", "c"]
    assert await store.people.take_in("nobody", items, at(70)) == 0


@pytest.mark.parametrize("started", [False, True])
async def test_a_turn_under_way_begins_again_with_it(
    store: SqlStore, hand: Hand, started: bool
) -> None:
    await hand.hear("uno", 0)
    turn = await hand.begin(10)
    if started:
        step = StepRecord(words("f()", ItemKind.TOOL_CALL), Progress())
        await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    await store.people.take_in(GUEST, [said("salida a las 14 h", 5)], at(11))
    again = await hand.open(12)
    assert again.turn_id == turn.turn_id
    assert [item.text for item in again.history] == ["salida a las 14 h"]
    assert (again.steps, again.progress.restarts) == ((), int(started))
    assert (await hand.open(13)).progress.restarts == int(started)  # once
    (bubble,) = await hand.finish(again, "sí", seconds=14)
    assert await hand.permit(bubble, 15) == "go"


async def test_an_answer_that_does_not_know_it_is_superseded(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    turn = await hand.begin(10)
    for restarts in range(RESTARTS + 1):
        if restarts == 1:  # before it was finished
            await store.people.take_in(GUEST, [said("1", 5)], at(11))
        (bubble, _) = await hand.finish(turn, "sí", "no", seconds=12)
        if restarts != 1:
            await store.people.take_in(GUEST, [said(f"{restarts}", 5)], at(13))
        if restarts < RESTARTS:
            assert await hand.permit(bubble, 14) == "superseded"
            await store.restart_turn(GUEST, hand.fence, turn.turn_id)
            turn = await hand.open(15)
            assert turn.history[-1].text == f"{restarts}"
            assert turn.progress.restarts == restarts + 1
    assert await hand.permit(bubble, 16) == "go"


async def test_once_a_bubble_has_left_the_rest_follows(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    _, (first, second) = await hand.answer("sí", "no", seconds=10)
    await hand.send(first, 11)
    await store.people.take_in(GUEST, [said("a", 5)], at(12))
    assert await hand.permit(second, 13) == "go"


@pytest.mark.parametrize("why", ["effect", "failed", "handover", "nothing new"])
async def test_what_is_not_superseded(store: SqlStore, hand: Hand, why: str) -> None:
    await hand.hear("uno", 0)
    turn = await hand.begin(10)
    if why == "effect":
        step = StepRecord(words("{}", ItemKind.TOOL_RESULT), Progress(), effect=True)
        await store.record_step(GUEST, hand.fence, turn.turn_id, step)
    (bubble,) = await hand.finish(
        turn,
        "sí",
        seconds=11,
        failed="gemini timeout" if why == "failed" else None,
        hand_over_until=UNTIL if why == "handover" else None,
    )
    items = [] if why == "nothing new" else [said("a", 5)]
    await store.people.take_in(GUEST, items, at(12))
    assert await hand.permit(bubble, 13) == "go"


async def test_a_colleagues_message_makes_it_stale_too(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(takeover, at(1), UNTIL)
    back = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False)
    await store.people.hold(back, at(3), None)
    _, (bubble,) = await hand.answer("sí", seconds=10)
    late = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "s1", at(2), "salida a las 14 h")
    await store.staff_message(late, at(11), UNTIL)
    assert await hand.permit(bubble, 12) == "superseded"


@pytest.mark.parametrize("provider", ["vertex", "openai"])
async def test_who_was_given_it_is_noted(
    store_url: str, store: SqlStore, hand: Hand, provider: str
) -> None:
    await hand.hear("uno", 0)
    engine = engine_for(store_url)

    def ask(sql: str) -> list[object]:
        with engine.begin() as connection:
            rows = connection.exec_driver_sql(sql)
            return list(rows.one()) if rows.returns_rows else []

    ask(f"UPDATE conversations SET provider = '{provider}'")
    flags = "SELECT vertex_context_injected, agent_context_injected FROM conversations"
    await store.people.take_in(GUEST, [said("a", 1, ItemKind.GUEST)], at(2))
    assert ask(flags) == [False, False]
    await store.people.take_in(GUEST, [said("b", 1)], at(2))
    assert ask(flags) == [provider == "vertex", provider == "openai"]
    wanted = "waiting" if provider == "vertex" else "parked"
    assert ask("SELECT DISTINCT mirror FROM history") == [wanted]
    engine.dispose()


# --- the past ---


async def test_the_past_comes_before_all_that_is_there(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    await hand.answer("sí", seconds=30)
    assert [one.conversation_id for one in await store.people.without_past(9)] == [GUEST]
    newer = [said("c", -20, ItemKind.GUEST), said("d", 99)]
    older = [said("a", -90, ItemKind.GUEST), said("b", -80)]
    assert await store.people.take_in_past(GUEST, newer, 1) == 2
    assert (await conversation(store)).past_page == 1
    assert await store.people.take_in_past(GUEST, [*older, newer[0]], None) == 2
    assert [text for _, text in await hand.said()] == ["a", "b", "c", "d", "uno", "sí"]
    times = [item.at for item in await store.history(GUEST, 9)]
    assert times[:3] == [at(-90), at(-80), at(-20)]
    assert times[3] < at(0)
    done = await conversation(store)
    assert (done.history_imported, done.past_page) == (True, None)
    assert await store.people.without_past(9) == []
    await hand.hear("dos", 40)
    assert (await store.history(GUEST, 1))[0].text == "sí"


async def test_a_colleagues_words_of_the_past_whose_webhook_is_late_are_there_once(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("dos", 0)
    row = Row("r-1", RowKind.MESSAGE, at(-60), "hola, soy Rosa", own=True, operator="Rosa")
    read = item_of(ChatRow(row, row.text, None, b""), ItemKind.STAFF, past=True)
    assert await store.people.take_in_past(GUEST, [read], None) == 1
    late = await staff(store, row.text, -60, 5, provider_id="wamid-1", record_id="r-1")
    assert not late
    assert [text for _, text in await hand.said()] == ["hola, soy Rosa"]


async def test_a_webhook_that_was_quicker_than_the_past_is_there_once(
    store: SqlStore, hand: Hand
) -> None:
    await hand.hear("dos", 0)
    row = Row("r-1", RowKind.MESSAGE, at(-60), "hola, soy Rosa", own=True, operator="Rosa")
    older = Row("r-0", RowKind.MESSAGE, at(-90), "buenas", own=True, operator="Rosa")
    read = [
        item_of(ChatRow(each, each.text, None, b""), ItemKind.STAFF, past=True)
        for each in (older, row)
    ]
    assert await staff(store, row.text, -60, 5, provider_id="wamid-1", record_id="r-1")
    assert await store.people.take_in_past(GUEST, read, None) == 1
    assert [text for _, text in await hand.said()][:1] == ["buenas"]
    assert [text for _, text in await hand.said()].count("hola, soy Rosa") == 1


async def test_the_past_of_a_conversation_that_has_none(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 0)
    assert await store.people.take_in_past(GUEST, [], None) == 0
    assert (await conversation(store)).history_imported


# --- folded ---


async def test_a_summary_stands_for_what_is_folded(store: SqlStore, hand: Hand) -> None:
    for number in range(HISTORY):
        await hand.hear(f"g{number}", number * 100)
        _, (bubble,) = await hand.answer(f"a{number}", seconds=number * 100 + 50)
        await hand.send(bubble, number * 100 + 51)
        await hand.release()
    items = await store.history(GUEST, 1000)
    folded = next(item for item in items if item.text == "a35")
    await store.people.fold(GUEST, "Pidió una cuna.", folded.at)
    await hand.hear("g", 10_000)
    turn = await hand.begin(10_050)
    assert turn.conversation.summary == "Pidió una cuna."
    assert turn.conversation.folded_until == folded.at
    assert [item.text for item in turn.history] == [
        "g36",
        "a36",
        "g37",
        "a37",
        "g38",
        "a38",
        "g39",
        "a39",
    ]


# --- questions ---


async def test_when_anybody_said_something(store: SqlStore, hand: Hand) -> None:
    assert await store.people.last_said(GUEST) is None
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True)
    await store.people.hold(takeover, at(0), UNTIL)
    assert await store.people.last_said(GUEST) is None
    back = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=False)
    await store.people.hold(back, at(1), None)
    await hand.hear("uno", 10)
    assert await store.people.last_said(GUEST) == at(10)
    await hand.answer("sí", seconds=30)
    found = await store.people.last_said(GUEST)
    assert found is not None
    assert found > at(10)


async def test_who_said_something_lately(store: SqlStore, hand: Hand) -> None:
    await hand.hear("uno", 10)
    await Hand(store, OTHER).hear("dos", 20, conversation_id=OTHER, address=OTHER)

    async def recent(seconds: float, channel: ChannelName = ChannelName.WHATSAPP) -> list[str]:
        found = await store.people.recent(channel, at(seconds))
        return [one.conversation_id for one in found]

    assert await recent(10) == [OTHER, GUEST]
    assert await recent(11) == [OTHER]
    assert await recent(0, ChannelName.FACEBOOK) == []
    await store.people.take_in(GUEST, [said("a", 30)], at(31))
    assert await recent(10) == [GUEST, OTHER]
    assert [one.conversation_id for one in await store.people.without_past(1)] == [OTHER]


async def test_turns_are_counted(store: SqlStore, hand: Hand) -> None:
    for seconds in (0, 100, 200):
        await hand.hear("x", seconds)
        await hand.answer("sí", seconds=seconds + 50)
        await hand.release()
    assert await store.people.turns_since(GUEST, at(150)) == 2
    assert await store.people.turns_since(GUEST, at(151)) == 1
    assert await store.people.turns_since(OTHER, at(0)) == 0


async def test_calls_are_counted_by_the_month(store: SqlStore) -> None:
    count = store.people.count_calls
    assert [await count("wati", "2026-11", more) for more in (3, 4, 0)] == [3, 7, 7]
    assert await count("wati", "2026-12", 1) == 1
    assert await count("manychat", "2026-11", 2) == 2
