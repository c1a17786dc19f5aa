"""uvicorn, which ends what would never end by itself before it waits for what is under way.

`watibot serve` runs it. A browser that listens to `/console/live` holds its request open for hours;
uvicorn waits for open requests before it tells the application that it stops.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class Server(uvicorn.Server):
    """`closing` is called once, when it has been told to stop."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        await super().shutdown(sockets)
