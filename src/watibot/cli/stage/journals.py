"""What a run came to, from the emulators' journals, their sessions and the service's metrics. Pure.

`demo.py` and `rehearse.py` collect the data, `screen.py` shows the result. The providers' side is
asked, not the service: what a guest said, what reached the guest, what the session holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entry = dict[str, Any]
Event = dict[str, Any]

# Kinds of messages whose words are in the session as the guest wrote them; of files only notes are.
WORDED = frozenset({"text", "button", "interactive", "list"})
HANDS_OVER = "escalate_to_human"


@dataclass(frozen=True, slots=True)
class Story:
    """One guest's part of a run. `said` are distinct messages in the order of their time ("" for a
    file), `bubbles` what reached the guest, `colleagues` how often a person wrote (what is written
    in ManyChat's own inbox nobody can read: there, what the session knows of it), `events` the
    conversation's session, the oldest first."""

    guest: str
    said: tuple[str, ...]
    bubbles: tuple[str, ...]
    colleagues: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one story, or of many added up.

    `answered` and `held` are the guest's messages that an answer or a colleague took care of,
    `lost` those that nobody did, and answers that did not arrive. `out_of_order` and `doubled` are
    messages and bubbles. `expected` is how many events the session ought to hold.
    """

    said: int = 0
    answered: int = 0
    held: int = 0
    turns: int = 0
    bubbles: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    events: int = 0
    expected: int = 0

    def __add__(self, other: Tally) -> Tally:
        names = self.__slots__
        return Tally(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run. Times are real seconds, without the model's and the tools' (None: none)."""

    tally: Tally
    guests: int
    received: int
    deliveries: int
    notices: int
    handed_over: int
    events_doubled: int
    median: float | None
    slowest: float | None  # 95 of 100 are faster
    model_calls: int
    prompt_tokens: int
    cached_tokens: int
    troubled: tuple[str, ...]  # the guests whose stories do not hold


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold, and what was found."""

    name: str
    ok: bool
    found: str


def address_of(entry: Entry) -> str:
    """The guest that an entry is about; "" if none."""
    return str(entry.get("waId") or entry.get("subscriber_id") or "")


def stories(
    guests: Mapping[str, tuple[str, str]],
    entries: Iterable[Entry],
    sessions: Mapping[str, Sequence[Event]],
) -> list[Story]:
    """The stories of `guests` (name and conversation id by address)."""
    said: dict[str, list[str]] = {address: [] for address in guests}
    bubbles: dict[str, list[str]] = {address: [] for address in guests}
    colleagues = dict.fromkeys(guests, 0)
    for entry in entries:
        address = address_of(entry)
        if address not in guests:
            continue
        if entry["kind"] == "guest":
            said[address].append(entry["text"] or "" if entry["type"] in WORDED else "")
        elif entry["kind"] == "bubble":
            bubbles[address].append(entry["text"])
        elif entry["kind"] == "staff" and "waId" in entry:
            colleagues[address] += 1
    return [
        Story(
            name,
            tuple(said[address]),
            tuple(bubbles[address]),
            colleagues[address]
            if conversation_id == address
            else _by_staff(sessions, conversation_id),
            tuple(sessions.get(conversation_id, ())),
        )
        for address, (name, conversation_id) in guests.items()
    ]


def _by_staff(sessions: Mapping[str, Sequence[Event]], conversation_id: str) -> int:
    return sum(event["author"] == "staff" for event in sessions.get(conversation_id, ()))


def tally(story: Story) -> Tally:
    """Counts a story; it holds if nothing is lost, doubled, out of order or missing."""
    kept = [event for event in story.events if event["author"] == "user"]
    answers = [event for event in story.events if event["author"] == "watibot" and is_text(event)]
    rounds = sum(bool(calls_of(event)) for event in story.events)
    answered_turns = {event["invocationId"] for event in answers}
    answered = sum(event["invocationId"] in answered_turns for event in kept)
    held = _held(story.events, answered_turns)
    unsent, doubled, shuffled = delivered(story.bubbles, [text_of(event) for event in answers])
    return Tally(
        said=len(story.said),
        answered=answered,
        held=held,
        turns=len(answers),
        bubbles=len(story.bubbles),
        lost=max(0, len(story.said) - answered - held) + unsent,
        doubled=max(0, len(kept) - len(story.said)) + doubled,
        out_of_order=_moved(story.said, [text_of(event) for event in kept]) + shuffled,
        events=len(story.events),
        expected=len(story.said) + story.colleagues + len(answers) + 2 * rounds,
    )


def holds(counts: Tally) -> bool:
    """Whether nothing went wrong in it."""
    wrong = counts.lost + counts.doubled + counts.out_of_order
    return wrong == 0 and counts.events == counts.expected


def hands_over(events: Iterable[Event]) -> bool:
    """Whether the model gave the conversation to a person."""
    return any(call["name"] == HANDS_OVER for event in events for call in calls_of(event))


def summary(
    told: Sequence[Story],
    emulators: Mapping[str, Mapping[str, Any]],
    metrics: str,
) -> Summary:
    """`emulators` are their own summaries by name, `metrics` the service's in Prometheus' text."""
    counts = [tally(story) for story in told]
    total = sum(counts, Tally())
    channels = [each for name, each in emulators.items() if name in ("wati", "manychat")]
    # The channels' emulators count by id, the stories by words: either may see what the other does
    # not.
    by_id = sum(each["doubled"] for each in channels)
    doubled = max(total.doubled, by_id)
    vertex = emulators["vertex"]
    buckets = histogram(metrics, "watibot_own_seconds")
    return Summary(
        tally=total + Tally(doubled=doubled - total.doubled),
        guests=len(told),
        received=sum(each["received"] for each in channels),
        deliveries=sum(
            int(counter(metrics, "watibot_deliveries_total", outcome=outcome))
            for outcome in ("message", "repeated")
        ),
        notices=emulators["staff"]["notices"],
        handed_over=sum(hands_over(story.events) for story in told),
        events_doubled=vertex["events_doubled"],
        median=quantile(buckets, 0.5),
        slowest=quantile(buckets, 0.95),
        model_calls=vertex["model_calls"],
        prompt_tokens=vertex["prompt_tokens"],
        cached_tokens=vertex["cached_tokens"],
        troubled=tuple(
            story.guest for story, each in zip(told, counts, strict=True) if not holds(each)
        ),
    )


def checks(run: Summary) -> list[Check]:
    """What has to hold of every run."""
    counts = run.tally
    of_staff = f"{counts.answered} answered + {counts.held} with staff of {counts.said}"
    return [
        Check("every message was received", run.received == counts.said, f"{run.received}"),
        Check("every message was taken care of", counts.lost == 0, of_staff),
        Check("nothing was said twice", counts.doubled == 0, f"doubled {counts.doubled}"),
        Check(
            "everything kept its order", counts.out_of_order == 0, f"moved {counts.out_of_order}"
        ),
        Check(
            "the sessions are complete",
            counts.events == counts.expected and run.events_doubled == 0,
            f"{counts.events} of {counts.expected} events, doubled {run.events_doubled}",
        ),
        Check(
            "staff were told of every guest who asks for a person",
            run.notices >= run.handed_over,
            f"{run.notices} notices for {run.handed_over} guests",
        ),
    ]


def histogram(metrics: str, name: str) -> list[tuple[float, float]]:
    """A histogram without labels as (upper bound, observations up to it), the last one infinite."""
    lines = re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', metrics, re.MULTILINE)
    return [(float(bound), float(count)) for bound, count in lines]


def counter(metrics: str, name: str, **labels: str) -> float:
    """The sum of a counter's lines that have these labels."""
    total = 0.0
    for given, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="([^"]*)"', given))
        if labels.items() <= found.items():
            total += float(value)
    return total


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """The value below which `share` of the observations are, taken as evenly spread within their
    bucket; None without observations. Beyond the last finite bound: that bound."""
    if not buckets or buckets[-1][1] == 0:
        return None
    rank = share * buckets[-1][1]
    low, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return (
                low
                if bound == float("inf")
                else low + (bound - low) * (rank - before) / (count - before)
            )
        low, before = bound, count
    return low


def text_of(event: Event) -> str:
    """What an event says, thoughts left out."""
    parts = event.get("content", {}).get("parts", [])
    return "\n".join(part["text"] for part in parts if "text" in part and not part.get("thought"))


def calls_of(event: Event) -> list[dict[str, Any]]:
    """The tools that an event, or a model's answer, asks for."""
    parts = event.get("content", {}).get("parts", [])
    return [part["functionCall"] for part in parts if "functionCall" in part]


def is_text(event: Event) -> bool:
    """Whether it is an answer and not a call."""
    return not calls_of(event) and bool(text_of(event))


def _held(events: Sequence[Event], answered_turns: set[str]) -> int:
    """The guest's messages without an answer that a person saw to: those right before a person's
    words, and those between them and the assistant's next answer."""
    held = waiting = 0
    with_staff = False
    handed: set[str] = set()
    for event in events:
        if event["author"] == "staff":
            held, waiting, with_staff = held + waiting, 0, True
        elif hands_over([event]):
            handed.add(event["invocationId"])
            with_staff = True
        elif event["author"] == "user" and event["invocationId"] not in answered_turns:
            held, waiting = held + with_staff, waiting + (not with_staff)
        elif event["author"] == "watibot" and is_text(event):
            # The answer that hands the guest over is the assistant's last one.
            with_staff, waiting = event["invocationId"] in handed, 0
    return held


def delivered(bubbles: Sequence[str], answers: Sequence[str]) -> tuple[int, int, int]:
    """Whether the bubbles, laid end to end, are the answers: how many answers lack a piece (0 or
    1), how many bubbles are too many, how many are in the wrong place."""
    rest = "".join(flat(answer) for answer in answers)
    doubled = shuffled = 0
    for bubble in map(flat, bubbles):
        if rest.startswith(bubble):
            rest = rest[len(bubble) :]
        elif bubble in rest:
            rest = rest.replace(bubble, "", 1)
            shuffled += 1
        else:
            doubled += 1
    return int(bool(rest)), doubled, shuffled


def _moved(said: Sequence[str], kept: Sequence[str]) -> int:
    """How many of the guest's messages stand elsewhere in the session than they were said; files
    have no words to tell by."""
    pairs = zip(said, kept, strict=False)
    return sum(flat(words) not in flat(text) for words, text in pairs)


def flat(text: str) -> str:
    """Without its blanks, of which a bubble has others than the answer."""
    return "".join(text.split())
