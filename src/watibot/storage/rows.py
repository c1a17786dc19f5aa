"""What all statements share: a transaction of one hotel, and rows that become nouns.

Statements stand at the top of the files that use them, built once: `statements.py` compiles each
when it is first used. `hotel` is bound by `Tx`; other names are never those of columns, because an
UPDATE sets the columns that are named in its values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter, methodcaller
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from watibot.conversations import Conversation, Owner, Provider
from watibot.errors import LostLease
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName
from watibot.storage.statements import LARGEST_INSERT, Driver, Prepared, prepared
from watibot.storage.tables import conversations
from watibot.turns import Bubble, BubbleState, Media, MediaState

ByDialect = Mapping[str, Executable]
AnyRow = Any  # a named tuple of the columns that the statement names


class Tx:
    """A transaction under way, for one hotel."""

    __slots__ = ("_dialect", "_driver", "hotel_id")

    def __init__(self, connection: Connection, hotel_id: str) -> None:
        self.hotel_id = hotel_id
        self._dialect = connection.dialect
        self._driver = Driver(connection)

    def all(self, statement: Executable, **values: Any) -> list[AnyRow]:
        """All rows."""
        form = self._form(statement, values)
        return form.read(self._driver.ask(_all, *form.bound(values)))

    def many(self, statement: Executable, **values: Any) -> list[AnyRow]:
        """As `all`, for texts, whole numbers and times only: SQLite packs the rows into one value,
        because before each row a busy loop's thread has a turn of milliseconds."""
        form = self._form(statement, values)
        sql, bound = form.bound(values)
        if self._dialect.name != "sqlite":
            return form.read(self._driver.ask(_all, sql, bound))
        return form.read(json.loads(self._driver.ask(_first, form.packed, bound)[0]))

    def one(self, statement: Executable, **values: Any) -> AnyRow | None:
        """The first row, or None."""
        form = self._form(statement, values)
        found = self._driver.ask(_first, *form.bound(values))
        return None if found is None else form.read((found,))[0]

    def run(self, statement: Executable, **values: Any) -> int:
        """How many rows were changed."""
        form = self._form(statement, values)
        return self._driver.ask(_changed, *form.bound(values))

    def add(self, statement: Executable, rows: Sequence[dict[str, Any]]) -> list[AnyRow]:
        """Inserts rows of this hotel, all with the same columns; what the statement returns."""
        form, texts = self._inserts(statement, rows)
        if form.row is None:
            for text in texts:
                self._driver.ask(_changed, *text)
            return []
        return form.read(row for text in texts for row in self._driver.ask(_all, *text))

    def count(self, statement: Executable, rows: Sequence[dict[str, Any]]) -> int:
        """As `add`, for one that returns nothing; how many rows are new."""
        _, texts = self._inserts(statement, rows)
        return sum(self._driver.ask(_changed, *text) for text in texts)

    def _form(self, statement: Executable, values: dict[str, Any]) -> Prepared:
        values["hotel"] = self.hotel_id
        return prepared(statement, self._dialect, tuple(values))

    def _inserts(
        self, statement: Executable, rows: Sequence[dict[str, Any]]
    ) -> tuple[Prepared, Iterator[tuple[str, list[Any]]]]:
        """The statement, and its text and values for so many rows at a time."""
        for row in rows:
            row["hotel_id"] = self.hotel_id
        form = prepared(statement, self._dialect, tuple(rows[0]))
        starts = range(0, len(rows), LARGEST_INSERT)
        return form, (form.inserted(rows[start : start + LARGEST_INSERT]) for start in starts)

    def pick(self, statements: ByDialect) -> Executable:
        """This database's own form of a statement."""
        return statements[self._dialect.name]


_all: Callable[[Any], list[Any]] = methodcaller("fetchall")
_first: Callable[[Any], Any] = methodcaller("fetchone")
_changed: Callable[[Any], int] = attrgetter("rowcount")


def of_hotel(table: Table) -> ColumnElement[bool]:
    """The condition that every statement carries."""
    mine: ColumnElement[bool] = table.c.hotel_id == bindparam("hotel")
    return mine


def of_conversation(table: Table) -> ColumnElement[bool]:
    """The rows of one conversation, bound as `conversation`."""
    return of_hotel(table) & (table.c.conversation_id == bindparam("conversation"))


def insert_once(table: Table, *returning: ColumnElement[Any]) -> ByDialect:
    """INSERT that leaves rows alone which are there already and returns only new ones."""
    forms: dict[str, Executable] = {}
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(table).on_conflict_do_nothing()
        forms[name] = statement.returning(*returning) if returning else statement
    return forms


# PostgreSQL's writers run side by side: whoever touches a conversation's rows locks it first.
_LOCK = select(conversations).where(of_conversation(conversations)).with_for_update()
UPDATE_CONVERSATION = update(conversations).where(of_conversation(conversations))


def locked(tx: Tx, conversation_id: str) -> AnyRow | None:
    """The conversation's row, which is this transaction's until its end."""
    return tx.one(_LOCK, conversation=conversation_id)


def fenced(tx: Tx, conversation_id: str, fence: int) -> AnyRow:
    """The same for who holds the lease. Raises LostLease."""
    row = locked(tx, conversation_id)
    if row is None or row.fence != fence:
        raise LostLease("another worker holds this conversation")
    return row


def conversation_of(row: AnyRow) -> Conversation:
    return Conversation(
        row.hotel_id,
        row.conversation_id,
        ChannelName(row.channel),
        row.address,
        row.guest_name,
        Owner(row.owner),
        row.staff_until,
        row.handover_turn_id,
        row.last_guest_at,
        row.session_id,
        row.session_generation,
        row.fence,
        Provider(row.provider),
        row.thread_id,
        row.taken_by,
        row.chat_url,
        row.stopped_at,
        row.history_imported,
        row.past_page,
        row.context_checked_at,
        row.summary,
        row.folded_until,
    )


def bubble_of(row: AnyRow) -> Bubble:
    return Bubble(
        row.bubble_id,
        row.conversation_id,
        row.turn_id,
        row.position,
        row.text,
        BubbleState(row.state),
        row.attempts,
        row.last_attempt_at,
    )


def media_of(row: AnyRow) -> Media:
    return Media(
        row.media_id,
        row.kind,
        row.source,
        MediaState(row.state),
        row.mime,
        row.size,
        row.path,
        row.file_name,
        row.failure,
    )


def item_of(row: AnyRow) -> HistoryItem:
    return HistoryItem(
        row.item_id,
        ItemKind(row.kind),
        row.at,
        row.text,
        row.content,
        row.turn_id,
        row.author,
        row.source_id,
        row.origin,
    )
