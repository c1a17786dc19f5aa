"""Log events, metrics, and what keeps guests out of both. The stops' figures are in `stops.py`.

Events are dotted names with ids (`turn.answered`), as JSON lines. No guest's text or number is ever
a value: the field `conversation` is written as a keyed digest, which `watibot inspect` turns back.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import sys
from collections.abc import Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from watibot import __version__
from watibot.stops import Stops, Traces

# What may never be a field of a log event, wherever it comes from.
FORBIDDEN = frozenset(
    {"text", "body", "raw", "address", "phone", "wa_id", "guest_name", "conversation_id", "name"}
)

# Of libraries' lines only the name and the level are kept: their words may quote anything.
LIBRARIES_LEVEL = logging.WARNING
LIBRARIES_FORMAT = "%(name)s %(levelname)s"
# These log whole URLs, which hold numbers, tokens and message texts.
TALKATIVE = ("httpx2", "httpcore2", "google_genai", "urllib3", "uvicorn.access", "apprise")


def tag(conversation_id: str, key: str) -> str:
    """A conversation's name in logs. Keyed, because eight digits are quickly tried out."""
    secret = hashlib.sha256(key.encode()).digest()
    return hashlib.blake2s(conversation_id.encode(), key=secret, digest_size=6).hexdigest()


def configure(level: str, key: str) -> None:
    """JSON lines on standard error, from our events and from libraries' alike. `key` is a secret of
    this installation, for `tag`."""
    structlog.configure(
        processors=processors(key),
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=LIBRARIES_LEVEL, format=LIBRARIES_FORMAT, stream=sys.stderr)
    for talkative in TALKATIVE:
        logging.getLogger(talkative).disabled = True


def processors(key: str) -> list[Any]:
    """What each of our events goes through; a line of JSON comes out."""

    def _tag(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        if "conversation" in event:
            event["conversation"] = tag(str(event["conversation"]), key)
        return event

    return [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Local variables would show what guests wrote.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        _tag,
        _drop_forbidden,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _drop_forbidden(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key in FORBIDDEN & event.keys():
        event[key] = "(not logged)"
    return event


def logger(name: str) -> Any:
    return structlog.get_logger(name)


def without_values(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """An error as log lines may hold it: its type and where it arose. The messages of foreign
    errors may quote what they choked on, so they stay out."""
    safe = type(error).__name__
    return (RuntimeError, RuntimeError(safe), error.__traceback__)


class Use(Protocol):
    """`charges.Use`, as far as it is counted here."""

    @property
    def provider(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def usage(self) -> Any: ...


class Charge(Protocol):
    """`charges.Charge`, the same."""

    @property
    def use(self) -> Use: ...
    @property
    def micros(self) -> int | None: ...


TOKENS = ("prompt", "cached", "output", "thoughts", "audio")


def _nobody(provider: str, outcome: str) -> None:
    return None


class Metrics:
    """What `/metrics` shows. Labels never come from guests. `traces`: who makes spans of the stops,
    if anybody; `answer_target`: seconds within which an answer is quick, an edge of its buckets."""

    def __init__(self, traces: Traces | None = None, answer_target: float = 3.0) -> None:
        self.registry = CollectorRegistry()
        stops = Stops(self.registry, traces)
        self.passing, self.heard = stops.passing, stops.heard
        Info("watibot_build", "What is running", registry=self.registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        self.deliveries = Counter(
            "watibot_deliveries",
            "Webhook deliveries by what became of them",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self.turns = Counter(
            "watibot_turns", "Turns by how they ended", ["outcome"], registry=self.registry
        )
        # Prometheus sees how a figure grows only from its second value on: the first failure too.
        for outcome in ("answered", "failed"):
            self.turns.labels(outcome)
        self.bubbles = Counter(
            "watibot_bubbles", "Bubbles by outcome", ["channel", "outcome"], registry=self.registry
        )
        self.takeovers = Counter(
            "watibot_takeovers",
            "Conversations that staff took or gave back, by who told: the channel, the chat's own"
            " history, a mark that is gone, the takeover's end. What colleagues write is among the"
            " deliveries",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.looks = Counter(
            "watibot_looks",
            "Looks at a chat's own history by what they are for and what they found",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.past_pages = Counter(
            "watibot_past_pages",
            "Pages of what was said before the hotel began with this service",
            registry=self.registry,
        )
        self.folds = Counter(
            "watibot_folds",
            "Histories whose older half became a summary",
            ["outcome"],
            registry=self.registry,
        )
        self.leaks = Counter(
            "watibot_leaks",
            "Answers that held something internal and were replaced",
            registry=self.registry,
        )
        self.calls = Gauge(
            "watibot_calls_this_month",
            "Calls that the provider counts by the month",
            ["provider"],
            registry=self.registry,
        )
        self.calls_allowed = Gauge(
            "watibot_calls_allowed",
            "As many as may be in a month",
            ["provider"],
            registry=self.registry,
        )
        self.quota_per_minute = Gauge(
            "watibot_quota_per_minute",
            "Requests a minute that this service allows itself, below the provider's own quota",
            ["quota"],
            registry=self.registry,
        )
        self.quota_wait = Gauge(
            "watibot_quota_wait_seconds",
            "Until its next free place",
            ["quota"],
            registry=self.registry,
        )
        self.tools = Counter(
            "watibot_tool_calls", "Tool calls", ["tool", "outcome"], registry=self.registry
        )
        self.provider_errors = Counter(
            "watibot_provider_errors",
            "Failures of providers",
            ["provider", "cause"],
            registry=self.registry,
        )
        # Who else hears how a provider's call ended: "ok" or a cause.
        self.on_outcome: Callable[[str, str], None] = _nobody
        self.retries = Counter(
            "watibot_retries",
            "Waits for another try, by the stop that is tried again",
            ["stop"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "watibot_tokens",
            "Tokens of model calls. prompt includes cached and audio, output includes thoughts",
            ["kind"],
            registry=self.registry,
        )
        self.uses = Counter(
            "watibot_uses",
            "What is paid for: calls, events, requests; of an explicit cache, token-hours",
            ["provider", "operation", "outcome"],
            registry=self.registry,
        )
        self.dollars = Counter(
            "watibot_cost_dollars",
            "Its price, where one is known",
            ["operation"],
            registry=self.registry,
        )
        self.unpriced = Counter(
            "watibot_charges_unpriced",
            "Charges without a known price",
            ["operation"],
            registry=self.registry,
        )
        self.answer_seconds = Histogram(
            "watibot_answer_seconds",
            "From the end of the burst to the hand-over of the first bubble",
            buckets=sorted({0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, answer_target}),
            registry=self.registry,
        )
        self.own_seconds = Histogram(
            "watibot_own_seconds",
            "The same without the model's time, the tools' and the wait for a free slot",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.5, 1),
            registry=self.registry,
        )
        self.rows = Gauge(
            "watibot_rows",
            "Rows in the store by what they wait for",
            ["kind"],
            registry=self.registry,
        )
        self.lanes = Gauge(
            "watibot_lanes", "Conversations waiting or under work", registry=self.registry
        )
        self.queue_rows = Gauge(
            "watibot_queue_rows", "What waits", ["queue"], registry=self.registry
        )
        self.queue_oldest = Gauge(
            "watibot_queue_oldest_seconds",
            "How long the oldest of it has waited; 0 if nothing waits",
            ["queue"],
            registry=self.registry,
        )
        self.swept = Gauge(
            "watibot_swept_seconds",
            "Since the lanes last looked for work in the store",
            registry=self.registry,
        )
        self.migration = Gauge(
            "watibot_migration_conversations",
            "Conversations on their way out of OpenAI by how far they are",
            ["state"],
            registry=self.registry,
        )
        self.budget_left = Gauge(
            "watibot_slo_budget_left",
            "Of what an objective allows to go wrong in 30 days, the share that is left; below 0 it"
            " is missed",
            ["objective"],
            registry=self.registry,
        )
        self.target = Gauge(
            "watibot_slo_target",
            "The share that is to be good",
            ["objective"],
            registry=self.registry,
        )

    def failed(self, provider: str, cause: str) -> None:
        """A provider failed us; `cause` is an `errors.Cause`."""
        self.provider_errors.labels(provider, cause).inc()
        self.on_outcome(provider, cause)

    def succeeded(self, provider: str) -> None:
        """A provider did what it was asked for."""
        self.on_outcome(provider, "ok")

    def charged(self, charge: Charge) -> None:
        """A listener of the charges."""
        use = charge.use
        self.uses.labels(use.provider, use.operation, use.outcome).inc(use.quantity)
        for kind in TOKENS:
            if tokens := getattr(use.usage, kind):
                self.tokens.labels(kind).inc(tokens)
        if charge.micros is None:
            self.unpriced.labels(use.operation).inc()
        else:
            self.dollars.labels(use.operation).inc(charge.micros / 1_000_000)


def sums(counter: Counter) -> dict[tuple[str, ...], float]:
    """How far a counter is, by the values of its labels in their order."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def at_most(histogram: Histogram, edge: float) -> tuple[int, int]:
    """How many of an unlabelled histogram's observations are at most `edge`, one of its edges, and
    how many are above."""
    found = {
        sample.labels.get("le", ""): sample.value
        for family in histogram.collect()
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    within = next(int(count) for le, count in found.items() if float(le) == edge)
    return within, int(found["+Inf"]) - within
