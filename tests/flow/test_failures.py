"""Every failure has an outcome that somebody sees: the guest, the staff or the operator."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.flow.house import House, house, until


async def test_an_outage_of_a_minute_is_waited_through(hotel: House) -> None:
    fault = await hotel.fault("vertex", "generateContent", status=503, for_seconds=60)
    guests = [await hotel.guest(f"5037000010{number}") for number in range(3)]
    for guest in guests:
        await hotel.says(guest, "¿Tienen piscina para niños?")
    for guest in guests:
        await hotel.answered(guest)
    await hotel.quiet()
    assert await hotel.spent("vertex", fault) >= 3
    assert [len(await hotel.bubbles(guest)) for guest in guests] == [1, 1, 1]


async def test_a_permanent_error_is_an_apology_and_a_notice(hotel: House) -> None:
    body = {"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}
    await hotel.fault("vertex", "generateContent", status=403, body=body)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Cuánto cuesta una habitación doble?")
    assert "disculp" in (await hotel.answered(guest))[0].lower()
    assert "403" in (await hotel.notices())[0]["message"]


async def test_a_model_that_does_not_answer_is_recovered_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, PATIENCE_INTERACTION="10") as hotel:
        fault = await hotel.fault("vertex", "generateContent", delay_seconds=60, times=2)
        guest = await hotel.guest()
        await hotel.says(guest, "¿A qué hora es el desayuno?")
        await hotel.answered(guest)
        assert await hotel.spent("vertex", fault) == 2
        assert "desayuno" in (await hotel.bubbles(guest))[0].lower()


async def test_refused_signatures_are_left_out(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "¿La oficina está abierta ahora?")
    await hotel.answered(guest)
    body = {
        "error": {
            "code": 400,
            "message": "Corrupted thought signature.",
            "status": "INVALID_ARGUMENT",
        }
    }
    fault = await hotel.fault("vertex", "generateContent", status=400, body=body, times=1)
    await hotel.says(guest, "¿Y tienen wifi en el jardín?")
    assert "wifi" in (await hotel.answered(guest, 2))[1].lower()
    assert await hotel.spent("vertex", fault) == 1


async def test_a_session_that_is_gone_is_made_anew(hotel: House) -> None:
    guest = await hotel.guest()
    for number in range(3):
        await hotel.says(guest, f"Pregunta {number}: ¿tienen wifi en el hotel?")
        await hotel.answered(guest, number + 1)
        await hotel.quiet()
    old = (await hotel.get("vertex", "sessions"))[0]
    gone = await hotel.http.delete(f"{hotel.urls['vertex']}/v1/{old['name']}", headers=_BEARER)
    assert gone.status_code == 200
    await hotel.says(guest, "¿Y piscina climatizada?")
    await hotel.answered(guest, 4)
    await hotel.quiet()
    (new,) = await hotel.get("vertex", "sessions")
    assert new["name"] != old["name"]
    assert new["events"] == 8


_BEARER = {"authorization": "Bearer emu"}


async def test_a_send_whose_answer_is_lost_is_looked_up_and_not_repeated(hotel: House) -> None:
    fault = await hotel.fault("wati", "sendSessionMessage", drop="after", times=1)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Se permiten mascotas?")
    await hotel.answered(guest)
    await hotel.quiet()
    assert await hotel.spent("wati", fault) == 1
    assert len(await hotel.bubbles(guest)) == 1


async def test_a_send_that_never_arrived_is_sent_again(hotel: House) -> None:
    fault = await hotel.fault("wati", "sendSessionMessage", drop="before", times=1)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Se permiten mascotas?")
    await hotel.answered(guest)
    await hotel.quiet()
    assert await hotel.spent("wati", fault) == 1
    assert (await hotel.get("wati", "summary"))["doubled"] == 0


async def test_a_lost_answer_without_history_is_left_to_staff(hotel: House) -> None:
    await hotel.fault("manychat", "sendContent", drop="after", times=1)
    guest = await hotel.contact("facebook", "710002")
    await hotel.says(guest, "Is there parking?", on="manychat")
    await hotel.answered(guest, name="manychat")
    notice = (await hotel.notices())[0]
    assert notice["title"].startswith("No se sabe si una respuesta llegó al huésped")
    await hotel.quiet()
    assert len(await hotel.bubbles(guest, "manychat")) == 1


async def test_a_closed_window_is_told_to_staff(hotel: House) -> None:
    closed = {"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"}
    await hotel.fault("wati", "sendSessionMessage", status=200, body=closed)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Se permiten mascotas?")
    notice = (await hotel.notices())[0]
    assert "ventana de 24 horas" in notice["message"]
    assert await hotel.bubbles(guest) == []


async def test_a_throttled_channel_is_waited_for(hotel: House) -> None:
    fault = await hotel.fault("wati", "sendSessionMessage", status=429, times=2)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Se permiten mascotas?")
    await hotel.answered(guest)
    assert await hotel.spent("wati", fault) == 2
    await hotel.quiet()
    assert len(await hotel.bubbles(guest)) == 1


async def test_a_guest_who_writes_on_is_answered_once(hotel: House) -> None:
    await hotel.set("vertex", model_latency_ms=16_000)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Tienen wifi en las habitaciones?")
    await hotel.asked()
    await hotel.says(guest, "¿Y piscina para los niños?")
    answer = " ".join(await hotel.answered(guest)).lower()
    await hotel.quiet()
    assert "wifi" in answer
    assert "piscina" in answer


async def test_a_colleague_who_writes_first_is_not_talked_over(hotel: House) -> None:
    await hotel.set("vertex", model_latency_ms=16_000)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Cuánto cuesta la habitación familiar?")
    await hotel.asked()
    await hotel.post("wati", f"staff/{guest}/reply", {"text": "Hola, soy Marta", "name": "Marta"})
    await hotel.quiet()
    assert await hotel.bubbles(guest) == []
    await hotel.says(guest, "Gracias Marta")
    await hotel.quiet()
    assert await hotel.bubbles(guest) == []


async def test_bot_off_before_the_answer_leaves(hotel: House) -> None:
    await hotel.set("vertex", model_latency_ms=16_000)
    guest = await hotel.contact("instagram", "720003")
    await hotel.says(guest, "¿Hay parqueo para dos carros?", on="manychat")
    await hotel.asked()
    await hotel.post("manychat", f"staff/{guest}/bot_off", {"on": True, "quiet": True})
    await hotel.quiet()
    assert await hotel.bubbles(guest, "manychat") == []


async def test_a_colleague_who_writes_during_an_outage_ends_the_turn(hotel: House) -> None:
    await hotel.fault("vertex", "generateContent", status=503, times=1)
    guest = await hotel.guest()
    await hotel.says(guest, "¿Cuánto cuesta la habitación familiar?")
    await hotel.asked()
    await hotel.post("wati", f"staff/{guest}/reply", {"text": "Hola, soy Marta", "name": "Marta"})
    await hotel.quiet()
    assert await hotel.bubbles(guest) == []
    assert (await hotel.get("vertex", "summary"))["model_calls"] == 0


async def test_staff_are_told_even_if_nobody_can_be_reached_at_first(hotel: House) -> None:
    fault = await hotel.fault("staff", "notify", status=500, times=1)
    guest = await hotel.guest()
    await hotel.says(guest, "Quiero hablar con una persona, por favor.")
    assert (await hotel.notices())[0]["title"].startswith("Piden a una persona")
    assert await hotel.spent("staff", fault) == 1


async def test_a_provider_that_never_says_who_holds_the_chat_ends_with_the_window(
    hotel: House, tmp_path: Path
) -> None:
    fault = await hotel.fault("manychat", "getInfo", status=503)
    guest = await hotel.contact("facebook", "710005")
    await hotel.says(guest, "Is there parking?", on="manychat")

    async def was_asked() -> bool:
        return await hotel.spent("manychat", fault) > 0

    await until(was_asked)
    with sqlite3.connect(tmp_path / "watibot.db") as store:
        store.execute("update conversations set last_guest_at = 0")
    assert "ventana de 24 horas" in (await hotel.notices())[0]["message"]
    assert await hotel.bubbles(guest, "manychat") == []
