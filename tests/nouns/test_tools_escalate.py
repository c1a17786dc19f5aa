"""Handing a chat to a person, and what any tool's mistake becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.invented import NOON, Colleagues, FakeRecords, UnreadReceipts, caller, hotel
from watibot.errors import Cause, LostLease, ProviderError
from watibot.escalations import EscalationCause
from watibot.toolcalls import Caller, Tool, ToolCall
from watibot.tools import build
from watibot.tools.escalate import escalate_to_human
from watibot.tools.toolkit import declare, run

REASON = "Ana pide hablar con una persona por su factura"


def tools(folder: Path, staff: Colleagues) -> tuple[Tool, ...]:
    return build(
        hotel(folder), FakeRecords(), staff.tell, staff.escalate, staff.hand_over, UnreadReceipts()
    )


def call(**arguments: Any) -> ToolCall:
    return ToolCall("escalate_to_human", {"reason": REASON, **arguments}, "c1")


async def test_staff_are_told_and_the_chat_is_given(tmp_path: Path) -> None:
    staff = Colleagues()
    result = await run(tools(tmp_path, staff), call(), caller())
    assert staff.told == [("escalation", EscalationCause.GUEST_WISH, REASON)]
    assert staff.handed_over == [REASON]
    assert result.call.call_id == "c1"
    assert result.response["handed_over"] is True
    assert result.response["assigned"] is True


PLACES = [
    (Colleagues(assigned=False), False),
    (Colleagues(trouble=ProviderError("wati", Cause.TIMEOUT)), False),
]


@pytest.mark.parametrize(("staff", "assigned"), PLACES)
async def test_staff_are_told_whatever_the_provider_does(
    tmp_path: Path, staff: Colleagues, assigned: bool
) -> None:
    result = await run(tools(tmp_path, staff), call(), caller())
    assert len(staff.told) == 1
    assert result.response["handed_over"] is True
    assert result.response["assigned"] is assigned


FAREWELLS = [
    (12, "normal", "The office is open", "telephone"),
    (12, "urgent", "telephone", "closed"),
    (23, "normal", "when it opens", "telephone"),
    (23, "urgent", "telephone", "is open"),
]


@pytest.mark.parametrize(("hour", "urgency", "said", "unsaid"), FAREWELLS)
async def test_the_farewell_knows_the_hours(
    tmp_path: Path, hour: int, urgency: str, said: str, unsaid: str
) -> None:
    now = NOON.astimezone(hotel(tmp_path).zone).replace(hour=hour)
    staff = Colleagues()
    result = await run(tools(tmp_path, staff), call(urgency=urgency), caller(now=now))
    assert said in result.response["tell_guest"]
    assert unsaid not in result.response["tell_guest"]
    assert (staff.told[0][1] == EscalationCause.EMERGENCY) is (urgency == "urgent")


async def test_the_farewell_has_the_hotel_s_own_words(tmp_path: Path) -> None:
    own = "Ya le aviso a Rosa."
    changed = hotel(tmp_path, ("[texts]", f'[texts]\nhanded_over = "{own}"'))
    colleagues = Colleagues()
    made = (escalate_to_human(changed, colleagues.escalate, colleagues.hand_over),)
    result = await run(made, call(), caller())
    assert own in result.response["tell_guest"]


def test_the_list_and_its_declarations(tmp_path: Path) -> None:
    made = {tool.name: tool for tool in tools(tmp_path, Colleagues())}
    assert {name: tool.effect for name, tool in made.items()} == {
        "check_office_status": False,
        "request_booking": True,
        "escalate_to_human": True,
        "analyze_payment_proof": True,
    }
    for tool in made.values():
        assert len(tool.description) > 60
        assert "\n" not in tool.description
        for field in tool.schema()["properties"].values():
            assert field["description"]
    assert made["request_booking"].schema()["required"] == [
        "arrival",
        "departure",
        "guests",
        "name",
    ]
    shown = str([tool.schema() for tool in made.values()])
    assert not any(name in shown for name in ("wa_id", "subscriber_id", "channel"))


class Nothing(BaseModel):
    """No arguments."""


def failing(error: Exception) -> Tool:
    async def fetch(arguments: Nothing, caller: Caller) -> dict[str, Any]:
        """Fails."""
        raise error

    return declare(fetch, effect=False)


FAILURES: list[tuple[Exception, str]] = [
    (KeyError("x"), "An error occurred while executing tool fetch: KeyError: 'x'"),
    (TimeoutError(), "An error occurred while executing tool fetch: TimeoutError: "),
    (
        ProviderError("wati", Cause.UNAVAILABLE, status=503),
        "An error occurred while executing tool fetch: ProviderError: wati unavailable (HTTP 503)",
    ),
]


@pytest.mark.parametrize(("error", "words"), FAILURES)
async def test_a_failing_tool_is_a_result(error: Exception, words: str) -> None:
    result = await run((failing(error),), ToolCall("fetch", {}), caller())
    assert result.response == {"error": words}


async def test_a_long_reason_is_cut() -> None:
    result = await run((failing(ValueError("x" * 9999)),), ToolCall("fetch", {}), caller())
    assert len(result.response["error"]) < 400


async def test_a_lost_lease_is_not_the_models_business() -> None:
    with pytest.raises(LostLease):
        await run((failing(LostLease()),), ToolCall("fetch", {}), caller())


async def test_an_unknown_tool_is_named_with_the_known_ones(tmp_path: Path) -> None:
    result = await run(tools(tmp_path, Colleagues()), ToolCall("send_money", {}), caller())
    assert result.response == {
        "error": "There is no tool send_money. The tools are: check_office_status, "
        "request_booking, escalate_to_human, analyze_payment_proof"
    }


async def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    staff = Colleagues()
    result = await run(tools(tmp_path, staff), call(reason="x", urgency="very"), caller())
    assert "reason: " in result.response["error"]
    assert "urgency: Input should be 'normal' or 'urgent'" in result.response["error"]
    assert staff.told == []


def test_a_function_without_a_model_is_no_tool() -> None:
    async def bare(arguments: int, caller: Caller) -> dict[str, Any]:
        return {}

    with pytest.raises(TypeError, match="pydantic model"):
        declare(bare, effect=False)
