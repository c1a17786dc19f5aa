"""What the client of the model says that it used: every answer whose tokens were counted, once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.clocks import JumpingClock
from tests.contract.test_model import GUEST, REQUEST, answered, emulator
from tests.fakes_vertex import settings_at, static_tokens
from watibot.charges import Operation, Use
from watibot.emulators import kit
from watibot.errors import ProviderError
from watibot.messages import ChannelName
from watibot.modelcalls import ModelRequest, Occasion, Usage
from watibot.providers.gemini import Gemini
from watibot.quotas import Rate

OCCASION = Occasion("receipt", "g1", ChannelName.FACEBOOK, "t1")
COUNTED = Usage(prompt=1200, cached=1000, output=40, thoughts=16)
TEXT = [{"text": "Sí"}]
SOUND = {
    "promptTokenCount": 900,
    "cachedContentTokenCount": 500,
    "toolUsePromptTokenCount": 7,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 600},
        {"modality": "AUDIO", "tokenCount": 300},
        {"modality": "IMAGE"},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}],
}
UNCOUNTED = {key: value for key, value in answered(TEXT).items() if key != "usageMetadata"}
BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 70}}
CASES: list[tuple[str, int, Any, list[tuple[str, Usage]]]] = [
    ("an answer", 200, answered(TEXT), [("ok", COUNTED)]),
    ("half of one", 200, answered(TEXT, "MAX_TOKENS"), [("ok", COUNTED)]),
    (
        "sound",
        200,
        answered(TEXT) | {"usageMetadata": SOUND},
        [("ok", Usage(907, 500, 0, 0, 300, 100))],
    ),
    ("nobody counted", 200, UNCOUNTED, [("ok", Usage())]),
    ("blocked behind the model", 200, answered(TEXT, "SAFETY"), [("blocked", COUNTED)]),
    ("empty", 200, answered([]), [("blocked", COUNTED)]),
    ("blocked before the model", 200, BLOCKED, [("blocked", Usage(prompt=70))]),
    ("blocked and not counted", 200, {"promptFeedback": {"blockReason": "SAFETY"}}, []),
    ("throttled", 429, {"error": {"code": 429, "message": "Quota.", "status": "X"}}, []),
    ("no JSON", 200, "<html>", []),
]


@pytest.mark.parametrize(("name", "status", "body", "expected"), CASES)
async def test_what_was_used(
    name: str, status: int, body: Any, expected: list[tuple[str, Usage]]
) -> None:
    used: list[Use] = []
    stand_in = emulator()
    stand_in.faults.create({"status": status, "body": body})
    async with kit.serve(stand_in.app()) as url:
        settings = settings_at(url)
        client = Gemini(
            settings, JumpingClock(), static_tokens(), calls=Rate(60_000), used=used.append
        )
        with suppress(ProviderError):
            await client.generate(replace(REQUEST, occasion=OCCASION))
        await client.close()
    assert [(one.outcome, one.usage) for one in used] == expected
    facts = (settings.model, settings.model_location, Operation.RECEIPT, OCCASION)
    assert all((u.model, u.location, u.operation, u.occasion) == facts for u in used)


class SlowClock(JumpingClock):
    """Three seconds pass in each limited piece of work."""

    async def limit(self, seconds: float, work: Any) -> Any:
        found = await work
        await self.sleep(3)
        return found


async def test_the_wait_for_a_place_is_no_time_of_the_call() -> None:
    used: list[Use] = []
    async with kit.serve(emulator().app()) as url:
        rate = Rate(1)
        client = Gemini(
            settings_at(url), SlowClock(), static_tokens(), calls=rate, used=used.append
        )
        for _ in range(2):
            await client.generate(ModelRequest("Eres la recepción.", (GUEST,)))
        await client.close()
    assert [one.seconds for one in used] == [3.0, 3.0]
    assert {one.occasion for one in used} == {Occasion()}
