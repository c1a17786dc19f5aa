"""The kill test's judge sees what it is there to see: a sound outcome, and one fault at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.kill_judge import Entry, Outcome
from tests.flow.killing import QUESTIONS
from watibot.emulators.hotel_phrases import ANSWERS

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
WA, FB = "50370000001", "710001"
NOTE = "Le habla Rosa; apunte 1."
TABLES = """
create table messages (channel, provider_id, conversation_id, state, turn_id);
create table turns (turn_id, state);
create table bubbles (seq integer primary key, conversation_id, bubble_id, text, state,
                      last_attempt_at);
create table history (conversation_id, item_id, kind, text, at);
create table conversations (conversation_id, session_id);
create table bookings (conversation_id);
"""


class World:
    """Two guests. On WhatsApp: a question and its answer, a colleague, a question meanwhile, its
    answer after the hand-back. On Messenger: the tag, the hand-back, a question, its answer."""

    def __init__(self) -> None:
        self.wati: list[Entry] = []
        self.manychat: list[Entry] = []
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            "turns": [("t1", "answered"), ("t2", "answered"), ("t3", "answered")],
            "conversations": [(WA, "s1"), (f"fb:{FB}", "s2")],
            "messages": [
                ("whatsapp", "w1", WA, "done", "t1"),
                ("whatsapp", "w2", WA, "done", "t2"),
                ("facebook", "f1", f"fb:{FB}", "done", "t3"),
            ],
            "bubbles": [],
            "history": [(WA, "i1", "staff", NOTE, 5)],
            "bookings": [],
        }
        self.sessions = {"s1": ["i1"], "s2": []}
        self.asks(WA, 0, "wifi", id="r1", wamid="w1")
        self.answers(WA, 5, "wifi", "b1")
        self.adds("wati", 10, "assigned", waId=WA)
        self.adds("wati", 10, "staff", waId=WA, id="m1", text=NOTE)
        told = {"event": "sessionMessageSent_v2", "status": 200, "id": "m1", "waId": WA}
        self.adds("wati", 12, "webhook", **told)
        self.asks(WA, 20, "pool", id="r2", wamid="w2")
        self.adds("wati", 30, "released", waId=WA)
        self.answers(WA, 40, "pool", "b2")
        self.adds("manychat", 10, "assigned", subscriber_id=FB)
        self.adds("manychat", 30, "released", subscriber_id=FB)
        back = self.manychat[-1]["n"]
        self.adds("manychat", 32, "webhook", event="rule", status=200, act=back)
        self.asks(FB, 35, "pets", id="r3")
        self.adds("manychat", 36, "webhook", event="message", status=200, id="r3")
        self.answers(FB, 40, "pets", "b3")

    def adds(self, emulator: str, second: float, kind: str, **more: object) -> None:
        journal: list[Entry] = getattr(self, emulator)
        at = (START + timedelta(seconds=second)).isoformat()
        journal.append({"n": len(journal) + 1, "at": at, "kind": kind, **more})

    def asks(self, guest: str, second: float, subject: str, **more: object) -> None:
        emulator, key = _side(guest)
        self.adds(emulator, second, "guest", **{key: guest}, text=QUESTIONS[subject], **more)

    def answers(self, guest: str, second: float, subject: str, bubble: str) -> None:
        emulator, key = _side(guest)
        at = START + timedelta(seconds=second)
        text, name = ANSWERS[subject]["es"], guest if guest == WA else f"fb:{guest}"
        local = {"localMessageId": bubble} if guest == WA else {}
        more = {key: guest, "text": text, "arrived": at.isoformat(), **local}
        self.adds(emulator, second, "bubble", **more)
        micros = int(at.timestamp() * 1e6)
        self.rows["bubbles"].append((None, name, bubble, text, "sent", micros))

    def loses(self, emulator: str, number: int, row: int) -> None:
        """A bubble never left."""
        getattr(self, emulator).remove(self.entry(emulator, "bubble", number))
        del self.rows["bubbles"][row]

    def moves(self, emulator: str, number: int, second: float) -> None:
        """A bubble left at another time."""
        at = START + timedelta(seconds=second)
        bubble = self.entry(emulator, "bubble", number)
        bubble["arrived"] = at.isoformat()
        rows = self.rows["bubbles"]
        row = next(i for i, each in enumerate(rows) if each[3] == bubble["text"])
        rows[row] = (*rows[row][:5], int(at.timestamp() * 1e6))

    def entry(self, emulator: str, kind: str, number: int = 0) -> Entry:
        journal: list[Entry] = getattr(self, emulator)
        return [each for each in journal if each["kind"] == kind][number]

    def judged(self, folder: Path) -> list[str]:
        store = folder / "watibot.db"
        with closing(sqlite3.connect(store)) as database:
            database.executescript(TABLES)
            for table, rows in self.rows.items():
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    database.execute(f"insert into {table} values ({marks})", row)
            database.commit()
        journals = {"wati": self.wati, "manychat": self.manychat}
        return Outcome(journals, store, self.sessions).faults()


def _side(guest: str) -> tuple[str, str]:
    return ("wati", "waId") if guest == WA else ("manychat", "subscriber_id")


def test_a_sound_outcome(tmp_path: Path) -> None:
    assert World().judged(tmp_path) == []


def _no_news(world: World) -> None:
    world.entry("wati", "webhook")["status"] = 503
    world.moves("wati", 1, 25)


def _unheard(number: int) -> Callable[[World], None]:
    def plant(world: World) -> None:
        world.entry("manychat", "webhook", number)["status"] = "unreachable"
        world.loses("manychat", 0, 2)

    return plant


def _in_doubt(world: World) -> None:
    row = world.rows["bubbles"][2]
    world.loses("manychat", 0, 2)
    world.rows["bubbles"].append((*row[:4], "unknown", None))


def _waits(world: World) -> None:
    world.rows["messages"][0] = ("whatsapp", "w1", WA, "waiting", None)


FAULTS: dict[str, tuple[Callable[[World], object], str]] = {
    "over a colleague's head, WhatsApp": (lambda w: w.moves("wati", 1, 25), "head"),
    "over a colleague's head, Messenger": (lambda w: w.moves("manychat", 0, 25), "head"),
    "lost after the hand-back": (lambda w: w.loses("wati", 1, 1), "pool: answered 0"),
    "lost after the tag went": (lambda w: w.loses("manychat", 0, 2), "pets: answered 0"),
    "doubled": (lambda w: w.answers(WA, 50, "pool", "b9"), "pool: answered 2"),
    "a colleague's words are unknown": (lambda w: w.rows["history"].clear(), "stand 0"),
    "a colleague's words twice": (
        lambda w: w.rows["history"].append((WA, "i2", "staff", NOTE, 6)),
        "stand 2",
    ),
    "a message is not stored": (lambda w: w.rows["messages"].pop(0), "stored 0"),
    "a message waits": (_waits, "is waiting"),
    "a bubble in doubt at WATI": (
        lambda w: w.rows["bubbles"].append((None, WA, "b7", "x", "unknown", None)),
        "b7: unknown",
    ),
    "the session lacks an event": (lambda w: w.sessions["s1"].clear(), "unlike 1 items"),
    "a booking nobody wished": (lambda w: w.rows["bookings"].append((WA,)), "without a wish"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(tmp_path: Path, name: str) -> None:
    plant, words = FAULTS[name]
    world = World()
    plant(world)
    found = world.judged(tmp_path)
    assert any(words in each for each in found), found


EXCUSES: dict[str, Callable[[World], object]] = {
    "sent before the news of the colleague came": lambda w: w.moves("wati", 1, 11.9),
    "news that never came": _no_news,
    "a colleague answered it": lambda w: w.loses("wati", 0, 0),
    "it never reached the service": _unheard(1),
    "the hand-back was not heard of": _unheard(0),
    "in doubt where nobody can look": _in_doubt,
}


@pytest.mark.parametrize("name", EXCUSES)
def test_what_nobody_can_help(tmp_path: Path, name: str) -> None:
    world = World()
    EXCUSES[name](world)
    assert world.judged(tmp_path) == []
