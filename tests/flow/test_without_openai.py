"""Everything but the assistant runs without the package `openai`: in an environment of its own, a
folder of links to whatever is installed here but that one, and a Python that sees nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from sqlite3 import connect

import httpx2
import pytest

import watibot
from tests.flow.house import GUEST, HOTEL, INSTRUCTIONS, SECRET, until
from watibot.emulators.kit import free_port
from watibot.emulators.launch import launch, settings_for

EVERY_MODULE = """
import importlib, pkgutil, sys, watibot
assert importlib.util.find_spec("openai") is None
names = [m.name for m in pkgutil.walk_packages(watibot.__path__, "watibot.")]
for name in names:
    if not name.endswith("__main__") and name != "watibot.storage.migrations.env":
        importlib.import_module(name)
assert not [name for name in sys.modules if name.partition(".")[0] == "openai"]
print(len(names))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install watibot` without the extra leaves."""
    folder = tmp_path_factory.mktemp("site")
    for key in ("purelib", "platlib"):
        for each in Path(sysconfig.get_path(key)).iterdir():
            link = folder / each.name
            if each.name.partition("-")[0] != "openai" and not link.exists():
                link.symlink_to(each)
    return folder


def command(site: Path, code: str, *arguments: str) -> list[str]:
    source = Path(watibot.__file__).parents[1]
    begin = f"import sys; sys.path += [{str(site)!r}, {str(source)!r}]\n"
    return [sys.executable, "-I", "-S", "-c", begin + code, *arguments]


def run(site: Path, code: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        command(site, code, *arguments),
        env={**_bare(), **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _bare() -> dict[str, str]:
    """Nothing of the settings that are around here."""
    kept = ("PATH", "HOME", "LANG", "TZ")
    return {name: value for name, value in os.environ.items() if name in kept}


MAIN = "from watibot.cli import main; main()"


def test_every_module(site: Path) -> None:
    status, printed, told = run(site, EVERY_MODULE)
    assert status == 0, told
    assert int(printed) > 100


def test_the_command_line(site: Path) -> None:
    status, printed, told = run(site, MAIN, "--help")
    assert status == 0, told
    assert "serve" in printed


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[tuple[dict[str, str], httpx2.AsyncClient, str]]:
    """Emulators, the settings of a service between them, and a client of the guests' side."""
    port, clock = free_port(), f"20@{int(time.time())}"
    service = f"http://127.0.0.1:{port}"
    ports = {"wati": 0, "manychat": 0, "vertex": 0, "openai": 0, "staff": 0}
    async with launch(ports, clock, service, secret=SECRET) as urls, httpx2.AsyncClient() as http:
        wanted = {
            **settings_for(urls, folder, clock, secret=SECRET),
            "WATIBOT_HOST": "127.0.0.1",
            "WATIBOT_PORT": str(port),
            "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        }
        yield wanted, http, urls["wati"]


@asynccontextmanager
async def served(site: Path, settings: dict[str, str], log: Path) -> AsyncIterator[None]:
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *command(site, MAIN, "serve"),
            env={**_bare(), **settings},
            cwd=log.parent,
            stderr=written,
        )

    async def is_ready() -> bool:
        assert process.returncode is None, "the service ended by itself"
        with suppress(httpx2.HTTPError):
            ready = await http.get(f"http://127.0.0.1:{settings['WATIBOT_PORT']}/readyz")
            return ready.status_code == 200
        return False

    try:
        async with httpx2.AsyncClient() as http:
            await until(is_ready)
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_a_guest_is_answered(site: Path, tmp_path: Path) -> None:
    """A new one, and then, as after a migration that was forgotten, one of OpenAI's."""
    log = tmp_path / "service.log"
    async with place(tmp_path) as (wanted, http, wati):
        del wanted["OPENAI_ASSISTANT_ID"]
        await http.post(f"{wati}/_emulator/guests", json={"waId": GUEST, "name": "Ana"})

        async def answered(count: int) -> None:
            async def enough() -> bool:
                chat = await http.get(f"{wati}/_emulator/guests/{GUEST}/messages")
                bubbles = [line for line in chat.json() if line["from"] == "bot"]
                return len(bubbles) >= count

            await until(enough)

        async def says(text: str) -> None:
            await http.post(f"{wati}/_emulator/guests/{GUEST}/messages", json={"text": text})

        async with served(site, wanted, log):
            await says("¿Tienen wifi en el hotel?")
            await answered(1)
        assert "openai.absent" not in log.read_text()
        with closing(connect(tmp_path / "watibot.db")) as database, database:
            database.execute("update conversations set provider = 'openai', thread_id = 'thread_1'")
        async with served(site, wanted, log):
            await says("¿Y hay piscina para los niños?")
            await answered(2)
        (line,) = [each for each in log.read_text().splitlines() if "openai.absent" in each]
        assert '"conversations": 1' in line or "conversations=1" in line


async def test_an_assistant_without_the_package_is_one_line(site: Path, tmp_path: Path) -> None:
    async with place(tmp_path) as (wanted, _, _):
        status, _, told = await asyncio.to_thread(run, site, MAIN, "serve", **wanted)
    assert (status, told.count("\n")) == (78, 1), told
    assert told == (
        "watibot: OPENAI_ASSISTANT_ID: found asst_hotel without the package openai, expected the "
        'package openai: pip install "watibot[openai]"\n'
    )
