"""What was heard of each provider: its last success, its last failure, the share within an hour.

Told by whatever calls a provider (the charges' listener, failed answers, deliveries, the mirror);
`condition.py` and /readyz ask. Kept in memory only: after a start nothing was heard yet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watibot.charges import Charge, Operation

OK = "ok"
# What is paid for once it has succeeded; requests to a channel are counted as they leave.
_ANSWERED = frozenset(
    {Operation.ANSWER, Operation.SUMMARY, Operation.RECEIPT, Operation.EVENT, Operation.RUN}
)
SPAN = timedelta(hours=1)
_STEP = timedelta(minutes=1)
# Failures that we find in an answer, or in its absence, go under another name.
_SAME = {"model": "gemini"}


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a provider. `cause`: an `errors.Cause` of its last failure. `good` and
    `bad` count the calls of the last hour."""

    provider: str
    last_success: datetime | None
    last_failure: datetime | None
    cause: str | None
    good: int
    bad: int

    @property
    def share(self) -> float | None:
        """Of the last hour's calls, those that succeeded; None if there were none."""
        asked = self.good + self.bad
        return self.good / asked if asked else None

    @property
    def failing(self) -> bool:
        """Whether the newest word is a failure."""
        if self.last_failure is None:
            return False
        return self.last_success is None or self.last_success < self.last_failure


@dataclass(slots=True)
class _Minute:
    begins: datetime
    good: int = 0
    bad: int = 0


@dataclass(slots=True)
class _Record:
    last_success: datetime | None = None
    last_failure: datetime | None = None
    cause: str | None = None
    minutes: deque[_Minute] = field(default_factory=deque)


class ProviderWatch:
    """Of each provider that was heard of."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def charged(self, charge: Charge) -> None:
        """Something was paid for."""
        use = charge.use
        if use.outcome == OK and use.operation in _ANSWERED:
            self.heard(use.provider, OK, charge.at)

    def heard(self, provider: str, outcome: str, at: datetime) -> None:
        """A call ended: "ok", or the `errors.Cause` of its failure."""
        record = self._records.setdefault(_SAME.get(provider, provider), _Record())
        minutes = record.minutes
        if not minutes or at - minutes[-1].begins >= _STEP:
            minutes.append(_Minute(at))
            _forget(minutes, at)
        if outcome == OK:
            record.last_success = at
            minutes[-1].good += 1
        else:
            record.last_failure, record.cause = at, outcome
            minutes[-1].bad += 1

    def last_success(self, provider: str) -> datetime | None:
        """None if there was none since the start."""
        record = self._records.get(provider)
        return None if record is None else record.last_success

    def all(self, now: datetime) -> list[Heard]:
        """Every provider, by name."""
        return [self._heard(name, now) for name in sorted(self._records)]

    def _heard(self, name: str, now: datetime) -> Heard:
        record = self._records[name]
        _forget(record.minutes, now)
        return Heard(
            name,
            record.last_success,
            record.last_failure,
            record.cause,
            sum(each.good for each in record.minutes),
            sum(each.bad for each in record.minutes),
        )


def _forget(minutes: deque[_Minute], now: datetime) -> None:
    while minutes and now - minutes[0].begins > SPAN:
        minutes.popleft()
