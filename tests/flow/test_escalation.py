"""Dead ends of the whole house: what staff and guests read, from the webhook to the notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import House, house, until

DENIED = {"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}


async def test_an_outage_is_an_apology_in_the_guest_s_language(hotel: House) -> None:
    await hotel.fault("vertex", "generateContent", status=403, body=DENIED)
    guest = await hotel.guest()
    await hotel.says(guest, "Hello, how much is a double room for two nights?")
    assert (await hotel.answered(guest))[0].startswith("I am sorry")
    notice = (await hotel.notices())[0]
    assert notice["title"] == "El asistente no pudo responder a un huésped (whatsapp)"
    assert "Huésped: Hello, how much is a double room" in notice["message"]


async def test_an_escalation_is_told_again_until_a_colleague_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "STAFF_REPEAT_MINUTES": "1",
        "WATIBOT_PUBLIC_URL": "https://bot.hotel.example",
    }
    async with house(tmp_path, monkeypatch, speed=100, **settings) as hotel:
        guest = await hotel.guest()
        await hotel.says(guest, "Quiero hablar con una persona, por favor.")
        first, second = (await hotel.notices(2))[:2]
        assert first["title"] == "Piden a una persona (whatsapp)"
        assert second["title"] == "2.º aviso: Piden a una persona (whatsapp)"
        link = f"https://bot.hotel.example/console/conversations/{guest}"
        assert link in second["message"]
        reply = {"text": "Hola, soy Marta, con gusto le ayudo", "name": "Marta"}
        await hotel.post("wati", f"staff/{guest}/reply", reply)
        assert hotel.app is not None
        escalations = hotel.app.store.escalations

        async def is_seen_to() -> bool:
            return [one.note for one in await escalations.of(guest)] == ["escribió al huésped"]

        await until(is_seen_to)
        assert await escalations.open_ones(9) == []
