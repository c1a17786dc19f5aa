"""A hotel's past, laid out as an operator has it: the earlier database, and exported threads.

`migration.py` lays it out before it measures; the old table is taken over as `watibot db adopt`
does it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from watibot.emulators.past import Past, pasts
from watibot.storage.adopt import adopt

ITEMS = 30  # of each conversation, and so the events of its session
BATCH = 500  # held in memory at once
_SEED = 7
_COLUMNS = (
    "wa_id TEXT PRIMARY KEY",
    "thread_id TEXT NOT NULL",
    "last_updated TEXT",
    "created_at TEXT",
    "history_imported INTEGER",
    "agent_context_injected INTEGER",
    "last_agent_context_check TEXT",
)


def lay_out(folder: Path, url: str, hotel_id: str, count: int) -> Path:
    """`count` conversations in the store at `url`; the folder with their threads, files beside."""
    exports = folder / "exports"
    (exports / "files").mkdir(parents=True)
    old = folder / "thread_store.db"
    with (
        closing(sqlite3.connect(old)) as database,
        (exports / "threads.jsonl").open("w") as threads,
    ):
        database.execute(f"CREATE TABLE threads ({', '.join(_COLUMNS)})")
        insert = f"INSERT INTO threads VALUES ({', '.join('?' * len(_COLUMNS))})"
        for start in range(0, count, BATCH):
            made = pasts(
                min(BATCH, count - start),
                _SEED,
                hotel_day=date(2026, 11, 1),
                size=ITEMS,
                start=start,
            )
            database.executemany(insert, [tuple(past.row.values()) for past in made])
            for past in made:
                threads.write(_line(past, exports / "files"))
        database.commit()
    adopt(url, hotel_id, old, datetime.now(UTC))
    return exports


def _line(past: Past, files: Path) -> str:
    """The thread alone; what its files hold lies under their ids."""
    for file_id, meta in past.export["files"].items():
        content = meta.pop("content", None)
        if content is not None:
            (files / file_id).write_bytes(base64.b64decode(content))
    return json.dumps(past.export) + "\n"
