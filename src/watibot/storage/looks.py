"""Short looks into a store from outside the service, which may be running meanwhile.

`cli/` opens a `looking` or, for the one thing that a repair writes, a `changing`; no writer thread,
no service lock. Rows come as dictionaries, ready for a table or for JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from watibot.errors import SettingsError
from watibot.history import HistoryItem
from watibot.storage import schema
from watibot.storage.adopt import refuse_unadopted
from watibot.storage.among import among
from watibot.storage.lock import database_file, hold_service_lock
from watibot.storage.rows import Tx, item_of, of_conversation, of_hotel
from watibot.storage.tables import bubbles, history, media, messages, notices, quarantine, turns
from watibot.storage.writer import engine_for

Look = dict[str, Any]

_MESSAGES = (
    select(
        messages.c.seq,
        messages.c.provider_time,
        messages.c.received_at,
        messages.c.kind,
        messages.c.state,
        messages.c.turn_id,
        messages.c.provider_id,
        messages.c.text,
    )
    .where(of_conversation(messages))
    .order_by(messages.c.seq)
)
_FILES = (
    select(
        media.c.message_seq,
        media.c.kind,
        media.c.state,
        media.c.mime,
        media.c.size,
        media.c.failure,
    )
    .where(
        of_hotel(media),
        media.c.message_seq.in_(select(messages.c.seq).where(of_conversation(messages))),
    )
    .order_by(media.c.media_id)
)
_TURNS = (
    select(
        turns.c.turn_id,
        turns.c.state,
        turns.c.opened_at,
        turns.c.finished_at,
        turns.c.tries,
        turns.c.recoveries,
        turns.c.restarts,
        turns.c.model,
        turns.c.instructions_version,
        turns.c.prompt_tokens,
        turns.c.cached_tokens,
        turns.c.output_tokens,
        turns.c.model_seconds,
        turns.c.failure,
    )
    .where(of_conversation(turns))
    .order_by(turns.c.opened_at)
)
_BUBBLES = (
    select(
        bubbles.c.bubble_id,
        bubbles.c.turn_id,
        bubbles.c.position,
        bubbles.c.state,
        bubbles.c.attempts,
        bubbles.c.last_attempt_at,
        bubbles.c.sent_at,
        bubbles.c.receipt,
        bubbles.c.reason,
        bubbles.c.text,
    )
    .where(of_conversation(bubbles))
    .order_by(bubbles.c.seq)
)
_ITEMS = select(history).where(of_conversation(history)).order_by(history.c.at)
_NOTICES = (
    select(
        notices.c.notice_id,
        notices.c.created_at,
        notices.c.kind,
        notices.c.title,
        notices.c.attempts,
        notices.c.due_at,
        notices.c.error,
        notices.c.conversation_id,
    )
    .where(of_hotel(notices))
    .order_by(notices.c.notice_id.desc())
    .limit(bindparam("at_most"))
)
_RAW = select(quarantine.c.raw).where(
    of_hotel(quarantine), quarantine.c.quarantine_id == bindparam("number")
)
_NEWEST_RECEIPT = select(func.max(messages.c.received_at)).where(of_hotel(messages))
# "sending" is an item in doubt: whoever sends it next reads the session back first.
_MIRROR_AGAIN = (
    update(history)
    .where(
        of_conversation(history),
        history.c.mirror == "done",
        among(history.c.item_id, "items"),
    )
    .values(mirror="sending")
)


@contextmanager
def looking(url: str, hotel_id: str) -> Iterator[Tx]:
    """The hotel's rows, to be read only. Raises SettingsError unless the schema is the newest."""
    refuse_unadopted(url)
    _require_newest(url)
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            sqlite = engine.dialect.name == "sqlite"
            connection.exec_driver_sql(
                "PRAGMA query_only=ON" if sqlite else "SET default_transaction_read_only=on"
            )
            yield Tx(connection, hotel_id)
    finally:
        engine.dispose()


@contextmanager
def changing(url: str, hotel_id: str) -> Iterator[Tx]:
    """One transaction, committed at the end unless something was raised."""
    _require_newest(url)
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            sqlite = engine.dialect.name == "sqlite"
            connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
            try:
                yield Tx(connection, hotel_id)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def _require_newest(url: str) -> None:
    try:
        stored = schema.check(url)
    except SQLAlchemyError as error:
        raise schema.cannot_open(url, error) from None
    if stored != schema.NEWEST:
        found = "a store without tables" if stored is None else f"schema {stored}"
        expected = f"schema {schema.NEWEST}: run `watibot db upgrade`"
        raise SettingsError("WATIBOT_DATABASE_URL", found, expected)


def service_runs(url: str) -> bool:
    """Whether a service holds this store now. For a store that exists already."""
    path = database_file(url)
    if path is not None and not path.with_name(path.name + ".lock").exists():
        return False
    try:
        lock = hold_service_lock(url)
    except SettingsError:
        return True
    lock.release()
    return False


@dataclass(frozen=True, slots=True)
class Condition:
    """What a database says of itself. `journal` is SQLite's mode (WAL is wanted), None elsewhere;
    `now` is the server's clock where the server is another machine's."""

    version: str | None
    journal: str | None
    now: datetime | None


def condition(url: str) -> Condition:
    """Creates no file. Raises SQLAlchemyError when the database cannot be reached."""
    version = schema.check(url)
    path = database_file(url)
    if path is not None and not path.is_file():
        return Condition(None, None, None)
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            if path is not None:
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
                return Condition(version, str(mode).upper(), None)
            now = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            return Condition(version, None, now)
    finally:
        engine.dispose()


def newest_receipt(tx: Tx) -> datetime | None:
    """When the newest guest message came in, by the service's clock."""
    row = tx.one(_NEWEST_RECEIPT)
    return None if row is None else row[0]


def messages_of(tx: Tx, conversation_id: str) -> list[Look]:
    """Guest messages in order of receipt, each with its `files`."""
    files: dict[int, list[Look]] = {}
    for file in _all(tx, _FILES, conversation=conversation_id):
        files.setdefault(file.pop("message_seq"), []).append(file)
    found = _all(tx, _MESSAGES, conversation=conversation_id)
    return [{**message, "files": files.get(message["seq"], [])} for message in found]


def turns_of(tx: Tx, conversation_id: str) -> list[Look]:
    return _all(tx, _TURNS, conversation=conversation_id)


def bubbles_of(tx: Tx, conversation_id: str) -> list[Look]:
    return _all(tx, _BUBBLES, conversation=conversation_id)


def newest_notices(tx: Tx, limit: int) -> list[Look]:
    return _all(tx, _NOTICES, at_most=limit)


def quarantined_body(tx: Tx, number: int) -> bytes | None:
    row = tx.one(_RAW, number=number)
    return None if row is None else row.raw


def items_of(tx: Tx, conversation_id: str) -> list[tuple[HistoryItem, bool]]:
    """The whole history in order, each item with whether the session was given it already."""
    rows = tx.all(_ITEMS, conversation=conversation_id)
    return [(item_of(row), row.mirror == "done") for row in rows]


def mirror_again(tx: Tx, conversation_id: str, item_ids: Sequence[str]) -> int:
    """The mirror sends these items again, unless it then sees them in the session. How many."""
    return tx.run(_MIRROR_AGAIN, conversation=conversation_id, items=list(item_ids))


def _all(tx: Tx, statement: Executable, **values: Any) -> list[Look]:
    return [row._asdict() for row in tx.all(statement, **values)]
