"""The processes of a measurement: the service, the emulators and the floors, each on its own.

Every measurement of `bench/` sets its stage here and takes it down again. The service is the one
that `watibot serve` runs, told by its environment; nothing of it is replaced.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from watibot import samples_folder
from watibot.emulators.kit import free_port

SECRET = "a-secret-for-measurements"
READY_SECONDS = 20.0
LONGEST_LINE = 1 << 24
# The quotas of the providers are not what is measured.
UNLIMITED = {
    "VERTEX_MODEL_CALLS_PER_MINUTE": "1000000",
    "WATI_SENDS_PER_MINUTE": "1000000",
}


def service_settings(folder: Path, port: int, emulators: Mapping[str, str]) -> dict[str, str]:
    """The service's environment; `emulators` are the settings that point at them."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        **UNLIMITED,
        **emulators,
        "WATIBOT_HOST": "127.0.0.1",
        "WATIBOT_PORT": str(port),
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
        "WATIBOT_DATA_DIR": str(folder),
        "WATIBOT_HOTEL_FILE": str(samples_folder() / "hotel.toml"),
        "WATIBOT_INSTRUCTIONS_FILE": str(samples_folder() / "instrucciones.md"),
    }


def debounce(seconds: float) -> dict[str, str]:
    """Every wait of WhatsApp's bursts."""
    names = ("QUIET", "QUIET_WHEN_COMPLETE", "QUIET_AFTER_MEDIA", "LONGEST_WAIT")
    return {f"DEBOUNCE_WHATSAPP_{name}": f"{seconds:g}" for name in names}


@asynccontextmanager
async def running(
    *command: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Process]:
    """A Python process with these arguments, stopped at the end. One with a `folder` runs there and
    leaves its standard error in it."""
    log = folder / "process.log" if folder else Path(os.devnull)
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=environment, cwd=folder, stdout=PIPE, stderr=errors
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await process.communicate()


@asynccontextmanager
async def service(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[tuple[Process, str]]:
    """`watibot serve` once it is ready, and its URL."""
    url = f"http://{settings['WATIBOT_HOST']}:{settings['WATIBOT_PORT']}"
    async with running("-m", "watibot", "serve", environment=settings, folder=folder) as process:
        await ready(f"{url}/readyz", process)
        yield process, url


@asynccontextmanager
async def emulators(folder: Path) -> AsyncIterator[dict[str, str]]:
    """The settings that point at emulators in a process of their own."""
    async with running("-m", "bench.outside", str(folder)) as process:
        yield await _told(process)


@asynccontextmanager
async def vertex(folder: Path, *options: str) -> AsyncIterator[dict[str, str]]:
    """The same for Vertex alone, with the emulators' own command line: `--set vertex.KEY=VALUE`,
    `--clock SPEED@EPOCH`."""
    command = ("-m", "watibot.emulators", "--vertex", "0", "--directory", str(folder), *options)
    async with running(*command) as process:
        yield await _told(process)


async def _told(process: Process) -> dict[str, str]:
    """The settings that a process prints until it is ready."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while (line := (await process.stdout.readline()).decode().strip()) != "ready":
        if not line and process.stdout.at_eof():
            raise RuntimeError("the emulators ended at their start")
        name, _, value = line.partition("=")
        found[name] = value
    return found


class Talking:
    """A Python process that answers each line with a line of JSON."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def asked(self, words: object) -> Any:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{words}\n".encode())
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended with {await process.wait()}")
        return json.loads(line)


@asynccontextmanager
async def talking(*command: str, environment: Mapping[str, str]) -> AsyncIterator[Talking]:
    """Ended at the end; its errors are shown."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command), env=environment, stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE
    )
    try:
        yield Talking(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def floor(*command: str) -> AsyncIterator[tuple[Process, str]]:
    """A server of `bench.floors`, and its URL."""
    port = free_port()
    async with running("-m", "bench.floors", *command, str(port)) as process:
        url = f"http://127.0.0.1:{port}"
        await ready(url, process)
        yield process, url


async def ready(url: str, process: Process) -> float:
    """Waits for a 200; the seconds that it took."""
    began = time.perf_counter()
    async with httpx2.AsyncClient(trust_env=False) as http:
        while time.perf_counter() - began < READY_SECONDS:
            if process.returncode is not None:
                raise RuntimeError(f"a process ended at its start with {process.returncode}")
            with suppress(httpx2.HTTPError):
                if (await http.get(url)).status_code == 200:
                    return time.perf_counter() - began
            await asyncio.sleep(0.01)
    raise RuntimeError(f"no 200 within {READY_SECONDS:g} s")


def resident_megabytes(process: Process) -> float:
    """VmRSS of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
