"""A hotel's way to the writer: each promise of the store is one transaction that goes through here.

`store.py`, `people.py` and the other doors hold one; `writer.py` runs what they hand in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from watibot.storage.rows import Tx
from watibot.storage.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class Door:
    """Work on one hotel's rows."""

    def __init__(self, writer: Writer, hotel_id: str) -> None:
        self._writer = writer
        self._hotel_id = hotel_id

    async def write(
        self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Committed when it returns; nothing is left when it raises."""
        return await self._writer.write(self._bound(work, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """In a transaction of its own."""
        return await self._writer.read(self._bound(work, *args, **kwargs))

    async def cut_log(self) -> None:
        """After something was erased (`writer.py`)."""
        await self._writer.cut_log()

    def _bound(
        self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[Connection], T]:
        return lambda connection: work(Tx(connection, self._hotel_id), *args, **kwargs)
