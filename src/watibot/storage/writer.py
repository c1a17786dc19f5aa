"""Runs transactions away from the event loop: writes in groups, reads beside them.

`store.py` hands in closures over a connection and awaits their results. On SQLite one thread takes
all that wait and commits them together, because a commit (an fsync) costs more than what is in it:
one commit for each row took 1,360 acknowledgements/s, groups 3,000 and more
(docs/decisions/0002-group-commit-with-one-writer-thread.md). On PostgreSQL several threads commit
one closure each.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from watibot.storage.statements import Driver

T = TypeVar("T")
Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]

POSTGRES_WRITERS = 4
READERS = 2
LARGEST_GROUP = 256
TRIES = 6  # of a closure that PostgreSQL undid because of others
_UNDONE = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected


def engine_for(url: str) -> Engine:
    """An engine whose connections do not begin transactions by themselves."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": 512},
        )
        event.listen(engine, "connect", _set_pragmas)
        return engine
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        paramstyle="format",  # positional, as SQLite's
    )


def _set_pragmas(connection: Any, _record: Any) -> None:
    # FULL: NORMAL survives a killed process but may lose the last acknowledged messages when the
    # power fails, and within groups it is not measurably faster.
    # Checkpoints at 32 MB instead of 4: pages that were written often are copied back once, which
    # is 10 % more acknowledgements/s.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "temp_store=MEMORY",
        "wal_autocheckpoint=8000",
        "secure_delete=ON",  # what is erased is overwritten
    ):
        connection.execute(f"PRAGMA {pragma}")


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]


class Writer:
    """Threads that write, and threads that read. `close` ends them; it is not for reuse."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._engine = engine_for(url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._begin = "BEGIN IMMEDIATE" if self._sqlite else "BEGIN"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"store-writer-{number}", daemon=True)
            for number in range(1 if self._sqlite else POSTGRES_WRITERS)
        ]
        self._local = threading.local()
        self._opened: list[Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        for thread in self._threads:
            thread.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The closure's result once it is committed. What it raises leaves nothing behind."""
        return await self.submit(work)

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """The same for who does not wait. Called in the loop."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return future

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The closure's result over what is committed; it must not write."""
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def cut_log(self) -> None:
        """What was deleted stands in SQLite's log until that is written over: writes all of it into
        the file and empties it. Whoever reads meanwhile may prevent it, which is no error."""
        if self._sqlite:
            await asyncio.to_thread(self._cut_log)

    def _cut_log(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Finishes what was handed in and ends the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._opened:
            connection.close()
        self._engine.dispose()

    # --- in a reader's thread ---

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.invalidated:
            connection = self._engine.connect()
            if self._sqlite:
                connection.exec_driver_sql("PRAGMA query_only=ON")
            self._local.connection = connection
            self._opened.append(connection)
        try:
            return work(connection)
        except DBAPIError as error:
            if error.connection_invalidated:
                self._local.connection = None
            raise

    # --- in a writer's thread ---

    def _run(self) -> None:
        connection: Connection | None = None
        ended = False
        while not ended:
            group, ended = self._take()
            if not group:
                continue
            try:
                connection = self._begun(connection)
                outcomes = self._commit(connection, group)
            except Exception as error:
                if connection is not None and not connection.closed:
                    connection.invalidate()
                    connection.close()
                connection = None
                outcomes = [(job.future, None, error) for job in group]
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        if connection is not None:
            connection.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """What waits, all of it on SQLite; whether the end was asked for."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            if not job.future.cancelled():
                group.append(job)
            if not self._sqlite or len(group) >= LARGEST_GROUP:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _begun(self, connection: Connection | None) -> Connection:
        if connection is not None:
            try:
                Driver(connection).run(self._begin)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                connection.close()  # the server was restarted; nothing was under way
            else:
                return connection
        connection = self._engine.connect()
        Driver(connection).run(self._begin)
        return connection

    def _commit(self, connection: Connection, group: list[_Job]) -> list[Outcome]:
        """Runs a begun transaction to its end."""
        if len(group) == 1:
            return [self._alone(connection, group[0])]
        outcomes: list[Outcome] = []
        for job in group:
            Driver(connection).run("SAVEPOINT job")
            try:
                outcomes.append((job.future, job.work(connection), None))
            except Exception as error:
                Driver(connection).run("ROLLBACK TO job")
                outcomes.append((job.future, None, error))
            Driver(connection).run("RELEASE job")
        Driver(connection).run("COMMIT")
        return outcomes

    def _alone(self, connection: Connection, job: _Job) -> Outcome:
        for _ in range(TRIES):
            try:
                result = job.work(connection)
                Driver(connection).run("COMMIT")
            except Exception as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
                Driver(connection).run("ROLLBACK")
                if getattr(getattr(error, "orig", None), "sqlstate", None) not in _UNDONE:
                    return job.future, None, error
                failure = error
                Driver(connection).run(self._begin)
            else:
                return job.future, result, None
        Driver(connection).run("ROLLBACK")
        return job.future, None, failure


def _resolve(outcomes: list[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
