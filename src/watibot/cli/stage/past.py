"""Two hundred conversations that the hotel had before WatiBot: at OpenAI, and in a table.

`demo.py` has them made before the service starts. The emulators are given the threads and the
people; the earlier system's database is adopted by the command that an operator would use.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from watibot.cli.stage.guests import Control, Guest, controls
from watibot.cli.stage.processes import Stage, StageError
from watibot.emulators.past import Past, pasts
from watibot.messages import ChannelName

CONVERSATIONS = 200
SEED = 7
FILE = "thread_store.db"
ARCHIVE = "archive"
REPORT = "report"

# Per virtual minute. At Google's default quotas the demonstration would last a quarter of an hour.
APPENDS, WRITES = 3000, 1000
QUOTAS = {
    "vertex.append_events_per_minute": APPENDS,
    "vertex.session_writes_per_minute": WRITES,
}
_AT_ONCE = 16
_COLUMNS = (
    "wa_id TEXT PRIMARY KEY",
    "thread_id TEXT NOT NULL",
    "last_updated TIMESTAMP",
    "created_at TIMESTAMP",
    "history_imported BOOLEAN DEFAULT 0",
    "agent_context_injected INTEGER DEFAULT 0",
    "last_agent_context_check TEXT",
)


@dataclass(frozen=True, slots=True)
class Former:
    """A guest with a past, and the past's thread. `answered`: whether the assistant spoke last."""

    guest: Guest
    thread_id: str
    answered: bool


def made(today: date) -> list[Past]:
    """All pasts, over when `today` begins (UTC), and so before the day of a hotel west of it."""
    return pasts(CONVERSATIONS, SEED, hotel_day=today)


def formers(made: Sequence[Past]) -> list[Former]:
    """Who they are, in the order of the old table."""
    return [
        Former(
            _guest(number, str(past.row["wa_id"])),
            str(past.row["thread_id"]),
            past.export["messages"][-1]["role"] == "assistant",
        )
        for number, past in enumerate(made, 1)
    ]


def settings(directory: Path) -> dict[str, str]:
    """What the service is told beside the rest: a little less than the quotas that the emulator
    keeps."""
    return {
        "WATIBOT_DATABASE_URL": f"sqlite:///{directory / FILE}",
        "MIGRATION_ARCHIVE_DIR": str(directory / ARCHIVE),
        "VERTEX_APPENDS_PER_MINUTE": f"{APPENDS * 0.97:.0f}",
        "VERTEX_SESSION_WRITES_PER_MINUTE": f"{WRITES * 0.97:.0f}",
        "OPENAI_REQUESTS_PER_MINUTE": "100000",
    }


def write_table(path: Path, made: Sequence[Past]) -> None:
    """The earlier system's database."""
    names = [column.partition(" ")[0] for column in _COLUMNS]
    marks = ", ".join("?" * len(names))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE threads ({', '.join(_COLUMNS)})")
        rows = [[past.row[name] for name in names] for past in made]
        connection.executemany(f"INSERT INTO threads VALUES ({marks})", rows)


async def prepare(stage: Stage, made: Sequence[Past]) -> list[str]:
    """The emulators filled and the database adopted, at the same time; the lines that
    `watibot db adopt` said. Raises StageError."""
    write_table(stage.directory / FILE, made)
    async with controls(stage.emulators) as (control, _):
        adopted, _ = await asyncio.gather(stage.command("db", "adopt"), _fill(control, made))
    if adopted.status:
        raise StageError(f"watibot db adopt ended with {adopted.status}\n{adopted.errors}")
    return adopted.out.splitlines()


async def _fill(control: Control, made: Sequence[Past]) -> None:
    await control.seed([past.export for past in made])
    queue = iter(formers(made))

    async def hand() -> None:
        for former in queue:
            await control.add(former.guest)

    await asyncio.gather(*(hand() for _ in range(_AT_ONCE)))


def _guest(number: int, conversation_id: str) -> Guest:
    prefix, _, address = conversation_id.rpartition(":")
    channels = {"fb": ChannelName.FACEBOOK, "ig": ChannelName.INSTAGRAM}
    channel = channels.get(prefix, ChannelName.WHATSAPP)
    return Guest(f"Guest {number}", channel, address)
