"""How long until the service is ready, and until `watibot --help` has spoken."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from bench import stage
from bench.table import Line
from watibot.emulators.kit import free_port

TIMES = 5


async def measure(folder: Path) -> list[Line]:
    floors = [await _ready_floor() for _ in range(TIMES)]
    async with stage.emulators(folder) as told:
        settings = stage.service_settings(folder, free_port(), told)
        first, *again = [await _ready(folder, settings) for _ in range(1 + TIMES)]
    helps = [await _ends("-m", "watibot", "--help") for _ in range(TIMES)]
    bare = [await _ends("-c", "import typer, rich.console") for _ in range(TIMES)]
    return [
        Line(
            "Start with an empty database, to /readyz",
            f"{first:.2f} s",
            f"{median(floors):.2f} s FastAPI's empty endpoint",
            first / median(floors),
            "<= 2 s",
            first <= 2,
        ),
        Line(
            "  and with one that is there",
            f"{median(again):.2f} s",
            f"{median(floors):.2f} s",
            median(again) / median(floors),
            "<= 2 s",
            median(again) <= 2,
        ),
        Line(
            "watibot --help",
            f"{median(helps):.2f} s",
            f"{median(bare):.2f} s import typer, rich",
            median(helps) / median(bare),
            "<= 0.4 s",
            median(helps) <= 0.4,
        ),
    ]


async def _ready(folder: Path, settings: dict[str, str]) -> float:
    began = time.perf_counter()
    async with stage.service(folder, settings):
        return time.perf_counter() - began


async def _ready_floor() -> float:
    began = time.perf_counter()
    async with stage.floor():
        return time.perf_counter() - began


async def _ends(*command: str) -> float:
    began = time.perf_counter()
    async with stage.running(*command) as process:
        await process.communicate()
        return time.perf_counter() - began
