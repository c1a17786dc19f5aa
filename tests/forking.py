"""Processes that are quick to start: a Python that has imported everything waits, and each
`watibot` is a fork of it.

A fork has a process of its own as any other: environment, folder, output, exit status, signals,
and no loop or thread. It only does not import everything again, which takes longer than what most
commands do. Tests of the start itself start `python -m watibot` instead.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import httpcore2

from tests.once import made_once

_LONGEST = 2**17  # bytes: a command with its environment
_NOT_TO_IMPORT = ("__main__", "migrations.env")  # they begin their work at once


class Process:
    """`watibot`, running or ended; the part of `asyncio.subprocess.Process` that tests use."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self._end = asyncio.create_task(self._watched(told))

    @property
    def returncode(self) -> int | None:
        """None while it runs; a signal's number below 0 if one ended it."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def send_signal(self, number: signal.Signals) -> None:
        if not self._end.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _watched(self, told: socket.socket) -> int:
        with told:
            try:
                status = await asyncio.get_running_loop().sock_recv(told, 16)
            except asyncio.CancelledError:  # the test was given up
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                raise
        return os.waitstatus_to_exitcode(int(status))


async def start(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    out: BinaryIO | None = None,
    errors: BinaryIO | None = None,
) -> Process:
    """Starts `watibot ...`, which writes to our own output unless it is told where."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    files = [file.fileno() if file else number for file, number in ((out, 1), (errors, 2))]
    job = {
        "arguments": arguments,
        "environment": dict(os.environ if environment is None else environment),
        "folder": str(folder or Path.cwd()),
    }
    with theirs:
        socket.send_fds(_waiting(), [json.dumps(job).encode()], [theirs.fileno(), *files])
    ours.setblocking(False)
    pid = await asyncio.get_running_loop().sock_recv(ours, 16)
    return Process(int(pid), ours)


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """`watibot ...` to its end, in our environment and this: exit status, output, errors."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        wanted = {**os.environ, **environment}
        process = await start(*arguments, environment=wanted, out=out, errors=errors)
        status = await process.wait()
        told = []
        for file in (out, errors):
            file.seek(0)
            told.append(file.read().decode())
    return status, told[0], told[1]


@cache
def _waiting() -> socket.socket:
    """The Python that waits, for as long as this one runs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        code = f"from tests.forking import main; main({number})"
        root = Path(__file__).parents[1]
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[number],
        )

    def leave() -> None:
        ours.close()
        process.wait()

    atexit.register(leave)
    return ours


def main(number: int) -> None:
    """Waits for commands on the socket of this number. Each of them returns from here in a process
    of its own, which then ends as every Python does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    package = importlib.import_module("watibot")
    for module in pkgutil.walk_packages(package.__path__, "watibot."):
        if not module.name.endswith(_NOT_TO_IMPORT):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    with made_once():
        httpcore2.default_ssl_context()
        httpcore2.default_ssl_context(_trust_env=False)
        with socket.socket(fileno=number) as commands:
            job = _next(commands)
        if job is not None:
            os.chdir(job["folder"])
            os.environ.clear()
            os.environ.update(job["environment"])
            time.tzset()
            sys.argv = ["watibot", *job["arguments"]]
            runpy.run_module("watibot", run_name="__main__", alter_sys=True)


def _next(commands: socket.socket) -> Any:
    """What to do, in a fork that is to do it; None once nobody can ask any more."""
    while True:
        message, files, _, _ = socket.recv_fds(commands, _LONGEST, 3)
        if not message:
            return None
        if os.fork() == 0 and _is_command(*files):
            return json.loads(message)
        for file in files:
            os.close(file)


def _is_command(told: int, out: int, errors: int) -> bool:
    """Forks once more: the parent waits for the child, which alone returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        try:
            os.write(told, b"%d" % pid)
            os.write(told, b"%d" % os.waitpid(pid, 0)[1])
        finally:
            os._exit(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for file, number in ((out, 1), (errors, 2)):
        os.dup2(file, number)
    for file in (told, out, errors):
        os.close(file)
    return True
