"""Who wrote what: a provider's history against what passed through here. Pure.

`channels/` turns a provider's rows into `Row`s, the store gives what it knows as `Said`;
`service/look.py` acts on what comes out. The order of evidence is that of
docs/reference/providers.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A row of the same words within this time of ours is ours.
NEAR = timedelta(seconds=120)
SIMILAR = 0.90


class Author(StrEnum):
    """Who a row is from."""

    GUEST = "guest"
    BOT = "bot"
    STAFF = "staff"
    CAMPAIGN = "campaign"  # a template sent to many: neither
    NOBODY = "nobody"  # a ticket's event


class RowKind(StrEnum):
    """What a row of the provider's history is."""

    MESSAGE = "message"
    ASSIGNED = "assigned"  # the chat was given to `assignee`
    TICKET = "ticket"  # opened, resolved, ...
    BROADCAST = "broadcast"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the provider's history or a webhook's message.

    `own` is the provider's word on the direction: True from the hotel, False from the guest, None
    if it says nothing. `local_id` is the sender's own id, where one was given. `type` is the
    channel's ("text", "image", "voice", ...). `assignee` is an e-mail, or None for the bot.
    """

    row_id: str
    kind: RowKind
    at: datetime
    text: str = ""
    type: str = "text"
    own: bool | None = None
    local_id: str | None = None
    provider_id: str | None = None
    operator: str | None = None
    operator_email: str | None = None
    assignee: str | None = None
    actor: str | None = None
    by_chatbot: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Something that is known here already. `ids` are all its names: our own bubble id, the
    provider's message id, its record id, the history item's id."""

    author: Author
    at: datetime
    text: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A row and whose it is. `known` is our own record of it; None: it did not pass through here.
    `evidence` names the rule that decided, for tests and for logs."""

    row: Row
    author: Author
    evidence: str
    known: Said | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The newest word on who holds the chat. `to` is the person's e-mail, None for the bot."""

    at: datetime
    to: str | None
    actor: str | None


def normal(text: str) -> str:
    """The text as it is compared: case, accents, spaces, emoji and typographic signs left out."""
    raise NotImplementedError


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same words, as far as a provider's changes go (`SIMILAR`)."""
    raise NotImplementedError


def is_machine(name: str | None, email: str | None, operators: frozenset[str]) -> bool:
    """Whether an operator is a machine. `operators`: names and e-mails in lower case."""
    raise NotImplementedError


def match(rows: Sequence[Row], ledger: Sequence[Said], operators: frozenset[str]) -> list[Finding]:
    """One finding for each row, in the order of the rows. Near-linear in both."""
    raise NotImplementedError


def assignment(rows: Sequence[Row]) -> Assignment | None:
    """Who was given the chat last; None if no row says."""
    raise NotImplementedError
