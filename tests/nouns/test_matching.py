"""Who wrote what: labelled histories, and what holds for every history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watibot.channels.wati_rows import row_of
from watibot.matching import (
    Assignment,
    Author,
    Finding,
    Row,
    RowKind,
    Said,
    alike,
    assignment,
    is_machine,
    match,
    normal,
)
from watibot.messages import AttachmentKind, MessageKind
from watibot.turns import GuestMessage, Media, MediaState
from watibot.wording import history_text

OPERATORS = frozenset({"api", "bot", "system", "wati", "api@hotel.example"})
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
HISTORIES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parents[1] / "cases" / "histories").glob("*.json"))
    for case in json.loads(path.read_text("utf-8"))
]


def rows_of(case: dict[str, Any]) -> list[Row]:
    rows = [row_of(row) for row in case["rows"]]
    return [row for row in rows if row is not None]


def ledger_of(case: dict[str, Any]) -> list[Said]:
    return [
        Said(
            Author(said["author"]),
            datetime.fromisoformat(said["at"]),
            said["text"],
            tuple(said["ids"]),
        )
        for said in case["ledger"]
    ]


def told(finding: Finding, ledger: list[Said]) -> str:
    """A finding in the form of the cases: author, evidence, and which entry, if any."""
    words = [finding.author, finding.evidence]
    if finding.known is not None:
        words.append(str(ledger.index(finding.known)))
    return " ".join(words)


@pytest.mark.parametrize("case", HISTORIES)
def test_a_history(case: dict[str, Any]) -> None:
    rows, ledger = rows_of(case), ledger_of(case)
    operators = frozenset(case.get("operators", OPERATORS))
    assert case["expect"] == [told(one, ledger) for one in match(rows, ledger, operators)]
    if "assignment" in case:
        expected, last = case["assignment"], assignment(rows)
        shown = last and {"to": last.to, "actor": last.actor}
        assert expected == shown


@pytest.mark.parametrize("case", HISTORIES)
def test_the_order_does_not_matter(case: dict[str, Any]) -> None:
    rows, ledger = rows_of(case), ledger_of(case)
    operators = frozenset(case.get("operators", OPERATORS))
    there = match(rows, ledger, operators)
    back = match(rows[::-1], ledger[::-1], operators)
    assert there == back[::-1]
    assert assignment(rows) == assignment(rows[::-1])


def test_there_are_enough_histories() -> None:
    names = [param.id for param in HISTORIES]
    assert len(set(names)) == len(names) >= 90


def message(number: int, seconds: float, text: str, **more: Any) -> Row:
    at = START + timedelta(seconds=seconds)
    return Row(f"row{number}", RowKind.MESSAGE, at, text, **{"own": True, **more})


WORDS = (
    *("ok", "Ok 👍", "gracias", "[foto]", "", "Le esperamos a las 15:00", "?"),
    "La habitación con vista al mar está libre el lunes",
    "La habitación con vista al mar está libre el martes",
)
SECONDS = st.integers(0, 400)
SAID = st.builds(
    lambda author, seconds, text, number: Said(
        author, START + timedelta(seconds=seconds), text, (f"id{number}",) if number else ()
    ),
    st.sampled_from((Author.BOT, Author.STAFF, Author.GUEST)),
    SECONDS,
    st.sampled_from(WORDS),
    st.integers(0, 4),
)
LEDGERS = st.lists(SAID, max_size=8)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    return [
        message(
            number,
            draw(SECONDS),
            draw(st.sampled_from(WORDS)),
            type=draw(st.sampled_from(("text", "text", "image", "reaction"))),
            own=draw(st.sampled_from((True, True, False, None))),
            local_id=draw(st.sampled_from((None, None, "watibot-1", "id1", "id2"))),
            operator=draw(st.sampled_from((None, "Bot", "Mehmet Kaya", "Carlos Ruiz"))),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


@given(histories(), LEDGERS, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_what_holds_for_every_history(rows: list[Row], ledger: list[Said], random: Any) -> None:
    found = match(rows, ledger, OPERATORS)
    assert [one.row for one in found] == rows

    # Each entry explains one row, but for rows that share an id.
    explained = [one.known for one in found if one.known is not None and one.evidence == "text"]
    assert all(explained.count(said) <= ledger.count(said) for said in explained)
    for one in found:
        if one.evidence == "text":
            assert one.known is not None
            assert abs(one.known.at - one.row.at) <= timedelta(seconds=120)
        if one.row.own is False and one.evidence in ("text", "owner"):
            assert one.author is Author.GUEST

    # In any order the same.
    mixed = random.sample(rows, len(rows))
    by_row = {one.row: one for one in found}
    assert match(mixed, random.sample(ledger, len(ledger)), OPERATORS) == [
        by_row[row] for row in mixed
    ]

    # Others that have nothing to do with them change nothing; copies say the same.
    other = [message(90, 30, "muy distinto"), message(91, 5000, "ok", own=False)]
    assert match([*rows, *other, *rows], ledger, OPERATORS)[: len(rows)] == found
    assert match([*rows, *rows], ledger, OPERATORS)[len(rows) :] == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("¡Sí, claro!", "¡SI,   claro!"),
        ("“Mar” – l’hotel…", '"Mar" - l\'hotel...'),
        ("Con gusto 😊", "con gusto"),
        ("1️⃣ Doble", "1 doble"),
        ("❤️", "❤"),
        ("👍🏽", "👍"),
        ("mire\n[foto: image/jpeg, 120 KB]", "[foto]"),
        ("[nota de voz: audio/ogg]", "[audio]"),
        ("[botón elegido: Sí]", "sí"),
        ("[en respuesta a un mensaje anterior]\nesa", "Esa"),
        ("a\u200bb\u00a0c\n\nd", "ab c d"),
    ],
)
def test_the_same_words(one: str, other: str) -> None:
    assert normal(one) == normal(other) != ""
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Le esperamos mañana en recepción", "Le esperamos mañana en recepcion.", True),
        ("abcdefghij", "abcdefghi", True),  # 18 of 19
        ("abcdefghijk", "abcdefghi", True),  # 18 of 20
        ("abcdefghijkl", "abcdefghi", False),  # 18 of 21
        ("El total por dos noches es $120", "El total por dos noches es $150", False),
        ("ok", "ok!", False),
        ("", "", False),
        ("  ", "", False),
        ("👍", "🎉", False),
        ("[foto: a.jpg]", "[video: a.mp4]", False),
    ],
)
def test_alike(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is same
    assert alike(other, one) is same


@pytest.mark.parametrize("kind", AttachmentKind)
def test_a_file_reads_as_its_row(kind: AttachmentKind) -> None:
    media = Media(0, kind, "x", MediaState.READY, mime="a/b", size=2048, file_name="x.y")
    text = history_text(_guest_message(MessageKind.MEDIA, "mire", (media,)))
    said = Said(Author.GUEST, START, text)
    [found] = match([message(1, 5, "x.jpg", type=kind.value, own=False)], [said], OPERATORS)
    assert found.known == said


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_of_message_reads_as_its_row(kind: MessageKind) -> None:
    types = {
        MessageKind.TEXT: "text",
        MessageKind.MEDIA: "text",
        MessageKind.REPLY: "interactive",
        MessageKind.LOCATION: "location",
        MessageKind.CONTACTS: "contacts",
        MessageKind.UNSUPPORTED: "order",
    }
    said = Said(Author.GUEST, START, history_text(_guest_message(kind, "algo")))
    [found] = match([message(1, 5, "algo", type=types[kind], own=False)], [said], OPERATORS)
    assert found.known == said


def _guest_message(kind: MessageKind, text: str, media: tuple[Media, ...] = ()) -> GuestMessage:
    return GuestMessage(1, "m1", START, START, kind, text, media)


@pytest.mark.parametrize(
    ("name", "email", "machine"),
    [
        ("Bot", None, True),
        (" avenue  BOT ", None, True),
        ("Hotel API", None, True),
        ("Recepción", None, True),
        ("Ana", "API@hotel.example", True),
        (None, None, False),
        ("", "", False),
        ("Ana Botero", "ana@hotel.example", False),
        ("Ana Recepción", None, False),  # only the whole name is configured
    ],
)
def test_a_machine(name: str | None, email: str | None, machine: bool) -> None:
    assert is_machine(name, email, frozenset({"recepción", "api@hotel.example"})) is machine


def test_of_assignments_at_the_same_time_the_last_record_counts() -> None:
    given = Row("a1", RowKind.ASSIGNED, START, assignee="ana@hotel.example", actor="Bot")
    back = replace(given, row_id="a2", assignee=None)
    assert assignment([back, given]) == assignment([given, back]) == Assignment(START, None, "Bot")


@pytest.mark.parametrize(
    "row",
    [
        {"eventType": "sentMessageREAD_v2", "id": "r", "timestamp": "1795169600"},
        {"eventType": "message", "id": "message.Id", "timestamp": "message.Timestamp"},
        {},
    ],
)
def test_what_is_no_row(row: dict[str, Any]) -> None:
    assert row_of(row) is None


def test_a_row_without_an_id_is_the_same_on_every_page() -> None:
    raw = {"eventType": "message", "text": "hola", "owner": False, "timestamp": "1795169600"}
    first, second, other = row_of(raw), row_of(dict(raw)), row_of({**raw, "text": "adiós"})
    assert first is not None
    assert other is not None
    assert first == second
    assert first.row_id != other.row_id


@pytest.mark.parametrize("crowd", [2, 10, 200])
def test_a_crowd_of_similar_texts_finds_each_its_own(crowd: int) -> None:
    letters = "abcdefghijklmnopqrst"
    names = [f"{letters[n % 20]}{letters[n // 20]}" * 3 for n in range(crowd)]
    texts = [f"{name} llega por la tarde con su familia y {name} cena aquí" for name in names]
    rows = [message(n, n / 10, f"{text}!") for n, text in enumerate(texts)]
    late = [START + timedelta(seconds=60 - n / 10) for n in range(crowd)]
    ledger = [Said(Author.BOT, at, text) for at, text in zip(late, texts, strict=True)]
    assert [one.known for one in match(rows, ledger, OPERATORS)] == ledger


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "image", "text": "IMG_1.jpg"}, ("image", "", False, None)),
        ({"type": "image", "text": "IMG_1.jpg", "caption": "mire"}, ("image", "mire", False, None)),
        ({"type": "image", "text": "mire", "caption": "no"}, ("image", "mire", False, None)),
        ({"type": "image", "data": {"caption": "mire"}}, ("image", "mire", False, None)),
        ({"type": "text", "text": "IMG_1.jpg"}, ("text", "IMG_1.jpg", False, None)),
        ({"type": "list", "listReply": {"title": "Sí"}}, ("list", "Sí", False, None)),
        ({"text": "hola", "operatorName": "Mehmet Kaya"}, ("text", "hola", False, None)),
        (
            {"text": "hola", "operatorName": "Mehmet Kaya", "owner": "true"},
            ("text", "hola", True, "Mehmet Kaya"),
        ),
        (
            {"text": "hola", "operatorName": "Mehmet Kaya", "owner": "perhaps"},
            ("text", "hola", None, "Mehmet Kaya"),
        ),
    ],
)
def test_a_row_is_read(raw: dict[str, Any], expected: tuple[object, ...]) -> None:
    row = row_of({"eventType": "message", "owner": False, "timestamp": "1795169600", **raw})
    assert row is not None
    assert expected == (row.type, row.text, row.own, row.operator)
