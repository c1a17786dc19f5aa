"""A conversation that staff took and gave back, through the whole service: what its guest reads.

No webhook tells of an assignment at WATI, on some plans none tells of anything, and a rule's
request from ManyChat may be lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import GUEST, House, house, until
from tests.flow.test_staff_looks import Eyes, eyes_of
from watibot.conversations import Conversation, Owner
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.ports import ChatHistory, ChatPage

ROSA = {"email": "rosa@hotel.example", "name": "Rosa"}
WATI = ("wati", "vertex", "staff")
OFF: dict[str, Any] = {"WATI_PAST_MESSAGES": "0"}


async def kept(hotel: House, name: str = GUEST) -> Conversation:
    assert hotel.app is not None
    found = await hotel.app.store.conversation(name)
    assert found is not None
    return found


async def held(hotel: House, owner: Owner, name: str = GUEST) -> Conversation:
    """Once `owner` answers the guest."""
    found = [await kept(hotel, name)]

    async def is_so() -> bool:
        found[0] = await kept(hotel, name)
        return found[0].owner is owner

    await until(is_so)
    return found[0]


async def minutes(hotel: House, count: float) -> None:
    assert hotel.app is not None
    await hotel.app.clock.sleep(count * 60)


async def talk(hotel: House) -> None:
    await hotel.guest()
    await hotel.says(GUEST, "¿Tienen wifi?")
    await hotel.answered(GUEST)
    await hotel.quiet()


async def test_a_service_without_webhooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**OFF, "WATI_POLL_SECONDS": "5", "WATI_CALLS_PER_MONTH": "0"}
    options: Any = {"wati": {"webhooks": False}}
    async with house(
        tmp_path, monkeypatch, speed=50, options=options, emulators=WATI, **settings
    ) as hotel:
        await talk(hotel)
        await hotel.post("wati", f"staff/{GUEST}/reply", {**ROSA, "text": "Le atiende Rosa."})
        assert (await held(hotel, Owner.STAFF)).taken_by == "Rosa"
        await hotel.says(GUEST, "¿Y tienen piscina?")
        await minutes(hotel, 1)
        assert len(await hotel.bubbles(GUEST)) == 1
        await hotel.post("wati", f"staff/{GUEST}/release", ROSA)
        answers = await hotel.answered(GUEST, 2)
        assert "piscina" in answers[1].lower()
        await hotel.quiet()
        await minutes(hotel, 1)
        assert len(await hotel.bubbles(GUEST)) == 2


async def test_assigned_and_given_back_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, speed=50, emulators=WATI, **OFF) as hotel:
        await talk(hotel)
        await minutes(hotel, 0.4)  # a look at each turn, but not every 20 seconds
        await hotel.post("wati", f"staff/{GUEST}/assign", ROSA)
        await hotel.set("vertex", model_latency_ms=20_000)
        await hotel.says(GUEST, "¿Y tienen piscina?")
        await held(hotel, Owner.STAFF)
        await hotel.quiet()
        assert len(await hotel.bubbles(GUEST)) == 1  # not over a colleague's head
        await hotel.set("vertex", model_latency_ms=0)
        await hotel.post("wati", f"staff/{GUEST}/release", ROSA)
        # Their only message since, and it comes too soon after the look at the turn.
        await hotel.says(GUEST, "¿Hola?")
        answers = await hotel.answered(GUEST, 2)
        await held(hotel, Owner.BOT)
        await hotel.quiet()
        assert "piscina" in answers[1].lower()
        assert hotel.app is not None
        history = await hotel.app.store.history(GUEST, 100)
        said = [item.text for item in history if item.kind is ItemKind.GUEST]
        assert [sum(word in text for text in said) for word in ("piscina", "¿Hola?")] == [1, 1]
        assert history[-1].kind is ItemKind.ASSISTANT


@pytest.mark.parametrize(("after", "looks"), [(10, 0), (40, 1)])
async def test_a_look_after_a_gap_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float, looks: int
) -> None:
    settings = {**OFF, "WATI_LOOK": "gap", "WATI_MIN_GAP_MINUTES": "30"}
    async with house(tmp_path, monkeypatch, speed=1000, emulators=WATI, **settings) as hotel:
        await talk(hotel)
        await minutes(hotel, after)
        read = await hotel.fault("wati", "getMessages", delay_seconds=0.001)
        await hotel.says(GUEST, "¿Y tienen piscina?")
        await hotel.answered(GUEST, 2)
        await hotel.quiet()
        assert await hotel.spent("wati", read) == looks


class _Dies:
    """Reads one page, and then never again."""

    def __init__(self, chat: ChatHistory) -> None:
        self._chat = chat

    async def page(self, address: str, number: int, size: int) -> ChatPage:
        if number > 1:
            raise ProviderError("wati", Cause.LOST)
        return await self._chat.page(address, number, size)


async def test_a_past_whose_reading_was_cut_short_is_read_once_and_given_to_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with eyes_of(tmp_path, monkeypatch) as eyes:
        await eyes.hotel.guest()
        await eyes.hotel.post("wati", f"guests/{GUEST}/past", {"messages": 250})
        await eyes.hotel.says(GUEST, "¿Tienen wifi?")
        await eyes.hotel.answered(GUEST)
        await eyes.hotel.quiet()
        whole = eyes.past._chat
        eyes.past._chat = _Dies(whole)
        assert await eyes.past.round() == 0
        assert (await eyes.guest()).past_page == 2
        assert 0 < len(await past_of(eyes)) <= 100
        eyes.past._chat = whole
        eyes.past._not_before.clear()  # a new process remembers no failure
        assert [await eyes.past.round(), await eyes.past.round()] == [1, 0]
        past = await past_of(eyes)
        assert (len(past), len({item.item_id for item in past})) == (250, 250)

        await eyes.hotel.set("vertex", journal_bodies=True)
        await eyes.hotel.says(GUEST, "¿Y tienen piscina?")
        await eyes.hotel.answered(GUEST, 2)
        [asked, *_] = [
            entry
            for entry in await eyes.hotel.journal("vertex", "exchange")
            if entry["operation"] == "generateContent"
        ]
        prompt = json.dumps(asked["request"], ensure_ascii=False)
        newest = [item.text for item in past[-40:] if item.kind is not ItemKind.STAFF]
        assert len(newest) > 20
        assert all(json.dumps(text, ensure_ascii=False)[1:-1] in prompt for text in newest)


async def past_of(eyes: Eyes) -> list[HistoryItem]:
    return [item for item in await eyes.history() if item.item_id.startswith("past-")]
