"""The store's exam, sixth part: what of all that was said is known here. Both databases sit it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Select

from tests.contract.stores import (
    DEBOUNCE,
    GUEST,
    UNTIL,
    Hand,
    at,
    inbound,
)
from watibot.history import HistoryItem, ItemKind
from watibot.matching import Author, Row, RowKind, Said, match
from watibot.messages import ChannelName, StaffMessage
from watibot.ports import ChatRow
from watibot.service.news import item_of
from watibot.storage import elsewhere, unanswered, watch
from watibot.storage.statements import prepared
from watibot.storage.store import SqlStore
from watibot.storage.writer import engine_for
from watibot.turns import BubbleState

OTHER = "50370000002"


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


def said(text: str, seconds: float, kind: ItemKind = ItemKind.STAFF, **more: object) -> HistoryItem:
    fields = {"item_id": f"row-{text}", "kind": kind, "at": at(seconds), "text": text} | more
    return HistoryItem(**fields)  # type: ignore[arg-type]


def names(found: list[Said]) -> list[tuple[Author, str]]:
    return sorted((one.author, one.text) for one in found)


async def test_all_that_passed_through_here_is_known_once(store: SqlStore, hand: Hand) -> None:
    old = await hand.hear("viejo", 0, provider_id="w-old", record_id="r-old")
    assert old.new
    _, (first, _) = await hand.answer("uno", "dos", seconds=10)
    await hand.send(first, 11)
    await hand.done(first, BubbleState.SENT, 11, record_id="r-uno")
    await hand.release()
    await hand.hear("nuevo", 1000, provider_id="w-new", record_id="r-new")
    # Nothing has left of the second bubble yet, so that nobody can have it.
    assert names(await store.people.known(GUEST, at(500), [])) == [(Author.GUEST, "nuevo")]
    assert names(await store.people.known(GUEST, at(0), [])) == [
        (Author.BOT, "uno"),
        (Author.GUEST, "nuevo"),
        (Author.GUEST, "viejo"),
    ]
    written = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w-s", at(1001), "tres", "Rosa")
    await store.staff_message(written, at(1001), UNTIL)
    item = said("cuatro", 1002, origin={"source": "wati", "ids": ["r-cuatro"]})
    await store.people.take_in(GUEST, [item], at(1003))
    await store.people.staff_says(
        GUEST, said("cinco seis", 1004, item_id="x"), ["cinco", "seis"], UNTIL
    )
    claim = await hand.claim(1005)
    for bubble in claim.bubbles:
        await hand.permit(bubble, 1006)
    found = await store.people.known(GUEST, at(500), [])
    assert names(found) == [
        (Author.GUEST, "nuevo"),
        (Author.STAFF, "cinco"),
        (Author.STAFF, "cuatro"),
        (Author.STAFF, "seis"),
        (Author.STAFF, "tres"),
    ]
    assert "r-cuatro" in next(one for one in found if one.text == "cuatro").ids
    assert await store.people.known("nobody", at(0), []) == []


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("w-old", "viejo", {"w-old", "r-old"}),
        ("r-old", "viejo", {"w-old", "r-old"}),
        ("w-0", "uno", {"w-0", "r-uno"}),
        ("r-uno", "uno", {"w-0", "r-uno"}),
        ("w-s", "tres", {"w-s", "r-s"}),
        ("row-cuatro", "cuatro", {"row-cuatro", "r-cuatro"}),
    ],
)
async def test_what_goes_by_a_name_is_known_however_old(
    store: SqlStore, hand: Hand, name: str, text: str, ids: set[str]
) -> None:
    await hand.hear("viejo", 0, provider_id="w-old", record_id="r-old")
    _, (first,) = await hand.answer("uno", seconds=10)
    await hand.send(first, 11)
    await hand.done(first, BubbleState.SENT, 11, record_id="r-uno")
    written = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w-s", at(12), "tres", "Rosa", "r-s")
    await store.staff_message(written, at(12), UNTIL)
    item = said("cuatro", 13, origin={"source": "wati", "ids": ["r-cuatro"]})
    await store.people.take_in(GUEST, [item], at(13))
    (found,) = await store.people.known(GUEST, at(500), [name, "unknown"])
    assert (found.text, ids - set(found.ids)) == (text, set())
    assert await store.people.known(OTHER, at(500), [name]) == []
    await store.receive(inbound(conversation_id=OTHER, address=OTHER), b"{}", at(0), DEBOUNCE)
    found_there = await store.people.known(OTHER, at(500), [name])
    assert [one.text for one in found_there] == ["hola"]


async def test_a_colleagues_words_are_known_by_all_names_and_when_they_were_said(
    store: SqlStore, hand: Hand
) -> None:
    """Though they stand behind what was said meanwhile."""
    written = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, "w-s", at(1), "tres", "Rosa", record_id="r-s"
    )
    await hand.hear("uno", 300)
    await hand.answer("sí", seconds=310)
    assert await store.staff_message(written, at(320), UNTIL)
    assert (await store.history(GUEST, 1))[0].at > at(300)
    found = await store.people.known(GUEST, at(0), [])
    (words,) = [one for one in found if one.author is Author.STAFF]
    assert words.at == at(1)
    assert {"w-s", "r-s"} < set(words.ids)


@pytest.mark.parametrize("looked_first", [False, True])
async def test_a_look_and_a_webhook_bring_the_same_words_once(
    store: SqlStore, hand: Hand, looked_first: bool
) -> None:
    """The row bears the record's id alone, as WATI shows it."""
    await hand.hear("uno", 0)
    written = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, "w-s", at(10), "tres", "Rosa", record_id="r-s"
    )
    row = Row("r-s", RowKind.MESSAGE, at(10.3), "tres", own=True, operator="Rosa")
    seen = item_of(ChatRow(row, "tres", None, b"{}"), ItemKind.STAFF)
    if looked_first:
        await store.people.take_in(GUEST, [seen], at(400))
        assert not await store.staff_message(written, at(401), UNTIL)
    else:
        await store.staff_message(written, at(400), UNTIL)
        said_here = await store.people.known(GUEST, at(10), [])
        (finding,) = match([row], said_here, frozenset())
        assert (finding.evidence, finding.known is not None) == ("id", True)
        # It came while the look was under way.
        assert await store.people.take_in(GUEST, [seen], at(401)) == 0
    assert [text for kind, text in await hand.said() if kind == "staff"] == ["tres"]


PLANS = [
    (module.__name__.rpartition(".")[2], name, statement)
    for module in (elsewhere, unanswered, watch)
    for name, statement in vars(module).items()
    if isinstance(statement, Select) and name not in ("_EXPIRED", "_WITHOUT_PAST", "_RECENT")
]


@pytest.mark.parametrize(("module", "name", "statement"), PLANS, ids=[plan[1] for plan in PLANS])
def test_an_index_serves_it(
    sqlite_template: Path, module: str, name: str, statement: Select[tuple[object]]
) -> None:
    """Of the rows of one conversation or of these names, never of the whole hotel."""
    engine = engine_for(f"sqlite:///{sqlite_template}")
    with engine.connect() as connection:
        form = prepared(statement, connection.dialect, ())
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {form.sql}", tuple("[]" for _ in form.binds)
        ).all()
    engine.dispose()
    steps = [str(row[3]) for row in plan if "VIRTUAL TABLE" not in str(row[3])]
    assert steps
    for step in steps:
        assert not step.startswith("SCAN"), (module, name, steps)
        assert "(hotel_id=?)" not in step, (module, name, steps)
