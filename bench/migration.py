"""Migration: its rate and memory with quotas lifted, and what it makes of a quota that it shares.

Lifted: `run` carries every conversation from exports on disk through archive and store into
sessions, in rounds between those of a bare loop of the same calls. With quotas: time runs faster,
a service writes on the same store meanwhile, and the emulator's own journal says what was accepted.
10,000 conversations when BENCH_FULL is set.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from bench import pasts, stage
from bench.load import percentile
from bench.table import Line
from watibot.emulators.kit import free_port
from watibot.hotel import load as load_hotel

CONVERSATIONS, FULL = 2_000, 10_000
ROUND = 500  # conversations that are carried before and after a bare loop
BARE = 125  # conversations of a bare loop
SPEED = 15  # of the time in which quotas are kept; faster, this machine's own delays would count
UNDER_QUOTA = 100  # conversations: about 12 minutes of that time
ALONE = 3.0  # minutes that the service writes before the migration begins
LIVE = 40.0  # events a minute that the service writes
QUOTA = 300.0  # the emulator's, appends a minute
MARGIN = 60.0  # seconds at both ends that do not count: hands begin, hands run out
NO_QUOTA = {
    "VERTEX_APPENDS_PER_MINUTE": "1000000",
    "VERTEX_SESSION_WRITES_PER_MINUTE": "1000000",
}
LIFTED = (
    *("--set", "vertex.append_events_per_minute=0"),
    *("--set", "vertex.session_writes_per_minute=0"),
)
Note = tuple[float, float, float]


async def measure(folder: Path) -> list[Line]:
    first, second = folder / "lifted", folder / "quota"
    for each in (first, second):
        each.mkdir()
    return [*await _lifted(first), *await _under_quota(second)]


def _settings(folder: Path, told: Mapping[str, str], count: int, clock: str = "") -> dict[str, str]:
    """The environment of `watibot migrate` after `count` conversations were laid out for it."""
    settings = {
        **stage.service_settings(folder, free_port(), told),
        "MANYCHAT_TOKEN": "nobody-is-asked",
        "MIGRATION_SOURCES": "exports",
        "MIGRATION_ARCHIVE_DIR": str(folder / "archive"),
        "WATIBOT_CLOCK": clock,
    }
    hotel = load_hotel(Path(settings["WATIBOT_HOTEL_FILE"]))
    exports = pasts.lay_out(folder, settings["WATIBOT_DATABASE_URL"], hotel.id, count)
    return {**settings, "MIGRATION_EXPORTS": str(exports)}


# --- quotas lifted ----------------------------------------------------------------------------


async def _lifted(folder: Path) -> list[Line]:
    count = FULL if os.environ.get("BENCH_FULL") else CONVERSATIONS
    async with stage.vertex(folder, *LIFTED) as told:
        settings = _settings(folder, told, count) | NO_QUOTA
        async with _carry("run", settings) as product, _carry("bare", settings) as loop:
            await loop.asked(BARE)  # once for nothing: connections, caches
            rounds = []
            for _ in range(0, count, ROUND):
                before = await loop.asked(BARE)
                carried = await product.asked(ROUND)
                rounds.append((carried, before, await loop.asked(BARE)))
        summary = await _summary(told)
    floors = [each for _, *beside in rounds for each in beside]
    products = [carried for carried, *_ in rounds]
    ratio = median(_rate(carried) / _rate(*beside) for carried, *beside in rounds)
    events = sum(each["events"] for each in products)
    bare_events = (2 * len(rounds) + 1) * BARE * pasts.ITEMS
    exact = (
        all(each["marks"] == {"+": each["conversations"]} for each in products)
        and events == count * pasts.ITEMS
        and summary["events"] == events + bare_events
        and not summary["events_doubled"]
    )
    settled, peak = products[0]["memory"], max(each["memory"] for each in products)
    return [
        Line(
            f"Migration of {count:,} conversations, quotas lifted",
            f"{_rate(*products):,.0f} events/s",
            f"{_rate(*floors):,.0f} events/s the calls bare",
            ratio,
            ">= 0.8 x floor",
            ratio >= 0.8,
        ),
        Line(
            "  the process's own time for an event",
            f"{_busy(*products):.2f} ms",
            f"{_busy(*floors):.2f} ms",
            _busy(*products) / _busy(*floors),
        ),
        Line(
            "  events in the sessions",
            f"{events:,} of {count * pasts.ITEMS:,}",
            budget="none lost, none doubled",
            ok=exact,
        ),
        Line(
            f"  its memory at most, and that of its first {ROUND}",
            f"{peak:.0f} MB",
            f"{settled:.0f} MB",
            peak / settled,
            "<= +30 MB",
            peak - settled <= 30,
        ),
    ]


def _rate(*rounds: Any) -> float:
    """Events a second."""
    return float(sum(each["events"] for each in rounds) / sum(each["seconds"] for each in rounds))


def _busy(*rounds: Any) -> float:
    """The processor's milliseconds for an event."""
    return float(sum(each["cpu"] for each in rounds) / sum(each["events"] for each in rounds)) * 1e3


def _carry(verb: str, settings: Mapping[str, str]) -> AbstractAsyncContextManager[stage.Talking]:
    return stage.talking("-m", "bench.carry", verb, environment=settings)


async def _summary(told: Mapping[str, str]) -> dict[str, int]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{told['VERTEX_SESSIONS_BASE_URL']}/_emulator/summary")
    found: dict[str, int] = answer.json()
    return found


# --- under a quota ----------------------------------------------------------------------------


async def _under_quota(folder: Path) -> list[Line]:
    clock = f"{SPEED}@{int(time.time())}"
    async with stage.vertex(folder, "--clock", clock) as told:
        settings = _settings(folder, told, UNDER_QUOTA, clock)
        # Patience is reckoned in the faster time, and the machine is not faster.
        settings["VERTEX_TIMEOUT"] = "900"
        async with stage.talking("-m", "bench.desk", f"{LIVE:g}", environment=settings) as desk:
            await asyncio.sleep(ALONE * 60.0 / SPEED)
            async with _carry("run", settings) as product:
                carried = await product.asked(UNDER_QUOTA)
            notes: list[Note] = [tuple(note) for note in await desk.asked("")]
        writes = await _writes(told)
    begin, end = carried["began"] + MARGIN, carried["ended"] - MARGIN
    minutes = (end - begin) / 60.0
    meanwhile = [(name, status) for at, name, status in writes if begin <= at < end]
    taken = sum(1 for name, status in meanwhile if (name, status) == ("appendEvent", 200))
    throttled = sum(1 for _, _, status in writes if status == 429)
    alone = _p95([note for note in notes if note[0] < carried["began"]])
    beside = _p95([note for note in notes if begin <= note[0] < end])
    live = sum(1 for note in notes if begin <= note[0] < end)
    rate, interval = taken / minutes, 60.0 / float(settings.get("VERTEX_APPENDS_PER_MINUTE", "290"))
    return [
        Line(
            f"Appends a minute under a quota ({SPEED} x time, {minutes:.0f} minutes)",
            f"{rate:.0f}, {live / minutes:.0f} of them live",
            f"{QUOTA:.0f} the quota",
            rate / QUOTA,
            ">= 0.95 x floor",
            rate >= 0.95 * QUOTA,
        ),
        Line(
            "  answers 429",
            f"{throttled} of {len(writes):,}",
            ratio=throttled / len(writes),
            budget="< 1 %",
            ok=throttled < 0.01 * len(writes),
        ),
        Line(
            "  wait of a live append for its place (p95)",
            f"{beside * 1000:.0f} ms",
            f"{alone * 1000:.0f} ms without the migration",
            beside / alone,
            f"<= {2 * interval * 1000:.0f} ms, two intervals",
            beside <= 2 * interval,
        ),
    ]


def _p95(notes: Sequence[Note]) -> float:
    """Seconds. What asking the store takes is not multiplied with the time's speed."""
    return percentile(sorted(booked + beside for _, booked, beside in notes), 0.95)


async def _writes(told: Mapping[str, str]) -> list[tuple[float, str, int]]:
    """(when, operation, status) of every write, in the emulator's own words and time."""
    url = f"{told['VERTEX_SESSIONS_BASE_URL']}/_emulator/journal"
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        entries = (await http.get(url, params={"kind": "request"})).json()
    return [
        (datetime.fromisoformat(each["at"]).timestamp(), each["operation"], each["status"])
        for each in entries
        if each["operation"] in ("appendEvent", "createSession")
    ]
