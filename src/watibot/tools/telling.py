"""How tools reach colleagues: the functions that `wiring.py` hands in, and who the guest is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from watibot import escalations
from watibot.escalations import EscalationCause
from watibot.toolcalls import Caller

# (caller, kind, title, body): a notice for staff, once per caller's key and kind.
Tell = Callable[[Caller, str, str, str], Awaitable[None]]
# (caller, cause, reason): a dead end that staff are told of until somebody sees to it, once per
# caller's key and cause. The reason is in Spanish; who the guest is and what was said is added.
Escalate = Callable[[Caller, EscalationCause, str], Awaitable[None]]
# (caller, reason): gives the chat to a person; whether the provider could assign it to one.
HandOver = Callable[[Caller, str], Awaitable[bool]]


def guest_line(caller: Caller) -> str:
    """The guest and the chat, for a notice to staff."""
    number = caller.wa_id or caller.subscriber_id or caller.conversation_id
    return escalations.guest_line(caller.guest_name, caller.channel, number)
