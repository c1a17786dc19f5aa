"""What the ledger says a morning cost, beside what the model's own answers say it cost.

The second sum is made here, of the emulator's journal and of prices that are written out below; it
shares no code with `costs.py`. Both agree to the micro-dollar, guest by guest.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import House, house, until
from watibot.charges import Charge
from watibot.storage import charges, looks

ANA, EVA, IRIS = "50370000001", "710001", "720001"
CHANNELS = {ANA: "whatsapp", f"fb:{EVA}": "facebook", f"ig:{IRIS}": "instagram"}
NAMES = {"Anabela": ANA, "Evelina": f"fb:{EVA}", "Iridiana": f"ig:{IRIS}"}
EVENT = 250  # micro-dollars
ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
AGAIN = "Lo pregunto otra vez. " * 60

# Micro-dollars for a token, of models whose prices do not change with the year: words, cached
# words, sound, cached sound, output; then the factor of the location.
LITE = tuple(map(Decimal, ("0.30", "0.03", "0.30", "0.03", "2.50", "1.1")))
OLD_LITE = tuple(map(Decimal, ("0.25", "0.025", "0.50", "0.05", "1.50", "1")))
MODELS = [
    ("gemini-3.5-flash-lite", "europe-west1", LITE),
    ("gemini-3.1-flash-lite", "global", OLD_LITE),
]
BLOCKED = {
    "candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "SAFETY"}],
    "usageMetadata": {"promptTokenCount": 3_333, "thoughtsTokenCount": 7},
    "modelVersion": "gemini",
}


def micros(counted: dict[str, Any], rates: tuple[Decimal, ...]) -> int:
    """One call's cost, from `usageMetadata`."""
    words, cached_words, sound, cached_sound, output, factor = rates

    def heard(details: str) -> int:
        return sum(
            each["tokenCount"] for each in counted.get(details, ()) if each["modality"] == "AUDIO"
        )

    prompt, cached = counted["promptTokenCount"], counted.get("cachedContentTokenCount", 0)
    all_sound, old_sound = heard("promptTokensDetails"), heard("cacheTokensDetails")
    old_words = cached - old_sound
    new_sound = all_sound - old_sound
    new_words = prompt - cached - new_sound
    said = counted.get("candidatesTokenCount", 0) + counted.get("thoughtsTokenCount", 0)
    amount = new_words * words + old_words * cached_words
    amount += new_sound * sound + old_sound * cached_sound + said * output
    return int((amount * factor).to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True)
class Bill:
    """By conversation, micro-dollars of the model and events of the session."""

    calls: dict[str, int]
    events: dict[str, int]

    def of(self, guest: str) -> int:
        return self.calls[guest] + self.events[guest] * EVENT


def whose(exchange: dict[str, Any]) -> str:
    """The guest whose name is in the prompt; a receipt is read without one, and is Ana's."""
    if "responseJsonSchema" in exchange["request"]["generationConfig"]:
        return ANA
    words = json.dumps(exchange["request"]["contents"], ensure_ascii=False)
    (found,) = {guest for name, guest in NAMES.items() if name in words}
    return found


async def journals(hotel: House, rates: tuple[Decimal, ...]) -> Bill:
    calls: dict[str, int] = defaultdict(int)
    events: dict[str, int] = defaultdict(int)
    sessions: dict[str, str] = {}
    for each in await hotel.journal("vertex", "exchange"):
        if each["status"] != 200:
            continue
        if each["operation"] == "generateContent":
            calls[whose(each)] += micros(each["response"]["usageMetadata"], rates)
        elif each["operation"] == "createSession":
            sessions[each["query"]["sessionId"]] = each["request"]["userId"]
        elif each["operation"] == "appendEvent":
            session = each["path"].rpartition("/")[2].removesuffix(":appendEvent")
            events[sessions[session]] += 1
    return Bill(calls, events)


async def ledger(hotel: House, folder: Path) -> list[Charge]:
    assert hotel.app is not None
    await hotel.app.charger.flush()
    with looks.looking(f"sqlite:///{folder}/watibot.db", "casa-jacaranda") as tx:
        return charges.one_by_one(tx, *ALWAYS, 10_000)


async def morning(hotel: House) -> None:
    await hotel.guest(ANA, "Anabela")
    await hotel.contact("facebook", EVA, "Evelina")
    await hotel.contact("instagram", IRIS, "Iridiana")
    await hotel.says(ANA, "¿La oficina está abierta ahora? Soy Anabela.")
    await hotel.answered(ANA)
    await hotel.says(EVA, "Good morning, is breakfast included?", on="manychat")
    await hotel.answered(EVA, name="manychat")
    fault = await hotel.fault("vertex", "generateContent", times=1, status=200, body=BLOCKED)
    await hotel.says(EVA, "And is there a pool?", on="manychat")
    await hotel.answered(EVA, 2, name="manychat")
    assert await hotel.spent("vertex", fault) == 1
    await hotel.says(IRIS, "Miren", media="photo", on="manychat")
    await hotel.answered(IRIS, name="manychat")
    await hotel.says(ANA, media="voice")
    await hotel.says(ANA, "¿La oficina está abierta ahora? Anabela")
    await hotel.answered(ANA, 2)
    await hotel.says(
        ANA, "Quiero reservar para 2 personas del 2027-02-10 al 2027-02-12, soy Anabela Pérez."
    )
    await hotel.answered(ANA, 3)
    for count in range(4, 9):
        await hotel.says(ANA, f"Soy Anabela, ¿tienen piscina? {AGAIN}")
        await hotel.answered(ANA, count)


@pytest.mark.parametrize(("model", "location", "rates"), MODELS)
async def test_the_ledger_equals_the_journal_to_the_micro_dollar(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    location: str,
    rates: tuple[Decimal, ...],
) -> None:
    settings = {
        "VERTEX_MODEL": model,
        "VERTEX_MODEL_LOCATION": location,
        "VERTEX_HISTORY_TOKENS": "1000",
        "COSTS_CACHE": "off",
    }
    options: dict[str, dict[str, object]] = {"vertex": {"journal_bodies": True}}
    async with house(tmp_path, monkeypatch, 60.0, options, **settings) as hotel:
        await morning(hotel)
        await hotel.quiet()
        kept: list[Charge] = []

        async def all_is_there() -> bool:
            kept[:] = await ledger(hotel, tmp_path)
            operations = {one.use.operation.value for one in kept}
            return operations >= {"answer", "summary", "event", "call"}

        await until(all_is_there)
        await hotel.quiet()
        kept[:] = await ledger(hotel, tmp_path)
        bill = await journals(hotel, rates)

    bill.calls[NAMES["Evelina"]] += micros(BLOCKED["usageMetadata"], rates)  # type: ignore[arg-type]
    assert all(one.micros is not None for one in kept)
    assert sum(one.micros or 0 for one in kept) == sum(map(bill.of, NAMES.values()))
    for guest, channel in CHANNELS.items():
        mine = [one for one in kept if one.use.occasion.conversation_id == guest]
        assert sum(one.micros or 0 for one in mine) == bill.of(guest) > 0
        assert {one.channel for one in mine} == {channel}
    blocked = [one for one in kept if one.use.outcome == "blocked"]
    assert [one.use.usage.prompt for one in blocked] == [3_333]
    assert sum(one.use.usage.audio for one in kept) > 0
    assert sum(one.use.usage.cached for one in kept) > 0
    turns = {one.use.occasion.turn_id for one in kept if one.use.operation.value == "answer"}
    assert len(turns) == 11
    assert None not in turns


async def test_guests_are_held_back_once_the_budget_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"COSTS_PER_MONTH": "0.0005", "COSTS_HOLD_BACK": "true", "COSTS_CACHE": "off"}
    async with house(tmp_path, monkeypatch, 60.0, None, **settings) as hotel:
        guest = await hotel.guest(ANA, "Anabela")
        await hotel.says(guest, "¿Hay wifi?")
        await hotel.answered(guest)
        titles = {each["title"] for each in await hotel.notices(3)}
        steps = (50, 80, 100)
        assert titles == {f"Costos: se alcanzó el {n} % del presupuesto del mes" for n in steps}
        calls = (await hotel.get("vertex", "summary"))["model_calls"]
        await hotel.says(guest, "¿Y piscina?")
        assert "Una persona de recepción" in (await hotel.answered(guest, 2))[1]
        waits = (await hotel.notices(4))[3]
        assert waits["title"].startswith("Un huésped espera: se gastó el presupuesto del mes")
        await hotel.says(guest, "¿Hola?")
        await hotel.quiet()
        assert len(await hotel.bubbles(guest)) == 2  # once a day
        assert (await hotel.get("vertex", "summary"))["model_calls"] == calls
