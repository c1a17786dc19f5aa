"""When a chat's history at the provider is worth a call. Pure.

`look.py` and `poll.py` ask here: calls are counted by the month, and most chats have nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watibot.conversations import REPLY_WINDOW
from watibot.matching import Author, Said

RARER, RAREST = 0.80, 0.95  # of the month's calls
# Messages of one burst follow one another within this time.
BURST = timedelta(seconds=60)
# (quiet for less than, read again after so many rounds): an hour-old chat seldom has news.
_ROUNDS = (
    (timedelta(minutes=10), 1),
    (timedelta(hours=1), 3),
    (timedelta(hours=6), 10),
    (timedelta(hours=24), 40),
)
_ROUNDS_QUIET = 200


class Rhythm(StrEnum):
    """How often chats are looked at."""

    TURN = "turn"  # whenever a turn opens
    GAP = "gap"  # after a gap in the talk
    HELD = "held"  # only those that staff hold
    NONE = "none"


def rhythm(wanted: str, share: float) -> Rhythm:
    """`wanted` is the setting (turn, gap, off), `share` the used part of the month's calls."""
    if wanted == "off":
        return Rhythm.NONE
    if share >= RAREST:
        return Rhythm.HELD
    return Rhythm.GAP if share >= RARER else Rhythm(wanted)


def before_burst(said: Sequence[Said]) -> datetime | None:
    """When anybody's last message was before the guest's burst that is being answered; None if
    `said` has nothing else."""
    previous: datetime | None = None
    for each in sorted(said, key=lambda one: one.at, reverse=True):
        follows = previous is None or previous - each.at <= BURST
        if each.author is not Author.GUEST or not follows:
            return each.at
        previous = each.at
    return None


def gap_passed(
    last_said: datetime | None,
    checked_at: datetime | None,
    guest_at: datetime,
    now: datetime,
    gap: timedelta,
) -> bool:
    """Whether `gap` passed since anybody's last message and since the last check, and something can
    be new: colleagues may write for 24 hours after the guest did (`guest_at`)."""
    if any(at is not None and now - at < gap for at in (last_said, checked_at)):
        return False
    return checked_at is None or checked_at < guest_at + REPLY_WINDOW


LIVELY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat that is read because nobody tells of it. `changed_at`: when anything happened there,
    as far as is known."""

    key: str
    changed_at: datetime | None = None
    read_at: datetime | None = None


def next_read(chat: Chat, now: datetime, every: timedelta) -> datetime:
    """When a chat is worth reading again; `every` is the shortest time between two reads."""
    if chat.read_at is None:
        return chat.changed_at or now
    if chat.changed_at is not None and chat.changed_at > chat.read_at:
        return chat.read_at + every
    quiet = now - chat.changed_at if chat.changed_at else None
    rounds = next(
        (each for limit, each in _ROUNDS if quiet is not None and quiet < limit), _ROUNDS_QUIET
    )
    return chat.read_at + rounds * every


def next_chat(chats: Iterable[Chat], now: datetime, every: timedelta) -> Chat | None:
    """Who is read next: of those whose time has come, lively chats first, and of these
    whoever has waited longest, so that a few of them never keep a new guest waiting."""

    def order(chat: Chat) -> tuple[bool, datetime]:
        quiet = chat.changed_at is None or now - chat.changed_at > LIVELY
        return quiet, next_read(chat, now, every)

    due = [chat for chat in chats if next_read(chat, now, every) <= now]
    return min(due, key=order, default=None)
