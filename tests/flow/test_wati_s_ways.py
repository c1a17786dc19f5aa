"""What nobody has seen WATI do for certain: the service copes with each answer to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.house import house

WAYS: dict[str, dict[str, object]] = {
    "answers ok": {"success_shape": "ok"},
    "answers result true": {"success_shape": "result_true"},
    "answers result success": {"success_shape": "result_success"},
    "answers without an id": {"success_shape": "no_id"},
    "does not echo our id": {"echo_local_message_id": False},
    "echoes nothing and gives no id": {
        "echo_local_message_id": False,
        "success_shape": "result_true",
    },
    "tells nothing of what the API sends": {"sent_events_for_api": False},
    "has the old events only": {
        "events": ["message", "sessionMessageSent", "sentMessageDELIVERED", "sentMessageREAD"]
    },
    "is asked and answers late": {"lag_seconds": 5},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lost", [False, True])
async def test_one_answer_and_no_silence_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, *, lost: bool
) -> None:
    async with house(tmp_path, monkeypatch, options={"wati": WAYS[way]}) as hotel:
        if lost:
            await hotel.fault("wati", "sendSessionMessage", drop="after", times=1)
        guest = await hotel.guest()
        await hotel.says(guest, "¿Tienen wifi en las habitaciones?")
        await hotel.answered(guest)
        await hotel.quiet()
        await hotel.says(guest, "¿Y tienen piscina para los niños?")
        answers = await hotel.answered(guest, 2)
        await hotel.quiet()
        assert ["wifi" in answers[0].lower(), "piscina" in answers[1].lower()] == [True, True]
        assert len(await hotel.bubbles(guest)) == 2
