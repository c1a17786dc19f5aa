"""What a run came to: counts of stories, checks, and figures read from Prometheus' text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from watibot.cli.stage.journals import (
    Check,
    Entry,
    Event,
    Story,
    Summary,
    Tally,
    checks,
    counter,
    histogram,
    holds,
    quantile,
    stories,
    summary,
    tally,
)


def _event(author: str, turn: str, *parts: dict[str, Any]) -> Event:
    return {"author": author, "invocationId": turn, "content": {"parts": list(parts)}}


def _guest(turn: str, text: str) -> Event:
    return _event("user", turn, {"text": text})


def _bot(turn: str, text: str) -> Event:
    return _event("watibot", turn, {"text": text})


def _call(turn: str, name: str) -> Event:
    return _event("watibot", turn, {"functionCall": {"name": name, "args": {}}})


def _result(turn: str, name: str) -> Event:
    return _event("tools", turn, {"functionResponse": {"name": name, "response": {}}})


HELLO, POOL, ANSWER = (
    _guest("t1", "Hola"),
    _guest("t1", "¿piscina?"),
    _bot("t1", "Sí.\n\nAbre a 8."),
)
WHOLE = Story("Ana", ("Hola", "¿piscina?"), ("Sí.", "Abre a 8."), 0, (HELLO, POOL, ANSWER))
FULL = Tally(said=2, answered=2, turns=1, bubbles=2, events=3, expected=3)
HANDED = (
    _guest("t1", "una persona"),
    _call("t1", "escalate_to_human"),
    _result("t1", "escalate_to_human"),
    _bot("t1", "Ya aviso."),
    _event("staff", "s1", {"text": "Voy"}),
    _guest("m9", "Gracias"),
)

TAKEN = (
    _guest("t1", "¿piscina?"),
    _event("staff", "s1", {"text": "Hasta las 3:10"}),
    _guest("m2", "Gracias"),
    _guest("t2", "¿wifi?"),
    _bot("t2", "Sí."),
)
LAST = _guest("m3", "Hola")


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(WHOLE, FULL, id="whole"),
        pytest.param(replace(WHOLE, said=("Hola", "")), FULL, id="a file has no words to compare"),
        pytest.param(
            replace(WHOLE, events=()),
            Tally(said=2, bubbles=2, lost=2, doubled=2, events=0, expected=2),
            id="no session",
        ),
        pytest.param(
            replace(WHOLE, events=(HELLO, ANSWER)),
            replace(FULL, answered=1, lost=1, out_of_order=0, events=2),
            id="a message is not in the session",
        ),
        pytest.param(
            replace(WHOLE, events=(HELLO, _guest("t2", "¿piscina?"), ANSWER)),
            replace(FULL, answered=1, lost=1),
            id="a message without an answer",
        ),
        pytest.param(
            replace(WHOLE, bubbles=("Sí.",)),
            replace(FULL, bubbles=1, lost=1),
            id="a bubble did not arrive",
        ),
        pytest.param(
            replace(WHOLE, bubbles=("Sí.", "Sí.", "Abre a 8.")),
            replace(FULL, bubbles=3, doubled=1),
            id="a bubble arrived twice",
        ),
        pytest.param(
            replace(WHOLE, bubbles=("Abre a 8.", "Sí.")),
            replace(FULL, out_of_order=1),
            id="bubbles in the wrong order",
        ),
        pytest.param(
            replace(WHOLE, events=(POOL, HELLO, ANSWER)),
            replace(FULL, out_of_order=2),
            id="messages in the wrong order",
        ),
        pytest.param(
            replace(WHOLE, events=(HELLO, HELLO, POOL, ANSWER)),
            replace(FULL, answered=3, doubled=1, out_of_order=1, events=4),
            id="a message kept twice",
        ),
        pytest.param(
            Story("Lucía", ("una persona", "Gracias"), ("Ya aviso.",), 1, HANDED),
            Tally(said=2, answered=1, held=1, turns=1, bubbles=1, events=6, expected=6),
            id="a person took over",
        ),
        pytest.param(
            Story("Lucía", ("una persona", "Gracias"), ("Ya aviso.",), 1, HANDED[:4] + HANDED[5:]),
            Tally(said=2, answered=1, held=1, turns=1, bubbles=1, events=5, expected=6),
            id="the colleague's words are not in the session",
        ),
        pytest.param(
            Story("Eva", ("¿piscina?", "Gracias", "¿wifi?"), ("Sí.",), 1, TAKEN),
            Tally(said=3, answered=1, held=2, turns=1, bubbles=1, events=5, expected=5),
            id="a person took over in the middle of an answer, and gave it back",
        ),
        pytest.param(
            Story("Eva", ("¿piscina?", "Gracias", "¿wifi?", "Hola"), ("Sí.",), 1, (*TAKEN, LAST)),
            Tally(said=4, answered=1, held=2, turns=1, bubbles=1, lost=1, events=6, expected=6),
            id="afterwards an answer is missing",
        ),
        pytest.param(
            Story("Eva", ("Hola", "¿wifi?"), ("Sí.",), 1, (LAST, *TAKEN[3:], TAKEN[1])),
            Tally(said=2, answered=1, lost=1, turns=1, bubbles=1, events=4, expected=4),
            id="no person saw to what the assistant passed over",
        ),
    ],
)
def test_tally(story: Story, expected: Tally) -> None:
    counted = tally(story)
    assert expected == counted
    assert holds(counted) == (
        counted.lost + counted.doubled + counted.out_of_order == 0
        and counted.events == counted.expected
    )


def test_stories_are_put_together_by_address() -> None:
    entries: list[Entry] = [
        {"kind": "guest", "waId": "1", "type": "text", "text": "Hola"},
        {"kind": "guest", "waId": "1", "type": "image", "text": None},
        {"kind": "guest", "subscriber_id": "7", "type": "voice", "text": "https://cdn/x"},
        {"kind": "bubble", "subscriber_id": "7", "text": "Recibí"},
        {"kind": "staff", "waId": "1", "text": "Voy"},
        {"kind": "bubble", "waId": "99", "text": "of somebody else"},
        {"kind": "webhook", "waId": "1", "status": 200},
    ]
    guests = {"1": ("Ana", "1"), "7": ("Roberto", "fb:7")}
    expected = [
        Story("Ana", ("Hola", ""), (), 1, ()),
        Story("Roberto", ("",), ("Recibí",), 0, (HELLO,)),
    ]
    assert expected == stories(guests, entries, {"fb:7": [HELLO]})


METRICS = """\
# TYPE watibot_own_seconds histogram
watibot_own_seconds_bucket{le="0.01"} 2.0
watibot_own_seconds_bucket{le="0.02"} 6.0
watibot_own_seconds_bucket{le="+Inf"} 8.0
watibot_own_seconds_count 8.0
watibot_deliveries_total{channel="wati",outcome="message"} 3.0
watibot_deliveries_total{channel="manychat",outcome="message"} 2.0
watibot_deliveries_total{channel="wati",outcome="repeated"} 1.0
watibot_lanes 4.0
"""


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.25, 0.01), (0.5, 0.015), (0.75, 0.02), (0.95, 0.02)],
)
def test_quantile(share: float, expected: float) -> None:
    assert quantile(histogram(METRICS, "watibot_own_seconds"), share) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [[], [(1.0, 0.0), (float("inf"), 0.0)]])
def test_no_observation_has_no_quantile(buckets: list[tuple[float, float]]) -> None:
    assert quantile(buckets, 0.5) is None


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("watibot_deliveries_total", {"outcome": "message"}, 5.0),
        ("watibot_deliveries_total", {"outcome": "message", "channel": "wati"}, 3.0),
        ("watibot_deliveries_total", {"outcome": "failed"}, 0.0),
        ("watibot_lanes", {}, 4.0),
    ],
)
def test_counter(name: str, labels: dict[str, str], expected: float) -> None:
    assert expected == counter(METRICS, name, **labels)


EMULATORS: dict[str, dict[str, Any]] = {
    "wati": {"received": 2, "doubled": 0},
    "vertex": {"events_doubled": 0, "model_calls": 1, "prompt_tokens": 100, "cached_tokens": 90},
    "staff": {"notices": 0},
}


def _failed(run: Summary) -> list[str]:
    return [check.name for check in checks(run) if not check.ok]


def test_a_good_run_passes_every_check() -> None:
    run = summary([WHOLE], EMULATORS, METRICS)
    assert _failed(run) == []
    assert (run.deliveries, run.troubled) == (6, ())


@pytest.mark.parametrize(
    ("told", "changes", "expected"),
    [
        (WHOLE, {"wati": {"received": 1, "doubled": 0}}, "every message was received"),
        (WHOLE, {"wati": {"received": 2, "doubled": 1}}, "nothing was said twice"),
        (
            WHOLE,
            {"vertex": {**EMULATORS["vertex"], "events_doubled": 1}},
            "the sessions are complete",
        ),
        (replace(WHOLE, bubbles=("Sí.",)), {}, "every message was taken care of"),
        (replace(WHOLE, bubbles=("Abre a 8.", "Sí.")), {}, "everything kept its order"),
        (
            Story("Lucía", ("una persona", "Gracias"), ("Ya aviso.",), 1, HANDED),
            {},
            "staff were told of every guest who asks for a person",
        ),
    ],
)
def test_a_bad_run_fails_the_check_that_names_it(
    told: Story, changes: dict[str, dict[str, Any]], expected: str
) -> None:
    assert _failed(summary([told], {**EMULATORS, **changes}, METRICS)) == [expected]


def test_a_check_says_what_was_found() -> None:
    run = summary([WHOLE], EMULATORS, METRICS)
    assert Check("everything kept its order", True, "moved 0") in checks(run)
