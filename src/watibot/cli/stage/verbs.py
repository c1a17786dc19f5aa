"""`watibot migrate`, verb by verb, as commands of their own; what they said for a program.

`moving.py` calls it. A verb that put some off, or found some grown, is asked again for those alone,
as its own words advise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watibot.cli.stage.processes import Ended, Stage, StageError

# 1: some differ, 3: some were put off; with anything else the verb did not come to its end.
TOLD = frozenset({0, 1, 3})
SAME, DONE = "=", "+"
_WAITING = re.compile(r"   waiting: (.+?)(?=   |$)")


@dataclass(frozen=True, slots=True)
class Told:
    """What a verb came to: `marks` by conversation id, the document at the end, its last line of
    progress, and what it `waited` for last ("": for nothing)."""

    status: int
    marks: dict[str, str]
    document: dict[str, Any]
    progress: str
    waited: str

    def without(self, *good: str) -> list[str]:
        """The conversations that have another mark."""
        return [name for name, mark in self.marks.items() if mark not in good]


async def verb(stage: Stage, *words: str) -> Told:
    """`watibot migrate WORDS --json-lines`. Raises StageError when it did not come to its end."""
    ended = await stage.command("migrate", *words, "--json-lines")
    if ended.status not in TOLD:
        said = f"{ended.errors}\n{ended.out[-1000:]}"
        raise StageError(f"watibot migrate {' '.join(words)} ended with {ended.status}\n{said}")
    return read(ended)


async def report(stage: Stage, folder: Path) -> Ended:
    """`watibot migrate report`. Raises StageError."""
    ended = await stage.command("migrate", "report", "--to", str(folder))
    if ended.status:
        raise StageError(f"watibot migrate report ended with {ended.status}\n{ended.errors}")
    return ended


def read(ended: Ended) -> Told:
    """Lines of JSON, the document the last of them; progress is the last line of the errors."""
    lines = [json.loads(line) for line in ended.out.splitlines()]
    progress = [line for line in ended.errors.splitlines() if " conversations   " in line]
    waits = [words for line in progress if (words := _WAITING.search(line))]
    return Told(
        ended.status,
        {line["conversation_id"]: str(line["mark"]) for line in lines[:-1]},
        lines[-1],
        _WAITING.sub("", progress[-1]) if progress else "",
        waits[-1][1] if waits else "",
    )


def write_ids(path: Path, ids: Iterable[str]) -> Path:
    """A file for `--only`."""
    path.write_text("".join(f"{each}\n" for each in ids))
    return path
