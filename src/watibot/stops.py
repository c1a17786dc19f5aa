"""The stops of a guest's message as they are passed: how often, how long, how often in vain.

Each stop in `web/`, `service/` opens one passage around its work; `telemetry.py` shows the figures
at `/metrics`, and `tracing.py` makes a span of the passage where traces are wanted.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

from prometheus_client import CollectorRegistry, Counter, Histogram

from watibot.errors import LostLease, ProviderError

STOPS = ("receive", "claim", "turn", "answer", "model", "tool", "deliver", "mirror")

# The service is told to stop; somebody else has the conversation now. Neither is a failure.
_NO_FAILURE = (CancelledError, LostLease)

Facts = Mapping[str, object]


class Span(Protocol):
    """A passage as a trace shows it."""

    def tell(self, facts: Facts) -> None: ...

    def end(self, failure: str | None) -> None: ...


class Traces(Protocol):
    """Whoever makes spans. What it does not know by name among the facts it leaves out."""

    def begin(self, stop: str, facts: Facts) -> Span | None:
        """None for a stop that has no span. Spans that begin before it ends are its children."""

    def heard(self, conversation_id: str) -> None:
        """The passage under way brought a message of this conversation."""


class Stops:
    """Opens passages."""

    def __init__(self, registry: CollectorRegistry, traces: Traces | None) -> None:
        self._traces = traces
        self.seconds = Histogram(
            "watibot_stop_seconds",
            "How long a stop took; its count is how often it was passed. turn: from the claim to"
            " the release; deliver: a bubble; mirror: what one conversation's session lacked",
            ["stop"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 3, 5, 10, 30, 60, 300),
            registry=registry,
        )
        self.errors = Counter(
            "watibot_stop_errors", "Passages that failed", ["stop"], registry=registry
        )
        # Made now, so that a stop that was never passed shows 0 and not nothing.
        self._of = {stop: (self.seconds.labels(stop), self.errors.labels(stop)) for stop in STOPS}

    def passing(self, stop: str, **facts: object) -> Passage:
        """One passage through one of the `STOPS`, to be opened by `with`. `conversation` among the
        facts is its id; it leaves as a tag only."""
        seconds, errors = self._of[stop]
        return Passage(stop, seconds, errors, self._traces, facts)

    def heard(self, conversation_id: str) -> None:
        """A message came by the passage under way: the turn that answers it will point there."""
        if self._traces is not None:
            self._traces.heard(conversation_id)


class Passage:
    """It fails by an error, or when somebody says so."""

    __slots__ = ("_began", "_errors", "_facts", "_failure", "_seconds", "_span", "_stop", "_traces")

    def __init__(
        self, stop: str, seconds: Histogram, errors: Counter, traces: Traces | None, facts: Facts
    ) -> None:
        self._stop = stop
        self._seconds = seconds
        self._errors = errors
        self._traces = traces
        self._facts = facts
        self._span: Span | None = None
        self._failure: str | None = None

    def tell(self, **facts: object) -> None:
        """What is known only now."""
        if self._span is not None:
            self._span.tell(facts)

    def failed(self, failure: str) -> None:
        """Without an error; in a word that holds nothing of a guest's."""
        self._failure = failure

    def __enter__(self) -> Self:
        if self._traces is not None:
            self._span = self._traces.begin(self._stop, self._facts)
        self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._seconds.observe(perf_counter() - self._began)
        if error is not None and not isinstance(error, _NO_FAILURE):
            # Only the kind: messages of foreign errors may quote what they choked on.
            self._failure = (
                error.cause if isinstance(error, ProviderError) else type(error).__name__
            )
        if self._failure is not None:
            self._errors.inc()
        if self._span is not None:
            self._span.end(self._failure)
