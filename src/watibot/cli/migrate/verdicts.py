"""What a verb came to, in plain words, and what to type next. Pure.

`work.py` is before it with what it counted, `screen.py` prints the words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from watibot.migration.crew import Mark, Outcome
from watibot.migration.words import advice, alike
from watibot.ports.migrations import State

_COMPARABLE = (State.IMPORTED, State.VERIFIED, State.CUT_OVER)
_OUTSIDE = re.compile(r"\b(unreachable|timeout|lost|throttled|unavailable)\b")


@dataclass(slots=True)
class Summary:
    """What was counted while a verb worked. `stopped`: why it ended before its time."""

    verb: str
    dry_run: bool = False
    sampled: bool = False
    total: int | None = None
    done: int = 0
    events: int = 0
    items: int = 0
    marks: Counter[Mark] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    interrupted: bool = False
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.done += 1
        self.events += outcome.events
        self.items += outcome.move.items if outcome.mark is not Mark.LESS else 0
        self.marks[outcome.mark] += 1
        if outcome.mark in (Mark.LESS, Mark.DIFFERS, Mark.FAILED, Mark.LATER):
            self.problems[alike(outcome.why)] += 1


def outside_trouble(problem: str) -> bool:
    """Whether a provider kept a conversation from being done, and not the conversation itself."""
    return _OUTSIDE.search(problem) is not None


def plural(count: int, noun: str = "conversation") -> str:
    """1 conversation, 2,000 conversations."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def verdict(found: Summary, states: Mapping[State, int]) -> str:
    """`states`: all conversations of the migration after the verb."""
    if found.stopped is not None:
        kept = "what was done is kept, the rest is as it was"
        return f"It stopped: {found.stopped}. {_sentence(kept)}; start it again to go on."
    if found.interrupted:
        of = "" if found.total is None else f" of {found.total:,}"
        return (
            f"Stopped at your word after {found.done:,}{of} conversations; start it again to go on."
        )
    if found.dry_run:
        return f"{_dry(found)} Nothing was written."
    words = {"verify": _verified, "run": _ran, "cutover": _cut, "rollback": _back}[found.verb]
    return words(found, states)


def _dry(found: Summary) -> str:
    if found.verb == "verify":
        return f"{found.marks[Mark.SAME]:,} of {found.done:,} are all there and the same."
    todo, same = found.marks[Mark.DONE], found.marks[Mark.SAME]
    what = {"run": "carried over", "cutover": "cut over", "rollback": "taken back"}[found.verb]
    told = [f"{plural(todo)} would be {what}"]
    if same:
        told.append(f"{same:,} are done already")
    other = found.done - todo - same
    if other:
        told.append(f"{other:,} cannot be now")
    return ", ".join(told) + "."


def _verified(found: Summary, states: Mapping[State, int]) -> str:
    same, later = found.marks[Mark.SAME], found.marks[Mark.LATER]
    bad = found.done - same - later
    if not found.done:
        return "Nothing was compared: no conversation has been carried over. watibot migrate run"
    if bad or later:
        told = []
        if bad:
            told.append(f"{bad:,} of {found.done:,} conversations differ or cannot be compared")
        if later:
            told.append(f"{later:,} were put off")
        return f"Do not cut over yet: {' and '.join(told)}. {_sentence(_next(found))}."
    able = sum(states.get(state, 0) for state in _COMPARABLE)
    if found.sampled or found.done < able:
        these, are = ("This", "is") if found.done == 1 else ("These", "are")
        return (
            f"{these} {plural(found.done)} of {able:,} {are} in Vertex, "
            f"{plural(found.items, 'item')}, all there and the same. Verify the others too before "
            "you cut over."
        )
    words = (
        f"Everything that could be read is in Vertex: {same:,} of {plural(found.done)}, "
        f"{plural(found.items, 'item')}. "
    )
    over = states.get(State.CUT_OVER, 0) == able
    words += "All of them are cut over." if over else "You may cut over."
    waiting = states.get(State.PENDING, 0) + states.get(State.EXPORTED, 0)
    waiting += states.get(State.ROLLED_BACK, 0)
    if waiting:
        words += f" {plural(waiting)} still to be carried over: watibot migrate run."
    if states.get(State.MISSING):
        words += f" {plural(states[State.MISSING])} without a thread at any source."
    return words


def _ran(found: Summary, states: Mapping[State, int]) -> str:
    told = [f"{plural(found.marks[Mark.DONE])} carried over, {plural(found.events, 'event')}"]
    told += _others(
        found, {Mark.SAME: "had nothing new", Mark.LESS: "have no thread at any source"}
    )
    ready = states.get(State.IMPORTED, 0)
    after = " Next: watibot migrate verify." if ready else ""
    return f"{'; '.join(told)}.{after}"


def _cut(found: Summary, states: Mapping[State, int]) -> str:
    told = [f"{plural(found.marks[Mark.DONE])} answered by Gemini from now on"]
    told += _others(found, {Mark.DIFFERS: "differ and stay with OpenAI"})
    left = sum(states.get(state, 0) for state in State) - states.get(State.CUT_OVER, 0)
    after = " That was the last one." if found.done and not left else f" {left:,} are not cut over."
    return f"{'; '.join(told)}.{after}"


def _back(found: Summary, states: Mapping[State, int]) -> str:
    told = [f"{plural(found.marks[Mark.DONE])} answered by OpenAI's assistant again"]
    return f"{'; '.join([*told, *_others(found, {})])}."


def _others(found: Summary, words: Mapping[Mark, str]) -> list[str]:
    known = {Mark.FAILED: "failed", Mark.LATER: "were put off: the same command again does them"}
    return [
        f"{found.marks[mark]:,} {told}"
        for mark, told in {**words, **known}.items()
        if found.marks[mark]
    ]


def _next(found: Summary) -> str:
    worst = max(found.problems, key=lambda each: found.problems[each], default="")
    return f"next: {advice(worst)}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
