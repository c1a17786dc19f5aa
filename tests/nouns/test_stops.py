"""A passage: counted, timed, in vain or not, and a span where somebody wants one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from watibot import telemetry
from watibot.errors import Cause, LostLease, ProviderError
from watibot.stops import STOPS, Facts, Stops


class Spans:
    """Keeps the promise of `stops.Traces` in a list."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.brought: list[str] = []

    def begin(self, stop: str, facts: Facts) -> Spans | None:
        self.told.append((stop, dict(facts)))
        return None if stop == "claim" else self

    def heard(self, conversation_id: str) -> None:
        self.brought.append(conversation_id)

    def tell(self, facts: Facts) -> None:
        self.told.append(("tell", dict(facts)))

    def end(self, failure: str | None) -> None:
        self.told.append(("end", failure))


def passed(stops: Stops, stop: str) -> tuple[float, float]:
    """How often, and how often in vain."""
    count = next(
        sample.value
        for family in stops.seconds.collect()
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels["stop"] == stop
    )
    return count, telemetry.sums(stops.errors)[stop,]


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (None, None),
        (ProviderError("gemini", Cause.THROTTLED, "quotes a guest"), "throttled"),
        (ValueError("50370000001"), "ValueError"),
        (LostLease("another worker"), None),
        (asyncio.CancelledError(), None),
    ],
)
def test_what_fails(error: BaseException | None, failure: str | None) -> None:
    spans = Spans()
    stops = Stops(CollectorRegistry(), spans)
    work = raising(error) if error is not None else lambda: None
    expected = contextlib.nullcontext() if error is None else pytest.raises(type(error))
    with expected, stops.passing("model", asked="gemini"):
        work()
    assert passed(stops, "model") == (1, 1 if failure else 0)
    assert spans.told == [("model", {"asked": "gemini"}), ("end", failure)]


def test_somebody_says_that_it_failed() -> None:
    spans = Spans()
    stops = Stops(CollectorRegistry(), spans)
    with stops.passing("deliver") as passage:
        passage.tell(channel="whatsapp")
        passage.failed("later")
    assert passed(stops, "deliver") == (1, 1)
    assert spans.told[1:] == [("tell", {"channel": "whatsapp"}), ("end", "later")]


@pytest.mark.parametrize("traces", [None, Spans()])
def test_without_a_span_it_is_counted_all_the_same(traces: Spans | None) -> None:
    stops = Stops(CollectorRegistry(), traces)
    stops.heard("c1")
    with stops.passing("claim") as passage:
        passage.tell(channel="whatsapp")
    assert passed(stops, "claim") == (1, 0)
    assert traces is None or traces.brought == ["c1"]


def test_a_stop_that_nobody_passed_shows_0() -> None:
    stops = Stops(CollectorRegistry(), None)
    assert [passed(stops, stop) for stop in STOPS] == [(0, 0)] * len(STOPS)
