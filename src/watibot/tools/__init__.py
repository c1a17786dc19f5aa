"""What the model may do, as an explicit list.

`wiring.py` builds the list once; `service/answer.py` gives it to the model and runs the calls
through `toolkit.run`. A new tool is a module beside these and one line here.
"""

from __future__ import annotations

from watibot.hotel import Hotel
from watibot.ports import Records
from watibot.toolcalls import Tool
from watibot.tools.booking import request_booking
from watibot.tools.escalate import escalate_to_human
from watibot.tools.office import check_office_status
from watibot.tools.payment import Reader, analyze_payment_proof
from watibot.tools.telling import Escalate, HandOver, Tell

__all__ = ["Escalate", "HandOver", "Reader", "Tell", "build"]


def build(
    hotel: Hotel,
    records: Records,
    tell: Tell,
    escalate: Escalate,
    hand_over: HandOver,
    receipts: Reader,
) -> tuple[Tool, ...]:
    """All tools of one hotel. `tell` keeps a notice for staff, `escalate` opens a dead end,
    `hand_over` gives the chat away, `receipts` reads proofs of payment."""
    return (
        check_office_status(hotel),
        request_booking(hotel, records, tell),
        escalate_to_human(hotel, escalate, hand_over),
        analyze_payment_proof(receipts, tell, escalate),
    )
