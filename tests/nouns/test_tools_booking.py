"""A booking request: what is refused, what is stored once, what staff and model are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.invented import Colleagues, FakeRecords, caller, hotel, item
from watibot.history import ItemKind
from watibot.messages import ChannelName
from watibot.ports import Booking
from watibot.ports.context import get_conversation_context
from watibot.toolcalls import Caller, ToolCall, ToolResult
from watibot.tools.booking import request_booking
from watibot.tools.toolkit import run

WISH = {"arrival": "2026-12-04", "departure": "2026-12-06", "guests": 2, "name": "Ana Ruiz"}


class Desk:
    """The tools of the invented hotel over fakes. A hotel's today is 2026-11-20."""

    def __init__(self, folder: Path, records: FakeRecords | None = None) -> None:
        self.records = records or FakeRecords()
        self.staff = Colleagues()
        self.tools = (request_booking(hotel(folder), self.records, self.staff.tell),)

    async def ask(self, who: Caller | None = None, **changes: Any) -> ToolResult:
        arguments = {key: value for key, value in {**WISH, **changes}.items() if value is not None}
        return await run(self.tools, ToolCall("request_booking", arguments), who or caller())


async def test_a_request_is_stored_and_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FakeRecords(item(1, ItemKind.GUEST, "Hay cuartos?")))
    result = await desk.ask(room="Patio", notes="cuna")
    assert desk.records.bookings == {
        "t1-0-0": Booking("2026-12-04", "2026-12-06", 2, "Ana Ruiz", "Patio", "cuna")
    }
    assert result.response["booking_id"] == 1
    assert result.response["nights"] == 2
    assert result.response["arrival"] == "viernes 4 de diciembre de 2026"
    assert "not a firm booking" in result.response["tell_guest"]
    assert desk.staff.told == [
        (
            "booking",
            "Solicitud de reserva 1: Ana Ruiz",
            "Llegada: viernes 4 de diciembre de 2026\n"
            "Salida: domingo 6 de diciembre de 2026\n"
            "Personas: 2\n"
            "A nombre de: Ana Ruiz\n"
            "Habitación: Patio\n"
            "Notas: cuna\n"
            "Huésped: Ana (whatsapp, 50370000001)\n\n"
            "Conversación reciente:\n"
            "Huésped: Hay cuartos?",
        )
    ]


async def test_the_same_call_books_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second = await desk.ask(), await desk.ask()
    assert first.response["booking_id"] == second.response["booking_id"] == 1
    another = await desk.ask(caller(key="t2-0-0"))
    assert another.response["booking_id"] == 2


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"arrival": "2026-11-19"}, "is in the past: today at the hotel is 2026-11-20"),
    ({"departure": "2026-12-04"}, "is not after the arrival"),
    ({"departure": "2026-12-01"}, "Ask the guest for the day of departure"),
    ({"departure": "2027-01-04"}, "31 nights are more than the 30"),
    ({"guests": 13}, "13 people are more than the 12"),
    ({"arrival": "2027-11-21", "departure": "2027-11-23"}, "more than 365 days ahead"),
    ({"guests": 0}, "guests: Input should be greater than or equal to 1"),
    ({"guests": "dos"}, "guests: Input should be a valid integer"),
    ({"arrival": "mañana"}, "arrival: Input should be a valid date"),
    ({"arrival": None}, "arrival: Field required"),
    ({"name": "  "}, "name: String should have at least 1 character"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
async def test_what_is_wrong_goes_back_to_the_model(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    desk = Desk(tmp_path)
    result = await desk.ask(**changes)
    assert list(result.response) == ["error"]
    assert words in result.response["error"]
    assert desk.records.bookings == {}
    assert desk.staff.told == []


ACCEPTED: list[dict[str, Any]] = [
    {"arrival": "2026-11-20", "departure": "2026-11-21"},
    {"departure": "2027-01-03"},
    {"arrival": "2027-11-20", "departure": "2027-11-21"},
    {"guests": 12},
    {"guests": "3"},
    {"wa_id": "50370000009", "channel": "instagram"},  # the model names no guest: not looked at
]


@pytest.mark.parametrize("changes", ACCEPTED)
async def test_limits_are_still_allowed(tmp_path: Path, changes: dict[str, Any]) -> None:
    desk = Desk(tmp_path)
    assert "error" not in (await desk.ask(**changes)).response
    assert "50370000001" in desk.staff.told[0][2]


async def test_today_is_the_hotels(tmp_path: Path) -> None:
    # 03:00 UTC on the 21st is still the 20th in El Salvador.
    late = caller(now=caller().now.replace(day=21, hour=3))
    result = await Desk(tmp_path).ask(late, arrival="2026-11-20", departure="2026-11-21")
    assert "error" not in result.response


async def test_a_guest_of_another_channel(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    who = caller(channel=ChannelName.INSTAGRAM, wa_id=None, subscriber_id="9001", guest_name=None)
    await desk.ask(who)
    assert "Huésped: sin nombre (instagram, 9001)" in desk.staff.told[0][2]


async def test_context_is_the_newest_messages_in_words() -> None:
    records = FakeRecords(
        item(1, ItemKind.GUEST, "uno"),
        item(2, ItemKind.TOOL_CALL, "check_office_status"),
        item(3, ItemKind.TOOL_RESULT, "check_office_status"),
        item(4, ItemKind.ASSISTANT, "dos\n\ntres"),
        item(5, ItemKind.STAFF, "cuatro", author="Rosa"),
        item(6, ItemKind.STAFF, "cinco"),
    )
    lines = ["Huésped: uno", "Asistente: dos tres", "Rosa: cuatro", "Recepción: cinco"]
    assert await get_conversation_context(records, "50370000001") == "\n".join(lines)
    assert await get_conversation_context(records, "50370000001", 2) == "\n".join(lines[2:])
    assert await get_conversation_context(FakeRecords(), "50370000001") == ""
