"""A guest's wish to book, written down for the desk to confirm.

Dates and sizes are checked here against the hotel's limits; what is wrong goes back to the model as
the one thing to ask the guest. Stored once per call, so that a turn that is worked on again after a
crash books nothing twice.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from watibot.hotel import Hotel, day_in_words
from watibot.office import status
from watibot.ports import Booking, Records
from watibot.ports.context import get_conversation_context
from watibot.toolcalls import Caller, Tool
from watibot.tools.office import report
from watibot.tools.telling import Tell, guest_line
from watibot.tools.toolkit import declare

Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]


class BookingArguments(BaseModel):
    """What the guest wants."""

    arrival: date = Field(description="Day of arrival, YYYY-MM-DD")
    departure: date = Field(description="Day of departure, YYYY-MM-DD")
    guests: int = Field(ge=1, description="Number of people, children included")
    name: Short = Field(min_length=1, description="In whose name, as the guest gave it")
    room: Short | None = Field(None, description="Room or category wished for, if the guest said")
    notes: Long | None = Field(
        None, description="Whatever else the desk must know: cot, pet, time of arrival, occasion"
    )


def request_booking(hotel: Hotel, records: Records, tell: Tell) -> Tool:
    """The tool."""

    async def request_booking(arguments: BookingArguments, caller: Caller) -> dict[str, Any]:
        """Writes down a booking request, which the reservations desk then confirms in this chat. It
        checks no availability and is not a firm booking. Call it once the guest has given arrival,
        departure, number of people and a name."""
        mistake = refusal(arguments, hotel, hotel.local(caller.now).date())
        if mistake:
            return {"error": mistake}
        booking = Booking(
            arrival=arguments.arrival.isoformat(),
            departure=arguments.departure.isoformat(),
            guests=arguments.guests,
            name=arguments.name,
            room=arguments.room or None,
            notes=arguments.notes or None,
        )
        number, _ = await records.book(caller, booking)
        # Told also when the booking is not new: the process may have died between the two.
        context = await get_conversation_context(records, caller.conversation_id)
        title = f"Solicitud de reserva {number}: {arguments.name}"
        await tell(caller, "booking", title, _notice(arguments, caller, context))
        return {
            "booking_id": number,
            "status": "requested, not confirmed",
            "arrival": day_in_words(arguments.arrival),
            "departure": day_in_words(arguments.departure),
            "nights": (arguments.departure - arguments.arrival).days,
            "guests": arguments.guests,
            "desk": report(status(hotel, caller.now)),
            "tell_guest": "The request is noted; the desk will confirm it in this chat; it is not "
            "a firm booking yet.",
        }

    return declare(request_booking, effect=True)


def refusal(arguments: BookingArguments, hotel: Hotel, today: date) -> str | None:
    """Why the desk could not take this request, and what to ask; None if it can."""
    limits = hotel.booking
    nights = (arguments.departure - arguments.arrival).days
    if arguments.arrival < today:
        return (
            f"The arrival {arguments.arrival} is in the past: today at the hotel is {today}. Ask "
            "the guest which day and year they mean."
        )
    if nights < 1:
        return (
            f"The departure {arguments.departure} is not after the arrival {arguments.arrival}. "
            "Ask the guest for the day of departure."
        )
    if (arguments.arrival - today).days > limits.max_days_ahead:
        return (
            f"The arrival {arguments.arrival} is more than {limits.max_days_ahead} days ahead. Ask "
            "the guest whether the year is right; if it is, hand the chat to a person."
        )
    if nights > limits.max_nights:
        return (
            f"{nights} nights are more than the {limits.max_nights} that can be requested here. "
            "Ask the guest whether the dates are right; if they are, hand the chat to a person."
        )
    if arguments.guests > limits.max_guests:
        return (
            f"{arguments.guests} people are more than the {limits.max_guests} that can be "
            "requested here: this is a group. Hand the chat to a person."
        )
    return None


def _notice(arguments: BookingArguments, caller: Caller, context: str) -> str:
    lines = [
        f"Llegada: {day_in_words(arguments.arrival)}",
        f"Salida: {day_in_words(arguments.departure)}",
        f"Personas: {arguments.guests}",
        f"A nombre de: {arguments.name}",
        *([f"Habitación: {arguments.room}"] if arguments.room else []),
        *([f"Notas: {arguments.notes}"] if arguments.notes else []),
        guest_line(caller),
        *(["", "Conversación reciente:", context] if context else []),
    ]
    return "\n".join(lines)
