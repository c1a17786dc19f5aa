"""A conversation that was given back and of which nobody told: the guest does not wait for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import GUEST, House, house, until
from tests.flow.test_given_back import OFF, ROSA, WATI, held, minutes, talk
from watibot.conversations import Owner

EVA, NAME = "7100000001", "fb:7100000001"


async def test_given_back_at_wati_after_the_guests_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, speed=200, emulators=WATI, **OFF) as hotel:
        await talk(hotel)
        await hotel.post("wati", f"staff/{GUEST}/reply", {**ROSA, "text": "Le atiende Rosa."})
        await held(hotel, Owner.STAFF)
        await hotel.says(GUEST, "¿Y tienen piscina?")
        await minutes(hotel, 2)
        await hotel.post("wati", f"staff/{GUEST}/release", ROSA)
        answers = await hotel.answered(GUEST, 2)
        assert "piscina" in answers[1].lower()
        metrics = (await hotel.http.get(f"{hotel.service}/metrics")).text
        assert 'watibot_looks_total{kind="back",outcome="nothing"}' in metrics
        assert 'watibot_takeovers_total{kind="chat",outcome="gave_back"} 1.0' in metrics
        assert 'watibot_calls_this_month{provider="wati"}' in metrics


async def eva(hotel: House) -> None:
    await hotel.contact("facebook", EVA)
    await hotel.says(EVA, "¿Tienen wifi?", on="manychat")
    await hotel.answered(EVA, 1, "manychat")
    await hotel.quiet()


async def bot_off(hotel: House, **spec: Any) -> None:
    await hotel.post("manychat", f"staff/{EVA}/bot_off", spec)


@pytest.mark.parametrize("by", ["tag", "field"])
async def test_given_back_at_manychat_and_the_request_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    emulators = ("manychat", "vertex", "staff")
    async with house(tmp_path, monkeypatch, speed=50, emulators=emulators) as hotel:
        await eva(hotel)
        await bot_off(hotel, by=by)
        await held(hotel, Owner.STAFF, NAME)
        await minutes(hotel, 1)
        await hotel.says(EVA, "¿Y tienen piscina?", on="manychat")
        await minutes(hotel, 0.5)
        assert len(await hotel.bubbles(EVA, "manychat")) == 1
        await hotel.post("manychat", f"staff/{EVA}/note", {"text": "Le di la habitación 12"})
        await bot_off(hotel, on=False, by=by, quiet=True)
        await hotel.says(EVA, "¿Hola?", on="manychat")
        await held(hotel, Owner.BOT, NAME)
        await hotel.answered(EVA, 2, "manychat")
        assert hotel.app is not None
        history = await hotel.app.store.history(NAME, 100)
        assert "Le di la habitación 12" in [item.text for item in history]


async def test_taken_by_a_rule_that_leaves_no_mark_it_stays_with_staff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulators = ("manychat", "vertex", "staff")
    async with house(tmp_path, monkeypatch, speed=50, emulators=emulators) as hotel:
        await eva(hotel)
        await bot_off(hotel, by="rule")
        await held(hotel, Owner.STAFF, NAME)
        asked = await hotel.fault("manychat", "getInfo", delay_seconds=0.001)
        await minutes(hotel, 1)
        await hotel.says(EVA, "¿Y tienen piscina?", on="manychat")

        async def was_asked() -> bool:
            return await hotel.spent("manychat", asked) > 0

        await until(was_asked)
        await minutes(hotel, 1)
        await held(hotel, Owner.STAFF, NAME)
        assert len(await hotel.bubbles(EVA, "manychat")) == 1
