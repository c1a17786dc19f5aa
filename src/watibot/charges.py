"""What was used of a provider, and what it cost: one charge for each thing that is paid for.

The adapters know what they used and hand in a `Use`; `service/charging.py` prices it with
`costs.py` and keeps it as a `Charge`. Money is whole micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watibot.messages import ChannelName
from watibot.modelcalls import Occasion, Usage


class Operation(StrEnum):
    """What is paid for."""

    ANSWER = "answer"  # a model call of a turn
    SUMMARY = "summary"  # a model call that folds a history
    RECEIPT = "receipt"  # a model call that reads a proof of payment
    CACHE = "cache"  # tokens written into an explicit cache
    STORAGE = "storage"  # token-hours of an explicit cache: `quantity` is their number
    EVENT = "event"  # events appended to a session
    CALL = "call"  # requests to a channel
    RUN = "run"  # a run of OpenAI's assistant


@dataclass(frozen=True, slots=True)
class Use:
    """Something of a provider's was used: `quantity` times, or as many tokens as `usage` says.
    `outcome` is "ok" or the `errors.Cause` of a call that failed and is charged all the same.
    `seconds`: how long the call took. `began`, `ended`: of the whole, for `STORAGE`."""

    provider: str  # gemini, sessions, openai, wati, manychat
    operation: Operation
    model: str = ""
    location: str = ""
    usage: Usage = field(default_factory=Usage)
    quantity: int = 1
    outcome: str = "ok"
    seconds: float = 0.0
    occasion: Occasion = field(default_factory=Occasion)


@dataclass(frozen=True, slots=True)
class Charge:
    """A use with its price. `micros`: micro-dollars, None where the price is not known."""

    at: datetime
    use: Use
    micros: int | None
    channel: ChannelName | None = None
