"""Who wrote what: a provider's history against what passed through here. Pure.

`channels/` turns a provider's rows into `Row`s, the store gives what it knows as `Said`;
`service/look.py` acts on what comes out. The order of evidence is that of
docs/reference/providers.md: our own ledger by ids, then by words and time, then what the row says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from statistics import median

from watibot.likeness import NEAR, SIMILAR, UNREADABLE, Words, alike, normal, pair_up

__all__ = [
    "NEAR",
    "OWN_PREFIX",
    "SIMILAR",
    "Assignment",
    "Author",
    "Finding",
    "Row",
    "RowKind",
    "Said",
    "alike",
    "assignment",
    "is_machine",
    "match",
    "normal",
]

OWN_PREFIX = "watibot-"  # every id that we give to a message we send begins so

_NEAR = NEAR.total_seconds()
_MACHINES = frozenset({"api", "bot", "system", "wati"})
_SURNAMES = ("bot", "api")  # "Avenue Bot", "Hotel API"
_PLAIN = ("text", "button", "interactive", "list", "template", "")
_FILES = {
    "image": "[foto]",
    "photo": "[foto]",
    "voice": "[audio]",
    "audio": "[audio]",
    "video": "[video]",
    "document": "[archivo]",
    "file": "[archivo]",
    "sticker": "[sticker]",
    "location": "[ubicacion]",
    "contacts": "[contacto]",
}


class Author(StrEnum):
    """Who a row is from."""

    GUEST = "guest"
    BOT = "bot"
    STAFF = "staff"
    CAMPAIGN = "campaign"  # a template sent to many: neither
    NOBODY = "nobody"  # a ticket's event, a reaction


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
    """Something that is known here already, one for each message that a row can be. `ids` are all
    its names: our own bubble id, the provider's message id, its record id, the history item's
    id."""

    author: Author
    at: datetime
    text: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A row and whose it is. `known` is our own record of it; None: it did not pass through here.
    `evidence` names the rule that decided, for tests and for logs: id, text, owner, template,
    prefix, operator, machine, chatbot, broadcast, ticket, reaction, unknown."""

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


def is_machine(name: str | None, email: str | None, operators: frozenset[str]) -> bool:
    """Whether an operator is a machine. `operators`: names and e-mails in lower case, beside those
    under which WATI shows its own ("Bot", "Avenue Bot"). Without a name it is nobody known."""
    known = " ".join((name or "").casefold().split())
    machines = _MACHINES | operators
    return (
        known in machines
        or known.rpartition(" ")[2] in _SURNAMES
        or (email or "").strip().casefold() in operators
    )


def assignment(rows: Sequence[Row]) -> Assignment | None:
    """Who was given the chat last; None if no row says."""
    given = [row for row in rows if row.kind is RowKind.ASSIGNED]
    if not given:
        return None
    last = max(given, key=lambda row: (row.at, row.row_id))
    return Assignment(last.at, last.assignee, last.actor)


def match(rows: Sequence[Row], ledger: Sequence[Said], operators: frozenset[str]) -> list[Finding]:
    """One finding for each row, in the order of the rows. Near-linear in both. Copies of a row (two
    pages, an edit) are one row."""
    first: dict[str | Row, Row] = {}
    for row in sorted(rows, key=_best_copy):
        first.setdefault(row.row_id or row, row)
    shown = {row: _shown(row) for row in sorted(first.values(), key=_order)}
    known = {_said(said): said for said in sorted(ledger, key=_said_order)}
    by_id = _by_ids(shown, known)
    _by_words(shown, known, operators)
    found = {}
    for name, row in first.items():
        pair = shown[row].pair
        said = known[pair] if pair else None
        author, evidence = _decided(row, said, row in by_id, operators)
        found[name] = Finding(row, author, evidence, said)
    return [replace(found[row.row_id or row], row=row) for row in rows]


def _decided(
    row: Row, known: Said | None, by_id: bool, operators: frozenset[str]
) -> tuple[Author, str]:
    """The order of evidence."""
    if _says_nothing(row):
        return Author.NOBODY, "reaction" if row.kind is RowKind.MESSAGE else "ticket"
    if known is not None:
        return known.author, "id" if by_id else "text"
    if row.kind is RowKind.BROADCAST:
        return Author.CAMPAIGN, "broadcast"
    if row.own is False:
        return Author.GUEST, "owner"
    if row.type == "template":  # whoever had it sent did not write it
        return Author.CAMPAIGN, "template"
    if _ours(row):
        return Author.BOT, "prefix"
    if _named(row, operators):
        return Author.STAFF, "operator"
    if row.operator or row.operator_email:
        return Author.BOT, "machine"
    if row.by_chatbot:
        return Author.BOT, "chatbot"
    return Author.STAFF, "unknown"  # to be silent is the safe error


def _says_nothing(row: Row) -> bool:
    return row.kind in (RowKind.TICKET, RowKind.ASSIGNED) or row.type == "reaction"


def _ours(row: Row) -> bool:
    return (row.local_id or "").startswith(OWN_PREFIX)


def _named(row: Row, operators: frozenset[str]) -> bool:
    """Whether the row names a person. The token's owner may be one, and ours are shown so then."""
    known = bool(row.operator or row.operator_email)
    return known and not is_machine(row.operator, row.operator_email, operators)


def _by_ids(shown: dict[Row, Words], known: dict[Words, Said]) -> set[Row]:
    """Pairs what has an id in common, and says which rows those are."""
    names: dict[str, Words] = {}
    for words, said in known.items():
        for name in said.ids:
            names.setdefault(name, words)
    found = set()
    for row, words in shown.items():
        ids = (row.local_id, row.row_id, row.provider_id)
        other = next((names[each] for each in ids if each and each in names), None)
        if other is not None and not _says_nothing(row):
            words.pair, other.pair = other, words
            found.add(row)
    return found


def _by_words(shown: dict[Row, Words], known: dict[Words, Said], operators: frozenset[str]) -> None:
    """Pairs what has the same words at the same time. Those with the better evidence choose first:
    a row that names a person is taken for ours only if no other row explains what we said."""
    said: dict[Author, list[Words]] = {author: [] for author in Author}
    for words, one in known.items():
        said[one.author].append(words)
    bare: list[Words] = []
    prefixed: list[Words] = []
    named: list[Words] = []
    incoming: list[Words] = []
    unclear: list[Words] = []
    for row, words in shown.items():
        if row.kind is not RowKind.MESSAGE or row.type in ("reaction", "template"):
            continue
        if row.own is None:
            unclear.append(words)
        if row.own is False:
            incoming.append(words)
        elif _ours(row):
            prefixed.append(words)
        else:
            (named if _named(row, operators) else bare).append(words)
    ours, theirs = said[Author.BOT], said[Author.STAFF]
    skew = _skew(bare + prefixed + named, ours)
    pair_up(bare, ours, skew)
    pair_up(prefixed, ours, skew)
    pair_up(named, theirs)
    pair_up(named, _apart(ours, bare + prefixed), skew)
    pair_up(bare + prefixed, theirs)
    pair_up(incoming, said[Author.GUEST])
    pair_up(unclear, said[Author.GUEST])


def _skew(rows: list[Words], ours: list[Words]) -> float:
    """By how many seconds the provider's clock is ahead of ours, from the pairs that are sure."""
    shown, known = Counter(row.key for row in rows), Counter(entry.key for entry in ours)
    once = {entry.key: entry for entry in ours if known[entry.key] == 1}
    sure = ((row, row.pair or (once.get(row.key) if shown[row.key] == 1 else None)) for row in rows)
    ahead = [row.at - entry.at for row, entry in sure if entry]
    return median(near) if (near := [each for each in ahead if abs(each) <= _NEAR]) else 0.0


def _apart(ours: list[Words], rows: list[Words]) -> list[Words]:
    """The entries whose words these rows do not show at that time: ours are shown under a person's
    name or not, but not both ways at once."""
    shown: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.pair:
            shown[row.pair.key].append(row.pair.at)
    for times in shown.values():
        times.sort()

    def apart(entry: Words) -> bool:
        times = shown.get(entry.key, [])
        after = bisect_left(times, entry.at - _NEAR)
        return after == len(times) or times[after] > entry.at + _NEAR

    return [entry for entry in ours if apart(entry)]


def _key(row: Row) -> str:
    """A row's words, or its file, as `normal` has what we keep of it."""
    if row.type in _PLAIN:
        return normal(row.text) or UNREADABLE
    return _FILES.get(row.type, UNREADABLE)


def _shown(row: Row) -> Words:
    return Words(row.at.timestamp(), _key(row), known=False)


def _said(said: Said) -> Words:
    return Words(said.at.timestamp(), normal(said.text), known=True)


def _said_order(said: Said) -> tuple[datetime, str, str, tuple[str, ...]]:
    return said.at, said.author, said.text, said.ids


def _order(row: Row) -> tuple[datetime, str, str]:
    return row.at, row.row_id, row.text


def _best_copy(row: Row) -> tuple[bool, bool, bool, datetime, str, str, str]:
    """That with the most evidence is the smallest."""
    bare = (row.local_id is None, row.provider_id is None, row.operator is None)
    return *bare, *_order(row), row.operator or ""
