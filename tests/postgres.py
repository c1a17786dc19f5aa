"""A PostgreSQL server of the tests' own: made in a temporary folder, gone afterwards.

It listens on 127.0.0.1 only, on a free port, without a socket file and without fsync. PostgreSQL
refuses to run as root, so that root runs it as somebody else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from watibot.emulators.kit import free_port
from watibot.storage import schema
from watibot.storage.all_tables import metadata

_PATIENCE = 30  # seconds until the server must have started, or ended
# No TRUNCATE: that makes new files for each table and each index, with rows or without.
_EMPTY = "".join(
    (
        *(f"DELETE FROM {name};" for name in metadata.tables),
        "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"
        " WHERE last_value IS NOT NULL",
    )
).encode()


@dataclass
class Postgres:
    """A running server with one database that has the newest schema."""

    port: int
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, name: str) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """The URL of a new database without any table."""
        return self._create(f"fresh_{next(self._numbers)}")

    def store(self) -> str:
        """The URL of an empty store. It is always the same one, emptied: a database of its own for
        each test takes longer to make, and as long again to remove."""
        url = self.url("store")
        with psycopg.connect(url) as connection:
            connection.execute(_EMPTY)
        return url

    def prepare(self) -> None:
        """Makes the database that `store` empties."""
        schema.upgrade(self._create("store"))

    def _create(self, name: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running() -> Iterator[Postgres]:
    """Starts a server and stops it at the end. Raises RuntimeError if there is none to start."""
    folder = Path(tempfile.mkdtemp(prefix="watibot-pg-"))
    user = _unprivileged()
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield from _serve(_binaries(), folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(binaries: Path, folder: Path, user: str | None) -> Iterator[Postgres]:
    data = folder / "data"
    made = subprocess.run(
        [
            binaries / "initdb",
            f"--pgdata={data}",
            "--username=tests",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        ],
        user=user,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": port,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 100,
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "autovacuum": "off",  # there is nothing to tidy in so short a life
        "jit": "off",
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *arguments],
            user=user,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        postgres = Postgres(port)
        _wait(postgres, server, folder / "log")
        postgres.prepare()
        yield postgres
    finally:
        server.send_signal(signal.SIGINT)  # ends connections that are still open
        server.wait(_PATIENCE)


def _wait(postgres: Postgres, server: subprocess.Popen[bytes], log: Path) -> None:
    patience = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(postgres.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > patience:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.02)


def _binaries() -> Path:
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    found = newest[0] if newest else shutil.which("postgres")
    if found is None:
        raise RuntimeError(
            "the contract suites need PostgreSQL's own programs (postgres, initdb): "
            "install the package postgresql"
        )
    return Path(found).parent


def _unprivileged() -> str | None:
    return "nobody" if os.getuid() == 0 else None
