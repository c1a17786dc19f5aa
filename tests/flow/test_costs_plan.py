"""`watibot costs plan`: what a hotel's traffic would cost, as people and machines read it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET
from watibot.charges import Charge, Operation, Use
from watibot.cli import costs_plan
from watibot.modelcalls import Occasion, Usage
from watibot.storage import charges, looks, schema

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
FLASH = "gemini-3.8-flash"

app = typer.Typer()
app.command()(costs_plan.plan)


def standing_still() -> str:
    """A clock that is a thousand times slower, and at NOW just now."""
    return f"0.001@{(NOW.timestamp() - 0.001 * time.time()) / 0.999:.0f}"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    for variable, value in {
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "WATIBOT_DATABASE_URL": url,
        "WATIBOT_HOTEL_FILE": str(HOTEL),
        "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        "WATIBOT_CLOCK": standing_still(),
        "WATI_BASE_URL": "http://127.0.0.1:1",
        "WATI_TOKEN": "invented",
        "VERTEX_PROJECT": "invented",
        "VERTEX_ENGINE_ID": "1",
    }.items():
        monkeypatch.setenv(variable, value)
    schema.upgrade(url)
    return url


def traffic(url: str, days: int = 10, conversations: int = 20, steps: int = 6) -> None:
    """Every day so many conversations of two turns, 40,000 tokens before each prompt."""
    kept = []
    for day in range(days):
        for guest in range(conversations):
            for step in range(steps):
                at = NOW - timedelta(days=days - day, minutes=-(guest * 40 + step * 0.5))
                turn = f"t{day}.{guest}.{step * 2 // steps}"
                prompt = 40_000 + (step > 0) * (1_000 + 300 * step)
                usage = Usage(prompt, 30_000 if (guest + step) % 10 else 0, 120)
                occasion = Occasion("answer", f"g{day}.{guest}", None, turn)
                use = Use("gemini", Operation.ANSWER, FLASH, "global", usage, occasion=occasion)
                kept.append(Charge(at, use, 1))
    with looks.changing(url, "casa-jacaranda") as tx:
        for start in range(0, len(kept), 200):
            charges.add(tx, kept[start : start + 200])


def told(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_without_traffic_it_says_so_and_what_to_do(url: str) -> None:
    assert "Let the service answer guests for a day" in told().replace("\n", " ")
    assert json.loads(told("--json")) == {"traffic": None}


def test_what_people_read(url: str) -> None:
    traffic(url)
    lines = told("--conversations", "3000").splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "conversations 200, turns 400, answers of the model 1,200 (3.0 a turn" in text
    assert "At 3,000 conversations a month, wanted: under $50.00 a month and $0.0500 each" in text
    assert "today from 2026-12-01 from 2027-01-01" in text
    for name in ("gemini-3.8-flash, other prompts", "instructions -25 %", "half the history"):
        assert name in text
    for model in ("gemini-3.5-flash-lite", "gemini-4-argon", "gemini-2.5-pro"):
        assert model in text


def test_what_machines_read(url: str) -> None:
    traffic(url)
    found = json.loads(told("--json", "--conversations", "3000", "--target", "600"))
    assert found["days"] == ["2026-11-20", "2026-12-01", "2027-01-01"]
    assert found["traffic"]["answers"] == 1_200
    assert found["traffic"]["beginning_tokens"] == 40_000
    wanted = {"conversations": 3000, "per_month": 600_000_000, "per_conversation": 50_000}
    assert found["wanted"] == wanted
    first = found["lines"][0]
    assert (first["model"], first["caching"], first["prompt"]) == (FLASH, "implicit", "as now")
    today = first["costs"][0]
    # A conversation: 6 answers, 249,500 tokens, of these 30,000 x 6 x 0.9 cached; 720 of output.
    each = (249_500 - 162_000) * 0.75 + 162_000 * 0.075 + 720 * 3.75
    assert today["per_conversation"] == pytest.approx(each, abs=1)
    assert today["per_month"] == pytest.approx(3_000 * each, abs=5_000)
    assert today["meets"] is (each < 50_000 and 3_000 * each < 600_000_000)
    assert first["costs"][2]["per_conversation"] == pytest.approx(2 * each, abs=1)
    explicit = found["lines"][1]
    assert explicit["costs"][0]["per_conversation"] < each
    assert explicit["costs"][2] is None


def test_targets_and_limits_are_the_settings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTS_PER_MONTH", "0")
    monkeypatch.setenv("COSTS_PER_CONVERSATION", "9")
    traffic(url, days=2)
    found = json.loads(told("--json"))
    assert found["wanted"]["per_month"] is None
    assert found["best"]["prompt"] == "as now"
    assert found["wanted"]["conversations"] == pytest.approx(40 * 365 / 12 / 2, rel=0.02)


def test_of_much_traffic_the_newest_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs_plan, "MOST", 500)
    traffic(url)
    found = json.loads(told("--json"))["traffic"]
    assert 400 < found["answers"] <= 500
    assert found["until"].startswith(("2026-11-20T17:59", "2026-11-20T18:00"))
    assert found["since"] > "2026-11-15"
    monkeypatch.setattr(costs_plan, "MOST", 3)
    assert json.loads(told("--json"))["traffic"]["answers"] == 3


def test_a_single_charge_is_no_month(url: str) -> None:
    with looks.changing(url, "casa-jacaranda") as tx:
        usage = Usage(40_000, 0, 120)
        use = Use("gemini", Operation.ANSWER, FLASH, "global", usage)
        charges.add(tx, [Charge(NOW - timedelta(minutes=1), use, 1)])
    text = " ".join(told("--days", "1").split())
    assert "answers of the model 1 (" in text
    assert "This is less than a day" in text
