"""A dead end: something that only a person can see to, and how staff read of it. Pure.

`service/escalate.py` opens and repeats escalations, `storage/escalations.py` keeps them, the
console shows them. A notice holds what a colleague needs to act without searching: who, where, why,
and the last lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from watibot.conversations import Conversation
from watibot.hotel import Hotel, moment_in_words


class EscalationCause(StrEnum):
    """Why a person is needed."""

    GUEST_WISH = "guest_wish"
    ANGRY = "angry"
    EMERGENCY = "emergency"
    OTHER = "other"  # the assistant knows that it may not decide
    MODEL = "model"  # no answer: the guest was given the apology
    TOOL = "tool"
    WINDOW = "window"  # the reply window closed before the answer left
    REFUSED = "refused"
    NOT_DELIVERED = "not_delivered"
    IN_DOUBT = "in_doubt"
    PAYMENT = "payment"
    WAITS = "waits"  # handed over, and nobody has written yet
    STOPPED = "stopped"
    LEAK = "leak"
    LIMITED = "limited"
    HELD_BACK = "held_back"  # the month's money is spent


TITLES: dict[EscalationCause, str] = {
    EscalationCause.GUEST_WISH: "Piden a una persona",
    EscalationCause.ANGRY: "Un huésped molesto necesita a una persona",
    EscalationCause.EMERGENCY: "URGENTE: un huésped necesita a una persona ya",
    EscalationCause.OTHER: "Se necesita a una persona",
    EscalationCause.MODEL: "El asistente no pudo responder a un huésped",
    EscalationCause.TOOL: "Una tarea del asistente falló",
    EscalationCause.WINDOW: "Una respuesta no se pudo enviar al huésped",
    EscalationCause.REFUSED: "Una respuesta no se pudo enviar al huésped",
    EscalationCause.NOT_DELIVERED: "Un mensaje no llegó al huésped",
    EscalationCause.IN_DOUBT: "No se sabe si una respuesta llegó al huésped",
    EscalationCause.PAYMENT: "Hay un comprobante de pago por revisar",
    EscalationCause.WAITS: "Un huésped espera a una persona",
    EscalationCause.STOPPED: "Un huésped pidió que el asistente no le conteste",
    EscalationCause.LEAK: "Se detuvo una respuesta del asistente",
    EscalationCause.LIMITED: "Un huésped escribe más de lo que se le contesta",
    EscalationCause.HELD_BACK: "Un huésped espera: se gastó el presupuesto del mes",
}


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """What happened, before it is kept. `key` is the same for each repetition of the same thing.
    `reason` is in Spanish, for staff."""

    key: str
    cause: EscalationCause
    conversation_id: str
    reason: str
    at: datetime
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """One that is kept. `told`: how often. `repeat_at` None: not to be told again."""

    escalation_id: int
    key: str
    conversation_id: str
    cause: EscalationCause
    reason: str
    turn_id: str | None
    opened_at: datetime
    told: int
    repeat_at: datetime | None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What staff read, once."""

    title: str
    body: str
    at: datetime


def next_repeat(told: int, at: datetime, minutes: float, repeats: int) -> datetime | None:
    """When what was told `told` times, last at `at`, is told again if nobody acknowledges it; None
    if never: after the first time it is repeated `repeats` times."""
    return None if told > repeats else at + timedelta(minutes=minutes)


def notice(
    hotel: Hotel,
    cause: EscalationCause,
    reason: str,
    opened_at: datetime,
    conversation: Conversation | None,
    last_lines: str,
    console: str | None,
    number: int,
    repeats: int,
    at: datetime,
) -> Told:
    """The `number`-th notice of an escalation, of `1 + repeats`. `last_lines` may be empty,
    `console` is the conversation's page there."""
    channel = f" ({conversation.channel})" if conversation else ""
    title = f"{TITLES[cause]}{channel}"
    lines = [f"Motivo: {reason}"]
    if conversation is not None:
        lines.append(
            guest_line(conversation.guest_name, conversation.channel, conversation.address)
        )
        if conversation.chat_url:
            lines.append(f"Chat: {conversation.chat_url}")
    if console:
        lines.append(f"Consola: {console}")
    lines.append(f"Desde: {moment_in_words(hotel.local(opened_at))}")
    if number > 1:
        title = f"{number}.º aviso: {title}"
        lines.append(f"Van {number} avisos y nadie lo ha atendido todavía.")
    if number > 1 and number > repeats:
        lines.append("Este es el último aviso: no se repite más.")
    if last_lines:
        lines += ["", "Conversación reciente:", last_lines]
    return Told(title, "\n".join(lines), at)


def guest_line(name: str | None, channel: str, address: str) -> str:
    """The guest and the chat, for a notice to staff."""
    return f"Huésped: {name or 'sin nombre'} ({channel}, {address})"


def console_page(public_url: str, conversation_id: str) -> str | None:
    """The conversation's page in the console, if people can reach it at an address that is known
    (WATIBOT_PUBLIC_URL)."""
    if not public_url:
        return None
    return f"{public_url.rstrip('/')}/console/conversations/{quote(conversation_id, safe='')}"
