"""What `watibot migrate` says and how it ends: rates, reasons, verdicts, statuses. Pure."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import NOON
from watibot import costs
from watibot.cli.migrate.asked import Asked, Status, read_ids, spread, status_of
from watibot.cli.migrate.inventory import money, plan_document, what_to_do
from watibot.cli.migrate.pace import (
    Meter,
    Pace,
    Wait,
    Waiting,
    lasting,
    line,
    progress,
    seconds_left,
)
from watibot.cli.migrate.page import page
from watibot.cli.migrate.page_words import WORDS
from watibot.cli.migrate.verdicts import Summary, outside_trouble, verdict
from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.migration.crew import Mark, Outcome, Tally
from watibot.migration.plan import Inventory, Offer, Quotas
from watibot.migration.report import Report, pace, report, shortened
from watibot.migration.sources import Reach
from watibot.migration.words import STATES, advice, alike, translated
from watibot.ports.migrations import Move, State

ZONE = ZoneInfo("America/El_Salvador")
SAME, DONE, LESS = Mark.SAME, Mark.DONE, Mark.LESS
DIFFERS, FAILED, LATER = Mark.DIFFERS, Mark.FAILED, Mark.LATER


# --- rates ---


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(0.5, 9, 90)], Pace()),  # too early to say
        ([(30, 10, 100)], Pace(20, 200)),
        ([(30, 10, 100), (60, 20, 200)], Pace(20, 200)),
        ([(30, 10, 100), (60, 20, 200), (120, 20, 200)], Pace(0, 0)),  # it stands still
        ([(60, 100, 1000), (90, 110, 1100), (120, 120, 1200)], Pace(20, 200)),
    ],
)
def test_a_rate_is_of_the_last_minute(seen: list[tuple[float, int, int]], expected: Pace) -> None:
    meter = Meter(0)
    for at, done, events in seen:
        found = meter.pace(at, done, events)
    assert found == expected


@pytest.mark.parametrize(
    ("total", "done", "per_minute", "expected"),
    [(100, 40, 20.0, 180.0), (100, 40, 0.0, None), (None, 40, 20.0, None), (10, 12, 5.0, 0.0)],
)
def test_what_is_left(
    total: int | None, done: int, per_minute: float, expected: float | None
) -> None:
    assert seconds_left(total, done, Pace(per_minute)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (93_784, "26 h 3 min")],
)
def test_how_long_in_words(seconds: float, expected: str) -> None:
    assert lasting(seconds) == expected


def test_a_line_of_progress() -> None:
    tally = Tally(10_000, 1204, 36_120, {SAME: 1000, DONE: 180, FAILED: 4, LATER: 20})
    assert line(tally, Pace(10, 290), "the quota") == (
        "1,204 of 10,000 conversations   36,120 events   290 events/min   10.0 conversations/min   "
        "14 h 39 min left   = 1,000  + 180  ! 4  ~ 20   waiting: the quota"
    )
    assert line(Tally(), Pace(), None) == "0 conversations"


@dataclass
class FakeBrake:
    waited: float = 0.0
    held_until: datetime | None = None


def test_a_reason_why_it_waits() -> None:
    brake = FakeBrake()
    waiting = Waiting({"appends": brake}, {"appends": 290})

    def reason(held: dict[str, datetime], now: datetime = NOON) -> str | None:
        found = waiting.look(held, now)
        return None if found is None else found.words(ZONE)

    assert reason({}) is None
    brake.waited = 3
    assert reason({}) == "the quota of 290 appends a minute, live turns go first"
    assert reason({}) is None  # nobody has waited since
    brake.held_until = NOON + timedelta(seconds=100)
    assert reason({}) == "Vertex asked for a pause until 12:01:40"
    held = {"assistants": NOON + timedelta(seconds=20)}
    assert reason(held) == "OpenAI asked for patience until 12:00:20"
    assert reason(held, NOON + timedelta(seconds=101)) is None
    trouble = waiting.look({}, NOON + timedelta(seconds=101), {"a": "Vertex does not answer"})
    assert trouble is not None
    assert trouble.words(ZONE) == "Vertex does not answer"


def test_progress_for_a_program() -> None:
    tally = Tally(100, 40, 120, {SAME: 30, DONE: 10})
    wait = Wait("quota", "appends", None, 290)
    assert progress(tally, Pace(20, 60), wait) == {
        "total": 100,
        "done": 40,
        "events": 120,
        "marks": {"=": 30, "+": 10},
        "conversations_per_minute": 20,
        "events_per_minute": 60,
        "seconds_left": 180,
        "waiting": {"why": "quota", "who": "appends", "until": None, "per_minute": 290},
    }
    paused = progress(Tally(), Pace(), Wait("pause", "Vertex", NOON))
    assert paused["seconds_left"] is None
    assert paused["waiting"]["until"] == "2026-11-20T18:00:00+00:00"
    assert progress(Tally(), Pace(), None)["waiting"] is None


# --- what is asked ---


def test_ids_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tmp_path / "names"
    names.write_text("\ufeff50370000001 # Ana\r\n\n  # nobody\n50370000002\n50370000001\n")
    expected = frozenset({"50370000001", "50370000002"})
    assert read_ids(str(names)) == expected
    monkeypatch.setattr("sys.stdin", io.StringIO(names.read_text("utf-8-sig")))
    assert read_ids("-") == expected
    names.write_text("#\n")
    with pytest.raises(ValueError, match="no conversation"):
        read_ids(str(names))


@pytest.mark.parametrize(("count", "expected"), [(1, "a"), (2, "ac"), (4, "abcd"), (9, "abcd")])
def test_a_sample_is_spread(count: int, expected: str) -> None:
    assert spread(list("abcd"), count) == frozenset(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"dry_run": True, "missing": True}, False),
        ({"everything": True}, True),
        ({"limit": 1}, True),
        ({"percent": 0.5}, True),
        ({"only": "-"}, True),
        ({"channels": (ChannelName.FACEBOOK,)}, True),
    ],
)
def test_whether_it_was_said_for_whom(fields: dict[str, Any], expected: bool) -> None:
    assert Asked("cutover", Path(), **fields).named is expected


@pytest.mark.parametrize(
    ("verb", "marks", "expected"),
    [
        ("run", {SAME: 3, DONE: 2}, Status.DONE),
        ("run", {DONE: 2, LATER: 1}, Status.PUT_OFF),
        ("run", {LESS: 1, LATER: 1}, Status.SOME_FAILED),
        ("plan", {LESS: 1}, Status.DONE),
        ("plan", {FAILED: 1}, Status.SOME_FAILED),
        ("verify", {SAME: 9}, Status.DONE),
        ("verify", {SAME: 9, DONE: 1}, Status.SOME_FAILED),
        ("verify", {SAME: 9, DIFFERS: 1}, Status.SOME_FAILED),
        ("cutover", {DONE: 9}, Status.DONE),
        ("cutover", {}, Status.DONE),
    ],
)
def test_an_exit_status(verb: str, marks: dict[Mark, int], expected: Status) -> None:
    assert status_of(verb, marks) == expected


# --- verdicts ---


def summary(verb: str, marks: dict[Mark, int], **more: Any) -> Summary:
    done = sum(marks.values())
    return Summary(verb, total=done, done=done, marks=Counter(marks), **more)


VERIFIED = {State.VERIFIED: 200}


@pytest.mark.parametrize(
    ("found", "states", "expected"),
    [
        (
            summary("verify", {SAME: 200}, items=3120),
            VERIFIED,
            "Everything that could be read is in Vertex: 200 of 200 conversations, 3,120 items. "
            "You may cut over.",
        ),
        (
            summary("verify", {SAME: 200}, items=1),
            {State.VERIFIED: 200, State.PENDING: 3, State.MISSING: 1},
            "Everything that could be read is in Vertex: 200 of 200 conversations, 1 item. You may "
            "cut over. 3 conversations still to be carried over: watibot migrate run. "
            "1 conversation without a thread at any source.",
        ),
        (
            summary("verify", {SAME: 5}, items=50),
            {State.CUT_OVER: 5},
            "Everything that could be read is in Vertex: 5 of 5 conversations, 50 items. All of "
            "them are cut over.",
        ),
        (
            summary("verify", {SAME: 5}, items=50),
            VERIFIED,
            "These 5 conversations of 200 are in Vertex, 50 items, all there and the same. Verify "
            "the others too before you cut over.",
        ),
        (
            summary(
                "verify", {SAME: 7, LESS: 2, FAILED: 1, LATER: 1}, problems=Counter({"grown": 2})
            ),
            VERIFIED,
            "Do not cut over yet: 3 of 11 conversations differ or cannot be compared and 1 were "
            "put off. Next: watibot migrate run, then watibot migrate verify.",
        ),
        (
            summary("verify", {SAME: 199, DIFFERS: 1}),
            VERIFIED,
            "Do not cut over yet: 1 of 200 conversations differ or cannot be compared. Next: the "
            "same command again, later.",
        ),
        (
            summary("verify", {}),
            {},
            "Nothing was compared: no conversation has been carried over. watibot migrate run",
        ),
        (
            summary("run", {DONE: 2, SAME: 1, LESS: 1, LATER: 1}, events=60),
            {State.IMPORTED: 3},
            "2 conversations carried over, 60 events; 1 had nothing new; 1 have no thread at any "
            "source; 1 were put off: the same command again does them. Next: watibot migrate "
            "verify.",
        ),
        (
            summary("cutover", {DONE: 1}),
            {State.CUT_OVER: 1, State.VERIFIED: 9},
            "1 conversation answered by Gemini from now on. 9 are not cut over.",
        ),
        (
            summary("rollback", {DONE: 2, FAILED: 1}),
            {},
            "2 conversations answered by OpenAI's assistant again; 1 failed.",
        ),
        (
            summary("run", {DONE: 2}, stopped="the source assistants is gone"),
            {},
            "It stopped: the source assistants is gone. What was done is kept, the rest is as it "
            "was; start it again to go on.",
        ),
        (
            summary("run", {DONE: 2}, interrupted=True),
            {},
            "Stopped at your word after 2 of 2 conversations; start it again to go on.",
        ),
        (
            summary("cutover", {DONE: 3, LATER: 1}, dry_run=True),
            {},
            "3 conversations would be cut over, 1 cannot be now. Nothing was written.",
        ),
    ],
)
def test_a_verdict(found: Summary, states: dict[State, int], expected: str) -> None:
    assert verdict(found, states) == expected


@pytest.mark.parametrize(
    ("problem", "together", "word"),
    [
        ("2 missing in the session, first item-7f", "… missing in the session, first …", "run"),
        ("no source has its thread", "no source has its thread", "--missing"),
        ("no server is set to write threads to", "no server is set to write threads to", "OPENAI"),
        ("openai unauthorised (HTTP 401)", "openai unauthorised (HTTP …)", "credentials"),
        ("a turn has not ended", "a turn has not ended", "again"),
        ("the thread has grown: run again", "the thread has grown: run again", "verify"),
    ],
)
def test_a_problem_and_what_to_type(problem: str, together: str, word: str) -> None:
    assert alike(problem) == together
    assert word in advice(together)


def test_trouble_from_outside() -> None:
    assert outside_trouble("sessions throttled (HTTP 429)")
    assert not outside_trouble("a turn has not ended")


# --- figures ---


def move(number: int, state: State = State.VERIFIED, **more: Any) -> Move:
    fields: dict[str, Any] = {"version": "v1", "items": 4, "messages": 3}
    guest = f"5037000{number:04}"
    made = Move(
        guest, ChannelName.WHATSAPP, guest, f"thread_{number}", Provider.OPENAI, False, state
    )
    return replace(made, **{**fields, **more})


def figures(*moves: Move, price: Decimal | None = Decimal(250), **more: Any) -> Report:
    answerers = {(ChannelName.WHATSAPP, Provider.OPENAI): len(moves)}
    return report("Hotel", NOON, moves, answerers, {}, more.pop("items", {}), price, False, **more)


def test_sums_are_of_what_was_carried_over() -> None:
    made = figures(
        move(1, verified_at=NOON, verified_version="v1:4", losses={"x": 2}, source="exports"),
        move(2, State.IMPORTED, losses={"x": 1}, source="exports"),
        move(3, State.PENDING, losses={"x": 9}),
        move(4, State.MISSING, problem="no source has its thread"),
    )
    assert (made.conversations, made.carried, made.verified) == (4, 2, 1)
    assert (made.items, made.messages, made.losses) == (8, 6, {"x": 3})
    assert made.problems == {"no source has its thread": 1}
    assert made.sources == {"exports": 2}
    assert made.dollars == Decimal("0.002")


def test_an_unknown_price_is_not_nothing() -> None:
    made = figures(move(1), price=None)
    assert made.dollars is None
    assert "desconocido" in page(made, ZONE, "es")
    assert money(None, confirmed=True) == "unknown"
    assert money(Decimal("1.5"), confirmed=False) == "$1.50 (the price is not confirmed)"
    inventory = Inventory(conversations=10, looked_at=5, events=500)
    assert plan_document(inventory, Quotas(290, 90, None))["dollars"] == "unknown"
    assert plan_document(inventory, Quotas(290, 90, Decimal(250)))["dollars"] == "0.2500"


def test_a_stale_verification() -> None:
    fresh = move(1, verified_at=NOON, verified_version="v1:4")
    old = move(2, verified_at=NOON - timedelta(days=3), verified_version="v1:4")
    made = figures(fresh, old, items={"50370000001": 6})
    assert made.stale == {"2 items were said since": 1, "it is 3 days old": 1}


def test_the_pace_is_of_the_last_run() -> None:
    before = [move(n, imported_at=NOON - timedelta(days=1)) for n in range(5)]
    last = [move(n, imported_at=NOON + timedelta(minutes=n - 10)) for n in range(10, 13)]
    found = pace([*before, *last])
    assert found is not None
    assert (found.conversations, found.events) == (3, 12)
    assert (found.conversations_per_minute, found.events_per_minute) == (1.5, 6.0)
    assert pace([]) is None


def test_names_are_shortened_unless_ids_are_asked_for() -> None:
    assert shortened("50370000123") == "…123"
    assert figures(move(7)).lines[0].name == "…007"
    assert figures(move(7), with_ids=True).lines[0].name == "50370000007"


@pytest.mark.parametrize("lang", ["es", "en"])
def test_a_page_without_anything(lang: str) -> None:
    assert WORDS[lang]["title"] in page(figures(), ZONE, lang)
    assert set(STATES[lang]) == set(State)
    assert set(WORDS[lang]) == set(WORDS["en"])


def test_reasons_are_said_in_the_page_s_language() -> None:
    assert translated("it is 3 days old", "es") == "se comprobó hace 3 días"
    assert translated("content part 'x'", "es") == "contenido de tipo desconocido: x"
    assert translated("never seen", "es") == "never seen"
    assert translated("no source has its thread", "en") == "no source has its thread"


def test_the_price_of_an_event() -> None:
    listed = costs.load()
    assert (listed.session_event, listed.session_event_confirmed) == (Decimal(250), False)
    assert costs.parse("").session_event is None


# --- sources ---


def offer(name: str, gives: int | None, cause: Cause | None = None) -> Offer:
    problem = None if cause is None else ProviderError(name, cause)
    return Offer(Reach(name, "", problem), gives)


@pytest.mark.parametrize(
    ("found", "part"),
    [
        ([offer("exports", 9)], "can be read from exports."),
        ([offer("assistants", None)], "2027-03-31"),
        ([offer("assistants", 0, Cause.GONE), offer("archive", 0)], "404 since 2026-08-26"),
        ([offer("assistants", 0, Cause.GONE), offer("wati", None)], "WATI's own history is all"),
        ([], "put exports of the threads"),
    ],
)
def test_what_to_do_today(found: list[Offer], part: str) -> None:
    assert part in what_to_do(found)


def test_a_summary_counts() -> None:
    found = Summary("verify")
    found.add(Outcome(move(1), SAME))
    found.add(Outcome(move(2), LESS, "3 missing in the session, first a1"))
    found.add(Outcome(move(3), LESS, "4 missing in the session, first b2"))
    assert (found.done, found.items, found.marks[LESS]) == (3, 4, 2)
    assert found.problems == {"… missing in the session, first …": 2}
