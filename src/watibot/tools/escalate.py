"""A chat goes to a person: the colleague is told why, and the provider assigns it where it can."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from watibot.errors import ProviderError
from watibot.hotel import Hotel
from watibot.ports import Records
from watibot.toolcalls import Caller, Tool
from watibot.tools.context import get_conversation_context
from watibot.tools.office import OfficeStatus, report, status
from watibot.tools.telling import HandOver, Tell, guest_line
from watibot.tools.toolkit import declare


class EscalationArguments(BaseModel):
    """Why a person is needed."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=3,
        max_length=1500,
        description="A message for a colleague, in Spanish: what the guest wants, dates, people, "
        "name, what was said already",
    )
    urgency: Literal["normal", "urgent"] = Field(
        "normal", description="urgent: danger, illness, an accident, a guest without a room tonight"
    )


def escalate_to_human(hotel: Hotel, records: Records, tell: Tell, hand_over: HandOver) -> Tool:
    """The tool."""

    async def escalate_to_human(arguments: EscalationArguments, caller: Caller) -> dict[str, Any]:
        """Hands the chat to a person of the hotel's team. From then on the team answers, and you
        are silent after the farewell of this turn. Call it when the guest asks for a person, in
        emergencies and complaints, and for whatever only the team can decide or do."""
        urgent = arguments.urgency == "urgent"
        context = await get_conversation_context(records, caller.conversation_id)
        body = "\n".join(
            [
                f"Motivo: {arguments.reason}",
                guest_line(caller),
                *(["", "Conversación reciente:", context] if context else []),
            ]
        )
        title = f"{'URGENTE: p' if urgent else 'P'}iden a una persona ({caller.channel})"
        # First the notice: it is kept until somebody was reached, whatever the provider does next.
        await tell(caller, "escalation", title, body)
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


def _farewell(own_words: str | None, desk: OfficeStatus, urgent: bool) -> str:
    told = f'In the guest\'s language: "{own_words}"' if own_words else "The team has been told."
    if desk.open:
        return f"{told} They answer in this chat in a few minutes."
    when = "when it opens (desk.opens_at)" if desk.opens_at else "as soon as somebody is there"
    words = f"{told} The office is closed; the answer comes in this chat {when}."
    if urgent:
        words += " It is urgent: give the telephone of the desk and of the emergency services now."
    return words
