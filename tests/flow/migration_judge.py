"""What must be true after a migration that was killed again and again.

Used by `test_migration_kill.py`. The judge knows the pasts that were put into the emulator, and
looks at the emulators, the store's file and the archive's files; nothing of the product's
translation or comparison is used.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flow.killing import QUESTIONS
from watibot.emulators.hotel_phrases import ANSWERS
from watibot.emulators.past import Past

Json = dict[str, Any]
BLOCK = "=== CONVERSACIONES CON AGENTES HUMANOS ==="


@dataclass(frozen=True)
class Event:
    """A session's event, as far as it matters."""

    own_id: str
    kind: str
    text: str
    sources: tuple[str, ...]
    calls: tuple[str, ...]  # ids of calls, or of results

    @classmethod
    def of(cls, wire: Json) -> Event:
        raw = wire.get("rawEvent", {})
        parts = (raw.get("content") or wire.get("content") or {}).get("parts", [])
        called = [part.get("functionCall") or part.get("functionResponse") for part in parts]
        return cls(
            own_id=raw.get("id", ""),
            kind=raw.get("kind", ""),
            text="\n".join(part["text"] for part in parts if "text" in part),
            sources=tuple((raw.get("origin") or {}).get("sources", ())),
            calls=tuple(str(each.get("id")) for each in called if each),
        )


@dataclass(frozen=True)
class Place:
    """What a session must have at one place. `text` is None where it is not the thread's words."""

    mark: str  # of the thread: an id of a message or a step, or our own item's
    kind: str
    text: str | None = None
    calls: tuple[str, ...] = ()


def places_of(thread: Json) -> Iterator[Place]:
    """In order: a run's finished calls stand before its message."""
    steps: dict[str, list[Json]] = {}
    for run in thread["runs"]:
        steps[run["id"]] = [one for one in run["steps"] if one["type"] == "tool_calls"]
    for message in thread["messages"]:
        for step in steps.get(message["run_id"] or "", ()):
            calls = step["step_details"]["tool_calls"]
            ids = tuple(call["id"] for call in calls if call["function"]["output"] is not None)
            if ids:
                yield Place(step["id"], "tool_call", None, ids)
                yield Place(step["id"], "tool_result", None, ids)
        yield from _said(message)


def _said(message: Json) -> Iterator[Place]:
    own = _own(message)
    kind = "guest" if message["role"] == "user" else "assistant"
    parts = message["content"]
    plain = all(part["type"] == "text" and not part["text"]["annotations"] for part in parts)
    text = _text(message)
    if text.startswith(BLOCK):
        told = [line for line in text.split("\n") if line.startswith(("Cliente: ", "Agente ("))]
        for number, line in enumerate(told):
            name = own[number] if own else message["id"]
            yield Place(name, "guest" if line[0] == "C" else "staff", line.partition(": ")[2])
        return
    name = own[0] if own else message["id"]
    yield Place(name, kind, text if plain and not message["attachments"] else None)


def _own(message: Json) -> list[str]:
    """Our items' ids in a message."""
    metadata = message["metadata"]
    return " ".join(metadata[key] for key in metadata if key.startswith("watibot_item")).split()


@dataclass
class Judge:
    """Everything that the checks need: the pasts, and what is there now."""

    pasts: Sequence[Past]
    store: Path
    archive: Path
    asked: Sequence[tuple[str, str]] = ()  # by guests since: thread, subject
    threads: dict[str, Json] = field(default_factory=dict)  # by id, as they are now
    sessions: dict[str, list[Event]] = field(default_factory=dict)  # by session

    def faults(self, state: str, provider: str, *, carried_back: bool) -> list[str]:
        """One line for each thing that must not be. `carried_back`: everything that was said
        stands in the threads too."""
        rows = self.select("select thread_id, session_id, conversation_id from conversations")
        found = [
            *self._seeds(),
            *self._books(state, provider),
            *self._archived(),
            *(self._answered() if carried_back else ()),
        ]
        if len({row[1] for row in rows}) < len(rows) or len(self.sessions) != len(rows):
            found.append(f"{len(self.sessions)} sessions for {len(rows)} conversations")
        for thread_id, session_id, conversation_id in rows:
            events = self.sessions.get(session_id, [])
            for fault in (
                *_doubled(self.threads[thread_id], events),
                *_in_step(self.threads[thread_id], events, carried_back),
                *self._beside(conversation_id, events),
            ):
                found.append(f"{thread_id}: {fault}")
        return found

    def _seeds(self) -> Iterator[str]:
        """No thread has lost or changed anything that it had."""
        for past in self.pasts:
            was = past.export
            now = self.threads.get(was["thread"]["id"])
            if now is None:
                yield f"{was['thread']['id']}: gone"
                continue
            for name in ("messages", "runs"):
                if now[name][: len(was[name])] != was[name]:
                    yield f"{was['thread']['id']}: its {name} are not what they were"

    def _answered(self) -> Iterator[str]:
        """Each question once, and its answer once behind it."""
        for thread_id, subject in self.asked:
            new = self.threads[thread_id]["messages"]
            seeds = next(
                len(p.export["messages"]) for p in self.pasts if p.row["thread_id"] == thread_id
            )
            said = [(each["role"], _text(each)) for each in new[seeds:]]
            asked = [n for n, one in enumerate(said) if one == ("user", QUESTIONS[subject])]
            answers = ANSWERS[subject].values()  # a guest who wrote English before is answered so
            told = [
                n
                for n, (role, text) in enumerate(said)
                if role == "assistant" and any(answer in text for answer in answers)
            ]
            if len(asked) != 1 or len(told) != 1 or told < asked:
                yield f"{thread_id}: {subject} asked {len(asked)} and answered {len(told)} times"

    def states(self) -> dict[str, int]:
        """How many conversations the ledger has in each state."""
        return dict(
            self.select(
                "select coalesce(m.state, 'pending'), count(*) from conversations c "
                "left join migrations m using (hotel_id, conversation_id) group by 1"
            )
        )

    def _beside(self, conversation_id: str, events: Sequence[Event]) -> Iterator[str]:
        """A session and the local history name the same items, and none is under way."""
        rows = self.select(
            "select item_id, mirror from history where conversation_id = ? order by at",
            conversation_id,
        )
        if [event.own_id for event in events] != [row[0] for row in rows]:
            yield f"{len(events)} events unlike {len(rows)} items"
        for way in {row[1] for row in rows} - {"done"}:
            yield f"an item is {way}"

    def _books(self, state: str, provider: str) -> Iterator[str]:
        """The ledger, and who answers."""
        states = self.select(
            "select coalesce(m.state, 'pending'), c.provider, count(*) from conversations c "
            "left join migrations m using (hotel_id, conversation_id) group by 1, 2"
        )
        if states != [(state, provider, len(self.pasts))]:
            yield f"states are {states}"
        for (problem,) in self.select("select problem from migrations where problem is not null"):
            yield f"the ledger has a problem: {problem}"

    def _archived(self) -> Iterator[str]:
        """Each thread once at least, whole and word for word, as it was when it was last read."""
        lines = (self.archive / "manifest.jsonl").read_bytes().splitlines()
        entries = {entry["thread_id"]: entry for entry in map(json.loads, lines)}
        for past in self.pasts:
            thread = past.export
            entry = entries.get(thread["thread"]["id"])
            if entry is None:
                yield f"{thread['thread']['id']}: not in the archive"
                continue
            file = self.archive / entry["file"]
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() != entry["sha256"] or len(data) != entry["bytes"]:
                yield f"{entry['file']}: unlike the manifest"
            rows = [json.loads(line) for line in gzip.decompress(data).splitlines()]
            for name in ("message", "run"):
                there = [row[name] for row in rows if name in row]
                was = thread[f"{name}s"]
                now = self.threads[thread["thread"]["id"]][f"{name}s"]
                if there[: len(was)] != was or there != now[: len(there)]:
                    yield f"{entry['file']}: its {name}s are not the thread's"
            for file_id, known in thread["files"].items():
                copy = self.archive / "files" / file_id
                if known["purpose"] != "vision" and not copy.exists():
                    continue  # which OpenAI does not give back
                if not copy.exists() or copy.read_bytes() != base64.b64decode(known["content"]):
                    yield f"{file_id}: not in the archive"

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.store)) as database:
            return database.execute(query, values).fetchall()

    def whole(self) -> Json:
        """Everything that a verb must not change the second time."""
        columns = [row[1] for row in self.select("pragma table_info(migrations)")]
        kept = ", ".join(name for name in columns if name != "verified_at")
        return {
            "threads": self.threads,
            "sessions": self.sessions,
            "history": self.select("select * from history order by conversation_id, at"),
            "ledger": self.select(f"select {kept} from migrations order by conversation_id"),
            "archive": {
                str(path): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(self.archive.rglob("*"))
                if path.is_file()
            },
        }


def _doubled(thread: Json, events: Sequence[Event]) -> Iterator[str]:
    for own_id, count in Counter(event.own_id for event in events).items():
        if count > 1:
            yield f"event {own_id} is there {count} times"
    items = Counter(item for each in thread["messages"] for item in _own(each))
    for item, count in items.items():
        if count > 1:
            yield f"the thread has our item {item} {count} times"


def _in_step(thread: Json, events: Sequence[Event], carried_back: bool) -> Iterator[str]:
    """What the thread says, place by place, is what the session says. A step that Gemini took with
    a tool has no place in a thread; before a rollback nothing has that was said since."""
    places = list(places_of(thread))
    marks = {place.mark for place in places}
    told = []
    for event in events:
        mark = next((one for one in (event.own_id, *event.sources) if one in marks), None)
        if mark is not None:
            told.append((mark, event))
        elif event.sources:
            yield f"event {event.own_id} is of no message of the thread"
        elif carried_back and not event.kind.startswith("tool_"):
            yield f"event {event.own_id} is not in the thread"
    if len(told) != len(places):
        yield f"{len(told)} events for {len(places)} places"
    for place, (mark, event) in zip(places, told, strict=False):
        if (place.mark, place.kind) != (mark, event.kind):
            yield f"{place.kind} {place.mark}: the session has {event.kind} {mark} here"
            return
        if place.text is not None and place.text != event.text:
            yield f"{place.kind} {place.mark}: other words"
        if place.calls != event.calls:
            yield f"{place.kind} {place.mark}: other calls"


def _text(message: Json) -> str:
    parts = message["content"]
    return "\n".join(part["text"]["value"] for part in parts if part["type"] == "text")
