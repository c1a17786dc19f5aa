"""Conversations that are not cut over: answered in their thread, with the house's own tools."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import House, house
from watibot.translation.staff_context import told

EMULATORS = ("wati", "manychat", "vertex", "openai", "staff")
RUN_FAILED = {"status": "failed", "last_error": {"code": "rate_limit_exceeded", "message": "-"}}
OFFICE = "¿La oficina está abierta ahora?"


class Hotel:
    """A house with an assistant, and a look into its database."""

    def __init__(self, made: House, folder: Path) -> None:
        self.house = made
        self._path = folder / "watibot.db"

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self._path, timeout=20) as database:
            found = database.execute(statement, values).fetchall()
        database.close()
        return found

    async def has_thread(
        self, conversation_id: str, channel: str = "whatsapp", provider: str = "openai"
    ) -> str:
        """A conversation from before this service; its thread's id."""
        thread_id = f"thread_{conversation_id.replace(':', '_')}"
        thread = {"id": thread_id, "object": "thread", "created_at": 1_760_000_000, "metadata": {}}
        await self.house.post("openai", "threads", {"thread": thread, "messages": []})
        self.sql(
            "insert into conversations (hotel_id, conversation_id, channel, address, owner,"
            " last_guest_at, session_generation, fence, created_at, provider, thread_id)"
            " values ('casa-jacaranda', ?, ?, ?, 'bot', 0, 0, 0, 0, ?, ?)",
            conversation_id,
            channel,
            conversation_id.rpartition(":")[2],
            provider,
            thread_id,
        )
        return thread_id

    async def thread(self, thread_id: str) -> list[tuple[str, str]]:
        """Role and words of its messages."""
        return [
            (each["role"], each["content"][0]["text"]["value"])
            for each in (await self.house.get("openai", f"threads/{thread_id}"))["messages"]
        ]

    async def runs(self, thread_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.house.get("openai", f"threads/{thread_id}"))[
            "runs"
        ]
        return found

    async def model_calls(self) -> int:
        return int((await self.house.get("vertex", "summary"))["model_calls"])

    def items(self) -> list[tuple[str, bool, str]]:
        """Kind, whether the thread has it, and the mirror's state of the whole history."""
        rows = self.sql("select kind, source_id is not null, mirror from history order by at")
        return [(kind, bool(there), mirror) for kind, there, mirror in rows]


@pytest.fixture
async def hotel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hotel]:
    async with house(tmp_path, monkeypatch, emulators=EMULATORS) as made:
        yield Hotel(made, tmp_path)


async def test_a_thread_answers_with_the_house_s_tools(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, "Hola")
    await hotel.house.says(guest, OFFICE)
    (answer,) = await hotel.house.answered(guest)
    await hotel.house.quiet()
    assert await hotel.thread(thread_id) == [
        ("user", "Hola"),
        ("user", OFFICE),
        ("assistant", answer),
    ]
    (run,) = await hotel.runs(thread_id)
    assert [step["type"] for step in run["steps"]] == ["tool_calls", "message_creation"]
    assert "Canal: WhatsApp" in run["instructions"]
    assert await hotel.model_calls() == 0
    assert hotel.items() == [
        ("guest", True, "parked"),
        ("guest", True, "parked"),
        ("tool_call", True, "parked"),
        ("tool_result", True, "parked"),
        ("assistant", True, "parked"),
    ]
    step, result, said = hotel.sql(
        "select source_id, origin from history where kind not in ('guest') order by at"
    )
    assert step == result
    assert (step[0], said[0]) == (run["steps"][0]["id"], _messages_of(run))
    tokens = hotel.sql("select model, prompt_tokens > 0, output_tokens > 0, state from turns")
    assert tokens == [("gpt-4o", 1, 1, "answered")]


def _messages_of(run: dict[str, Any]) -> str:
    created: str = run["steps"][1]["step_details"]["message_creation"]["message_id"]
    return created


async def test_a_booking_is_written_down(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    await hotel.has_thread(guest)
    await hotel.house.says(
        guest, "Quiero reservar para 2 personas del 2027-02-10 al 2027-02-12, soy Ana Pérez."
    )
    await hotel.house.answered(guest)
    assert "10 de febrero de 2027" in (await hotel.house.notices())[0]["message"]
    assert hotel.sql("select count(*) from bookings") == [(1,)]


ROUTES = [
    ("unknown", "gemini"),
    ("migrated", "gemini"),
    ("not cut over", "openai"),
    ("openai without a thread", "gemini"),
]


@pytest.mark.parametrize(("known", "by"), ROUTES)
@pytest.mark.parametrize("channel", ["whatsapp", "facebook", "instagram"])
async def test_who_answers(hotel: Hotel, channel: str, known: str, by: str) -> None:
    on, prefix = ("wati", "") if channel == "whatsapp" else ("manychat", f"{channel[0]}b:")
    prefix = "ig:" if channel == "instagram" else prefix
    if on == "wati":
        guest = await hotel.house.guest()
    else:
        guest = await hotel.house.contact(channel, "710077")
    if known != "unknown":
        provider = "vertex" if known == "migrated" else "openai"
        await hotel.has_thread(prefix + guest, channel, provider)
    if known == "openai without a thread":
        hotel.sql("update conversations set thread_id = null")
    await hotel.house.says(guest, "¿Tienen wifi en el hotel?", on=on)
    assert "wifi" in (await hotel.house.answered(guest, name=on))[0].lower()
    asked = await hotel.house.get("openai", "summary")
    assert (await hotel.model_calls(), asked["runs"]) == ((0, 1) if by == "openai" else (1, 0))
    if by == "gemini":
        assert asked["requests"] == 0
    assert asked["threads"] == (known != "unknown")
    assert hotel.sql("select count(*), provider from conversations") == [
        (1, "openai" if "openai" in known or by == "openai" else "vertex")
    ]


async def test_a_run_in_the_way_is_cancelled(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.post("openai", f"threads/{thread_id}/runs", {"status": "requires_action"})
    await hotel.house.says(guest, "¿Tienen wifi?")
    await hotel.house.answered(guest)
    assert [run["status"] for run in await hotel.runs(thread_id)] == ["cancelled", "completed"]


async def test_a_failed_run_is_tried_again(hotel: Hotel) -> None:
    fault = await hotel.house.fault("openai", "run", times=2, body=RUN_FAILED)
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, "¿Tienen wifi?")
    await hotel.house.answered(guest)
    await hotel.house.quiet()
    assert await hotel.house.spent("openai", fault) == 2
    assert [role for role, _ in await hotel.thread(thread_id)] == ["user", "assistant"]
    assert len(await hotel.house.bubbles(guest)) == 1


async def test_what_cannot_be_answered_is_an_apology_that_the_thread_gets_too(hotel: Hotel) -> None:
    blocked = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    await hotel.house.fault("openai", "run", times=1, body=blocked)
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, "¿Tienen wifi?")
    (apology,) = await hotel.house.answered(guest)
    assert "disculp" in apology.lower()
    assert "content_filter" in (await hotel.house.notices())[0]["message"]
    await hotel.house.quiet()
    await hotel.house.says(guest, "¿Y piscina para los niños?")
    await hotel.house.answered(guest, 2)
    await hotel.house.quiet()
    said = await hotel.thread(thread_id)
    assert [role for role, _ in said] == ["user", "assistant", "user", "assistant"]
    assert said[1] == ("assistant", apology)
    assert (await hotel.house.get("openai", "summary"))["messages_doubled"] == 0
    assert all(there for _, there, _ in hotel.items())


async def test_a_later_message_is_a_turn_of_its_own(hotel: Hotel) -> None:
    await hotel.house.set("openai", run_ms=16_000)
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, "¿Tienen wifi en las habitaciones?")
    await hotel.house.asked()
    await hotel.house.says(guest, "¿Y piscina para los niños?")
    await hotel.house.answered(guest, 2)
    await hotel.house.quiet()
    roles = [role for role, _ in await hotel.thread(thread_id)]
    assert roles == ["user", "assistant", "user", "assistant"]
    assert len(await hotel.house.bubbles(guest)) == 2


async def test_the_sunset_in_the_middle(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    await hotel.has_thread(guest)
    await hotel.house.says(guest, OFFICE)
    await hotel.house.answered(guest)
    await hotel.house.quiet()
    await hotel.house.set("openai", mode="sunset")
    for number, text in enumerate(("¿Tienen wifi en el jardín?", "¿Y piscina climatizada?"), 2):
        await hotel.house.says(guest, text)
        await hotel.house.answered(guest, number)
        await hotel.house.quiet()
    bubbles = await hotel.house.bubbles(guest)
    assert "wifi" in bubbles[1].lower()
    assert "piscina" in bubbles[2].lower()
    assert await hotel.model_calls() == 2
    told = [notice["title"] for notice in await hotel.house.notices()]
    assert told == ["El asistente de OpenAI ya no responde: contesta Gemini"]
    assert hotel.sql("select count(*) from turns where state = 'failed'") == [(0,)]


async def test_a_thread_that_is_not_there(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    await hotel.has_thread(guest)
    hotel.sql("update conversations set thread_id = 'thread_none'")
    await hotel.house.says(guest, "¿Tienen wifi en el jardín?")
    assert "wifi" in (await hotel.house.answered(guest))[0].lower()
    assert "not found: thread_none" in (await hotel.house.notices())[0]["message"]


async def test_staff_s_words_reach_the_thread_first(hotel: Hotel) -> None:
    await hotel.house.set("wati", operators={"recepcion@casa-jacaranda.example": "Recepción"})
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, "¿Tienen wifi?")
    await hotel.house.answered(guest)
    await hotel.house.quiet()
    reply = f"staff/{guest}/reply"
    await hotel.house.post("wati", reply, {"text": "Soy Rosa {x}", "name": "Rosa"})
    await hotel.house.quiet()
    await hotel.house.says(guest, "Gracias, Rosa")
    await hotel.house.says(guest, "¿Y hay piscina para los niños?")
    await hotel.house.quiet()
    await hotel.house.post("wati", reply, {"text": "#bot", "name": "Rosa"})
    await hotel.house.answered(guest, 2)
    await hotel.house.quiet()
    said = await hotel.thread(thread_id)
    assert said[2:5] == [
        ("user", told([[("Rosa", "Soy Rosa {x}"), ("Rosa", "#bot")]])),
        ("user", "Gracias, Rosa"),
        ("user", "¿Y hay piscina para los niños?"),
    ]
    assert hotel.sql("select agent_context_injected from conversations") == [(1,)]
    assert all(there for _, there, _ in hotel.items())


async def test_a_photo_is_seen(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, media="photo", caption="Miren esta foto")
    assert "image/jpeg" in (await hotel.house.answered(guest))[0]
    message = (await hotel.house.get("openai", f"threads/{thread_id}"))["messages"][0]
    assert [part["type"] for part in message["content"]] == ["text", "image_file"]


async def test_a_voice_note_cannot_be_heard(hotel: Hotel) -> None:
    guest = await hotel.house.guest()
    thread_id = await hotel.has_thread(guest)
    await hotel.house.says(guest, media="voice")
    (line,) = await hotel.house.answered(guest)
    assert "nota de voz" in line
    assert await hotel.runs(thread_id) == []
    await hotel.house.quiet()
    await hotel.house.says(guest, "Perdón: ¿tienen wifi en el hotel?")
    await hotel.house.says(guest, media="voice")
    answer, told = (await hotel.house.answered(guest, 3))[1:]
    assert "wifi" in answer.lower()
    assert told == line
    await hotel.house.quiet()
    said = await hotel.thread(thread_id)
    assert [role for role, _ in said] == ["user", "assistant", "user", "user", "assistant"]
    assert said[0][1].startswith("[nota de voz: audio/ogg")
    assert said[1][1] == line
