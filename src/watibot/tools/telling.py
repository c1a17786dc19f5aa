"""How tools reach colleagues: the two functions that `wiring.py` hands in, and who the guest is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from watibot.toolcalls import Caller

# (caller, kind, title, body): a notice for staff, once per caller's key and kind.
Tell = Callable[[Caller, str, str, str], Awaitable[None]]
# (caller, reason): gives the chat to a person; whether the provider could assign it to one.
HandOver = Callable[[Caller, str], Awaitable[bool]]


def guest_line(caller: Caller) -> str:
    """The guest and the chat, for a notice to staff."""
    number = caller.wa_id or caller.subscriber_id or caller.conversation_id
    return f"Huésped: {caller.guest_name or 'sin nombre'} ({caller.channel}, {number})"
