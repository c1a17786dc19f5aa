"""Verbs of a migration that are done beside the service, and the promise of whoever does them.

The console orders them; `engines/errands.py` runs each as a process of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

NOTES = 40  # lines for a person that are kept


@dataclass(frozen=True, slots=True)
class Order:
    """One call of `watibot migrate`. `cohort`: arguments that say which conversations are meant;
    `ids`: these, whatever else qualifies; `flags`: other arguments."""

    verb: str
    cohort: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Behind `watibot migrate`. The ids are read from standard input: no other user of the
        machine is to see them."""
        only = ("--only", "-") if self.ids else ()
        dry = ("--dry-run",) if self.dry_run else ()
        how = ("--json",) if self.verb == "sources" else ("--progress",)
        return (self.verb, *self.cohort, *only, *self.flags, *dry, *how)


@dataclass(frozen=True, slots=True)
class Result:
    """A conversation's line."""

    mark: str
    conversation_id: str
    why: str


@dataclass(slots=True)
class Errand:
    """Orders that are done one after the other, for as long as none comes to a bad end. `at`: the
    one under way; `progress`, `results`, `document` and `notes` are its words, as `watibot migrate
    --help` tells them. `status`: its exit status. `by`: a user's name."""

    number: int
    orders: tuple[Order, ...]
    by: str
    began: datetime
    at: int = 0
    ended: datetime | None = None
    status: int | None = None
    stopping: bool = False
    progress: Mapping[str, Any] | None = None
    document: Mapping[str, Any] | None = None
    results: list[Result] = field(default_factory=list)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=NOTES))

    @property
    def order(self) -> Order:
        return self.orders[self.at]


class Errands(Protocol):
    """One errand at a time."""

    @property
    def last(self) -> Errand | None:
        """The one under way, or the one that ended last."""

    @property
    def running(self) -> bool: ...

    def of(self, verb: str) -> Errand | None:
        """The last of `sources`, `plan` or `verify` that came to its end."""

    def start(self, orders: Sequence[Order], by: str) -> Errand | None:
        """None while another one is under way."""

    def stop(self) -> bool:
        """The conversations under work come to their end; asked again it ends at once. False if
        nothing is under way."""

    async def settle(self, seconds: float) -> None:
        """Waits for the errand's end, so long at most."""

    async def ask(self, *arguments: str) -> int:
        """A verb that only reads, at once: its exit status."""
