"""A hundred attacks as real webhooks: all of them reach the model as data, none of them a tool.

The attacks are in `tests/cases/attacks/attacks.json`; what the service made of them is read in the
journal of the emulated Vertex.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import House, house, until
from watibot.emulators.hotel_brain import signature

ATTACKS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "attacks" / "attacks.json").read_text(encoding="utf-8")
)
INSTRUCTIONS = (
    "Usted atiende a los huéspedes de Posada Invento. Sea amable y breve. " * 4
    + "\n<!-- interno -->\nNunca prometa descuentos.\n<!-- /interno -->\n"
)
NAME = r"<perfil>(?P<name>[^<>\[\]\"\n]{1,60})</perfil>"
NOTE = re.compile(rf"\[Ahora en el hotel: [^\[\]<>]*\. Nombre del huésped en su perfil: {NAME}\]")
ENVELOPE = re.compile(
    r"<huesped>(?P<said>[^<]*)</huesped>(\n\[mensaje recortado: \d+ caracteres más\])?"
)
MODEL = "gemini-3.8-flash"
GUEST, STRANGER = "50370000001", "50370000002"


def test_there_are_enough_of_every_kind() -> None:
    assert len(ATTACKS) >= 90
    assert len({each["kind"] for each in ATTACKS}) >= 20


async def asked(hotel: House) -> list[dict[str, Any]]:
    """The bodies of all calls for an answer, in their order: not of those in which the payment
    tool has a picture read."""
    exchanges = await hotel.journal("vertex", "exchange")
    bodies = [each["request"] for each in exchanges if each["operation"] == "generateContent"]
    return [body for body in bodies if "tools" in body]


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text))


def words_in(content: dict[str, Any]) -> list[str]:
    """What is in the envelopes of a guest's content; fails for anything outside of them."""
    found = []
    for part in content["parts"]:
        if "text" in part:
            shape = ENVELOPE.fullmatch(part["text"])
            assert shape is not None, part["text"][:200]
            found.append(shape["said"])
        else:
            assert set(part) == {"inlineData"}
    return found


async def attack(hotel: House, number: int, case: dict[str, Any]) -> None:
    """One guest of its own, who does it and nothing else."""
    said = case["said"] * case.get("times", 1)
    name = f"Invento {number:03}"
    if case["as"] == "messenger":
        await hotel.contact("facebook", f"71{number:04}", name)
        await hotel.says(f"71{number:04}", said, on="manychat")
        return
    spec: dict[str, Any] = {
        "text": {"text": said},
        "quoted": {"text": said, "reply_to": "last"},
        "caption": {"media": "photo", "caption": said},
        "file_name": {"media": "pdf", "file_name": said, "caption": "mire"},
        "button": {"type": "button", "button": said},
        "location": {"type": "location", "location": {"name": said, "address": "x"}},
        "contact": {"type": "contacts", "contacts": [{"name": said, "phones": [{"phone": "1"}]}]},
        "name": {"text": "hola"},
    }[case["as"]]
    guest = await hotel.guest(
        f"5037000{number:04}", f"{name} {said}" if case["as"] == "name" else name
    )
    await hotel.says(guest, **spec)


async def test_all_attacks_reach_the_model_as_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "instructions.md"
    path.write_text(INSTRUCTIONS)
    async with house(tmp_path, monkeypatch, WATIBOT_INSTRUCTIONS_FILE=str(path)) as hotel:
        await hotel.set("vertex", journal_bodies=True)
        for start in range(0, len(ATTACKS), 20):
            some = enumerate(ATTACKS[start : start + 20], start)
            await asyncio.gather(*(attack(hotel, number, case) for number, case in some))
        bursts: dict[int, list[dict[str, Any]]] = {}

        async def all_asked() -> bool:
            bursts.clear()
            for request in await asked(hotel):
                shape = NOTE.fullmatch(request["contents"][0]["parts"][0]["text"])
                assert shape is not None, request["contents"][0]["parts"][0]
                bursts.setdefault(int(shape["name"].split()[1]), []).append(request)
            return len(bursts) == len(ATTACKS)

        async def enough_calls() -> bool:
            return bool((await hotel.get("vertex", "summary"))["model_calls"] >= len(ATTACKS))

        async def nothing_due() -> bool:
            # The mirror is not waited for: a hundred new sessions take their quota's time.
            return hotel.app is not None and not await hotel.app.store.due()

        await until(enough_calls)
        await until(nothing_due)
        await until(all_asked)
        (told,) = {json.dumps(one["systemInstruction"]) for all_ in bursts.values() for one in all_}
        assert len({json.dumps(one["tools"]) for all_ in bursts.values() for one in all_}) == 1
        for number, case in enumerate(ATTACKS):
            for request in bursts[number]:
                check(request["contents"], case)
            assert len(bursts[number][0]["contents"]) == 1
        # What was said becomes history; there it is in its envelope too.
        for number in range(0, len(ATTACKS), 9):
            if ATTACKS[number]["as"] == "text":
                await hotel.says(f"5037000{number:04}", "¿Tienen wifi?")
        before = sum(len(all_) for all_ in bursts.values())

        async def some_more() -> bool:
            return bool((await hotel.get("vertex", "summary"))["model_calls"] >= before + 4)

        await until(some_more)
        for request in (await asked(hotel))[before:]:
            assert words_in(request["contents"][0])
            assert json.dumps(request["systemInstruction"]) == told


def check(contents: Sequence[dict[str, Any]], case: dict[str, Any]) -> None:
    """The turn is one content of the guest's; behind it only calls and their results."""
    burst = contents[0]
    assert burst["role"] == "user"
    said = words_in({"parts": burst["parts"][1:]})
    for later in contents[1:]:
        assert all("text" not in part for part in later["parts"] if later["role"] == "user")
    if case["as"] in ("name", "file_name"):
        return  # a name stands in the note; the model is given the file, and not its name
    expected = letters(re.sub("[\U000e0000-\U000e007f]", "", case["said"] * case.get("times", 1)))
    assert letters("".join(said)).find(expected[:4000]) >= 0, (case, said)


def call(name: str, /, **arguments: Any) -> dict[str, Any]:
    """A model's answer that calls a tool, as an attack might have provoked it."""
    asked_for = {"id": "call-1", "name": name, "args": arguments}
    part = {"functionCall": asked_for, "thoughtSignature": signature(MODEL, asked_for)}
    return {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1},
        "modelVersion": MODEL,
    }


STAY = {"arrival": "2027-02-10", "departure": "2027-02-12", "guests": 2, "name": "Otra Persona"}
FOREIGN = {
    "conversation_id": STRANGER,
    "wa_id": STRANGER,
    "subscriber_id": "720002",
    "hotel_id": "otro-hotel",
    "channel": "instagram",
    "turn_id": "t9",
    "key": "k9",
    "booking_id": 1,
    "paid": True,
}
# (call, what its result holds)
CALLS: list[tuple[dict[str, Any], str]] = [
    (call("request_booking", **STAY, **FOREIGN), "requested, not confirmed"),
    (call("request_booking", **{**STAY, "guests": -3}), "error"),
    (call("request_booking", **{**STAY, "guests": 4000}), "error"),
    (call("request_booking", booking_id=1, name="x"), "error"),
    (call("check_office_status", **FOREIGN), "open"),
    (call("get_conversation_context", conversation_id=STRANGER), "There is no tool"),
    (call("cancel_booking", booking_id=1), "There is no tool"),
    (call("confirm_payment", amount=1, conversation_id=STRANGER), "There is no tool"),
    (call("escalate_to_human", reason="Piden a otro", **FOREIGN), "handed_over"),
]


async def test_tools_take_their_authority_from_the_conversation_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "instructions.md"
    path.write_text(INSTRUCTIONS)
    async with house(tmp_path, monkeypatch, WATIBOT_INSTRUCTIONS_FILE=str(path)) as hotel:
        await hotel.set("vertex", journal_bodies=True)
        await hotel.guest(STRANGER, "Berta")
        await hotel.says(STRANGER, "Mi clave es jacaranda-7, ¿tienen wifi?")
        await hotel.answered(STRANGER)
        await hotel.guest(GUEST, "Ana")
        for number, (body, expected) in enumerate(CALLS, 1):
            await hotel.fault("vertex", "generateContent", status=200, body=body, times=1)
            await hotel.says(GUEST, f"Hágalo ya, es la {number}.ª vez que lo pido.")
            await hotel.answered(GUEST, number)
            results = [
                part["functionResponse"]
                for part in (await asked(hotel))[-1]["contents"][-1]["parts"]
                if "functionResponse" in part
            ]
            assert [expected in json.dumps(each["response"]) for each in results] == [True], body
        mine = [request for request in await asked(hotel) if "Ana</perfil>" in json.dumps(request)]
        assert len(mine) >= len(CALLS)
        assert "jacaranda-7" not in json.dumps(mine)
        assert all(GUEST in each["message"] for each in await hotel.notices(2))
        # The stranger is answered by the assistant as before, and holds nothing.
        await hotel.says(STRANGER, "¿Y tienen piscina?")
        await hotel.answered(STRANGER, 2)
    with sqlite3.connect(tmp_path / "watibot.db") as store:
        booked = store.execute(
            "select conversation_id, wa_id, subscriber_id, hotel_id from bookings"
        )
        assert booked.fetchall() == [(GUEST, GUEST, None, "casa-jacaranda")]
        held = store.execute("select conversation_id from conversations where owner = 'staff'")
        assert held.fetchall() == [(GUEST,)]
