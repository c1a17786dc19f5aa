"""The page of the day: figures beside targets, by the hotel's day, and what is made of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.clocks import NOON
from tests.contract.stores import Hand, at
from tests.flow.console_rig import ANA, ROSA, ZONE, seen
from tests.flow.figures_rig import Figures, figures
from tests.flow.test_console_looks import Outline
from watibot.ports.figures import TurnTime
from watibot.settings import Costs
from watibot.storage.money_tables import tallies
from watibot.storage.rows import Tx
from watibot.turns import TurnState
from watibot.web.console import words
from watibot.web.console.spans import day_of, month_named, month_of, months_before
from watibot.web.console.today import (
    Bill,
    Share,
    Times,
    answer_times,
    answered,
    by_hour,
    percent,
    seconds,
    worked,
)

_TALLY = insert(tallies)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Figures]:
    async with figures(tmp_path) as built:
        yield built


async def answer(made: Figures, start: float, took: float, failed: str | None = None) -> str:
    """A turn of Rosa's, whose answer left after `took` seconds."""
    hand = Hand(made.desk.store, ROSA)
    await hand.hear("hola", start - 20, conversation_id=ROSA, sender_name="Rosa Invento")
    turn, (bubble,) = await hand.answer("bien", seconds=start, failed=failed)
    await hand.send(bubble, start + took)
    await hand.release()
    return turn.turn_id


async def tally(made: Figures, **outcomes: int) -> None:
    rows = [
        {"at": NOON, "name": "tool", "outcome": outcome, "count": count}
        for outcome, count in outcomes.items()
    ]

    def add(tx: Tx) -> None:
        tx.add(_TALLY, rows)

    await made.desk.store._write(add)


async def page(made: Figures, name: str = "ana", language: str = "es") -> str:
    return seen(await (await made.desk.signed_in(name)).get(f"/today?lang={language}"))


async def test_an_empty_day_says_so(made: Figures) -> None:
    text = await page(made)
    assert text.count("Sin datos todavía") == 3
    assert "Nadie espera" in text
    assert "No cumple" not in text
    assert "0 % del presupuesto" in text
    assert "todavía no se puede decir" in text


async def test_figures_beside_their_targets(made: Figures) -> None:
    for number in range(19):
        await answer(made, 60 + 100 * number, 1.5)
    await answer(made, 3000, 9.0, failed="provider")
    await tally(made, ok=99, failed=1)
    made.desk.clock._now = at(3600)
    text = await page(made)
    assert "La mitad, en 1.5 s 95 de 100, en 1.5 s" in text
    assert "En menos de 3 s 95 % En menos de 2 s 95 %" in text
    assert "Meta: 95 % en menos de 3 s" in text
    assert "95 % 19 turnos contestados de 20 Meta: 99.5 % ✗ No cumple" in text
    assert "99 % 99 llamadas buenas de 100 Meta: 98 % ✓ Cumple" in text
    assert "WhatsApp 1 20 20 0" in text
    english = await page(made, language="en")
    assert "Target: 95 % within 3 s" in english
    assert "19 turns answered of 20 Target: 99.5 % ✗ Missed" in english


async def test_the_day_is_the_hotels(made: Figures) -> None:
    """Noon in these tests is 12:00 at the hotel, 18:00 UTC."""
    midnight = -12 * 3600
    await answer(made, midnight - 60, 1)  # yesterday there, today in UTC
    await answer(made, midnight + 60, 2)
    text = await page(made)
    assert "1 turnos contestados de 1" in text
    assert "Hoy, 20 nov" in text
    assert "00:00 1 2.0 s 2.0 s 01:00 0 – –" in text
    assert "13:00" not in text.split("Conversaciones y mensajes")[0]


async def test_what_waits_and_since_when(made: Figures) -> None:
    await made.desk.guest()
    await made.desk.guest(guest=ANA, name="Ana Invento")
    await made.desk.escalation()
    await made.desk.proof()
    await made.desk.held(ANA)
    made.desk.clock._now = at(25 * 60 + 2)
    text = await page(made)
    assert "Avisos 1 El más antiguo: 12:00 (hace 25 min) Esperan a una persona" in text
    assert "Comprobantes 1 El más antiguo: 12:00 (hace 25 min)" in text
    assert "En manos del personal 1" in text


@pytest.mark.parametrize(
    ("spent", "forecast", "verdict"),
    [(20.0, 30.0, "✓ Cumple"), (20.0, 50.01, "✗ No cumple"), (50.01, None, "✗ No cumple")],
)
async def test_the_month_against_its_budget(
    made: Figures, spent: float, forecast: float | None, verdict: str
) -> None:
    await made.charge(round(spent * 1e6) - 100, NOON - timedelta(days=3))
    await made.charge(100)
    await made.charge(7, NOON - timedelta(days=30))
    made.forecast = None if forecast is None else round(forecast * 1e6)
    text = await page(made)
    assert f"Costo del mes ${spent:.2f}" in text
    assert "Presupuesto: $50.00" in text
    assert text.split("Al fin del mes:")[1].split("Por hora")[0].strip().endswith(verdict)
    assert "Costo de hoy $0.0001" in text


async def test_no_budget_and_no_price(tmp_path: Path) -> None:
    async with figures(tmp_path, Costs(per_month=0)) as made:
        await made.charge(None)
        text = await page(made)
    assert "sin presupuesto" in text
    assert text.count("Sin precio conocido: 1") == 2
    assert "Presupuesto:" not in text


async def test_money_is_the_owners(made: Figures) -> None:
    await made.charge(5_000_000)
    text = await page(made, "rosa")
    assert "Costo" not in text
    assert "$" not in text


async def test_guests_and_texts_are_not_on_it(made: Figures) -> None:
    await made.desk.guest("un secreto", name="Rosa Invento")
    text = await page(made)
    assert not [each for each in (ROSA, "Rosa Invento", "secreto") if each in text]


@pytest.mark.parametrize("language", words.LANGUAGES)
async def test_it_can_be_read_aloud_and_no_word_is_missing(made: Figures, language: str) -> None:
    await answer(made, 60, 1)
    ana = await made.desk.signed_in("ana")
    response = await ana.get(f"/today?lang={language}")
    found = Outline(response.text)
    assert (found.language, found.wrong, found.headings[0]) == (language, [], 1)
    assert all(b <= a + 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert len(found.ids) == len(set(found.ids))
    assert set(found.pointed) <= set(found.ids)
    keys = [key for key in words.WORDS if "." in key or "_" in key]
    assert not [key for key in keys if key in seen(response).split()]


# --- what is made of them ---


def turn(took: float | None, state: TurnState = TurnState.ANSWERED, hour: float = 0) -> TurnTime:
    opened = NOON + timedelta(hours=hour)
    return TurnTime(opened, state, None if took is None else opened + timedelta(seconds=took))


TIMES: list[tuple[str, list[float | None], Times]] = [
    ("none", [], Times(0)),
    ("none has left", [None], Times(0)),
    ("one", [1.0], Times(1, 1.0, 1.0, 1.0, 1.0)),
    ("at the target", [3.0], Times(1, 3.0, 3.0, 1.0, 0.0)),
    ("any order", [4.0, 1.0, 2.0, 3.0], Times(4, 2.0, 4.0, 0.75, 0.5)),
    ("of a hundred", [float(n) for n in range(100, 0, -1)], Times(100, 50.0, 95.0, 0.03, 0.02)),
    ("a clock that went back", [-1.0], Times(1, 0.0, 0.0, 1.0, 1.0)),
]


@pytest.mark.parametrize(("name", "took", "expected"), TIMES, ids=[each[0] for each in TIMES])
def test_answer_times(name: str, took: list[float | None], expected: Times) -> None:
    assert answer_times([turn(each) for each in took], 3.0) == expected


def test_shares() -> None:
    states = [TurnState.ANSWERED] * 3 + [TurnState.FAILED, TurnState.RUNNING]
    assert answered([turn(1, state) for state in states]) == Share(3, 4)
    assert worked({"ok": 98, "failed": 1, "late": 1}) == Share(98, 100)
    assert worked({}).value is None
    assert [Share(98, 100).meets(0.98), Share(97, 100).meets(0.98), Share(0, 0).meets(0.98)] == [
        True,
        False,
        None,
    ]


def test_hours_end_now() -> None:
    day = day_of(NOON, ZONE)
    turns = [turn(1.0, hour=-3), turn(3.0, hour=-3), turn(None, hour=-3), turn(5.0)]
    hours = by_hour(turns, day, NOON, ZONE)
    assert [hour for hour, _ in hours] == [f"{n:02}:00" for n in range(13)]
    assert [(hour, each.answers, each.p50) for hour, each in hours if each.answers] == [
        ("09:00", 2, 1.0),
        ("12:00", 1, 5.0),
    ]
    assert len(by_hour(turns, day, NOON + timedelta(days=3), ZONE)) == 24


def test_what_misses_does_not_look_met() -> None:
    assert [percent(each) for each in (0.99499, 0.995, 1.0, 0.9999, 0.0, 0.29)] == [
        "99.4 %",
        "99.5 %",
        "100 %",
        "99.9 %",
        "0 %",
        "29 %",
    ]
    assert [seconds(each) for each in (0.04, 1.25, 119.0, 180.0)] == [
        "0.0 s",
        "1.2 s",
        "119.0 s",
        "3 min",
    ]


def test_a_bill() -> None:
    assert Bill(25, 0, 50, None).share == 0.5
    assert [Bill(*each).within for each in ((50, 0, 50, 50), (40, 0, 50, 51), (51, 0, 50, 0))] == [
        True,
        False,
        False,
    ]
    # What has no price may be any amount.
    assert (Bill(40, 1, 50, 45).within, Bill(51, 1, 50, None).within) == (None, False)
    assert (Bill(50, 0, None, 99).within, Bill(50, 0, None, 99).share) == (None, None)


def test_spans_are_the_hotels() -> None:
    span = day_of(datetime(2026, 12, 1, 5, 59, tzinfo=UTC), ZONE)
    assert (f"{span.first}", span.since.astimezone(UTC).hour) == ("2026-11-30", 6)
    month = month_of(datetime(2026, 12, 1, 5, 59, tzinfo=UTC), ZONE)
    assert (month.name, month.until) == ("2026-11", span.until)
    assert len(month.days(ZONE)) == 30
    assert month.days(ZONE)[-1] == span
    names = [each.name for each in months_before(month_of(NOON, ZONE), 12, ZONE)]
    assert (names[0], names[-1], len(set(names))) == ("2026-11", "2025-12", 12)
    february = month_named("2028-02", ZONE)
    assert february is not None
    assert len(february.days(ZONE)) == 29
    assert [month_named(name, ZONE) for name in ("", "2026-13", "2026-1", "x", "2026-11-01")] == [
        None
    ] * 5
