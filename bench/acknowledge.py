"""A webhook's durable acknowledgement beside FastAPI's empty endpoint, in interleaved rounds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median

from bench import stage
from bench.load import Outcome, apart
from bench.table import Line
from watibot.emulators.kit import free_port

ROUNDS = 5
SECONDS = 3.0
ALONE_SECONDS = 1.5
CONNECTIONS = 64


async def measure(folder: Path) -> list[Line]:
    """Turns do not start meanwhile: bursts are awaited for an hour."""
    rounds: dict[str, list[Outcome]] = {"floor": [], "service": []}
    alone: dict[str, list[Outcome]] = {"floor": [], "service": []}
    async with stage.emulators(folder) as told, stage.floor() as (_, empty):
        settings = stage.service_settings(folder, free_port(), told)
        async with stage.service(folder, {**settings, **stage.debounce(3600)}) as (_, url):
            targets = {"floor": empty, "service": f"{url}/webhook?token={stage.SECRET}"}
            seed = 0
            for into, connections, seconds, count in (
                (rounds, CONNECTIONS, SECONDS, ROUNDS),
                (alone, 1, ALONE_SECONDS, 3),
            ):
                for target in targets.values():  # once for nothing: imports, caches, files
                    seed += 1
                    await apart(target, connections, 1.0, seed)
                for _ in range(count):
                    for name, target in targets.items():
                        seed += 1
                        into[name].append(await apart(target, connections, seconds, seed))
    acknowledged = sum(each.requests for each in rounds["service"] + alone["service"])
    refused = sum(each.refused for each in rounds["service"] + alone["service"])
    kept = _stored(folder)
    rate = {name: median(each.rate for each in found) for name, found in rounds.items()}
    p99 = {name: median(each.p99 for each in found) for name, found in rounds.items()}
    p50 = {name: median(each.p50 for each in found) for name, found in alone.items()}
    ratio = rate["service"] / rate["floor"]
    return [
        Line(
            f"Durable acknowledgement, {CONNECTIONS} connections",
            f"{rate['service']:,.0f}/s",
            f"{rate['floor']:,.0f}/s FastAPI's empty endpoint",
            ratio,
            ">= 1.0 x floor",
            ratio >= 1.0,
        ),
        Line(
            "  its p99",
            f"{p99['service']:.1f} ms",
            f"{p99['floor']:.1f} ms",
            p99["service"] / p99["floor"],
            "< 100 ms",
            p99["service"] < 100,
        ),
        Line(
            "  its p50 on one connection",
            f"{p50['service']:.2f} ms",
            f"{p50['floor']:.2f} ms",
            p50["service"] / p50["floor"],
            "<= 2 ms",
            p50["service"] <= 2,
        ),
        Line(
            "  rows in the store for each 200",
            f"{kept:,} for {acknowledged:,} and the warm-up's",
            budget="none missing, none refused",
            ok=kept >= acknowledged and not refused,
        ),
    ]


def _stored(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "watibot.db")) as database:
        return int(database.execute("select count(*) from messages").fetchone()[0])
