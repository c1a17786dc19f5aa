"""What the migration page's forms ask for, and what it shows of the ledger. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.clocks import NOON
from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.migration.report import Next, next_step
from watibot.migration.words import HELP, advice, alike, help_for
from watibot.ports.errands import Errand, Order, Result
from watibot.ports.migrations import State
from watibot.ports.standing import Lately, Place, Standing, Troubled
from watibot.web.console import moving_asked as asked
from watibot.web.console.moving_shown import lasting, rate, shown
from watibot.web.console.words import WORDS

ANA, EVA, LUZ = "50370000001", "fb:4001", "ig:4002"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"verb": "sources"}, ("sources", "--json")),
        ({"verb": "plan"}, ("plan", "--progress")),
        ({"verb": "plan", "most": "200"}, ("plan", "--sample", "200", "--progress")),
        ({"verb": "run", "most": " 3 "}, ("run", "--limit", "3", "--progress")),
        ({"verb": "verify", "most": ""}, ("verify", "--progress")),
        ({}, None),
        ({"verb": "cutover"}, None),  # not without a look before
        ({"verb": "report"}, None),
        ({"verb": "run", "most": "0"}, None),
        ({"verb": "run", "most": "-3"}, None),
        ({"verb": "run", "most": "3 --new"}, None),
        ({"verb": "run", "most": "٣"}, None),
        ({"verb": "sources", "most": "3"}, None),
    ],
)
def test_what_a_step_asks_for(form: dict[str, str], expected: tuple[str, ...] | None) -> None:
    found = asked.start(form)
    assert (found.arguments if found else None) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"which": "all"}, ("--all",)),
        ({"which": "percent", "percent": "50"}, ("--percent", "50")),
        ({"which": "percent", "percent": " 2,5 "}, ("--percent", "2.5")),
        ({"which": "percent", "percent": "100"}, ("--percent", "100")),
        ({"which": "channel", "channel": "facebook"}, ("--channel", "facebook")),
        ({"which": "list", "ids": f"{ANA} # Ana\r\n\n{EVA}\n{ANA}"}, ("--only", "-")),
        ({"which": "all", "missing": "yes"}, ("--all", "--missing")),
        ({"which": "all", "unread": "yes", "missing": "no"}, ("--all", "--unread")),
        ({"which": "percent", "percent": "0"}, None),
        ({"which": "percent", "percent": "101"}, None),
        ({"which": "percent", "percent": "1e2"}, None),
        ({"which": "percent", "percent": "50 --all"}, None),
        ({"which": "percent"}, None),
        ({"which": "channel", "channel": "telegram"}, None),
        ({"which": "channel"}, None),
        ({"which": "list", "ids": "# nobody\n"}, None),
        ({"which": "everything"}, None),
        ({}, None),
    ],
)
def test_which_are_meant(form: dict[str, str], expected: tuple[str, ...] | None) -> None:
    found = asked.preview({"verb": "cutover", **form})
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert found.arguments == ("cutover", *expected, "--dry-run", "--progress")


def test_a_rollback_has_no_flags_of_a_cutover() -> None:
    found = asked.preview({"verb": "rollback", "which": "all", "missing": "yes"})
    assert found == Order("rollback", ("--all",), dry_run=True)
    assert asked.preview({"verb": "run", "which": "all"}) is None


def test_a_list_is_never_an_argument() -> None:
    found = asked.preview({"verb": "cutover", "which": "list", "ids": f"--all\n{EVA}\n{EVA}"})
    assert found is not None
    assert found.ids == ("--all", EVA)
    assert "--all" not in found.arguments
    assert EVA not in found.arguments
    assert asked.detail(found) == "cutover 2 ids"


def seen(order: Order, status: int | None = 0, marks: str = "+=~+") -> Errand:
    results = [Result(mark, f"c{n}", "") for n, mark in enumerate(marks)]
    return Errand(1, (order,), "ana", NOON, status=status, results=results)


PREVIEW = Order("cutover", ("--percent", "50"), flags=("--missing",), dry_run=True)


def test_what_was_seen_is_what_is_done() -> None:
    assert asked.confirmed(seen(PREVIEW)) == Order("cutover", (), ("c0", "c3"), ("--missing",))


@pytest.mark.parametrize(
    "errand",
    [
        seen(PREVIEW, None),
        seen(PREVIEW, 4),
        seen(PREVIEW, 130),
        seen(PREVIEW, marks="=~!"),
        seen(PREVIEW, marks=""),
        seen(replace(PREVIEW, dry_run=False)),
        seen(Order("run", dry_run=True)),
    ],
)
def test_what_cannot_be_confirmed(errand: Errand) -> None:
    assert asked.confirmed(errand) is None


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], ()),
        ([State.IMPORTED], (Order("run", (), ("c0",)), Order("verify", (), ("c0",)))),
        ([State.VERIFIED], (Order("verify", (), ("c0",)),)),
        (
            [State.MISSING, State.CUT_OVER],
            (Order("run", (), ("c0",)), Order("verify", (), ("c0", "c1"))),
        ),
    ],
)
def test_what_is_tried_again(states: list[State], expected: tuple[Order, ...]) -> None:
    assert asked.retry([Troubled(f"c{n}", state, "") for n, state in enumerate(states)]) == expected


def test_problems_that_are_alike_have_one_name() -> None:
    assert asked.kind_of("throttled after 3 tries") == asked.kind_of("throttled after 5 tries")
    assert asked.kind_of("throttled") != asked.kind_of("timeout")


# --- what is shown ---


def place(
    channel: ChannelName, state: State, count: int, items: int = 0, planned: int = 0
) -> Place:
    return Place(channel, state, count, planned, items, 0, 0, items)


WHATSAPP, INSTAGRAM = ChannelName.WHATSAPP, ChannelName.INSTAGRAM
PLACES = (
    place(WHATSAPP, State.PENDING, 60, planned=60),
    place(WHATSAPP, State.IMPORTED, 30, 90),
    place(INSTAGRAM, State.CUT_OVER, 10, 40),
)
STANDING = Standing(PLACES, {Provider.OPENAI: 90, Provider.VERTEX: 12}, {}, {}, {})


def test_counts_by_state_and_channel() -> None:
    found = shown(STANDING, NOON, 290)
    assert (found.total, found.carried, found.over, found.items) == (100, 40, 10, 130)
    assert found.channels == (WHATSAPP, INSTAGRAM)
    assert found.rows == (
        (State.PENDING, (60, 0), 60),
        (State.IMPORTED, (30, 0), 30),
        (State.CUT_OVER, (0, 10), 10),
    )
    assert (found.next, found.speed) == (Next.RUN, None)


def test_the_rate_and_what_is_left() -> None:
    lately = {State.IMPORTED: Lately(30, 90, NOON - timedelta(seconds=60))}
    found = shown(replace(STANDING, lately=lately), NOON, 290).speed
    assert found is not None
    assert (found.conversations, found.events, found.left) == (30, 90, 120)
    assert not found.full
    full = shown(replace(STANDING, lately=lately), NOON, 100).speed
    assert full is not None
    assert full.full
    early = {State.IMPORTED: Lately(1, 3, NOON)}  # not thousands a minute
    found = shown(replace(STANDING, lately=early), NOON, 290).speed
    assert found is not None
    assert found.conversations == 6


@pytest.mark.parametrize(
    ("seconds", "per_minute", "expected"),
    [(30, 290, True), (1, 290, False), (5, 20, False), (30, 20, True)],
)
def test_a_pause_is_more_than_the_next_place(
    seconds: float, per_minute: float, expected: bool
) -> None:
    next_at = {"sessions.appends": NOON + timedelta(seconds=seconds)}
    found = shown(replace(STANDING, next_at=next_at), NOON, per_minute).speed
    assert (found is not None and found.until is not None) is expected


def test_problems_are_counted_together() -> None:
    problems = {
        "throttled after 3 tries": 4,
        "no source has its thread": 5,
        "throttled after 9 tries": 2,
    }
    found = shown(replace(STANDING, problems=problems), NOON, 290).kinds
    assert [(kind.conversations, kind.help) for kind in found] == [(6, "later"), (5, "exports")]
    assert found[0].name == asked.kind_of("throttled after 3 tries")


@pytest.mark.parametrize(
    ("states", "planned", "openai", "expected"),
    [
        ({}, False, False, Next.NOTHING),
        ({State.PENDING: 9}, False, True, Next.PLAN),
        ({State.PENDING: 9}, True, True, Next.RUN),
        ({State.PENDING: 9, State.VERIFIED: 1}, False, True, Next.RUN),
        ({State.EXPORTED: 1, State.IMPORTED: 8}, False, True, Next.RUN),
        ({State.IMPORTED: 1, State.VERIFIED: 8}, True, True, Next.VERIFY),
        ({State.VERIFIED: 1, State.CUT_OVER: 8}, True, True, Next.CUTOVER),
        ({State.ROLLED_BACK: 1, State.CUT_OVER: 8}, True, True, Next.AGAIN),
        ({State.MISSING: 1, State.CUT_OVER: 8}, True, True, Next.MISSING),
        ({State.MISSING: 1, State.CUT_OVER: 8}, True, False, Next.REPORT),
        ({State.CUT_OVER: 8}, True, True, Next.REPORT),
    ],
)
def test_what_is_next(
    states: dict[State, int], planned: bool, openai: bool, expected: Next
) -> None:
    found = next_step({**dict.fromkeys(State, 0), **states}, planned=planned, openai=openai)
    assert found is expected


def test_every_help_and_step_has_words() -> None:
    names = [
        *(f"moving.help.{each}" for each in HELP),
        *(f"moving.next.{each}" for each in Next if each != "nothing"),
    ]
    assert [name for name in names if name not in WORDS] == []
    assert help_for("whatever else") == "later"
    assert advice("whatever else") == "the same command again, later"
    assert help_for(alike("the thread has grown: run again")) == "again"


def test_how_long_and_how_fast() -> None:
    assert [lasting(each) for each in (9.4, 250, 11_520)] == ["9 s", "4 min 10 s", "3 h 12 min"]
    assert [rate(each) for each in (0.25, 9.94, 290, 1200)] == ["0.2", "9.9", "290", "1,200"]
