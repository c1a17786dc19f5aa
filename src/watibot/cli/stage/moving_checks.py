"""What a migration came to, from the emulators alone: who answered whom, what is where. Pure.

`moving.py` collects the data and shows the result. Threads and sessions are compared by the ids
that OpenAI gave, not by what the migration's own proof says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from watibot.cli.stage.journals import Entry, Event, address_of, delivered, flat, is_text, text_of

OPENAI, GEMINI = "OpenAI", "Gemini"
OWN_ITEM = "watibot_item"

Message = dict[str, Any]
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words and when they were said."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Times:
    """Of the flips, in virtual time."""

    began: datetime
    cutting: datetime
    cut: datetime
    returning: datetime
    back: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """One guest's part: what was said, what reached the guest, and what each of the two answered,
    all in the order of time."""

    guest: str
    goes_back: bool
    said: tuple[Spoken, ...]
    bubbles: tuple[Spoken, ...]
    answers: tuple[tuple[str, Spoken], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of exchanges. `strangers`: messages that the wrong one of the two answered."""

    said: int = 0
    answered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    strangers: int = 0
    by_openai: int = 0
    by_gemini: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def exchange(
    guest: str,
    address: str,
    goes_back: bool,
    entries: Iterable[Entry],
    messages: Sequence[Message],
    events: Sequence[Event],
    began: datetime,
) -> Exchange:
    """`entries`: of both channels' journals, `messages`: of the guest's thread, `events`: of its
    session; what was before `began` is left out."""
    mine = [entry for entry in entries if address_of(entry) == address]
    said = [_spoken(entry) for entry in mine if entry["kind"] == "guest"]
    bubbles = [_spoken(entry) for entry in mine if entry["kind"] == "bubble"]
    answers = [
        (OPENAI, Spoken(_moment(message["created_at"]), words_of(message)))
        for message in messages
        if message["role"] == "assistant" and message["run_id"] and _since(message, began)
    ]
    answers += [
        (GEMINI, Spoken(datetime.fromisoformat(event["timestamp"]), text_of(event)))
        for event in events
        if event["author"] == "watibot"
        and is_text(event)
        and not _origin(event)
        and datetime.fromisoformat(event["timestamp"]) >= began
    ]
    return Exchange(
        guest,
        goes_back,
        tuple(said),
        tuple(bubbles),
        tuple(sorted(answers, key=lambda each: each[1].at)),
    )


def score(told: Exchange, times: Times) -> Score:
    """Counts one guest's part. A guest waits for each answer, so that between two messages there is
    one."""
    moments = [*(spoken.at for spoken in told.said), _NEVER]
    answered = sum(
        any(said_at < bubble.at <= end for bubble in told.bubbles)
        for said_at, end in pairwise(moments)
    )
    unsent, twice, moved = delivered(
        [bubble.words for bubble in told.bubbles], [each.words for _, each in told.answers]
    )
    strangers = sum(
        who not in owed(spoken.at, times, told.goes_back)
        for spoken, (who, _) in zip(told.said, told.answers, strict=False)
    )
    by = [who for who, _ in told.answers]
    return Score(
        said=len(told.said),
        answered=answered,
        lost=len(told.said) - answered + unsent,
        doubled=max(0, len(told.answers) - len(told.said)) + twice,
        out_of_order=moved,
        strangers=strangers,
        by_openai=by.count(OPENAI),
        by_gemini=by.count(GEMINI),
    )


def owed(said_at: datetime, times: Times, goes_back: bool) -> frozenset[str]:
    """Who may answer a message that was said then."""
    if said_at < times.cutting:
        return frozenset({OPENAI})
    if said_at < times.cut:
        return frozenset({OPENAI, GEMINI})
    if not goes_back or said_at < times.returning:
        return frozenset({GEMINI})
    return frozenset({OPENAI} if said_at >= times.back else {OPENAI, GEMINI})


def stray_runs(runs: Iterable[Entry], times: Times, back: Collection[str]) -> list[str]:
    """The runs that nobody should have begun: since the cutover, but of the threads in `back` since
    their rollback began."""
    found = []
    for run in runs:
        at = datetime.fromisoformat(run["at"])
        returned = run["thread"] in back and at >= times.returning
        if at > times.cut and not returned:
            found.append(str(run["run"]))
    return found


def astray(messages: Sequence[Message], events: Sequence[Event], until: datetime) -> int:
    """How many of a thread's messages of before `until` are not in the session, or stand there
    before one that was said earlier."""
    places: dict[str, int] = {}
    for place, event in enumerate(events):
        for name in (event.get("ownId"), *_origin(event)):
            if name:
                places.setdefault(str(name), place)
    wrong, last = 0, -1
    for message in messages:
        if _moment(message["created_at"]) >= until:
            continue
        metadata = message.get("metadata") or {}
        own = " ".join(metadata[key] for key in metadata if key.startswith(OWN_ITEM)).split()
        found = [places.get(name) for name in own or (message["id"],)]
        known = [place for place in found if place is not None]
        if len(known) < len(found) or known != sorted(known) or known[0] < last:
            wrong += 1
        else:
            last = known[-1]
    return wrong


def carried_back(told: Exchange, messages: Sequence[Message], began: datetime) -> int:
    """How many of the messages that Gemini answered, and of its answers, are not in the thread
    exactly once."""
    new = [message for message in messages if _since(message, began)]
    there = {
        role: [flat(words_of(message)) for message in new if message["role"] == role]
        for role in ("user", "assistant")
    }
    wrong = 0
    for spoken, (who, answer) in zip(told.said, told.answers, strict=False):
        if who == GEMINI:
            wrong += there["user"].count(flat(spoken.words)) != 1
            wrong += there["assistant"].count(flat(answer.words)) != 1
    return wrong


def doubled(sessions: Mapping[str, Sequence[Event]]) -> int:
    """Events that have the same own id as one before in their session."""
    return sum(
        len(events) - len({event.get("ownId") for event in events}) for events in sessions.values()
    )


def words_of(message: Message) -> str:
    """A thread's message, its text parts."""
    parts = message.get("content") or []
    return "\n".join(part["text"]["value"] for part in parts if part.get("type") == "text")


def _spoken(entry: Entry) -> Spoken:
    return Spoken(datetime.fromisoformat(entry["at"]), str(entry["text"] or ""))


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _since(message: Message, began: datetime) -> bool:
    return bool(_moment(message["created_at"] + 1) > began)


def _origin(event: Event) -> list[str]:
    origin = (event.get("rawEvent") or {}).get("origin") or {}
    return [str(each) for each in origin.get("sources") or ()]
