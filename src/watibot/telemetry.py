"""Log events, metrics, and what keeps guests out of both.

Events are dotted names with ids (`turn.answered`), as JSON lines. No guest's text or number is ever
a value: the field `conversation` is written as a keyed digest, which `watibot inspect` turns back.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# What may never be a field of a log event, wherever it comes from.
FORBIDDEN = frozenset(
    {"text", "body", "raw", "address", "phone", "wa_id", "guest_name", "conversation_id", "name"}
)


def tag(conversation_id: str, key: str) -> str:
    """A conversation's name in logs. Keyed, because eight digits are quickly tried out."""
    secret = hashlib.sha256(key.encode()).digest()
    return hashlib.blake2s(conversation_id.encode(), key=secret, digest_size=6).hexdigest()


def configure(level: str, key: str) -> None:
    """JSON lines on standard error, from our events and from libraries' alike. `key` is a secret of
    this installation, for `tag`."""

    def _tag(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        if "conversation" in event:
            event["conversation"] = tag(str(event["conversation"]), key)
        return event

    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Local variables would show what guests wrote.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            _tag,
            _drop_forbidden,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s", stream=sys.stderr)
    # Both log whole URLs, which hold numbers, tokens and message texts.
    for talkative in (
        "httpx2",
        "httpcore2",
        "google_genai",
        "urllib3",
        "uvicorn.access",
        "apprise",
    ):
        logging.getLogger(talkative).disabled = True


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


class Metrics:
    """What `/metrics` shows. Labels never come from guests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "watibot_deliveries",
            "Webhook deliveries by what became of them",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self.turns = Counter(
            "watibot_turns", "Turns by how they ended", ["outcome"], registry=self.registry
        )
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
        self.tools = Counter(
            "watibot_tool_calls", "Tool calls", ["tool", "outcome"], registry=self.registry
        )
        self.provider_errors = Counter(
            "watibot_provider_errors",
            "Failures of providers",
            ["provider", "cause"],
            registry=self.registry,
        )
        self.tokens = Counter("watibot_tokens", "Tokens", ["kind"], registry=self.registry)
        self.answer_seconds = Histogram(
            "watibot_answer_seconds",
            "From the end of the burst to the hand-over of the first bubble",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300),
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
