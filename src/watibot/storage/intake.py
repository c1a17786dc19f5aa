"""Collects what webhooks bring while the writer is busy, and stores it as one batch.

`store.py` puts each message in; `inbox.py` stores the batch. The more there is to do, the larger
the batches and the less each message costs.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial

from sqlalchemy import Connection

from watibot.ports.store import Received
from watibot.storage import inbox
from watibot.storage.rows import Tx
from watibot.storage.writer import Writer

Waiting = list[tuple[inbox.Arrival, asyncio.Future[Received]]]


class Intake:
    """Messages on their way into the store, of one hotel."""

    def __init__(self, writer: Writer, hotel_id: str) -> None:
        self._writer = writer
        self._hotel_id = hotel_id
        self._waiting: Waiting = []
        self._guard = threading.Lock()  # the writer's thread takes what the loop's puts

    async def put(self, arrival: inbox.Arrival) -> Received:
        """What became of it, once it is committed."""
        future: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        with self._guard:
            self._waiting.append((arrival, future))
            first = len(self._waiting) == 1
        if first:
            taken: Waiting = []
            stored = self._writer.submit(partial(self._store, taken))
            stored.add_done_callback(partial(self._tell, taken))
        return await future

    def _store(self, taken: Waiting, connection: Connection) -> list[Received]:
        if not taken:  # else the database undid it, and it runs again
            self._take(taken)
        return inbox.receive(Tx(connection, self._hotel_id), [arrival for arrival, _ in taken])

    def _take(self, taken: Waiting) -> None:
        with self._guard:
            taken += self._waiting
            self._waiting.clear()

    def _tell(self, taken: Waiting, stored: asyncio.Future[list[Received]]) -> None:
        error = stored.exception()
        if not taken:  # it failed before it began
            self._take(taken)
        if error is not None:
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(taken, stored.result(), strict=True):
            if not future.done():
                future.set_result(answer)
