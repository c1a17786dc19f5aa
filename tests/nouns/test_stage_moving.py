"""What the demonstration's migration came to: who answered, what is where; who writes and who goes
back; what a verb said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from watibot.cli.stage.journals import Entry, Event
from watibot.cli.stage.meanwhile import SCRIPT, cohort, writers
from watibot.cli.stage.moving_checks import (
    GEMINI,
    OPENAI,
    Exchange,
    Score,
    Spoken,
    Times,
    astray,
    carried_back,
    doubled,
    exchange,
    owed,
    score,
    stray_runs,
)
from watibot.cli.stage.past import formers, made
from watibot.cli.stage.processes import Ended
from watibot.cli.stage.verbs import read

BEGAN = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def _at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


TIMES = Times(BEGAN, cutting=_at(10), cut=_at(12), returning=_at(20), back=_at(22))


def _spoken(minutes: float, words: str) -> Spoken:
    return Spoken(_at(minutes), words)


@pytest.mark.parametrize(
    ("minutes", "goes_back", "expected"),
    [
        (9, False, {OPENAI}),
        (10, False, {OPENAI, GEMINI}),
        (12, False, {GEMINI}),
        (12, True, {GEMINI}),
        (19, True, {GEMINI}),
        (20, True, {OPENAI, GEMINI}),
        (20, False, {GEMINI}),
        (22, True, {OPENAI}),
        (23, False, {GEMINI}),
    ],
)
def test_who_may_answer(minutes: float, goes_back: bool, expected: set[str]) -> None:
    assert expected == owed(_at(minutes), TIMES, goes_back)


TALK = Exchange(
    "Ana",
    True,
    said=(_spoken(1, "¿piscina?"), _spoken(13, "¿parqueo?"), _spoken(23, "¿wifi?")),
    bubbles=(
        _spoken(1.1, "Sí."),
        _spoken(1.2, "Abre a 8."),
        _spoken(13.1, "Hay."),
        _spoken(23.1, "Es gratis."),
    ),
    answers=(
        (OPENAI, _spoken(1.1, "Sí.\n\nAbre a 8.")),
        (GEMINI, _spoken(13.1, "Hay.")),
        (OPENAI, _spoken(23.1, "Es gratis.")),
    ),
)
HELD = Score(said=3, answered=3, by_openai=2, by_gemini=1)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(TALK, HELD, id="all is well"),
        pytest.param(
            replace(TALK, bubbles=TALK.bubbles[:2] + TALK.bubbles[3:]),
            replace(HELD, answered=2, lost=2, out_of_order=1),
            id="an answer that did not arrive",
        ),
        pytest.param(
            replace(TALK, bubbles=TALK.bubbles[:1] + TALK.bubbles[2:]),
            replace(HELD, lost=1, out_of_order=2),
            id="half an answer",
        ),
        pytest.param(
            replace(TALK, bubbles=(*TALK.bubbles, _spoken(23.2, "Es gratis."))),
            replace(HELD, doubled=1),
            id="a bubble twice",
        ),
        pytest.param(
            replace(TALK, answers=(*TALK.answers, (GEMINI, _spoken(23.2, "Gratis.")))),
            replace(HELD, lost=1, doubled=1, by_gemini=2),
            id="both answered",
        ),
        pytest.param(
            replace(TALK, bubbles=(TALK.bubbles[1], TALK.bubbles[0], *TALK.bubbles[2:])),
            replace(HELD, out_of_order=1),
            id="bubbles in the wrong order",
        ),
        pytest.param(
            replace(TALK, answers=((GEMINI, TALK.answers[0][1]), *TALK.answers[1:])),
            replace(HELD, by_openai=1, by_gemini=2, strangers=1),
            id="Gemini before the cutover",
        ),
        pytest.param(
            replace(TALK, goes_back=False),
            replace(HELD, strangers=1),
            id="OpenAI after it, though nobody was rolled back",
        ),
        pytest.param(replace(TALK, said=(), bubbles=(), answers=()), Score(), id="silence"),
    ],
)
def test_score(told: Exchange, expected: Score) -> None:
    assert expected == score(told, TIMES)


def _message(
    id_: str, minutes: float, text: str, *, run: str | None = None, item: str | None = None
) -> dict[str, Any]:
    return {
        "id": id_,
        "created_at": int(_at(minutes).timestamp()),
        "role": "assistant" if run or (item or "").startswith("a") else "user",
        "run_id": run,
        "metadata": {"watibot_item": item} if item else {},
        "content": [{"type": "text", "text": {"value": text}}],
    }


def _event(own: str, minutes: float, author: str, text: str, *sources: str) -> Event:
    return {
        "ownId": own,
        "author": author,
        "timestamp": _at(minutes).isoformat(),
        "content": {"parts": [{"text": text}]},
        "rawEvent": {"origin": {"sources": list(sources)}} if sources else {},
    }


THREAD = [
    _message("m1", -900, "Hola"),
    _message("m2", -899, "Buenas", run="r0"),
    _message("m3", 1, "¿piscina?", item="g1"),
    _message("m4", 1.1, "Sí.", run="r1"),
    _message("m5", 21, "¿parqueo?", item="g2"),
    _message("m6", 21, "Hay.", item="a2"),
    _message("m7", 23, "¿wifi?", item="g3"),
    _message("m8", 23.1, "Es gratis.", run="r2"),
]
SESSION = [
    _event("i1", -900, "user", "Hola", "m1"),
    _event("i2", -899, "watibot", "Buenas", "m2"),
    _event("g1", 1, "user", "¿piscina?"),
    _event("a1", 1.1, "watibot", "Sí.", "m4"),
    _event("g2", 13, "user", "¿parqueo?"),
    _event("a2", 13.1, "watibot", "Hay."),
]


def test_an_exchange_is_put_together_from_journals_thread_and_session() -> None:
    def entry(kind: str, minutes: float, text: str | None, **whose: str) -> Entry:
        return {"kind": kind, "at": _at(minutes).isoformat(), "text": text, **whose}

    entries = [
        entry("guest", 1, "¿piscina?", waId="1"),
        entry("bubble", 1.2, "Sí.", waId="1"),
        entry("guest", 13, None, waId="1"),
        entry("bubble", 13.2, "Hay.", waId="1"),
        entry("bubble", 13.2, "of somebody else", subscriber_id="7"),
        entry("webhook", 13.2, "", waId="1"),
    ]
    expected = Exchange(
        "Ana",
        False,
        said=(_spoken(1, "¿piscina?"), _spoken(13, "")),
        bubbles=(_spoken(1.2, "Sí."), _spoken(13.2, "Hay.")),
        answers=(
            (OPENAI, _spoken(1.1, "Sí.")),
            (GEMINI, _spoken(13.1, "Hay.")),
            (OPENAI, _spoken(23.1, "Es gratis.")),
        ),
    )
    assert expected == exchange("Ana", "1", False, entries, THREAD, SESSION, BEGAN)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(SESSION, 0, id="all of it"),
        pytest.param(SESSION[1:], 1, id="a message of the past is missing"),
        pytest.param(SESSION[:2] + SESSION[3:], 1, id="one that was written through us is missing"),
        pytest.param([SESSION[1], SESSION[0], *SESSION[2:]], 1, id="in another order"),
        pytest.param([], 4, id="no session"),
    ],
)
def test_a_thread_beside_its_session(events: list[Event], expected: int) -> None:
    assert expected == astray(THREAD, events, TIMES.returning)


def test_a_message_may_have_several_events() -> None:
    events = [SESSION[0], _event("i1b", -900, "staff", "Hola", "m1"), *SESSION[1:]]
    assert astray(THREAD, events, TIMES.returning) == 0


@pytest.mark.parametrize(
    ("items", "wrong"),
    [("g2 s2", 0), ("s2 g2", 1), ("g2 s9", 1), ("g1 g2", 1)],
)
def test_a_message_may_be_several_items(items: str, wrong: int) -> None:
    events = [*SESSION[:4], _event("g2", 13, "user", "a"), _event("s2", 14, "staff", "b")]
    assert astray([*THREAD[:4], _message("m5", 15, "a", item=items)], events, _at(16)) == wrong


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(THREAD, 0, id="once"),
        pytest.param(THREAD[:4] + THREAD[5:], 1, id="the guest's words are not there"),
        pytest.param([*THREAD, THREAD[5]], 1, id="Gemini's answer is there twice"),
        pytest.param(THREAD[:4] + THREAD[6:], 2, id="nothing went back"),
        pytest.param([_message("m0", -950, "¿parqueo?"), *THREAD], 0, id="said before, too"),
    ],
)
def test_what_went_back(messages: list[dict[str, Any]], expected: int) -> None:
    assert expected == carried_back(TALK, messages, BEGAN)


@pytest.mark.parametrize(
    ("minutes", "thread", "expected"),
    [
        (9, "thread_1", []),
        (11, "thread_1", []),
        (13, "thread_1", ["run"]),
        (23, "thread_1", ["run"]),
        (13, "thread_back", ["run"]),
        (21, "thread_back", []),
        (23, "thread_back", []),
    ],
)
def test_runs_that_nobody_should_have_begun(
    minutes: float, thread: str, expected: list[str]
) -> None:
    runs = [{"at": _at(minutes).isoformat(), "thread": thread, "run": "run"}]
    assert expected == stray_runs(runs, TIMES, {"thread_back"})


def test_doubled_events_are_counted_within_a_session() -> None:
    sessions = {"1": [SESSION[0], SESSION[0], SESSION[1]], "2": [SESSION[0]]}
    assert doubled(sessions) == 1


def test_who_writes_and_who_goes_back() -> None:
    pasts = made(date(2026, 11, 22))
    former = formers(pasts)
    last = [past.export["messages"][-1]["role"] for past in pasts]
    assert [each.answered for each in former] == [role == "assistant" for role in last]
    assert 0 < last.count("user") < len(last) == 200
    chosen = writers(former)
    assert len({each.former.thread_id for each in chosen}) == len(SCRIPT) == 10
    assert all(each.former.answered for each in chosen)
    assert [each.former.guest.channel for each in chosen] == [each[1] for each in SCRIPT]
    assert len({each.former.guest.channel for each in chosen}) == 3
    for each in chosen:
        said = [line.words["text"] for line in each.lines]
        assert len(said) == len(set(said)), "the words tell the messages apart"
    ids = cohort(former, chosen, 10)
    going = {each.former.guest.conversation_id for each in chosen if each.goes_back}
    speaking = {each.former.guest.conversation_id for each in chosen}
    assert len(set(ids)) == 10
    assert going == speaking & set(ids)
    assert len(going) == 3


def test_what_a_verb_said() -> None:
    lines = [
        {"conversation_id": "50370000001", "mark": "+"},
        {"conversation_id": "fb:1", "mark": "~"},
        {"conversation_id": "ig:1", "mark": "="},
    ]
    out = "\n".join(json.dumps(each) for each in [*lines, {"verdict": "2 carried over"}])
    errors = (
        "ok      assistants: there\n"
        "1 of 3 conversations   2 events   + 1   waiting: the quota of 9 appends a minute\n"
        "3 of 3 conversations   9 events   + 3   waiting: OpenAI asked for patience   in 9 s\n"
    )
    told = read(Ended(3, out, errors))
    assert told.document == {"verdict": "2 carried over"}
    assert told.progress == "3 of 3 conversations   9 events   + 3   in 9 s"
    assert told.waited == "OpenAI asked for patience"
    assert read(Ended(0, out, errors.splitlines()[1])).waited == "the quota of 9 appends a minute"
    assert (read(Ended(0, out, "")).progress, read(Ended(0, out, "")).waited) == ("", "")
    assert told.marks == {"50370000001": "+", "fb:1": "~", "ig:1": "="}
    assert told.without("+", "=") == ["fb:1"]
    assert told.status == 3
