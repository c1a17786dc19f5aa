"""Guests who are in every table, each with a mark of their own in every column that takes words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, Table

from tests.clocks import NOON
from watibot.storage.all_tables import metadata
from watibot.storage.columns import Json, Moment, Name, Words
from watibot.storage.desk_tables import audit
from watibot.storage.guest_rows import NAMELESS, OF_GUEST
from watibot.storage.money_tables import charges
from watibot.storage.tables import conversations, quarantine
from watibot.storage.writer import engine_for

ANA, ROSA = "50370000001", "50370000002"
MARKS = {ANA: "marca-de-ana", ROSA: "marca-de-rosa"}
# Words that the store reads as its own.
_OURS = {"owner": "bot", "provider": "vertex", "channel": "whatsapp"}


def fill(url: str, hotel_id: str, guest: str) -> None:
    """A row of the guest's in each table that may hold them."""
    made: dict[str, dict[str, Any]] = {}
    engine = engine_for(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        # What others are found through comes first.
        for table in reversed((*NAMELESS, *OF_GUEST)):
            row = _row(table, hotel_id, guest, made)
            keys = connection.execute(table.insert().values(row)).inserted_primary_key
            named = zip(table.primary_key.columns.keys(), keys or (), strict=True)
            made[table.name] = row | dict(named)
        said = f'{{"waId": "{guest}", "text": "{MARKS[guest]}"}}'.encode()
        connection.execute(
            quarantine.insert().values(
                hotel_id=hotel_id, channel="wati", reason="no type", raw=said, at=NOON
            )
        )
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


def _row(
    table: Table, hotel_id: str, guest: str, made: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        name, kind = column.name, column.type
        if name == "hotel_id":
            row[name] = hotel_id
        elif name in ("conversation_id", "address", "wa_id") and isinstance(kind, (Name, Words)):
            row[name] = guest
        elif name == "message_seq":
            row[name] = made["messages"]["seq"]
        elif name == "turn_id":  # ids are chance, and say nothing of anybody
            row[name] = f"turn-{guest[-1]}"
        elif table in (audit, charges) and name not in ("conversation_id", "detail"):
            row |= {} if column.primary_key else {name: _value(kind, "plain", name)}
        elif table is conversations and name in _OURS:
            row[name] = _OURS[name]
        elif not (column.primary_key and isinstance(kind, (BigInteger, Integer))) or (
            name in ("position",)
        ):
            row[name] = _value(kind, f"{MARKS[guest]}-{guest}", name)
    if table is conversations:
        row |= dict.fromkeys(("lease_until", "due_at", "not_before"))
    if table.name in ("turns", "bubbles", "media", "messages"):
        row["state"] = {"turns": "answered", "bubbles": "sent", "media": "ready"}.get(
            table.name, "done"
        )
    if table.name == "legacy_threads":
        row["position"] = int(guest)
    return row


def _value(kind: object, mark: str, name: str) -> Any:
    match kind:
        case Json():
            return {"said": mark}
        case Name() | Words():
            return f"{mark}-{name}"
        case LargeBinary():
            return mark.encode()
        case Moment():
            return NOON
        case Boolean():
            return False
        case Float():
            return 0.5
        case _:
            return 1


def dump(url: str, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    engine = engine_for(url)
    with engine.connect() as connection:
        found = {
            name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for name, table in metadata.tables.items()
            if name not in without
        }
    engine.dispose()
    return found


def many(url: str, hotel_id: str, count: int) -> None:
    """So many conversations, one a minute; every hundredth is with staff."""
    engine = engine_for(url)
    rows = [
        {
            "hotel_id": hotel_id,
            "conversation_id": f"5037{number:07}",
            "channel": "whatsapp",
            "address": f"5037{number:07}",
            "guest_name": f"Huésped {number}",
            "owner": "staff" if number % 100 == 0 else "bot",
            "last_guest_at": NOON - timedelta(minutes=number),
            "last_item_at": NOON - timedelta(minutes=number),
            "session_generation": 0,
            "fence": 0,
            "created_at": NOON,
        }
        for number in range(count)
    ]
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(conversations.insert(), rows)
        connection.exec_driver_sql("COMMIT")
    engine.dispose()
