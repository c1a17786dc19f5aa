"""What colleagues note for the assistant alone reaches no guest, whatever the model says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.house import house, until

NOTE = "interno: a la empresa de este huésped se le cobra 45 dólares por noche, no lo publique"


def answering(text: str) -> dict[str, object]:
    content = {"role": "model", "parts": [{"text": text}]}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini-3.8-flash",
        "responseId": "r1",
    }


async def test_an_answer_that_quotes_an_internal_note_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, speed=20) as hotel:
        guest = await hotel.contact("facebook", "70000000007")
        says = f"guests/{guest}/messages"
        await hotel.post("manychat", says, {"text": "Hola"})
        await hotel.answered(guest, name="manychat")
        await hotel.post("manychat", f"staff/{guest}/bot_off", {"on": True})
        await hotel.post("manychat", f"staff/{guest}/note", {"text": NOTE})
        await hotel.post("manychat", f"staff/{guest}/bot_off", {"on": False})
        assert hotel.app is not None
        store = hotel.app.store

        async def noted() -> bool:
            return any(item.text == NOTE for item in await store.history(f"fb:{guest}", 9))

        await until(noted)
        body = answering(NOTE)
        fault = await hotel.fault("vertex", "generateContent", status=200, body=body, times=1)
        await hotel.post("manychat", says, {"text": "¿Cuánto me cobran?"})
        *_, told = await hotel.answered(guest, 2, "manychat")
        assert await hotel.spent("vertex", fault) == 1
        assert "45 dólares" not in told
        assert "no se lo puedo compartir" in told
