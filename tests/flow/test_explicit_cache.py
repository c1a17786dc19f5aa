"""An explicit cache in the wired service: made in a busy hour, used, lost, renewed, let go."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import INSTRUCTIONS, House, house, until
from watibot.caching import CacheStanding, Why
from watibot.charges import Operation

# Storage is so dear that a cache goes after some minutes in which nobody calls for it.
PRICES = """\
[[price]]
model = "gemini-3.8-flash"
input = 0.75
cached = 0.075
output = 3.75
storage = 20
source = "invented"
"""
BEARER = {"authorization": "Bearer emu"}
_guests = count(50370000100)


@pytest.fixture
async def hotel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """The model's own caching serves nothing; time runs 60 times faster."""
    (tmp_path / "prices.toml").write_text(PRICES)
    shutil.copy(INSTRUCTIONS, tmp_path / "instructions.md")
    async with house(
        tmp_path,
        monkeypatch,
        speed=60,
        options={"vertex": {"implicit_hit_percent": 0, "journal_bodies": True}},
        WATIBOT_INSTRUCTIONS_FILE=str(tmp_path / "instructions.md"),
        COSTS_PRICES_FILE=str(tmp_path / "prices.toml"),
    ) as made:
        yield made


async def ask(hotel: House, text: str = "Hola, ¿a qué hora es el desayuno?") -> str:
    """A new guest's question, answered."""
    guest = await hotel.guest(str(next(_guests)))
    await hotel.says(guest, text)
    return (await hotel.answered(guest))[0]


def standing(hotel: House) -> CacheStanding:
    assert hotel.app is not None
    assert hotel.app.caching is not None
    return hotel.app.caching.standing()


async def busy(hotel: House) -> None:
    """Guests ask until there is a cache."""

    async def kept() -> bool:
        if standing(hotel).state != "kept":
            await ask(hotel)
        return standing(hotel).state == "kept"

    await until(kept)


async def calls(hotel: House) -> list[dict[str, Any]]:
    found = await hotel.journal("vertex", "exchange")
    return [each for each in found if each["operation"] == "generateContent"]


async def at_the_provider(hotel: House) -> list[str]:
    answer = await hotel.http.get(f"{hotel.urls['vertex']}/{await place(hotel)}", headers=BEARER)
    return [each["name"] for each in answer.json().get("cachedContents", [])]


async def place(hotel: House) -> str:
    """Where the service's caches are."""
    path = (await calls(hotel))[0]["path"]
    return f"{path.split('/publishers/')[0].lstrip('/')}/cachedContents"


async def test_a_busy_hour_makes_one_and_quiet_lets_it_go(hotel: House) -> None:
    await ask(hotel)
    assert standing(hotel).state == "watching"
    await busy(hotel)
    stood = standing(hotel)
    assert (stood.why, stood.hit_rate) == (Why.CHEAPER, 0.0)
    assert len(await at_the_provider(hotel)) == 1

    assert "desayuno" in (await ask(hotel)).lower()
    last = (await calls(hotel))[-1]
    assert set(last["request"]) == {"cachedContent", "contents", "generationConfig"}
    assert last["response"]["usageMetadata"]["cachedContentTokenCount"] == stood.tokens

    # Tools are in the cache, and are called as ever.
    before = len(await calls(hotel))
    assert await ask(hotel, "¿Está abierta la oficina de reservas en este momento?")
    asked, told = (await calls(hotel))[before:]
    called = asked["response"]["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert called["name"] == "check_office_status"
    assert "functionResponse" in told["request"]["contents"][-1]["parts"][0]
    assert asked["request"]["cachedContent"] == told["request"]["cachedContent"]

    app = hotel.app
    assert app is not None

    async def gone() -> bool:
        return not await app.store.caches.caches()

    await until(gone)
    assert standing(hotel).state == "watching"
    assert await at_the_provider(hotel) == []
    assert await ask(hotel)
    assert "systemInstruction" in (await calls(hotel))[-1]["request"]

    await hotel.quiet()
    await app.charger.flush()
    charged = await app.store.charges.charges(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), 1_000
    )
    written = [one for one in charged if one.use.operation is Operation.CACHE]
    stored = [one for one in charged if one.use.operation is Operation.STORAGE]
    assert [one.use.usage.prompt for one in written] == [stood.tokens]
    assert [one.micros for one in written] == [int(0.75 * (stood.tokens or 0) + 0.5)]  # half up
    assert [one.micros for one in stored] == [20 * one.use.quantity for one in stored]
    made, ended = (
        datetime.fromisoformat(each["at"])
        for each in await hotel.journal("vertex", "request")
        if each["operation"] in ("createCache", "deleteCache")
    )
    hours = sum(one.use.quantity for one in stored) / (stood.tokens or 1)
    assert hours * 3600 == pytest.approx((ended - made).total_seconds(), abs=20)


async def test_a_cache_that_vanishes_fails_no_turn(hotel: House) -> None:
    await busy(hotel)
    (name,) = await at_the_provider(hotel)
    answer = await hotel.http.delete(f"{hotel.urls['vertex']}/v1beta1/{name}", headers=BEARER)
    assert answer.status_code == 200
    before = len(await calls(hotel))
    assert "desayuno" in (await ask(hotel)).lower()
    refused, answered = (await calls(hotel))[before:]
    assert (refused["status"], answered["status"]) == (404, 200)
    assert refused["request"]["cachedContent"] == name
    assert standing(hotel).state == "watching"
    await busy(hotel)
    assert (await at_the_provider(hotel)) != [name]
    await hotel.quiet()


async def test_other_instructions_are_another_cache(hotel: House, tmp_path: Path) -> None:
    await busy(hotel)
    (first,) = await at_the_provider(hotel)
    file = tmp_path / "instructions.md"
    file.write_text(file.read_text("utf-8") + "\nLa piscina abre a las siete.\n", "utf-8")
    await ask(hotel)
    assert "siete" in (await calls(hotel))[-1]["request"]["systemInstruction"]["parts"][0]["text"]
    await busy(hotel)
    assert "desayuno" in (await ask(hotel)).lower()
    used = (await calls(hotel))[-1]["request"]["cachedContent"]
    assert used != first
    made = [
        each["request"]["systemInstruction"]["parts"][0]["text"]
        for each in await hotel.journal("vertex", "exchange")
        if each["operation"] == "createCache"
    ]
    assert ["siete." in text for text in made] == [False, True]

    async def only_the_new_one() -> bool:
        return first not in await at_the_provider(hotel)

    await until(only_the_new_one)
    await hotel.quiet()
