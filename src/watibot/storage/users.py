"""Who may sign in to the console, who is signed in, and what people did.

`console.py` is the door before it. Of a password there is a hash, of a browser's token too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select, update

from watibot.ports.console import Entry, Role, User
from watibot.storage.desk_tables import audit, sign_ins, users
from watibot.storage.rows import AnyRow, Tx, insert_once, of_hotel

# Looking at a page is not worth a commit each time.
_SEEN_EACH = timedelta(minutes=1)

_NAMED = users.c.user_name == bindparam("named")
_NEW_USER = insert_once(users, users.c.user_name)
_USER = select(users).where(of_hotel(users), _NAMED)
_USERS = select(users).where(of_hotel(users)).order_by(users.c.user_name)
_DISABLE = update(users).where(of_hotel(users), _NAMED, users.c.disabled_at.is_(None))
_CHANGE = update(users).where(of_hotel(users), _NAMED)
_SIGN_OUT_EVERYWHERE = delete(sign_ins).where(
    of_hotel(sign_ins), sign_ins.c.user_name == bindparam("named")
)
_NEW_SIGN_IN = insert(sign_ins)
_SIGNED_IN = (
    select(users, sign_ins.c.seen_at)
    .join(
        sign_ins,
        (sign_ins.c.hotel_id == users.c.hotel_id) & (sign_ins.c.user_name == users.c.user_name),
    )
    .where(
        of_hotel(sign_ins),
        sign_ins.c.token_hash == bindparam("token"),
        sign_ins.c.seen_at > bindparam("since"),
        users.c.disabled_at.is_(None),
    )
)
_SEEN = update(sign_ins).where(of_hotel(sign_ins), sign_ins.c.token_hash == bindparam("token"))
_SIGN_OUT = delete(sign_ins).where(of_hotel(sign_ins), sign_ins.c.token_hash == bindparam("token"))
_FORGET = delete(sign_ins).where(of_hotel(sign_ins), sign_ins.c.seen_at <= bindparam("since"))
_NOTE = insert(audit)
_ENTRIES = (
    select(audit)
    .where(of_hotel(audit))
    .order_by(audit.c.audit_id.desc())
    .limit(bindparam("at_most"))
)
_DONE = (
    of_hotel(audit),
    audit.c.action == bindparam("deed"),
    audit.c.at > bindparam("since"),
)
_TRIED = select(func.count()).select_from(audit).where(*_DONE)
_TRIED_BY = _TRIED.where(audit.c.user_name == bindparam("named"))


def add_user(
    tx: Tx, name: str, full_name: str, password_hash: str, role: Role, at: datetime
) -> bool:
    row = {
        "user_name": name,
        "full_name": full_name,
        "password_hash": password_hash,
        "role": role,
        "created_at": at,
        "disabled_at": None,
    }
    return bool(tx.add(tx.pick(_NEW_USER), [row]))


def user(tx: Tx, name: str) -> User | None:
    row = tx.one(_USER, named=name)
    return None if row is None else _user_of(row)


def all_users(tx: Tx) -> list[User]:
    return [_user_of(row) for row in tx.all(_USERS)]


def disable_user(tx: Tx, name: str, at: datetime) -> bool:
    return bool(tx.run(_DISABLE, named=name, disabled_at=at))


def change_password(tx: Tx, name: str, password_hash: str) -> bool:
    """Of somebody who forgot it, or was disabled: who had the old one is signed out."""
    tx.run(_SIGN_OUT_EVERYWHERE, named=name)
    return bool(tx.run(_CHANGE, named=name, password_hash=password_hash, disabled_at=None))


def sign_in(tx: Tx, token_hash: str, name: str, at: datetime, ended_before: datetime) -> None:
    tx.run(_FORGET, since=ended_before)
    row = {"token_hash": token_hash, "user_name": name, "created_at": at, "seen_at": at}
    tx.add(_NEW_SIGN_IN, [row])


def signed_in(tx: Tx, token_hash: str, since: datetime) -> tuple[User, datetime] | None:
    """Whose browser it is, and when it was seen last."""
    row = tx.one(_SIGNED_IN, token=token_hash, since=since)
    return None if row is None else (_user_of(row), row.seen_at)


def is_to_note(seen_at: datetime, now: datetime) -> bool:
    """Whether it is time to note that a browser was seen."""
    return now - seen_at >= _SEEN_EACH


def seen(tx: Tx, token_hash: str, at: datetime) -> None:
    tx.run(_SEEN, token=token_hash, seen_at=at)


def sign_out(tx: Tx, token_hash: str) -> None:
    tx.run(_SIGN_OUT, token=token_hash)


def note(tx: Tx, entry: Entry) -> None:
    row = {
        "at": entry.at,
        "user_name": entry.user_name,
        "action": entry.action,
        "conversation_id": entry.conversation_id,
        "detail": entry.detail,
    }
    tx.add(_NOTE, [row])


def entries(tx: Tx, limit: int) -> list[Entry]:
    return [
        Entry(row.at, row.user_name, row.action, row.conversation_id, row.detail)
        for row in tx.all(_ENTRIES, at_most=limit)
    ]


def tried(tx: Tx, action: str, since: datetime, name: str | None) -> int:
    if name is None:
        return int(tx.all(_TRIED, deed=action, since=since)[0][0])
    return int(tx.all(_TRIED_BY, deed=action, since=since, named=name)[0][0])


def _user_of(row: AnyRow) -> User:
    return User(
        row.user_name,
        row.full_name,
        row.password_hash,
        Role(row.role),
        row.created_at,
        row.disabled_at,
    )
