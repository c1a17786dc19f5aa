"""OpenTelemetry traces from the webhook to the delivery, where `WATIBOT_TRACES` asks for them.

`stops.py` opens a span for each stop here. A message's webhook is a trace of its own, because a
burst joins several; the turn that answers them is another one that links to them, with the model,
the tools, the bubbles and the mirror in it, and goes on in the same trace when it is tried again.
Which message came by which webhook, and which turn the mirror writes behind, is remembered in this
process only: after a restart the links are missing, and nothing else. Names are those of
https://opentelemetry.io/docs/specs/semconv/gen-ai/; a fact that has none here does not leave.

The provider is no global one: what other libraries would trace holds what guests wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from contextvars import Token
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from watibot import __version__
from watibot.errors import SettingsError
from watibot.stops import Facts
from watibot.telemetry import tag

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# Conversations whose webhooks, or whose last turn, are remembered; each is some 300 bytes.
_MOST_REMEMBERED = 10_000
# Links of one turn; a burst has a handful.
_MOST_LINKS = 64

_NAMES = {
    "channel": "watibot.channel",
    "turn": "watibot.turn",
    "again": "watibot.again",
    "outcome": "watibot.outcome",
    "tool": "gen_ai.tool.name",
    "model": "gen_ai.response.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "finish_reasons": "gen_ai.response.finish_reasons",
}
# The operation and the provider's name in the conventions, by who answers a turn.
_ASKED = {
    "gemini": ("generate_content", "gcp.vertex_ai"),
    "openai": ("chat", "openai"),
}

_KINDS = {
    "receive": SpanKind.SERVER,
    "turn": SpanKind.CONSUMER,
    "answer": SpanKind.INTERNAL,
    "model": SpanKind.CLIENT,
    "tool": SpanKind.INTERNAL,
    "deliver": SpanKind.CLIENT,
    "mirror": SpanKind.CLIENT,
}


def begin(model: str, key: str) -> OtelTraces:
    """Traces that are sent to OTEL_EXPORTER_OTLP_ENDPOINT. `model`: whom Gemini is asked for;
    `key`: a secret of this installation, for the tags. Raises SettingsError without the extra."""
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise SettingsError(
            "WATIBOT_TRACES",
            "otlp without the packages that send it",
            'off, or the packages: pip install "watibot[traces]"',
        ) from None
    about = Resource.create({"service.name": "watibot", "service.version": __version__})
    provider = TracerProvider(resource=about, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return OtelTraces(provider, model, key)


class OtelTraces:
    """Keeps the promise of `stops.Traces`. Close it, or the last spans are not sent."""

    def __init__(self, provider: TracerProvider, model: str, key: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("watibot", __version__)
        self._model = model
        self._key = key
        self._heard: OrderedDict[str, list[SpanContext]] = OrderedDict()
        self._turns: OrderedDict[str, tuple[SpanContext, bool]] = OrderedDict()

    def close(self) -> None:
        """Sends what is left; may take seconds, so not in the event loop."""
        self._provider.shutdown()

    def heard(self, conversation_id: str) -> None:
        current = trace.get_current_span().get_span_context()
        if current.is_valid:
            # While staff hold the conversation no turn takes them.
            before = self._heard.get(conversation_id, [])[1 - _MOST_LINKS :]
            _remember(self._heard, conversation_id, [*before, current])

    def begin(self, stop: str, facts: Facts) -> OtelSpan | None:
        kind = _KINDS.get(stop)
        if kind is None:
            return None
        conversation_id = str(facts["conversation"]) if "conversation" in facts else None
        where: Context | None = None
        links: list[Link] = []
        if conversation_id is not None and stop in ("turn", "mirror"):
            last, unfinished = self._turns.get(conversation_id, (None, False))
            if last is not None and (unfinished or stop == "mirror"):
                where = trace.set_span_in_context(trace.NonRecordingSpan(last))
            if stop == "turn":
                heard = self._heard.pop(conversation_id, [])
                links = [Link(one) for one in heard]
        span = self._tracer.start_span(
            _title(stop, facts, self._model),
            where,
            kind,
            self._attributes(stop, facts),
            links,
            record_exception=False,
        )
        if conversation_id is not None and stop == "turn":
            _remember(self._turns, conversation_id, (span.get_span_context(), False))
        return OtelSpan(self, span, conversation_id if stop == "turn" else None)

    def goes_on(self, conversation_id: str, span: SpanContext) -> None:
        """The turn has not ended: what follows belongs to its trace."""
        _remember(self._turns, conversation_id, (span, True))

    def _attributes(self, stop: str, facts: Facts) -> dict[str, Any]:
        found = named(facts)
        if "conversation" in facts:
            found["gen_ai.conversation.id"] = tag(str(facts["conversation"]), self._key)
        if stop == "model":
            operation, provider = _ASKED[str(facts["asked"])]
            found["gen_ai.operation.name"] = operation
            found["gen_ai.provider.name"] = provider
            if provider == "gcp.vertex_ai":
                found["gen_ai.request.model"] = self._model
        if stop == "tool":
            found["gen_ai.operation.name"] = "execute_tool"
        return found


class OtelSpan:
    """Keeps the promise of `stops.Span`. Current from its beginning to its end."""

    __slots__ = ("_conversation_id", "_span", "_token", "_traces")

    def __init__(self, traces: OtelTraces, span: trace.Span, conversation_id: str | None) -> None:
        self._traces = traces
        self._span = span
        self._conversation_id = conversation_id
        self._token: Token[Context] = contexts.attach(trace.set_span_in_context(span))

    def tell(self, facts: Facts) -> None:
        self._span.set_attributes(named(facts))
        if self._conversation_id is not None and facts.get("again"):
            self._traces.goes_on(self._conversation_id, self._span.get_span_context())

    def end(self, failure: str | None) -> None:
        if failure is not None:
            self._span.set_attribute("error.type", failure)
            self._span.set_status(Status(StatusCode.ERROR))
        contexts.detach(self._token)
        self._span.end()


def named(facts: Facts) -> dict[str, Any]:
    """Facts under the names of the conventions; the others stay here. Pure."""
    return {_NAMES[name]: cast(Any, value) for name, value in facts.items() if name in _NAMES}


def _title(stop: str, facts: Facts, model: str) -> str:
    if stop == "model":
        operation, provider = _ASKED[str(facts["asked"])]
        return f"{operation} {model}" if provider == "gcp.vertex_ai" else operation
    if stop == "tool":
        return f"execute_tool {facts['tool']}"
    return stop


def _remember(kept: OrderedDict[str, Any], conversation_id: str, value: object) -> None:
    kept[conversation_id] = value
    kept.move_to_end(conversation_id)
    if len(kept) > _MOST_REMEMBERED:
        kept.popitem(last=False)
