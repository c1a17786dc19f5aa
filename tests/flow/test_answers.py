"""A guest writes, the hotel answers: the way through all six stops, on each channel."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.flow.house import GUEST, House, house


async def test_a_question_is_answered_and_mirrored(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "Hola, ¿a qué hora es el desayuno?")
    assert "desayuno" in (await hotel.answered(guest))[0].lower()
    await hotel.quiet()
    sessions = await hotel.get("vertex", "sessions")
    assert [session["events"] for session in sessions] == [2]


async def test_a_burst_is_one_turn(hotel: House) -> None:
    guest = await hotel.guest()
    for text in ("Hola", "una pregunta", "¿tienen wifi?", "¿y piscina?"):
        await hotel.says(guest, text)
    answer = " ".join(await hotel.answered(guest)).lower()
    await hotel.quiet()
    assert "wifi" in answer
    assert "piscina" in answer
    assert (await hotel.get("vertex", "summary"))["model_calls"] == 1


async def test_the_same_webhook_again_and_again_is_one_message(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "¿Hay parqueo en el hotel?", duplicates=3, parallel=True)
    await hotel.answered(guest)
    await hotel.quiet()
    assert len(await hotel.bubbles(guest)) == 1
    assert (await hotel.get("vertex", "sessions"))[0]["events"] == 2


async def test_reordered_messages_are_answered_in_the_order_of_their_times(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "primero: ¿hay wifi", hold=True)
    await hotel.says(guest, "segundo: y piscina?")
    await hotel.answered(guest)
    await hotel.quiet()
    session = (await hotel.get("vertex", "sessions"))[0]
    events = await hotel.get("vertex", f"sessions/{session['name'].rsplit('/')[-1]}/events")
    said = [event["content"]["parts"][0]["text"] for event in events if event["author"] == "user"]
    assert [text.split(":")[0] for text in said] == ["primero", "segundo"]


async def test_media_go_to_the_model_in_the_turn_in_which_they_came(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, media="photo", caption="Miren esta foto")
    await hotel.says(guest, media="pdf")
    await hotel.says(guest, media="voice")
    answer = " ".join(await hotel.answered(guest))
    assert "image/jpeg" in answer
    assert "application/pdf" in answer
    assert "audio/ogg" in answer
    await hotel.quiet()
    assert (await hotel.get("vertex", "summary"))["model_calls"] == 1


async def test_what_cannot_be_read_gets_a_friendly_line_and_no_model_call(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, type="video", media="video")
    bubbles = await hotel.answered(guest)
    assert "video" in bubbles[0]
    assert (await hotel.get("vertex", "summary"))["model_calls"] == 0


async def test_a_reaction_starts_no_turn(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "¿Tienen piscina abierta hoy?")
    await hotel.answered(guest)
    await hotel.says(guest, type="reaction", text="👍", reply_to="last")
    await hotel.says(guest, type="button", button="Gracias, todo claro.")
    await hotel.answered(guest, 2)
    await hotel.quiet()
    assert (await hotel.get("vertex", "summary"))["model_calls"] == 2


async def test_messenger_and_instagram(hotel: House) -> None:
    facebook = await hotel.contact("facebook", "710001")
    instagram = await hotel.contact("instagram", "720001")
    await hotel.says(facebook, "Good morning, is breakfast included?", on="manychat")
    await hotel.says(instagram, "Miren", media="photo", on="manychat")
    assert "breakfast" in (await hotel.answered(facebook, name="manychat"))[0].lower()
    assert "image/jpeg" in (await hotel.answered(instagram, name="manychat"))[0]
    assert (await hotel.get("manychat", "summary"))["doubled"] == 0


async def test_the_office_and_a_booking_through_tools(hotel: House) -> None:
    guest = await hotel.guest()
    await hotel.says(guest, "¿La oficina está abierta ahora?")
    await hotel.answered(guest)
    await hotel.says(
        guest, "Quiero reservar para 2 personas del 2027-02-10 al 2027-02-12, soy Ana Pérez."
    )
    await hotel.answered(guest, 2)
    notices = await hotel.notices()
    assert "10 de febrero de 2027" in notices[0]["message"]
    assert GUEST in notices[0]["message"]
    await hotel.quiet()
    journal = await hotel.get("vertex", "summary")
    assert journal["events_doubled"] == 0
    assert journal["model_calls"] == 4


async def test_an_escalation_reaches_people_and_silences_the_bot(hotel: House) -> None:
    await hotel.set("wati", operators={"recepcion@casa-jacaranda.example": "Recepción"})
    guest = await hotel.guest()
    await hotel.says(guest, "Quiero hablar con una persona, por favor.")
    farewell = await hotel.answered(guest)
    assert (await hotel.notices())[0]["title"].startswith("Piden a una persona")
    await hotel.quiet()
    for text in ("¿Hola? ¿Hay alguien ahí?", "¿Hola?"):
        await hotel.says(guest, text)
    assert (await hotel.notices(2))[1]["title"].startswith("Un huésped espera a una persona")
    await hotel.post("wati", f"staff/{guest}/reply", {"text": "Soy Rosa", "name": "Rosa"})
    await hotel.quiet()
    await hotel.says(guest, "Gracias, Rosa")
    await hotel.quiet()
    assert await hotel.bubbles(guest) == farewell
    assert len(await hotel.notices(2)) == 2


async def test_a_restarted_service_answers_what_waited(hotel: House) -> None:
    """The house's own service is stopped by leaving its context; see `test_kill.py` for SIGKILL."""
    guest = await hotel.guest()
    fault = await hotel.fault("vertex", "generateContent", status=503, times=1)
    await hotel.says(guest, "¿A qué hora es la entrada?")
    await hotel.answered(guest)
    assert await hotel.spent("vertex", fault) == 1
    assert len(await hotel.bubbles(guest)) == 1


async def test_instructions_are_read_again_between_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "instructions.md"
    path.write_text("Primera versión. " * 50)
    async with house(tmp_path, monkeypatch, WATIBOT_INSTRUCTIONS_FILE=str(path)) as hotel:
        await hotel.set("vertex", journal_bodies=True)
        guest = await hotel.guest()
        for number, text in enumerate(["Segunda versión. " * 50, "corta", ""], start=1):
            await hotel.says(guest, f"¿Tienen wifi en la habitación {number}?")
            await hotel.answered(guest, number)
            path.write_text(text)
        notice = (await hotel.notices())[0]
        assert "WATIBOT_INSTRUCTIONS_FILE" in notice["message"]
        exchanges = await hotel.journal("vertex", "exchange")
        asked = [each["request"] for each in exchanges if each["operation"] == "generateContent"]
        told = [one["systemInstruction"]["parts"][0]["text"].split()[0] for one in asked]
        assert told == ["Primera", "Segunda", "Segunda"]
    with sqlite3.connect(tmp_path / "watibot.db") as store:
        versions = [
            row[0]
            for row in store.execute("select instructions_version from turns order by opened_at")
        ]
    assert len(set(versions)) == 2
    assert versions[1] == versions[2]


async def test_a_guest_without_a_number_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, dict[str, object]] = {"wati": {"bsuid": True}}
    async with house(tmp_path, monkeypatch, options=options) as hotel:
        guest = await hotel.guest()
        await hotel.says(guest, "¿Tienen piscina climatizada?")
        await hotel.answered(guest)
        await hotel.set("wati", bsuid=False)
        await hotel.says(guest, "¿Y tienen wifi también?")
        await hotel.answered(guest, 2)
        await hotel.quiet()
        (session,) = await hotel.get("vertex", "sessions")
        assert session["events"] == 4


async def test_a_contact_that_comes_back_under_a_new_id_keeps_its_conversation(
    hotel: House,
) -> None:
    old = await hotel.contact("instagram", "720009")
    await hotel.says(old, "¿Tienen piscina climatizada?", on="manychat")
    await hotel.answered(old, name="manychat")
    new = (await hotel.post("manychat", f"guests/{old}/renew", {}))["subscriber_id"]
    await hotel.says(new, "¿Y tienen wifi también?", on="manychat")
    await hotel.answered(new, 2, name="manychat")
    await hotel.quiet()
    (session,) = await hotel.get("vertex", "sessions")
    assert session["events"] == 4


@pytest.mark.parametrize("events", [["sessionMessageSent"], ["sessionMessageSent_v2"]])
async def test_a_colleague_is_known_by_either_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[str]
) -> None:
    options: dict[str, dict[str, object]] = {"wati": {"events": ["message", *events]}}
    async with house(tmp_path, monkeypatch, options=options) as hotel:
        guest = await hotel.guest()
        await hotel.says(guest, "¿Tienen wifi en las habitaciones?")
        answer = await hotel.answered(guest)
        await hotel.post("wati", f"staff/{guest}/reply", {"text": "Soy Rosa", "name": "Rosa"})
        await hotel.quiet()
        await hotel.says(guest, "¿Y tienen piscina?")
        await hotel.quiet()
        assert await hotel.bubbles(guest) == answer
        assert hotel.app is not None
        assert (await hotel.app.store.counts())["conversations"] == 1
