"""What a row of the earlier database says: its values without loss, and what they mean to us.

`legacy_file.py` reads the values and `adopt.py` turns them into conversations. Pure, so that odd
rows are tested as a table. A time without an offset is read as UTC.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from watibot.conversations import Provider
from watibot.messages import ChannelName

# The application's columns, then those that it was to have on its way to Vertex.
KNOWN = (
    "wa_id",
    "thread_id",
    "last_updated",
    "created_at",
    "history_imported",
    "agent_context_injected",
    "last_agent_context_check",
    "session_id",
    "vertex_migrated",
    "migration_date",
    "vertex_context_injected",
)
# The reply window of a conversation with this time is closed until the guest writes.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_PREFIXES = {"fb": ChannelName.FACEBOOK, "ig": ChannelName.INSTAGRAM}
_CHANNEL_ID = re.compile(r"(fb|ig):([0-9]{1,40})")
_WRITTEN_NUMBER = re.compile(r"\+?[0-9][0-9 ().\-]*")
_WHATSAPP_ID = re.compile(r"[1-9][0-9]{6,14}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_encoded = json.JSONEncoder(separators=(",", ":")).encode
_YES = frozenset({"true", "t", "yes", "y", "on"})
_COMPACT_DATE = 8  # digits
_MILLISECONDS = 1e11  # as seconds it would be the year 5138, as milliseconds it is 1973


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Text that JSON or PostgreSQL cannot hold: not UTF-8, or with a NUL in it."""

    raw: bytes


Value = None | int | float | str | bytes | Undecodable


def decoded(raw: bytes) -> str | Undecodable:
    """Text as SQLite stores it; its connections' `text_factory`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Undecodable(raw)
    return Undecodable(raw) if "\x00" in text else text


def packed(value: Value) -> Any:
    """The value in JSON, its type included: what JSON has no form for becomes a tagged object."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, Undecodable):
        return {"text": value.raw.hex()}
    return value if math.isfinite(value) else {"real": str(value)}


def unpacked(value: Any) -> Value:
    """The same backwards."""
    if not isinstance(value, dict):
        plain: Value = value
        return plain
    ((kind, form),) = value.items()
    if kind == "real":
        return float(form)
    raw = bytes.fromhex(form)
    return raw if kind == "blob" else Undecodable(raw)


def fingerprint(original: Mapping[str, Any]) -> bytes:
    """Of one row with all its columns' names, values and types. `original`: packed values."""
    return hashlib.sha256(_encoded(original).encode()).digest()


def digest(fingerprints: Iterable[bytes]) -> str:
    """Of a table, whatever the order of its rows."""
    return hashlib.sha256(b"".join(sorted(fingerprints))).hexdigest()


@dataclass(frozen=True, slots=True)
class Guest:
    """Whom a `wa_id` names."""

    channel: ChannelName
    conversation_id: str
    address: str


@dataclass(frozen=True, slots=True)
class OldRow:
    """What a row says. `guest` is None where `problem` says why it is no conversation. `odd` names
    the time stamps that could not be taken at their word, each with the reason."""

    wa_id: str | None
    guest: Guest | None
    problem: str | None
    provider: Provider
    thread_id: str | None
    last_guest_at: datetime
    created_at: datetime
    migrated_at: datetime | None
    history_imported: bool
    agent_context_injected: bool
    vertex_context_injected: bool
    context_checked_at: datetime | None
    odd: tuple[str, ...]


def read(values: Mapping[str, Value], now: datetime) -> OldRow:
    """`values`: by the names in `KNOWN`; a column that the table lacks is missing."""
    wa_id, found = values.get("wa_id"), guest_of(values.get("wa_id"))
    times: dict[str, datetime | None] = {}
    odd: list[str] = []
    for column in ("last_updated", "created_at", "last_agent_context_check", "migration_date"):
        times[column], oddness = moment_of(values.get(column), now)
        if oddness is not None:
            odd.append(f"{column} {oddness}")
    thread_id = _thread(values.get("thread_id"))
    moved = thread_id is None or flag(values.get("vertex_migrated"))
    return OldRow(
        str(wa_id) if isinstance(wa_id, str | int) else None,
        found if isinstance(found, Guest) else None,
        None if isinstance(found, Guest) else found,
        Provider.VERTEX if moved else Provider.OPENAI,
        thread_id,
        times["last_updated"] or NEVER,
        times["created_at"] or times["last_updated"] or NEVER,
        times["migration_date"] if flag(values.get("vertex_migrated")) else None,
        flag(values.get("history_imported")),
        flag(values.get("agent_context_injected")),
        flag(values.get("vertex_context_injected")),
        times["last_agent_context_check"],
        tuple(odd),
    )


def guest_of(value: Value) -> Guest | str:
    """The guest, or why there is none."""
    text = str(value) if isinstance(value, int) else value
    if text is None or (isinstance(text, str) and not text.strip()):
        return "empty"
    if not isinstance(text, str):
        return "no text"
    text = text.strip()
    named = _CHANNEL_ID.fullmatch(text)
    if named:
        return Guest(_PREFIXES[named[1]], text, named[2])
    if not _WRITTEN_NUMBER.fullmatch(text):
        return "another prefix" if ":" in text else "no number"
    number = re.sub("[^0-9]", "", text)
    if not _WHATSAPP_ID.fullmatch(number):
        return "no WhatsApp number"
    return Guest(ChannelName.WHATSAPP, number, number)


def moment_of(value: Value, now: datetime) -> tuple[datetime | None, str | None]:
    """ISO 8601, or seconds or milliseconds since the epoch. With None comes the reason, where there
    was something to read."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, None
    try:
        found = _moment(value)
    except (ValueError, OverflowError):
        return None, "unreadable"
    if found > now:
        return None, "in the future"
    if found < NEVER:
        return None, "before 1970"
    return found, None


def _moment(value: Value) -> datetime:
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text) or len(text) == _COMPACT_DATE:
            read = datetime.fromisoformat(text)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        value = float(text)
    if not isinstance(value, int | float):
        raise ValueError("no time")
    return NEVER + timedelta(seconds=value / 1000 if abs(value) >= _MILLISECONDS else value)


def flag(value: Value) -> bool:
    """0, 1, "1", "true", NULL ..."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text in _YES or (_NUMBER.fullmatch(text) is not None and float(text) != 0)
    return isinstance(value, int | float) and value != 0


def _thread(value: Value) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None
