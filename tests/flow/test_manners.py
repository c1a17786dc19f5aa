"""Stop words, limits, summaries and counted calls, in the service as it is wired."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.house import House, house, until

SILENCE = 60.0  # virtual seconds: longer than any answer takes


@pytest.fixture
async def hotel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with house(tmp_path, monkeypatch, speed=60) as made:
        yield made


async def unanswered(hotel: House, guest: str, text: str) -> None:
    """The guest writes, and nothing comes."""
    before = await hotel.bubbles(guest)
    await hotel.says(guest, text)
    assert hotel.app is not None
    await hotel.app.clock.sleep(SILENCE)
    assert await hotel.bubbles(guest) == before


async def test_a_guest_may_have_silence_and_end_it(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "ALTO")
    assert "ya no le contesto" in (await hotel.answered(guest))[0]
    assert (await hotel.notices())[0]["title"].endswith("(whatsapp)")
    await unanswered(hotel, guest, "¿Tienen piscina?")
    await hotel.says(guest, "continuar")
    assert "Aquí estoy de nuevo" in (await hotel.answered(guest, 2))[1]
    await hotel.says(guest, "¿Tienen piscina?")
    assert "piscina" in (await hotel.answered(guest, 3))[2]


async def test_a_colleague_silences_the_assistant_and_wakes_it(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "Hola")
    await hotel.answered(guest)
    reply = f"staff/{guest}/reply"
    await hotel.post("wati", reply, {"text": "#pausa", "name": "Rosa"})
    await hotel.post("wati", f"staff/{guest}/release", {"name": "Rosa"})
    await unanswered(hotel, guest, "¿Tienen piscina?")
    await hotel.post("wati", reply, {"text": "#bot", "name": "Rosa"})
    await hotel.says(guest, "¿Hay wifi?")
    assert "wifi" in " ".join((await hotel.answered(guest, 2))[1:])


async def test_a_question_that_waits_is_answered_at_the_word(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "Hola")
    await hotel.answered(guest)
    reply = f"staff/{guest}/reply"
    await hotel.post("wati", reply, {"text": "Un momento, por favor", "name": "Rosa"})
    await unanswered(hotel, guest, "¿Tienen piscina?")
    await hotel.post("wati", reply, {"text": "#bot", "name": "Rosa"})
    assert "piscina" in (await hotel.answered(guest, 2))[1]


async def test_above_the_limit_one_polite_line_and_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: dict[str, str] = {"LIMITS_TURNS_PER_10_MINUTES": "2"}
    async with house(tmp_path, monkeypatch, 60.0, None, **limits) as hotel:
        guest = await hotel.guest()
        for count in (1, 2):
            await hotel.says(guest, "¿Tienen piscina?")
            await hotel.answered(guest, count)
        await hotel.says(guest, "¿Hay wifi?")
        assert "muchos mensajes" in (await hotel.answered(guest, 3))[2]
        await unanswered(hotel, guest, "¿Y parqueo?")
        assert (await hotel.get("vertex", "summary"))["model_calls"] == 2


async def test_old_talk_is_folded_and_calls_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, str] = {"VERTEX_HISTORY_TOKENS": "1000"}
    async with house(tmp_path, monkeypatch, 60.0, None, **settings) as hotel:
        assert hotel.app is not None
        store, guest = hotel.app.store, await hotel.guest()
        for count in range(1, 6):
            await hotel.says(guest, f"¿Tienen piscina? {'Lo pregunto otra vez. ' * 60}")
            await hotel.answered(guest, count)

        async def folded() -> bool:
            found = await store.conversation(guest)
            return found is not None and bool(found.summary)

        async def counted() -> bool:
            month = f"{hotel.app.clock.now():%Y-%m}" if hotel.app else ""
            return await store.people.count_calls("wati", month, 0) >= 5

        await until(folded)
        await until(counted)
        await hotel.set("vertex", journal_bodies=True)
        await hotel.says(guest, "¿Hay wifi?")
        await hotel.answered(guest, 6)
        exchanges = await hotel.journal("vertex", "exchange")
        asked = [each["request"] for each in exchanges if "tools" in each.get("request", {})]
        assert asked[-1]["contents"][0]["parts"][0]["text"].startswith("<resumen>")
