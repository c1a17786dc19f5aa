"""What Prometheus and Grafana are given asks for nothing that the service does not show."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from watibot import slo
from watibot.settings import Targets
from watibot.telemetry import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
    "info": ("_info",),
}
METRIC = re.compile(r"\b(watibot_\w+)(?:\{([^}]*)\})?")
RECORDED = re.compile(r"\bwatibot:[\w:]+")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
BY = re.compile(r"\bby \(([^)]*)\)")


def parsed(name: str) -> Any:
    text = (DEPLOY / name).read_text("utf-8")
    if name.endswith(".json"):
        return json.loads(text)
    yaml: Any = import_module("yaml")
    return yaml.safe_load(text)


def shown() -> dict[str, set[str]]:
    """The labels of each figure of /metrics."""
    found = {}
    for metric in Metrics().registry._collector_to_names:
        assert isinstance(metric, MetricWrapperBase)
        labels = {*metric._labelnames}
        if metric._type == "info":
            labels |= {"version", "python"}
        for suffix in SUFFIXES[str(metric._type)]:
            also = {"le"} if suffix == "_bucket" else set()
            found[metric._name + suffix] = labels | also
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in parsed("prometheus-rules.yml")["groups"] for rule in group["rules"]]


def asked() -> list[str]:
    panels = parsed("grafana-dashboard.json")["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [rule["expr"] for rule in rules()] + queries


@pytest.mark.parametrize("query", sorted(set(asked())))
def test_each_query_asks_for_what_is_there(query: str) -> None:
    figures, recorded = shown(), {rule["record"] for rule in rules() if "record" in rule}
    labels: set[str] = set()
    for name, selected in METRIC.findall(query):
        assert name in figures
        assert {*LABEL.findall(selected)} <= figures[name]
        labels |= figures[name]
    assert {*RECORDED.findall(query)} <= recorded
    for grouped in BY.findall(query):
        assert {label.strip() for label in grouped.split(",")} <= labels
    assert query.count("(") == query.count(")")


def test_the_rules_are_those_of_the_service() -> None:
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    for pace in slo.PACES:
        rule = alerts[f"WatibotBudgetBurns{pace.name.capitalize()}"]
        assert f"{pace.factor:g} * (1 - " in rule["expr"]
        for span in (pace.long, pace.short):
            assert f"share{spelt(span.total_seconds())} " in rule["expr"]
        assert f">= {slo.LEAST_BAD}\n" in rule["expr"] or f">= {slo.LEAST_BAD} " in rule["expr"]
        assert rule["labels"]["severity"] == ("page" if pace.page else "ticket")
    edge = f'le="{float(Targets().answer)}"'
    assert all(edge in each["expr"] for each in rules() if "_bucket" in each["expr"])


def spelt(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds >= size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds / 60:g}m"


def test_objectives_are_recorded_for_each_window() -> None:
    recorded = {
        (rule["record"], rule["labels"]["objective"]) for rule in rules() if "record" in rule
    }
    named = {objective.name for objective in slo.objectives(0.9, 0.9, 0.9)}
    assert {objective for _, objective in recorded} == named
    assert len(recorded) == len(named) * 5 * 2


def test_the_dashboard_can_be_imported() -> None:
    board = parsed("grafana-dashboard.json")
    numbers = [panel["id"] for panel in board["panels"]]
    assert len({*numbers}) == len(numbers)
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource"]
    sources = {
        target["datasource"]["uid"]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    assert sources == {"${datasource}"}
    assert parsed("prometheus.yml")["rule_files"] == ["prometheus-rules.yml"]
