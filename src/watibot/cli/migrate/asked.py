"""What the operator asked for, and the exit status that it came to.

`__init__.py` fills an `Asked` from the command line; `work.py` does it. The statuses stand in the
help of every verb.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from watibot.messages import ChannelName
from watibot.migration.crew import Cohort, Mark


class Status(IntEnum):
    """By cause. 75 and 78 (a store that is away, a wrong setting) are as everywhere."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    PUT_OFF = 3
    SOURCE_GONE = 4
    REFUSED = 5
    INTERRUPTED = 130


STATUSES = """Exit status: 0 all done, or equal. 1 some conversations failed, differ or have no
thread. 2 a mistake in the command. 3 some were put off, and a later run does them. 4 a source is
gone or cannot be reached: what was not done is as it was. 5 credentials were refused. 75 the store
is away, or another migration is under way. 78 a setting is wrong. 130 stopped with Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a verb. `only`: a file of ids, "-" for standard input."""

    verb: str
    env_file: Path
    channels: tuple[ChannelName, ...] = ()
    only: str | None = None
    limit: int | None = None
    percent: float | None = None
    sample: int | None = None
    dry_run: bool = False
    new: bool = False
    missing: bool = False
    unread: bool = False
    everything: bool = False
    at_once: int | None = None
    quiet: bool = False
    as_json: bool = False
    json_lines: bool = False
    progress: bool = False

    @property
    def machine(self) -> bool:
        """Whether standard output is for a program."""
        return self.as_json or self.json_lines

    @property
    def named(self) -> bool:
        """Whether it was said which conversations are meant."""
        chosen = self.channels or self.only or self.limit or self.percent
        return bool(chosen) or self.everything

    def cohort(self) -> Cohort:
        """Reads the file of ids. Raises OSError, UnicodeDecodeError, ValueError when it is
        empty."""
        ids = frozenset() if self.only is None else read_ids(self.only)
        return Cohort(frozenset(self.channels), ids, self.limit, self.percent)


def read_ids(name: str) -> frozenset[str]:
    """One id a line; what stands behind a # is a remark. Raises as `Asked.cohort`."""
    text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8-sig")
    ids = frozenset(bare for line in text.splitlines() if (bare := line.partition("#")[0].strip()))
    if not ids:
        raise ValueError("it names no conversation")  # an empty set would mean all of them
    return ids


def status_of(verb: str, marks: Mapping[Mark, int]) -> Status:
    """Of a verb that came to its end."""
    bad = {Mark.FAILED, Mark.DIFFERS}
    if verb != "plan":
        bad |= {Mark.LESS}
    if verb == "verify":
        bad |= {Mark.DONE}  # the session has something that nobody knows
    if any(marks.get(mark) for mark in bad):
        return Status.SOME_FAILED
    return Status.PUT_OFF if marks.get(Mark.LATER) else Status.DONE


def spread(ids: list[str], count: int) -> frozenset[str]:
    """`count` of them at equal distances."""
    if count >= len(ids):
        return frozenset(ids)
    return frozenset(ids[index * len(ids) // count] for index in range(count))
