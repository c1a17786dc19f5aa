"""The pages without a secret, in the wired service: ready or not, and the figures."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.flow.house import GUEST, House, house, until
from watibot.ports.queues import QUEUES
from watibot.stops import STOPS

BOOKING = "Quiero reservar del 2026-12-10 al 2026-12-12 para 2 personas. Soy Eva Prueba."


async def figures(hotel: House) -> dict[str, float]:
    text = (await hotel.http.get(f"{hotel.service}/metrics")).text
    assert GUEST not in text
    assert "Eva" not in text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_a_morning_in_figures(hotel: House) -> None:
    await hotel.guest()
    await hotel.says(GUEST, BOOKING)
    await hotel.answered(GUEST)
    await hotel.quiet()

    async def mirrored() -> bool:
        return (await figures(hotel))['watibot_stop_seconds_count{stop="mirror"}'] > 0

    await until(mirrored)
    found = await figures(hotel)
    passed = {stop: found[f'watibot_stop_seconds_count{{stop="{stop}"}}'] for stop in STOPS}
    assert all(passed.values()), passed
    assert passed["turn"] == passed["answer"] == 1
    assert passed["deliver"] == len(await hotel.bubbles(GUEST))
    assert sum(found[f'watibot_stop_errors_total{{stop="{stop}"}}'] for stop in STOPS) == 0
    assert found['watibot_turns_total{outcome="answered"}'] == 1
    assert {f'watibot_queue_rows{{queue="{name}"}}' for name in QUEUES} <= found.keys()
    assert found['watibot_migration_conversations{state="cut_over"}'] == 0
    assert found['watibot_quota_per_minute{quota="sessions.appends"}'] > 0
    assert found['watibot_slo_target{objective="answered"}'] == 0.995
    assert any(name.startswith("watibot_build_info{") for name in found)


async def test_ready_says_what_it_looked_at_and_no_guest(hotel: House) -> None:
    await hotel.guest()
    await hotel.says(GUEST, BOOKING)
    await hotel.answered(GUEST)
    answer = await hotel.http.get(f"{hotel.service}/readyz")
    told = answer.json()
    assert (answer.status_code, told["status"], told["reasons"]) == (200, "ready", [])
    assert told["database"]["milliseconds"] > 0
    assert told["lanes"]["swept_seconds"] >= 0
    assert set(told["queues"]) == set(QUEUES)
    assert told["rows"]["conversations"] == 1
    assert not re.search(rf"{GUEST}|Eva|Ana|reserv", answer.text)


async def test_the_store_is_away(hotel: House, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "watibot.db") as elsewhere:
        elsewhere.execute("ALTER TABLE turns RENAME TO gone_turns")
    answer = await hotel.http.get(f"{hotel.service}/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the store does not answer"]
    assert (await hotel.http.get(f"{hotel.service}/healthz")).status_code == 200
    assert 'watibot_stop_errors_total{stop="receive"}' in await figures(hotel)


async def test_a_provider_that_is_away_does_not_make_it_unready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, speed=50) as hotel:
        await hotel.guest()
        await hotel.fault("vertex", "generateContent", status=503)
        await hotel.says(GUEST, "¿Qué habitaciones tienen?")

        async def degraded() -> bool:
            answer = await hotel.http.get(f"{hotel.service}/readyz")
            assert answer.status_code == 200
            return bool(answer.json()["status"] == "degraded")

        await until(degraded)
        assert (await figures(hotel))['watibot_stop_errors_total{stop="model"}'] > 0
