"""What is new in a chat's rows, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tests.clocks import NOON
from tests.fakes_people import GUEST, assigned, bot, row, said, staff
from watibot import matching
from watibot.history import ItemKind
from watibot.matching import Author, RowKind, Said
from watibot.messages import ChannelName, StaffMessage
from watibot.ports import ChatRow
from watibot.service.news import News, Rules, Word, item_of, judge, names_of, of_the_past
from watibot.storage.takeovers import staff_item_id

OPERATORS = frozenset({"api", "bot", "api@hotel.example"})
ROSA = "rosa@hotel.example"


@dataclass
class Case:
    """Rows in minutes from noon; it is `now` then, and the conversation began an hour before."""

    rows: list[ChatRow]
    messages: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    # (held, at, until, by) in minutes from noon
    word: tuple[bool, float, float | None, str | None] | None = None
    known: list[Said] = field(default_factory=list)
    now: float = 60
    by_webhook: bool = True


def news(case: Case) -> News:
    findings = matching.match([each.row for each in case.rows], case.known, OPERATORS)
    rules = Rules(
        NOON + timedelta(minutes=case.now),
        NOON - timedelta(minutes=60),
        timedelta(hours=12),
        OPERATORS,
        case.by_webhook,
    )
    found = list(zip(case.rows, findings, strict=True))
    return judge(found, matching.assignment([each.row for each in case.rows]), case.known, rules)


H = 60.0
CASES = {
    "nothing": Case([]),
    "all known": Case(
        [row("g", 0, "hola"), bot("b", 1, "Buenos días")],
        known=[said(Author.GUEST, 0, "hola", "g"), said(Author.BOT, 1, "x", "b")],
    ),
    "a colleague wrote": Case(
        [row("g", 0), staff("s", 5)],
        items=["s"],
        word=(True, 5, 5 + 12 * H, "Rosa"),
        known=[said(Author.GUEST, 0, "g", "g")],
    ),
    "what came by webhook is known": Case(
        [staff("s", 5, "Le guardo la 12")], known=[said(Author.STAFF, 5, "Le guardo la 12")]
    ),
    "the newest of several counts": Case(
        [staff("s2", 9, operator="Luis"), staff("s1", 5)],
        items=["s1", "s2"],
        word=(True, 9, 9 + 12 * H, "Luis"),
    ),
    "given to a person, who has not written yet": Case(
        [assigned("t", 5, ROSA)], word=(True, 5, 5 + 12 * H, ROSA)
    ),
    "given to a person, who wrote": Case(
        [assigned("t", 5, ROSA), staff("s", 6)],
        items=["s"],
        word=(True, 6, 6 + 12 * H, "Rosa"),
    ),
    "given back": Case(
        [assigned("t1", 5, ROSA), staff("s", 6), assigned("t2", 7, None)],
        items=["s"],
        word=(False, 7, None, None),
    ),
    "given back, and taken again by writing": Case(
        [staff("s1", 6), assigned("t2", 7, None), staff("s2", 8)],
        items=["s1", "s2"],
        word=(True, 8, 8 + 12 * H, "Rosa"),
    ),
    "given to the API's own seat": Case(
        [assigned("t", 5, "api@hotel.example")], word=(False, 5, None, None)
    ),
    "too long ago to hold it": Case([staff("s", 0)], items=["s"], now=12 * H),
    "just not too long ago": Case(
        [staff("s", 0)], items=["s"], word=(True, 0, 12 * H, "Rosa"), now=12 * H - 1
    ),
    "given to a person too long ago": Case([assigned("t", 0, ROSA)], now=12 * H),
    "nobody's name": Case([staff("s", 40, operator=None)], items=["s"], word=(True, 40, 70, None)),
    "nobody's name, half an hour ago": Case([staff("s", 30, operator=None)], items=["s"]),
    "nobody's name, but given to a person": Case(
        [assigned("t", 20, ROSA), staff("s", 30, operator=None)],
        items=["s"],
        word=(True, 30, 20 + 12 * H, ROSA),
    ),
    "a machine's": Case([row("m", 5, own=True, operator="Avenue Bot")]),
    "ours, and forgotten here": Case([bot("b", 5)]),
    "from before the conversation": Case([staff("s", -61), row("g", -60.5)]),
    "as old as the conversation": Case(
        [staff("s", -60)], items=["s"], word=(True, -60, 11 * H, "Rosa")
    ),
    "a lost message": Case([row("g", 0)], messages=["g"]),
    "a message that may be late": Case([row("g", 58.1)]),
    "a message that is not late any more": Case([row("g", 58)], messages=["g"]),
    "a message with its id may be late": Case([row("g", 59.6, provider_id="wamid.1")]),
    "a message with its id is lost sooner": Case(
        [row("g", 59.5, provider_id="wamid.1")], messages=["g"]
    ),
    "heard, and history only after a long outage": Case(
        [row("g", 0, "¿Tienen wifi?")], known=[said(Author.GUEST, 14, "¿Tienen wifi?")]
    ),
    "the same words much later are others": Case(
        [row("g", 0, "¿Tienen wifi?")],
        messages=["g"],
        known=[said(Author.GUEST, 16, "¿Tienen wifi?")],
    ),
    "heard, and put in other words": Case(
        [row("g", 0, "13.69,-89.19", type="location")],
        known=[said(Author.GUEST, 0.02, "[ubicación: Hotel, 13.69,-89.19]")],
    ),
    "another's time is not its own": Case(
        [row("g1", 0, "hola"), row("g2", 0.01, "¿Tienen wifi?")],
        messages=["g2"],
        known=[said(Author.GUEST, 0, "hola")],
    ),
    "nobody else tells": Case([row("g", 60)], messages=["g"], by_webhook=False),
    "a lost message, answered meanwhile by us": Case(
        [row("g", 0), bot("b", 1)], items=["g"], known=[said(Author.BOT, 1, "b", "b")]
    ),
    "a lost message, answered meanwhile by a colleague": Case(
        [row("g", 0), staff("s", 1)], items=["g", "s"], word=(True, 1, 1 + 12 * H, "Rosa")
    ),
    "lost after the answer": Case(
        [bot("b", 0), row("g", 1)], messages=["g"], known=[said(Author.BOT, 0, "b", "b")]
    ),
    "a lost message of yesterday": Case([row("g", 0)], items=["g"], now=24 * H),
    "a broadcast": Case(
        [ChatRow(replace(row("x", 5).row, kind=RowKind.BROADCAST), "x", None, b"")]
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_new(name: str, *, backwards: bool) -> None:
    case = CASES[name]
    case = replace(case, rows=case.rows[::-1]) if backwards else case
    found = news(case)
    word = None
    if case.word is not None:
        held, at, until, by = case.word
        end = None if until is None else NOON + timedelta(minutes=until)
        word = Word(held, NOON + timedelta(minutes=at), end, by)
    assert (
        [each.row.row_id for each in found.messages],
        [each.text for each in found.items],
        found.word,
    ) == (case.messages, case.items, word)


def test_a_row_that_is_known_by_an_items_id_is_not_new() -> None:
    old = staff("s", 5)
    for name in names_of(old):
        known = [said(Author.STAFF, 30, "otras palabras", name)]
        assert news(Case([old], known=known)).items == ()


@pytest.mark.parametrize(
    ("provider_id", "names"), [("wamid.1", ("wamid.1", "6372")), (None, ("6372",))]
)
def test_a_colleagues_row_has_the_names_of_its_webhook(
    provider_id: str | None, names: tuple[str, ...]
) -> None:
    seen = row("6372", 0, own=True, operator="Rosa", provider_id=provider_id)
    message = StaffMessage(
        ChannelName.WHATSAPP, GUEST, GUEST, provider_id or "6372", NOON, "x", record_id="6372"
    )
    expected = tuple(staff_item_id(message.channel, name) for name in names)
    assert names_of(seen)[: len(names)] == expected
    assert item_of(seen, ItemKind.STAFF).item_id == expected[0]


@pytest.mark.parametrize(
    ("kind", "role", "author"),
    [
        (ItemKind.GUEST, "user", None),
        (ItemKind.ASSISTANT, "model", None),
        (ItemKind.STAFF, None, "Rosa"),
    ],
)
@pytest.mark.parametrize("past", [False, True])
def test_a_row_as_an_item(
    kind: ItemKind, role: str | None, author: str | None, *, past: bool
) -> None:
    seen = staff("6372", 5, "Le doy hasta las 2 p. m.")
    item = item_of(seen, kind, past=past)
    content = {"role": role, "parts": [{"text": "Le doy hasta las 2 p. m."}]} if role else None
    assert (item.kind, item.content, item.author, item.at) == (
        kind,
        content,
        author,
        NOON + timedelta(minutes=5),
    )
    assert item.origin == {
        "source": "wati",
        "ids": ["6372"],
        "said_at": "2026-11-20T18:05:00+00:00",
    }
    assert of_the_past(item.item_id) is past
    assert item.item_id in names_of(seen)
