"""Did the assistant write over a colleague's head? By the channels' journals. Pure.

`colleagues.py` shows what comes out. A person holds a chat from the assignment or the first words
(WATI), from the tag or the rule (ManyChat) until it is given back; what the API itself assigned is
the assistant's own handing over, whose last words may follow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from watibot.cli.stage.journals import Entry, address_of

# Virtual seconds that news of an act may take to reach the service, and a bubble to be sent.
ON_THE_WIRE = 1.0


def over_heads(
    entries: Iterable[Entry], by_hand: Mapping[str, Collection[str]], slack: float = ON_THE_WIRE
) -> list[Entry]:
    """The assistant's bubbles that set out while a person held the chat. `by_hand`: what colleagues
    wrote through the service themselves, by the guest's address."""
    found = []
    held: dict[str, datetime] = {}
    for entry in sorted(entries, key=lambda each: _left(each)):
        address, kind = address_of(entry), entry["kind"]
        taken = kind == "assigned" and entry.get("by") != "api"
        if taken or (kind == "staff" and "waId" in entry):
            held.setdefault(address, _left(entry))
        elif kind == "released":
            held.pop(address, None)
        elif kind == "bubble" and address in held:
            since = (_left(entry) - held[address]).total_seconds()
            if since > slack and entry["text"] not in by_hand.get(address, ()):
                found.append(entry)
    return found


def _left(entry: Entry) -> datetime:
    """When it happened; of a bubble, when it reached the channel."""
    return datetime.fromisoformat(entry.get("arrived") or entry["at"])
