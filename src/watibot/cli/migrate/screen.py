"""Where a verb's words go: results to standard output, progress to standard error.

`work.py` is before it. On a terminal one line moves at the bottom; elsewhere a line is written
every ten seconds. For a program (`--json`) standard output has nothing but JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from watibot.migration.crew import Mark, Outcome, Tally

_LOOK_SECONDS = 0.5
_PROGRESS_SECONDS = 1.0
_LINE_SECONDS = 10.0
_COLOURS = {
    Mark.SAME: "dim",
    Mark.DONE: "green",
    Mark.LESS: "yellow",
    Mark.DIFFERS: "red",
    Mark.FAILED: "red",
    Mark.LATER: "cyan",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """How far it is: the counts, the line for a person, the same for a program."""

    tally: Tally
    line: str
    document: dict[str, Any]


class Screen:
    """`progress`: behind lines of JSON about conversations, also some about how far it is."""

    def __init__(self, *, machine: bool, json_lines: bool, progress: bool = False) -> None:
        self._machine = machine
        self._json_lines = json_lines
        self._progress = progress
        self._out = Console(highlight=False, soft_wrap=True, markup=False)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def note(self, words: str) -> None:
        """For the person who watches."""
        self._errors.print(words)

    def result(self, words: str, style: str | None = None) -> None:
        """Nothing for a program: `document` tells it."""
        if not self._machine:
            self._out.print(words, style=style)

    def outcome(self, outcome: Outcome) -> None:
        """A conversation's line."""
        move = outcome.move
        if self._json_lines:
            told = {
                "conversation_id": move.conversation_id,
                "mark": outcome.mark,
                "state": move.state,
                "why": outcome.why,
                "items": move.items,
                "events": outcome.events,
            }
            print(json.dumps(told, ensure_ascii=False), flush=True)
        words = f"{outcome.mark} {move.conversation_id}  {outcome.why}".rstrip()
        self.result(words, _COLOURS[outcome.mark] if self._out.is_terminal else None)

    def document(self, value: Any) -> None:
        """One JSON document; one line of it behind lines of JSON."""
        indent = None if self._json_lines else 2
        print(json.dumps(value, indent=indent, ensure_ascii=False, default=str), flush=True)

    async def watch(self, look: Callable[[], Looked]) -> None:
        """Shows how far it is, until it is cancelled. The looks go by the wall's clock: whoever
        watches does."""
        if self._progress:
            await self._tell(look)
        elif self._errors.is_terminal:
            await self._move(look)
        else:
            await self._write(look)

    async def _move(self, look: Callable[[], Looked]) -> None:
        columns = (SpinnerColumn(), BarColumn(8), TextColumn("{task.description}", markup=False))
        # The line shares its console with the results, or each would write over the other.
        console = self._errors
        with Progress(*columns, console=console, transient=True) as progress:
            self._out = console if sys.stdout.isatty() else self._out
            task: TaskID = progress.add_task("", total=None)
            while True:
                now = look()
                done, total = now.tally.done, now.tally.total
                progress.update(task, description=now.line, completed=done, total=total)
                await asyncio.sleep(_LOOK_SECONDS)

    async def _write(self, look: Callable[[], Looked]) -> None:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            self.note(look().line)

    async def _tell(self, look: Callable[[], Looked]) -> None:
        while True:
            print(json.dumps({"progress": look().document}), flush=True)
            await asyncio.sleep(_PROGRESS_SECONDS)
