"""Emulators and service as processes of their own, in a directory of one run.

Called by `demo.py` and `rehearse.py`; `python -m watibot.emulators` and `watibot serve` are after
it. What a process says on its standard error stays in a file of the directory, and its end is shown
when a process does not start or ends before its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from watibot import samples_folder
from watibot.emulators.kit import free_port
from watibot.settings import GROUPS

T = TypeVar("T")

START_SECONDS = 30.0
STOP_SECONDS = 15.0
TAIL_LINES = 12
ENV_FILE = "service.env"
CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
HOTEL = samples_folder() / "hotel.toml"
INSTRUCTIONS = samples_folder() / "instrucciones.md"


class StageError(Exception):
    """A process did not start or ended before its time; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run. `options` are `--set` words of the emulators, `settings` go to the service on
    top of what the emulators ask for."""

    emulators: tuple[str, ...]
    clock: str
    options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that came to its end: its exit status, and what it wrote."""

    status: int
    out: str
    errors: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A running stage: base URLs by emulator and of the service, and the processes themselves."""

    directory: Path
    emulators: dict[str, str]
    service: str
    processes: dict[str, Process]

    async def command(self, *words: str, said: str = "") -> Ended:
        """Runs `watibot` with these words and the service's settings, to its end. `said` is its
        standard input."""
        env_file = str(self.directory / ENV_FILE)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watibot", *words, "--env-file", env_file),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_surroundings(),
            start_new_session=True,
        )
        try:
            out, errors = await process.communicate(said.encode())
        except asyncio.CancelledError:
            await _stop(process)
            raise
        return Ended(process.returncode or 0, out.decode(), errors.decode())

    async def watch(self, play: Coroutine[Any, Any, T]) -> T:
        """Runs `play`. Raises StageError as soon as a process ends before it."""
        playing = asyncio.ensure_future(play)
        ends = {asyncio.ensure_future(p.wait()): name for name, p in self.processes.items()}
        try:
            await asyncio.wait({playing, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                name = next(name for end, name in ends.items() if end.done())
                raise StageError(f"{name} ended before its time\n{tail(self.directory, name)}")
            return playing.result()
        finally:
            for task in (playing, *ends):
                task.cancel()
            await asyncio.gather(playing, *ends, return_exceptions=True)


def play(run: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` that ends in order on SIGTERM too, so that no process is left behind. Raises
    StageError then."""

    async def guarded() -> T:
        running = asyncio.ensure_future(run)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        return await running

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise StageError("stopped before its end") from None


async def until_stopped() -> None:
    """Until Ctrl-C or SIGTERM, which then end nothing else."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


@asynccontextmanager
async def run_directory(*, keep: bool) -> AsyncIterator[Path]:
    """A fresh directory, removed at the end unless it is to be kept."""
    directory = Path(tempfile.mkdtemp(prefix="watibot-run-"))
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def raised(
    plan: Plan, directory: Path, prepare: Callable[[Stage], Awaitable[None]] | None = None
) -> AsyncIterator[Stage]:
    """Starts the emulators, then the service, and yields when both are ready; stops both. `prepare`
    is done between the two."""
    port, secret = free_port(), secrets.token_hex(24)
    service = f"http://127.0.0.1:{port}"
    processes: dict[str, Process] = {}
    try:
        told = await _start_emulators(plan, directory, service, secret, processes)
        env_file = directory / ENV_FILE
        own = {
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_WEBHOOK_SECRET": secret,
            "WATIBOT_CLOCK": plan.clock,
            "WATIBOT_DATABASE_URL": f"sqlite:///{directory / 'watibot.db'}",
            "WATIBOT_DATA_DIR": str(directory / "data"),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        }
        env_file.touch(mode=0o600)
        env_file.write_text(env_lines({**told, **own, **plan.settings}))
        stage = Stage(directory, _urls(told), service, processes)
        if prepare is not None:
            await prepare(stage)
        words = ["watibot", "serve", "--env-file", str(env_file)]
        # Google's library reads its variable from the environment only.
        credentials = {CREDENTIALS: told[CREDENTIALS]} if CREDENTIALS in told else {}
        processes["service"] = await _start(directory, "service", words, credentials)
        await _ready(directory, service, processes["service"])
        yield stage
    finally:
        # The service first: it may still have something to say to the emulators.
        for process in reversed(processes.values()):
            await _stop(process)


def env_lines(settings: dict[str, str]) -> str:
    """KEY=VALUE lines, as `--env-file` reads them."""
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def tail(directory: Path, name: str) -> str:
    """The last lines that a process wrote on its standard error."""
    lines = (directory / f"{name}.log").read_text(errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])


async def _start_emulators(
    plan: Plan, directory: Path, service: str, secret: str, processes: dict[str, Process]
) -> dict[str, str]:
    words = ["watibot.emulators", "--webhook", service, "--secret", secret]
    words += ["--clock", plan.clock, "--directory", str(directory)]
    for name in plan.emulators:
        words += [f"--{name}", "0"]
    for option in plan.options:
        words += ["--set", option]
    process = processes["emulators"] = await _start(directory, "emulators", words, {})
    assert process.stdout is not None
    told: dict[str, str] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            async for line in process.stdout:
                key, _, value = line.decode().strip().partition("=")
                if key == "ready":
                    return told
                told[key] = value
    raise StageError(f"the emulators did not start\n{tail(directory, 'emulators')}")


async def _start(
    directory: Path, name: str, words: Sequence[str], environment: dict[str, str]
) -> Process:
    with (directory / f"{name}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *words,
            stdin=DEVNULL,
            stdout=PIPE if name == "emulators" else log,
            stderr=log,
            env={**_surroundings(), **environment},
            # Ctrl-C is for the command, which then stops its processes in order.
            start_new_session=True,
        )


def _surroundings() -> dict[str, str]:
    """This process's environment without the service's settings: those in the environment would
    win over the run's own, and a demonstration would talk to somebody's real hotel."""
    prefixes = tuple(str(group.model_config.get("env_prefix")) for group in GROUPS.values())
    return {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}


async def _ready(directory: Path, service: str, process: Process) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS), httpx2.AsyncClient(trust_env=False) as client:
            while process.returncode is None:
                with contextlib.suppress(httpx2.TransportError):
                    if (await client.get(f"{service}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
    raise StageError(f"the service did not start\n{tail(directory, 'service')}")


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _urls(told: dict[str, str]) -> dict[str, str]:
    found = {}
    if "WATI_BASE_URL" in told:
        found["wati"] = told["WATI_BASE_URL"].rpartition("/")[0]
    if "MANYCHAT_BASE_URL" in told:
        found["manychat"] = told["MANYCHAT_BASE_URL"]
    if "VERTEX_MODEL_BASE_URL" in told:
        found["vertex"] = told["VERTEX_MODEL_BASE_URL"]
    if "OPENAI_BASE_URL" in told:
        found["openai"] = told["OPENAI_BASE_URL"].removesuffix("/v1")
    if "STAFF_NOTIFY_URLS" in told:
        address = told["STAFF_NOTIFY_URLS"].removeprefix("json://").removesuffix("/notify")
        found["staff"] = f"http://{address}"
    if "WATIBOT_PHONE_URL" in told:
        found["phone"] = told["WATIBOT_PHONE_URL"]
    return found
