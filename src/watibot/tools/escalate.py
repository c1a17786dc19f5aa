"""A chat goes to a person: staff are told why until one comes, and the provider assigns the chat
where it can."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from watibot.errors import ProviderError
from watibot.escalations import EscalationCause
from watibot.hotel import Hotel
from watibot.office import OfficeStatus, status
from watibot.toolcalls import Caller, Tool
from watibot.tools.office import report
from watibot.tools.telling import Escalate, HandOver
from watibot.tools.toolkit import declare


class EscalationArguments(BaseModel):
    """Why a person is needed."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=3,
        max_length=1500,
        description="A message for a colleague, in Spanish: what the guest wants, dates, people, "
        "name, what was said already",
    )
    cause: Literal["guest_wish", "angry", "emergency", "other"] = Field(
        "guest_wish",
        description="guest_wish: the guest asks for a person; angry: a complaint, an upset guest; "
        "emergency: danger, illness, an accident, a guest without a room tonight; other: whatever "
        "else only the team can decide",
    )
    urgency: Literal["normal", "urgent"] = Field(
        "normal", description="urgent: it cannot wait until somebody looks by chance"
    )


def escalate_to_human(hotel: Hotel, escalate: Escalate, hand_over: HandOver) -> Tool:
    """The tool."""

    async def escalate_to_human(arguments: EscalationArguments, caller: Caller) -> dict[str, Any]:
        """Hands the chat to a person of the hotel's team. From then on the team answers, and you
        are silent after the farewell of this turn. Call it when the guest asks for a person, in
        emergencies and complaints, and for whatever only the team can decide or do."""
        urgent = arguments.urgency == "urgent" or arguments.cause == "emergency"
        cause = EscalationCause.EMERGENCY if urgent else EscalationCause(arguments.cause)
        # First staff: they are told until somebody comes, whatever the provider does next.
        await escalate(caller, cause, arguments.reason)
        try:
            assigned = await hand_over(caller, arguments.reason)
        except ProviderError:
            assigned = False
        desk = status(hotel, caller.now)
        return {
            "handed_over": True,
            "assigned": assigned,
            "desk": report(desk),
            "tell_guest": _farewell(hotel.texts.handed_over, desk, urgent),
        }

    return declare(escalate_to_human, effect=True)


def _farewell(own_words: str, desk: OfficeStatus, urgent: bool) -> str:
    told = f'In the guest\'s language: "{own_words}"'
    if desk.open:
        words = f"{told} The office is open; promise no number of minutes."
    else:
        when = "when it opens (desk.opens_at)" if desk.opens_at else "as soon as somebody is there"
        words = f"{told} The office is closed; the answer comes in this chat {when}."
    if urgent:
        words += " It is urgent: give the telephone of the desk and of the emergency services now."
    return words
