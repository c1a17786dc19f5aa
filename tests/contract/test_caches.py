"""Explicit caches at the emulator: the client's exam, and how calls of the model use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import JumpingClock
from tests.contract.test_model import TOOLS
from tests.fakes_vertex import settings_at, static_tokens
from watibot.charges import Use
from watibot.emulators import kit, vertex
from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelRequest, Usage
from watibot.ports.caches import Beginning, CacheServer, Made
from watibot.providers.caches import VertexCaches
from watibot.providers.gemini import Gemini
from watibot.quotas import Rate

HOUR = timedelta(hours=1)
INSTRUCTIONS = "Eres la recepción del hotel. " * 800
BEGINNING = Beginning(INSTRUCTIONS, TOOLS)
ASKS = {"role": "user", "parts": [{"text": "¿A qué hora es el desayuno?"}]}
REQUEST = ModelRequest(INSTRUCTIONS, (ASKS,), TOOLS)
TITLE = "watibot posada"


@dataclass
class Keeper:
    """Has one cache for every call, and remembers what it was told."""

    name: str | None = None
    heard: list[tuple[Usage, bool]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def name_for(self, request: ModelRequest) -> str | None:
        return self.name

    def answered(self, request: ModelRequest, usage: Usage, *, explicit: bool) -> None:
        self.heard.append((usage, explicit))

    def lost(self, name: str) -> None:
        self.gone.append(name)
        self.name = None


@dataclass
class Rig:
    """A client for caches and one for calls, at one emulator."""

    emulator: vertex.Vertex
    clock: JumpingClock
    caches: VertexCaches
    model: Gemini
    keeper: Keeper
    uses: list[Use]

    def fault(self, operation: str, status: int, message: str = "no", times: int = 1) -> None:
        body = {"error": {"code": status, "message": message, "status": "FAILED"}}
        spec = {"operation": operation, "status": status, "times": times, "body": body}
        self.emulator.faults.create(spec)

    def exchanges(self, operation: str) -> list[dict[str, Any]]:
        found = self.emulator.journal.since(0)
        return [
            each for each in found if each["kind"] == "exchange" and each["operation"] == operation
        ]

    def asked(self) -> int:
        """How often the model was, refusals included."""
        found = self.emulator.journal.since(0, "request")
        return sum(each["operation"] == "generateContent" for each in found)

    async def made(self) -> Made:
        made = await self.caches.make(BEGINNING, TITLE, HOUR)
        self.keeper.name = made.name
        return made


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    emulator = vertex.create(kit.Clock(), {"journal_bodies": True})
    clock, uses, keeper = JumpingClock(), list[Use](), Keeper()
    async with kit.serve(emulator.app()) as url:
        settings = settings_at(url)
        caches = VertexCaches(settings, clock, static_tokens())
        model = Gemini(settings, clock, static_tokens(), calls=Rate(60_000), used=uses.append)
        model.cache_with(keeper)
        yield Rig(emulator, clock, caches, model, keeper, uses)
        await caches.close()
        await model.close()


async def test_the_life_of_a_cache(rig: Rig) -> None:
    server: CacheServer = rig.caches
    assert await server.names(TITLE) == []
    made = await server.make(BEGINNING, TITLE, HOUR)
    assert abs(await server.count(BEGINNING) - made.tokens) <= 2
    other = await server.make(BEGINNING, "watibot hostal", HOUR)
    assert await server.names(TITLE) == [made.name]
    assert await server.renew(made.name, 2 * HOUR) > made.expires_at + timedelta(minutes=50)
    for _ in range(2):
        await server.delete(made.name)
    assert await server.names(TITLE) == []
    assert await server.names("watibot hostal") == [other.name]
    with pytest.raises(ProviderError) as caught:
        await server.renew(made.name, HOUR)
    assert caught.value.cause is Cause.NOT_FOUND


async def test_one_that_is_too_small(rig: Rig) -> None:
    with pytest.raises(ProviderError) as caught:
        await rig.caches.make(Beginning("Sea amable.", TOOLS), TITLE, HOUR)
    assert caught.value.cause is Cause.INVALID
    assert "min_total_token_count" in str(caught.value)


async def test_a_call_from_the_cache_answers_as_one_without(rig: Rig) -> None:
    plain = await rig.model.generate(REQUEST)
    made = await rig.made()
    served = await rig.model.generate(REQUEST)
    assert (served.text, served.calls) == (plain.text, plain.calls)
    assert served.usage.prompt == plain.usage.prompt
    assert served.usage.cached == made.tokens
    assert rig.keeper.heard == [(plain.usage, False), (served.usage, True)]
    asked = [each["request"] for each in rig.exchanges("generateContent")]
    assert set(asked[0]) - set(asked[1]) == {"systemInstruction", "tools"}
    assert asked[1]["cachedContent"] == made.name
    kept = rig.exchanges("createCache")[0]["request"]
    assert {name: kept[name] for name in ("systemInstruction", "tools")} == {
        name: asked[0][name] for name in ("systemInstruction", "tools")
    }
    assert [use.usage.cached for use in rig.uses] == [plain.usage.cached, made.tokens]


async def test_a_cache_that_has_vanished_fails_no_call(rig: Rig) -> None:
    made = await rig.made()
    await rig.caches.delete(made.name)
    answer = await rig.model.generate(REQUEST)
    assert answer.text
    assert rig.keeper.gone == [made.name]
    assert [explicit for _, explicit in rig.keeper.heard] == [False]
    assert len(rig.uses) == 1
    await rig.model.generate(REQUEST)
    assert len(rig.exchanges("generateContent")) == 3


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_refusal_because_of_the_cache(rig: Rig, status: int) -> None:
    made = await rig.made()
    rig.fault("generateContent", status)
    assert (await rig.model.generate(REQUEST)).text
    assert rig.keeper.gone == [made.name]


@pytest.mark.parametrize(
    ("status", "calls"), [(400, 2), (403, 2), (404, 2), (429, 1), (500, 1), (503, 1)]
)
async def test_a_refusal_for_another_reason(rig: Rig, status: int, calls: int) -> None:
    """The same call without the cache is refused too, or not even asked: the cache is innocent."""
    await rig.made()
    rig.fault("generateContent", status, times=2)
    with pytest.raises(ProviderError) as caught:
        await rig.model.generate(REQUEST)
    assert caught.value.status == status
    assert rig.keeper.gone == []
    assert rig.asked() == calls


async def test_without_a_cache_a_refusal_is_a_refusal(rig: Rig) -> None:
    rig.fault("generateContent", 404)
    with pytest.raises(ProviderError):
        await rig.model.generate(REQUEST)
    assert rig.asked() == 1


async def test_refused_and_then_away(rig: Rig) -> None:
    """Nobody can tell whether the cache is to blame of a refusal: it is not named again."""
    made = await rig.made()
    rig.fault("generateContent", 404)
    rig.fault("generateContent", 503)
    with pytest.raises(ProviderError) as caught:
        await rig.model.generate(REQUEST)
    assert caught.value.cause is Cause.UNAVAILABLE
    assert rig.keeper.gone == [made.name]


async def test_a_call_with_a_schema_may_name_a_cache(rig: Rig) -> None:
    await rig.made()
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    await rig.model.generate(replace(REQUEST, schema=schema))
    asked = rig.exchanges("generateContent")[0]["request"]
    assert asked["generationConfig"]["responseJsonSchema"] == schema
