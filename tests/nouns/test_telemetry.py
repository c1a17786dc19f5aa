"""Nothing that a guest said or is called by leaves in a log line."""

from __future__ import annotations

import contextlib
import io
import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from watibot import telemetry
from watibot.charges import Charge, Operation, Use
from watibot.modelcalls import Usage
from watibot.telemetry import FORBIDDEN, Metrics, tag

KEY = "a-secret-for-tests-only"
NUMBER = "50370000001"
WORDS = "Quisiera reservar la suite"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What `configure` makes leave; the configuration is put back."""
    out = io.StringIO()
    before = structlog.get_config()
    with contextlib.redirect_stderr(out):
        telemetry.configure("info", KEY)
        yield out
    structlog.configure(**before)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize("field", sorted(FORBIDDEN))
def test_a_forbidden_field_is_not_logged(field: str, lines: io.StringIO) -> None:
    telemetry.logger("test").info("message.received", **{field: f"{WORDS} {NUMBER}"})
    assert [line[field] for line in read(lines)] == ["(not logged)"]
    assert WORDS not in lines.getvalue()
    assert NUMBER not in lines.getvalue()


def test_a_conversation_is_logged_as_its_tag(lines: io.StringIO) -> None:
    telemetry.logger("test").info("turn.answered", conversation=NUMBER, bubbles=2)
    (line,) = read(lines)
    assert (line["event"], line["conversation"], line["bubbles"]) == (
        "turn.answered",
        tag(NUMBER, KEY),
        2,
    )
    assert NUMBER not in lines.getvalue()


def test_a_line_is_json_with_level_and_time(lines: io.StringIO) -> None:
    telemetry.logger("test").warning("mirror.later")
    (line,) = read(lines)
    assert line["level"] == "warning"
    assert line["timestamp"].endswith("Z")


def test_lower_levels_stay_out(lines: io.StringIO) -> None:
    telemetry.logger("test").debug("too.much")
    assert lines.getvalue() == ""


def test_a_tag_needs_the_key() -> None:
    assert tag(NUMBER, KEY) == tag(NUMBER, KEY)
    assert tag(NUMBER, KEY) != tag(NUMBER, KEY + "!")
    assert tag(NUMBER, KEY) != tag("50370000002", KEY)
    assert len(tag(NUMBER, KEY)) == 12


def test_without_values_keeps_type_and_place_only() -> None:
    try:
        int(WORDS)
    except ValueError as error:
        shown = "".join(traceback.format_exception(*telemetry.without_values(error)))
    assert "ValueError" in shown
    assert "test_telemetry.py" in shown
    assert WORDS not in shown


def test_a_logged_error_has_no_message_and_no_locals(lines: io.StringIO) -> None:
    guest_wrote = WORDS
    try:
        int(guest_wrote)
    except ValueError as error:
        telemetry.logger("test").error(
            "turn.broken", exc_info=telemetry.without_values(error), conversation=NUMBER
        )
    assert "ValueError" in lines.getvalue()
    assert "guest_wrote" not in json.dumps(
        [frame.get("locals") for frame in frames(read(lines)[0])]
    )
    assert WORDS not in lines.getvalue()
    assert NUMBER not in lines.getvalue()


def frames(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [frame for each in line["exception"] for frame in each["frames"]]


def test_metrics_have_no_label_that_a_guest_fills() -> None:
    allowed = {
        *("channel", "outcome", "tool", "provider", "cause", "kind", "stop", "queue", "quota"),
        *("operation", "objective", "state", "version", "python"),
    }
    registered = Metrics().registry._collector_to_names
    named = {label for metric in registered for label in getattr(metric, "_labelnames", ())}
    assert named <= allowed
    assert {"stop", "outcome"} <= named


def charge(micros: int | None, **use: Any) -> Charge:
    return Charge(datetime(2026, 11, 20, tzinfo=UTC), Use("gemini", **use), micros)


def test_a_charge_is_counted_by_what_it_is_for() -> None:
    metrics = Metrics()
    usage = Usage(prompt=900, cached=700, output=30, thoughts=10)
    metrics.charged(charge(1_500, operation=Operation.ANSWER, usage=usage))
    metrics.charged(charge(500, operation=Operation.ANSWER, usage=usage, outcome="blocked"))
    metrics.charged(charge(None, operation=Operation.SUMMARY, usage=Usage(prompt=5)))
    metrics.charged(charge(7, operation=Operation.EVENT, quantity=4))
    assert telemetry.sums(metrics.dollars) == {
        ("answer",): pytest.approx(0.002),
        ("event",): pytest.approx(0.000_007),
    }
    assert telemetry.sums(metrics.unpriced) == {("summary",): 1}
    assert telemetry.sums(metrics.uses) == {
        ("gemini", "answer", "ok"): 1,
        ("gemini", "answer", "blocked"): 1,
        ("gemini", "summary", "ok"): 1,
        ("gemini", "event", "ok"): 4,
    }
    tokens = telemetry.sums(metrics.tokens)
    assert (tokens["prompt",], tokens["cached",], tokens["thoughts",]) == (1805, 1400, 20)


@pytest.mark.parametrize("target", [0.7, 3, 3.5])
def test_the_answer_target_is_an_edge_of_the_buckets(target: float) -> None:
    metrics = Metrics(answer_target=target)
    for seconds in (0.1, target, target + 0.01, 400):
        metrics.answer_seconds.observe(seconds)
    assert telemetry.at_most(metrics.answer_seconds, target) == (2, 2)
