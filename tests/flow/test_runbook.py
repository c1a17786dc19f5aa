"""The runbook, as it stands: every command of `docs/howto/migrate.md`, in its order.

A hotel with an old database, threads on a server, emulators of everything, and the settings in a
`.env` as an operator has them. A command that the page names and that does not end well fails here.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import time
from datetime import date
from pathlib import Path

import httpx2
import pytest

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET
from tests.forking import start
from watibot.emulators.launch import launch, settings_for
from watibot.emulators.past import Past, pasts

RUNBOOK = Path(__file__).parents[2] / "docs" / "howto" / "migrate.md"
PASTS = pasts(24, 7, hotel_day=date(2026, 11, 22))


def commands(page: str) -> list[list[str]]:
    """The command of each console block, one line each."""
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_every_command_stands_alone() -> None:
    found = commands(RUNBOOK.read_text("utf-8"))
    assert len(found) > 20
    assert {words[0] for words in found} == {"watibot"}
    verbs = {words[2] for words in found if words[1] == "migrate"}
    assert verbs == {
        *("sources", "plan", "run", "verify", "cutover", "rollback", "status", "report")
    }


def old_database(path: Path, rows: list[Past]) -> None:
    """The earlier system's file."""
    path.parent.mkdir()
    made = sqlite3.connect(path)
    made.execute(
        "CREATE TABLE threads (wa_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, last_updated "
        "TIMESTAMP, created_at TIMESTAMP, history_imported BOOLEAN DEFAULT 0, "
        "agent_context_injected INTEGER DEFAULT 0, last_agent_context_check TEXT)"
    )
    names = list(rows[0].row)
    marks = ", ".join("?" * len(names))
    made.executemany(
        f"INSERT INTO threads ({', '.join(names)}) VALUES ({marks})",
        [tuple(past.row[name] for name in names) for past in rows],
    )
    made.commit()
    made.close()


@pytest.mark.timeout(180)
async def test_the_runbook_runs(tmp_path: Path) -> None:
    old_database(tmp_path / "var" / "thread_store.db", PASTS)
    clock = f"30@{int(time.time())}"
    names = dict.fromkeys(("wati", "manychat", "vertex", "staff", "openai"), 0)
    free: dict[str, object] = {"append_events_per_minute": 0, "session_writes_per_minute": 0}
    async with launch(names, clock, None, {"vertex": free}) as urls:
        async with httpx2.AsyncClient(trust_env=False) as client:
            made = [past.export for past in PASTS]
            seeded = await client.post(f"{urls['openai']}/_emulator/threads", json=made)
            assert seeded.status_code < 300, seeded.text
        told = settings_for(urls, tmp_path, clock, None, SECRET) | {
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
            "WATIBOT_DATABASE_URL": "sqlite:///var/thread_store.db",
            "VERTEX_APPENDS_PER_MINUTE": "60000",
            "VERTEX_SESSION_WRITES_PER_MINUTE": "60000",
        }
        name = "GOOGLE_APPLICATION_CREDENTIALS"
        credentials = {name: told[name]}
        (tmp_path / ".env").write_text("".join(f"{key}={value}\n" for key, value in told.items()))
        ids = [str(past.row["wa_id"]) for past in PASTS]
        (tmp_path / "ids.txt").write_text("\n".join(["# a few", *sorted(ids)[:3]]))
        for words in commands(RUNBOOK.read_text("utf-8")):
            with (tmp_path / "told").open("wb") as log:
                process = await start(
                    *words[1:],
                    environment={"PATH": "/usr/bin:/bin", **credentials},
                    folder=tmp_path,
                    out=log,
                    errors=log,
                )
                status = await process.wait()
                assert status == 0, (words, (tmp_path / "told").read_text("utf-8"))
    assert "24" in (tmp_path / "var" / "report" / "migration-report.html").read_text("utf-8")
    restored = sqlite3.connect(tmp_path / "var" / "thread_store.restored.db")
    assert restored.execute("SELECT count(*) FROM threads").fetchone() == (24,)
    restored.close()
    now = sqlite3.connect(tmp_path / "var" / "thread_store.db")
    assert now.execute("SELECT count(*), sum(vertex_migrated) FROM threads").fetchone() == (24, 24)
    now.close()
