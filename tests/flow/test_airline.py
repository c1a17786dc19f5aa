"""Real conversations with many tool calls go the whole way, from an export and from a server.

The threads are those of tau-bench (MIT): a few of them are among the cases, all 95 where the shared
data lies. What arrived is counted from the raw threads, not from what the product read in them.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flow.migrating import Moving, moving
from watibot.ports.migrations import State

CASES = Path(__file__).parents[1] / "cases" / "threads" / "airline.jsonl"
SHARED = Path(os.environ.get("WATIBOT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
WHOLE = SHARED / "threads-airline.jsonl.gz"
FREE: dict[str, object] = {"append_events_per_minute": 0, "session_writes_per_minute": 0}
LIFTED = {"VERTEX_APPENDS_PER_MINUTE": "600000", "VERTEX_SESSION_WRITES_PER_MINUTE": "600000"}


def threads(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    lines = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in lines.splitlines()]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["exports", "assistants"])
@pytest.mark.parametrize(
    "path",
    [
        CASES,
        pytest.param(WHOLE, marks=pytest.mark.skipif(not WHOLE.is_file(), reason="no shared data")),
    ],
    ids=["a few", "all"],
)
async def test_every_message_and_tool_pair_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path, way: str
) -> None:
    raw = threads(path)
    async with moving(tmp_path, monkeypatch, also=["openai"], **LIFTED) as hotel:
        await hotel.control("vertex", "settings", "PATCH", **FREE)
        await hotel.add(len(raw), exported=False)
        for number, told in enumerate(raw):
            hotel.execute(
                "UPDATE conversations SET thread_id = :thread WHERE conversation_id = :id",
                thread=told["thread"]["id"],
                id=hotel.ids[number],
            )
        if way == "exports":
            monkeypatch.setenv("MIGRATION_SOURCES", "exports")
            shutil.copy(path, tmp_path / "exports")
        else:
            monkeypatch.setenv("MIGRATION_SOURCES", "assistants")
            made = [{name: one[name] for name in ("thread", "messages", "runs")} for one in raw]
            for each in made:
                await hotel.control("openai", "threads", **each)
        await hotel.carried("run", "verify")
        assert hotel.count(State.VERIFIED) == len(raw)
        found = await sessions(hotel)
    assert sorted(found) == sorted(expected(told) for told in raw)


async def sessions(hotel: Moving) -> list[tuple[list[str], list[str], list[str]]]:
    """Of each session: words said, calls, results, in the events' order."""
    found = []
    for session in await hotel.control("vertex", "sessions", "GET"):
        name = session["name"].rpartition("/")[2]
        words, calls, results = [], [], []
        for event in await hotel.control("vertex", f"sessions/{name}/events", "GET"):
            for part in event["content"]["parts"]:
                if "functionCall" in part:
                    calls.append(f"{part['functionCall']['id']} {part['functionCall']['name']}")
                elif "functionResponse" in part:
                    results.append(part["functionResponse"]["id"])
                elif part["text"] != "[mensaje vacío]":
                    words.append(part["text"].strip())
        found.append((words, calls, results))
    return found


def expected(told: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    said = [
        part["text"]["value"].strip() for message in told["messages"] for part in message["content"]
    ]
    calls = [
        call
        for run in told["runs"]
        for step in run["steps"]
        for call in step["step_details"].get("tool_calls", ())
    ]
    return (
        [words for words in said if words],
        [f"{call['id']} {call['function']['name']}" for call in calls],
        [call["id"] for call in calls],
    )
