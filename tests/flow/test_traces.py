"""A guest's turn as OpenTelemetry shows it: one trace, from what was heard to the mirror."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.flow.house import GUEST, SECRET, House, house, until
from watibot.telemetry import tag

EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
BOOKING = "Quiero reservar del 2026-12-10 al 2026-12-12 para 2 personas. Soy Eva Prueba."
MODEL = "gemini-3.8-flash"


class Collector:
    """Where the spans of the service arrive once they are sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exporter = InMemorySpanExporter()
        # The exporter is an extra that is not installed here; this stands in its place.
        stand_in: Any = SimpleNamespace(OTLPSpanExporter=lambda: self.exporter)
        monkeypatch.setitem(sys.modules, EXPORTER, stand_in)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, beginning: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(beginning)]

    async def mirrored(self, count: int = 1) -> None:
        async def enough() -> bool:
            return len(self.named("mirror")) >= count

        await until(enough)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def trace_of(span: ReadableSpan) -> int:
    return int(span.context.trace_id)


async def talk(hotel: House, collector: Collector) -> None:
    await hotel.guest()
    await hotel.says(GUEST, "Buenas tardes")
    await hotel.says(GUEST, BOOKING)
    await hotel.answered(GUEST)
    await hotel.quiet()
    await collector.mirrored()


async def test_a_turn_is_one_trace_that_links_to_what_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(monkeypatch)
    async with house(tmp_path, monkeypatch, WATIBOT_TRACES="otlp") as hotel:
        await talk(hotel, collector)
    heard = collector.named("receive")
    (turn,) = collector.named("turn")
    inside = [span for span in collector.spans if trace_of(span) == trace_of(turn)]
    links = {link.context.span_id for link in turn.links}
    with_messages = [span for span in heard if span.context.span_id in links]
    assert len(with_messages) == 2
    assert len({trace_of(span) for span in (*with_messages, turn)}) == 3
    assert turn.parent is None
    names = [span.name for span in inside]
    assert names[:3] == ["turn", "answer", f"generate_content {MODEL}"]
    assert "execute_tool" in " ".join(names)
    assert names.index("deliver") > names.index("answer")
    assert names[-1] == "mirror"
    assert all(span.parent is not None for span in inside if span is not turn)


async def test_what_the_spans_say_is_the_conventions_and_no_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(monkeypatch)
    async with house(tmp_path, monkeypatch, WATIBOT_TRACES="otlp") as hotel:
        await talk(hotel, collector)
        said = await hotel.bubbles(GUEST)
    asked = facts(collector.named("generate_content")[0])
    assert asked["gen_ai.operation.name"] == "generate_content"
    assert asked["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert asked["gen_ai.request.model"] == MODEL
    assert asked["gen_ai.response.finish_reasons"] == ("STOP",)
    assert asked["gen_ai.usage.input_tokens"] > asked["gen_ai.usage.output_tokens"] > 0
    (tool, *_) = collector.named("execute_tool")
    assert facts(tool)["gen_ai.operation.name"] == "execute_tool"
    assert tool.name == f"execute_tool {facts(tool)['gen_ai.tool.name']}"
    (turn,) = collector.named("turn")
    assert facts(turn)["gen_ai.conversation.id"] == tag(GUEST, SECRET)
    shown = "\n".join(span.to_json() for span in collector.spans)
    for private in (GUEST, "Buenas tardes", BOOKING, "Eva Prueba", *said):
        assert private not in shown


async def test_a_turn_that_is_tried_again_stays_in_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(monkeypatch)
    async with house(tmp_path, monkeypatch, speed=50, WATIBOT_TRACES="otlp") as hotel:
        await hotel.guest()
        await hotel.fault("vertex", "generateContent", status=503, times=2)
        await hotel.says(GUEST, "¿Qué habitaciones tienen?")
        await hotel.answered(GUEST)
        await hotel.quiet()
        await collector.mirrored()
        metrics = (await hotel.http.get(f"{hotel.service}/metrics")).text
    turns = collector.named("turn")
    assert len(turns) == 3
    assert len({trace_of(turn) for turn in turns}) == 1
    failed = [facts(span).get("error.type") for span in collector.named("generate_content")]
    assert failed == ["unavailable", "unavailable", None]
    assert 'watibot_retries_total{stop="model"} 2.0' in metrics
    assert 'watibot_stop_errors_total{stop="model"} 2.0' in metrics


async def test_asked_for_and_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, EXPORTER, None)
    with pytest.raises(Exception, match=r"^WATIBOT_TRACES: found otlp without .*watibot\[traces\]"):
        async with house(tmp_path, monkeypatch, WATIBOT_TRACES="otlp"):
            pass
