"""What must be true after guests wrote, colleagues came and went, and the service was killed.

Used by `test_kill.py`, whose people are in `killing.py`. Judged by the journals of the channels'
emulators beside the store that is left, and by Vertex's sessions.

ManyChat repeats no request and shows nobody what was sent: a message that came while the service
was down is none, and a bubble in doubt may or may not have arrived. What a colleague saw to in
person needs no answer of the assistant's, and must not have two.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.flow.killing import BOOKED, BOOKING, QUESTIONS
from watibot.emulators.hotel_phrases import ANSWERS

Entry = dict[str, Any]

# Virtual seconds from a mark at ManyChat until it was asked for before a bubble.
MARKED = timedelta(seconds=4)


@dataclass(frozen=True)
class Hold:
    """A colleague's time with a guest; `told`: since when the service knew (None: never)."""

    begun: Entry
    told: datetime | None
    released: datetime | None

    def covers(self, moment: datetime) -> bool:
        known = self.told is not None and moment > self.told
        return known and (self.released is None or moment < self.released)


@dataclass(frozen=True)
class Outcome:
    """Everything that the checks need, of the emulators and of the store that is left."""

    journals: dict[str, list[Entry]]  # by emulator, in order
    store: Path
    sessions: dict[str, list[str]] = field(default_factory=dict)  # our event ids, in order

    def faults(self) -> list[str]:
        """One line for each thing that must not be."""
        return [
            *self._answers(),
            *self._heads(),
            *self._colleagues_words(),
            *self._bubbles(),
            *self._rows(),
            *self._mirrored(),
        ]

    def strict(self) -> int:
        """How many questions must have been answered exactly once."""
        return sum(not self._excused(each) for each in self.of("guest"))

    def of(self, kind: str, emulator: str | None = None) -> list[Entry]:
        names = self.journals if emulator is None else (emulator,)
        return [each for name in names for each in self.journals[name] if each["kind"] == kind]

    def _answers(self) -> Iterator[str]:
        """Every question is answered once, and after it was asked."""
        to_guest = _by_guest(self.of("bubble"))
        for message in self.of("guest"):
            excused = self._excused(message)
            for what, answer in _expected(message["text"]):
                found = [one for one in to_guest[_guest(message)] if answer in one["text"]]
                if len(found) > 1 or (not found and not excused):
                    if not found and self._in_doubt(message, answer):
                        continue
                    yield f"{_guest(message)} {what}: answered {len(found)} times"
                elif found and found[0]["n"] < message["n"]:
                    yield f"{_guest(message)} {what}: answered before it was asked"

    def _excused(self, message: Entry) -> bool:
        """Whether a colleague saw to it: wrote afterwards (WATI), or took the chat afterwards or
        had it (ManyChat, where nobody can read what was written: the note of the hand-back stands
        for it, from whenever that was heard of), or it never reached the service."""
        guest, later = _guest(message), message["n"]
        if "subscriber_id" in message and (
            message["id"] not in self._delivered or self._was_held(message)
        ):
            return True
        kind = "staff" if "waId" in message else "assigned"
        return any(each["n"] > later for each in self._acts[guest] if each["kind"] == kind)

    def _was_held(self, message: Entry) -> bool:
        """On ManyChat, where a request that came while the service was down is not repeated."""
        acts = [each for each in self._acts[_guest(message)] if each["n"] < message["n"]]
        taken = [each["n"] for each in acts if each["kind"] == "assigned"]
        back = {each["n"] for each in acts if each["kind"] == "released"}
        heard = [
            each["act"]
            for each in self._webhooks
            if each.get("act") in back and _at(each) < _at(message)
        ]
        return max(taken, default=0) > max(heard, default=0)

    def _in_doubt(self, message: Entry, answer: str) -> bool:
        """A bubble of ManyChat's that nobody can look up."""
        guest = _guest(message)
        return "subscriber_id" in message and any(
            state == "unknown" and answer in text and name.endswith(guest)
            for name, text, state in self._select(
                "select conversation_id, text, state from bubbles"
            )
        )

    def _heads(self) -> Iterator[str]:
        """No bubble was permitted while the service knew that a colleague had the chat."""
        attempts = {
            bubble: datetime.fromtimestamp(micros / 1e6, UTC)
            for bubble, micros in self._select(
                "select bubble_id, last_attempt_at from bubbles where last_attempt_at is not null"
            )
        }
        for bubble in self.of("bubble"):
            left = attempts.get(bubble.get("localMessageId"))
            if left is None:
                left = datetime.fromisoformat(bubble["arrived"])
            for hold in self._holds[_guest(bubble)]:
                if hold.covers(left):
                    yield f"{_guest(bubble)}: {left:%H:%M:%S} over a colleague's head"

    @cached_property
    def _holds(self) -> defaultdict[str, list[Hold]]:
        found: defaultdict[str, list[Hold]] = defaultdict(list)
        for guest, acts in self._acts.items():
            begun: Entry | None = None
            for act in acts:
                if act["kind"] == "assigned" and begun is None:
                    begun = act
                elif act["kind"] == "released" and begun is not None:
                    found[guest].append(Hold(begun, self._told(guest, begun, act), _at(act)))
                    begun = None
            if begun is not None:
                found[guest].append(Hold(begun, self._told(guest, begun, None), None))
        return found

    def _told(self, guest: str, begun: Entry, end: Entry | None) -> datetime | None:
        """When the service had stored the news of a hold. Of words whose webhook was lost it learns
        in its own time: nobody outside can tell when."""
        until = float("inf") if end is None else end["n"]
        if "subscriber_id" in begun:
            # Asked before the first bubble of every answer, however the rule's request fared.
            requests = [each for each in self._webhooks if each.get("act") == begun["n"]]
            return min([*map(_at, requests), _at(begun) + MARKED])
        said = [
            act["id"]
            for act in self._acts[guest]
            if act["kind"] == "staff" and begun["n"] < act["n"] < until
        ]
        told = [_at(each) for each in self._webhooks if _is_sent(each) and each["id"] in said]
        return min(told, default=None)

    @cached_property
    def _webhooks(self) -> list[Entry]:
        return [each for each in self.of("webhook") if each["status"] == 200]

    @cached_property
    def _delivered(self) -> set[str]:
        return {each["id"] for each in self._webhooks if "id" in each}

    @cached_property
    def _acts(self) -> defaultdict[str, list[Entry]]:
        kinds = ("assigned", "staff", "released")
        entries = [
            each
            for journal in self.journals.values()
            for each in journal
            if each["kind"] in kinds and each.get("by") != "api"
        ]
        return _by_guest(entries)

    def _colleagues_words(self) -> Iterator[str]:
        """What a colleague wrote at WATI stands in the history once, however it was heard of."""
        known = Counter(
            (row[0], row[1])
            for row in self._select("select conversation_id, text from history where kind='staff'")
        )
        for said in self.of("staff", "wati"):
            if (count := known[said["waId"], said["text"]]) != 1:
                yield f"{said['waId']}: a colleague's words stand {count} times in the history"

    def _bubbles(self) -> Iterator[str]:
        """No bubble arrives twice, and those of a guest arrive in the outbox's order."""
        at_wati = self.of("bubble", "wati")
        for local_id, count in Counter(one["localMessageId"] for one in at_wati).items():
            if count > 1:
                yield f"bubble {local_id}: accepted {count} times"
        arrived: defaultdict[str, list[str]] = defaultdict(list)
        for one in at_wati:
            arrived[one["waId"]].append(one["localMessageId"])
        outbox: defaultdict[str, list[str]] = defaultdict(list)
        for guest, bubble, state in self._select(
            "select conversation_id, bubble_id, state from bubbles order by seq"
        ):
            if ":" in guest:
                if state not in ("sent", "cancelled", "unknown"):
                    yield f"bubble {bubble}: {state}"
            elif state == "sent":
                outbox[guest].append(bubble)
            elif state != "cancelled":
                yield f"bubble {bubble}: {state}"
        for guest in sorted(arrived.keys() | outbox.keys()):
            if arrived[guest] != outbox[guest]:
                yield f"{guest}: bubbles arrived unlike the outbox"

    def _rows(self) -> Iterator[str]:
        """Every message is stored once; it lies in an answered turn, or a colleague saw to it. One
        booking for each wish."""
        wrote = self.of("guest", "wati")
        rows = self._select("select provider_id from messages where channel = 'whatsapp'")
        stored = Counter(row[0] for row in rows)
        for message in wrote:
            # A row that a look brought before the webhook came has no id of WhatsApp's.
            count = stored[message["wamid"]] + stored[message["id"]]
            if count != 1:
                yield f"{message['waId']}: a message is stored {count} times"
        if len(stored) != len(wrote):
            yield f"{len(stored)} messages stored, {len(wrote)} written"
        for guest, state, turn in self._select(
            "select m.conversation_id, m.state, t.state from messages m left join turns t "
            "using (turn_id)"
        ):
            if state in ("waiting", "in_turn"):
                yield f"{guest}: a message is {state}"
            elif turn != "answered" and not self._acts[guest.rpartition(":")[2]]:
                yield f"{guest}: a message's turn is {turn}"
        made = Counter(
            row[0].rpartition(":")[2]
            for row in self._select("select conversation_id from bookings")
        )
        for message in self.of("guest"):
            if message["text"] == BOOKING:
                count = made.pop(_guest(message), 0)
                if count > 1 or (count == 0 and not self._excused(message)):
                    yield f"{_guest(message)}: {count} bookings for a wish"
        if made:
            yield f"{made.total()} bookings without a wish"

    def _mirrored(self) -> Iterator[str]:
        """A session holds the conversation's history: nothing twice, nothing missing, in order."""
        history: defaultdict[str, list[str]] = defaultdict(list)
        for session, item in self._select(
            "select c.session_id, h.item_id from history h "
            "join conversations c using (conversation_id) order by h.at"
        ):
            history[session].append(item)
        for session in sorted(history.keys() | self.sessions.keys(), key=str):
            events, items = self.sessions.get(session, []), history[session]
            if len(set(events)) < len(events):
                yield f"session {session}: an event is doubled"
            elif events != items:
                yield f"session {session}: {len(events)} events unlike {len(items)} items"

    def _select(self, query: str) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.store)) as database:
            return database.execute(query).fetchall()


def _expected(text: str) -> Iterator[tuple[str, str]]:
    if text == BOOKING:
        yield "booking", BOOKED
    for subject, question in QUESTIONS.items():
        if question in text:
            yield subject, ANSWERS[subject]["es"]


def _guest(entry: Entry) -> str:
    return str(entry.get("waId") or entry.get("subscriber_id"))


def _by_guest(entries: list[Entry]) -> defaultdict[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for each in entries:
        found[_guest(each)].append(each)
    return found


def _at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


def _is_sent(webhook: Entry) -> bool:
    return str(webhook["event"]).startswith("sessionMessageSent")
