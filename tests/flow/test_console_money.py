"""The page of money: sums that equal the ledger's, targets, what has no price, and the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.clocks import NOON
from tests.contract.stores import Hand, at
from tests.flow.console_rig import ANA, EVIL, ROSA, ZONE, seen
from tests.flow.figures_rig import MODEL, Figures, figures
from tests.flow.test_console_looks import Outline
from watibot.caching import CacheStanding, Why
from watibot.charges import Operation
from watibot.modelcalls import Usage
from watibot.ports.charges import Reach, Sum
from watibot.settings import Costs
from watibot.web.console import words
from watibot.web.console.frame import money_of
from watibot.web.console.money import COLUMNS, averages, by_day, cached_share
from watibot.web.console.spans import month_of

MONTH = month_of(NOON, ZONE)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Figures]:
    async with figures(tmp_path) as built:
        yield built


async def page(made: Figures, query: str = "") -> str:
    return (await (await made.desk.signed_in("ana")).get(f"/money{query}")).text


def told(text: str) -> str:
    """As a person reads it."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


async def test_it_is_the_owners(made: Figures) -> None:
    rosa = await made.desk.signed_in("rosa")
    for path in ("/money", "/money/charges.csv"):
        assert (await rosa.get(path)).status_code == 403
        assert (await made.desk.browser().get(path)).status_code == 303


async def test_an_empty_month(made: Figures) -> None:
    text = told(await page(made))
    assert "Por llamada al modelo – Llamadas: 0" in text
    assert "Por conversación – Conversaciones: 0 · Meta: menos de $0.05 Sin datos todavía" in text
    assert "Cargos sin precio" not in text
    assert "Caché de las instrucciones" not in text


async def test_sums_by_everything(made: Figures) -> None:
    await made.desk.guest(name="Rosa Invento")
    await made.desk.guest(guest=ANA, name="Ana Invento")
    await made.charge(30_000, guest=ROSA, turn_id="t1", usage=Usage(1000, 600, 50))
    await made.charge(10_000, guest=ROSA, turn_id="t1", usage=Usage(1000, 900, 50))
    await made.charge(20_000, NOON - timedelta(days=2), ANA, "t2", usage=Usage(1000, 0, 50))
    await made.charge(4, operation=Operation.EVENT, model="", usage=Usage())
    await made.charge(7_000_000, NOON - timedelta(days=40), ROSA, "t0")  # another month
    await made.desk.booking()
    made.forecast = 12_340_000
    raw = await page(made)
    text = told(raw)
    assert "Hoy $0.04" in text
    assert 'value="40004" title="$0.040004"' in raw
    assert "Costo del mes $0.06 0.1 % del presupuesto" in text
    assert "Al fin del mes $12.34 Presupuesto: $50.00 ✓ Cumple" in text
    assert "Por llamada al modelo $0.02 Llamadas: 3" in text
    assert "Por turno $0.03 Turnos: 2" in text
    assert "Por conversación $0.03 Conversaciones: 2 · Meta: menos de $0.05 ✓ Cumple" in text
    assert "Por reserva" in text
    assert "Leído de caché 50 %" in text
    assert "WhatsApp $0.06 3" in text
    assert "De ningún huésped $0.000004 1" in text
    assert "Respuestas $0.06 3 Eventos de sesiones $0.000004 1" in text
    assert f"{MODEL} $0.06 3 Sin modelo $0.000004 1" in text
    assert re.search(r"\$0\.04 · Rosa Invento WhatsApp 2 cargos \$0\.02 · Ana Invento", text)
    assert "$0.04 · ya no está 2 cargos" in text  # a turn of which nothing else is known
    assert "18 $0.02 1 1,000 50 19 $0.00 0 0 0 20 $0.04 3 2,000 100" in text
    assert "21 $0.00" not in text  # tomorrow


async def test_a_turn_leads_to_its_conversation(made: Figures) -> None:
    hand = Hand(made.desk.store, ROSA)
    await hand.hear("un secreto", conversation_id=ROSA, sender_name="Rosa Invento")
    turn, _ = await hand.answer("bien", seconds=60)
    await made.charge(5_000, guest=ROSA, turn_id=turn.turn_id)
    text = await page(made)
    assert f'href="/console/conversations/{ROSA}#last">Turno, ' in text
    assert "secreto" not in text


async def test_too_dear(made: Figures) -> None:
    await made.charge(50_000, guest=ROSA, turn_id="t1")
    text = told(await page(made))
    assert "Meta: menos de $0.05 ✗ No cumple" in text


async def test_what_has_no_price_is_not_free(made: Figures) -> None:
    await made.charge(None, model="gemini-9")
    await made.charge(None, model="gemini-9")
    await made.charge(5_000)
    raw = await page(made)
    text = told(raw)
    assert "Sin precio conocido: 2" in text
    assert "Cargos sin precio No se cuentan como gratis" in text
    assert "COSTS_PRICES_FILE" in text
    assert re.search(r"Respuestas\s*: 2 gemini-9\s*: 2", text)
    assert "gemini-9 $0.00 + 2 ? 2" in text


async def test_another_month(made: Figures) -> None:
    await made.charge(2_000_000, NOON - timedelta(days=31), ROSA, "t0")
    await made.charge(1_000_000)
    made.forecast = 99_000_000
    raw = await page(made, "?month=2026-10")
    text = told(raw)
    assert "Costos, 2026-10" in text
    assert "Gastado $2.00" in text
    assert "Al fin del mes" not in text
    assert "Hoy $" not in text
    assert '<option value="2026-10" selected>' in raw
    assert "charges.csv?month=2026-10" in raw
    for query in ("?month=2026-12", "?month=x", "?month="):
        assert "Costos, 2026-11" in told(await page(made, query))


@pytest.mark.parametrize("why", list(Why))
async def test_how_the_cache_stands(made: Figures, why: Why) -> None:
    made.cache = CacheStanding("watching", why, None, 3.25, None, -1_500)
    text = told(await page(made))
    assert "No se guarda ninguna . " in text
    assert f"cache.why.{why}" not in text
    assert "sin medir" in text
    assert "nunca con estos precios" in text
    assert "-$0.0015" in text
    made.cache = CacheStanding("kept", why, 0.625, 34, 20.5, 1_500, 41_105, at(2400))
    text = told(await page(made))
    assert "Se guarda una hasta 12:40 . " in text
    assert "62.5 %" in text
    assert "20.5 por hora" in text
    assert "41,105" in text


# --- the file ---


async def read(made: Figures, query: str = "") -> list[dict[str, str]]:
    found = await (await made.desk.signed_in("ana")).get(f"/money/charges.csv{query}")
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="charges-2026-' in found.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(found.text)))


async def test_the_file_is_the_ledger(made: Figures) -> None:
    amounts = [1, 999_999, 12_345, 7, None]
    for number, micros in enumerate(amounts):
        await made.charge(micros, NOON - timedelta(days=number), ROSA, f"t{number}")
    await made.charge(5, MONTH.since)
    await made.charge(50, MONTH.since - timedelta(microseconds=1))
    await made.charge(500, MONTH.until)
    lines = await read(made)
    assert [line["micro_dollars"] for line in lines] == ["5", "", "7", "12345", "999999", "1"]
    total = await made.charges.total(MONTH.since, MONTH.until)
    assert sum(int(line["micro_dollars"] or 0) for line in lines) == total.micros
    assert list(lines[0]) == list(COLUMNS)
    assert lines[-1] == {
        "at": NOON.isoformat(),
        "provider": "gemini",
        "operation": "answer",
        "model": MODEL,
        "location": "global",
        "outcome": "ok",
        "channel": "whatsapp",
        "conversation": "tag-11",
        "turn": "t0",
        "quantity": "1",
        "prompt_tokens": "100",
        "cached_tokens": "40",
        "output_tokens": "10",
        "thoughts_tokens": "0",
        "audio_tokens": "0",
        "seconds": "0.5",
        "micro_dollars": "1",
    }
    assert [line["micro_dollars"] for line in await read(made, "?month=2026-10")] == ["50"]


async def test_no_guest_is_in_the_file(made: Figures) -> None:
    await made.desk.guest(EVIL, name="Rosa Invento")
    await made.charge(1, guest=ROSA)
    await made.charge(1, guest=ANA)
    found = (await (await made.desk.signed_in("ana")).get("/money/charges.csv")).text
    assert not [each for each in (ROSA, ANA, "900", "Rosa", "script") if each in found]


# --- what is made of the sums ---


def test_averages() -> None:
    kinds = [
        Sum("answer", 90, 0, 3),
        Sum("receipt", 10, 0, 1),
        Sum("event", 999, 0, 99),
        Sum("storage", 7, 0, 1),
    ]
    found = averages(Sum("", 1_106), kinds, Reach(2, 4, 0), Costs(per_conversation=0.000553))
    assert [(each.word, each.count, each.micros, each.target) for each in found] == [
        ("call", 4, 25, None),
        ("turn", 4, 276, None),
        ("conversation", 2, 553, 553),
        ("booking", 0, None, None),
    ]
    assert [each.met for each in found] == [None, None, False, None]  # less, not as much


def test_an_average_without_prices_is_not_known() -> None:
    kinds, reach = [Sum("answer", 0, 3, 3)], Reach(2, 4, 1)
    found = averages(Sum("", 0, 3, 3), kinds, reach, Costs())
    assert [(each.micros, each.met) for each in found] == [(None, None)] * 4
    # Some have one: at least so much, and no target is met by what is not known.
    kinds = [Sum("answer", 90, 1, 4), Sum("event", 10, 0, 9)]
    found = averages(Sum("", 100, 1, 13), kinds, reach, Costs(per_conversation=0.05))
    assert [(each.word, each.micros, each.met) for each in found] == [
        ("call", 30, None),
        ("turn", 25, None),
        ("conversation", 50, None),
        ("booking", 100, None),
    ]
    dear = averages(Sum("", 100, 1, 13), kinds, reach, Costs(per_conversation=0.00005))
    assert dear[2].met is False


def test_days_are_the_hotels() -> None:
    def span(moment: datetime, micros: int) -> Sum:
        return Sum(f"{int(moment.timestamp() * 1e6)}", micros, 1, 2, 3, Usage(4))

    last = datetime(2026, 12, 1, 5, 45, tzinfo=UTC)
    spans = [span(MONTH.since, 1), span(last, 2), span(last - timedelta(minutes=15), 4)]
    days = dict(by_day(spans, MONTH, ZONE))
    assert len(days) == 30
    assert days[date(2026, 11, 1)].micros == 1
    assert days[date(2026, 11, 30)] == Sum("2026-11-30", 6, 2, 4, 6, Usage(8))
    assert sum(each.micros for each in days.values()) == 7


def test_the_cached_share() -> None:
    assert cached_share(Sum(usage=Usage(200, 50))) == 0.25
    assert cached_share(Sum()) is None


def test_dollars() -> None:
    amounts = (0, 4, 999, 12_345, 50_000, 123_456, 999_999, 1_234_567_890, -12_345)
    assert [money_of(each) for each in amounts] == [
        "$0.00",
        "$0.000004",
        "$0.000999",
        "$0.0123",
        "$0.05",
        "$0.123",
        "$1.00",
        "$1,234.57",
        "-$0.0123",
    ]


@pytest.mark.parametrize("language", words.LANGUAGES)
async def test_it_can_be_read_aloud_and_no_word_is_missing(made: Figures, language: str) -> None:
    await made.desk.guest()
    for operation in Operation:
        await made.charge(5_000, guest=ROSA, turn_id="t1", operation=operation)
    await made.charge(None)
    await made.desk.booking()
    made.cache = CacheStanding("kept", Why.CHEAPER, 0.6, 34, 20.5, 1_500, 41_105, at(2400))
    ana = await made.desk.signed_in("ana")
    response = await ana.get(f"/money?lang={language}")
    found = Outline(response.text)
    assert (found.language, found.wrong, found.headings[0]) == (language, [], 1)
    assert all(b <= a + 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert len(found.ids) == len(set(found.ids))
    assert set(found.pointed) <= set(found.ids)
    assert [each for each in found.fields if each[1].get("id") not in found.labelled] == []
    keys = [key for key in words.WORDS if "." in key or "_" in key]
    shown = seen(response).split()
    assert not [key for key in keys if key in shown]
    assert not [word for word in shown if word.startswith(("operation.", "cache.", "by.", "of."))]
