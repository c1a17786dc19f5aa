"""A load client as cheap as can be, since it shares two cores with what it measures.

`python -m bench.load URL CONNECTIONS SECONDS SEED` posts unique WATI messages of about 600 bytes
over keep-alive connections, one request at a time on each, and prints one JSON object. Called by
`acknowledge.py` in a process of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

GUESTS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused` are answers other than 200; latencies in milliseconds."""

    requests: int
    refused: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def percentile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def requests(url: str, seed: int) -> Iterator[bytes]:
    """Whole HTTP requests of one length, each with a message id of its own."""
    parts = urlsplit(url)
    body = (
        b'{"id":"%024x","created":"2026-11-22T10:00:00.0000000Z","whatsappMessageId":'
        b'"wamid.HBgMNTAzNzAwMDAwMDEVAgASGBQ%024x","conversationId":"65a1b2c3d4e5f60718293a4b",'
        b'"ticketId":"65a1b2c3d4e5f60718293a4c","text":"Buenas tardes, cuanto cuesta la habitacion'
        b' doble con desayuno para dos personas?","type":"text","data":null,"timestamp":"%d",'
        b'"owner":false,"eventType":"message","statusString":"SENT","avatarUrl":null,'
        b'"assignedId":null,"operatorName":"Bot","operatorEmail":null,"waId":"5037%07d",'
        b'"senderName":"Ana","listReply":null,"replyContextId":null}'
    )
    now = int(time.time())
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    length = len(body % (0, 0, now, 0))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()
    for number in itertools.count(seed << 32):
        yield head + body % (number, number, now, number % GUESTS)


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole. Answers of one server have
    one length, which is read from the first of them."""

    def __init__(self, source: Iterator[bytes], until: float, done: asyncio.Future[None]) -> None:
        self._source, self._until, self._done = source, until, done
        self._length = 0
        self._got = b""
        self._sent = 0.0
        self.latencies: list[float] = []
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._finish(None)
        else:
            self._transport.write(next(self._source))

    def data_received(self, data: bytes) -> None:
        got = self._got = self._got + data if self._got else data
        if got[9:12] != b"200":
            self.refused += 1
            self._length = 0
        if not self._length:
            end = got.find(b"\r\n\r\n")
            if end < 0:
                return
            start = got.lower().index(b"content-length:") + 15
            self._length = end + 4 + int(got[start : got.index(b"\r\n", start)])
        if len(got) < self._length:
            return
        self._got = b""
        self.latencies.append(time.perf_counter() - self._sent)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error or ConnectionError("the server closed a connection"))

    def _finish(self, error: Exception | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
            self._transport.close()
        else:
            self._done.set_exception(error)


async def load(url: str, connections: int, seconds: float, seed: int) -> Outcome:
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    source = requests(url, seed)
    began = time.perf_counter()
    opened: list[Connection] = []
    waits = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        made = partial(Connection, source, began + seconds, done)
        _, connection = await loop.create_connection(made, parts.hostname or "", parts.port or 80)
        opened.append(connection)
        waits.append(done)
    await asyncio.gather(*waits)
    took = time.perf_counter() - began
    latencies = sorted(each for one in opened for each in one.latencies)
    return Outcome(
        requests=len(latencies),
        refused=sum(one.refused for one in opened),
        seconds=took,
        p50=percentile(latencies, 0.5) * 1000,
        p99=percentile(latencies, 0.99) * 1000,
    )


async def apart(url: str, connections: int, seconds: float, seed: int) -> Outcome:
    """The same in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.load", url, str(connections), str(seconds), str(seed)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return Outcome(**json.loads(out))


if __name__ == "__main__":
    _, target, count, length, number = sys.argv
    found = uvloop.run(load(target, int(count), float(length), int(number)))
    sys.stdout.write(json.dumps(asdict(found)))
