"""Every use of a provider becomes a charge: priced at once, kept a moment later.

The adapters and `mirror.py` hand in what they used; nobody waits for the store. `budget.py` and the
metrics listen. Requests to a channel, which are many and cheap, are added up for each minute. A
store that is away loses nothing: what waits is kept and written when it is back, `MOST_WAITING`
charges at most. A crash loses a second's worth, and a call that was never answered is not known.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from watibot import telemetry
from watibot.charges import Charge, Operation, Use
from watibot.costs import Prices
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion
from watibot.ports import Clock
from watibot.ports.charges import Charges

log = telemetry.logger(__name__)

FLUSH_SECONDS = 1.0
AT_ONCE = 200  # charges in one transaction
MOST_WAITING = 20_000  # 10 MB
MINUTE = timedelta(minutes=1)

Listener = Callable[[Charge], None]
_Requests = tuple[str, ChannelName | None]


class Charger:
    """The charges' way into the store."""

    def __init__(self, charges: Charges, prices: Prices, clock: Clock) -> None:
        self._charges = charges
        self._prices = prices
        self._clock = clock
        self._listeners: list[Listener] = []
        self._waiting: deque[Charge] = deque()
        self._requests: dict[_Requests, int] = {}
        self._minute = _minute(clock.now())
        self._writing: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """It hears each charge from now on, before it is stored. It must be quick."""
        self._listeners.append(listener)

    def use(self, use: Use) -> None:
        """Something was used now. Returns at once."""
        self._add(use, self._clock.now())

    def request(self, provider: str, channel: ChannelName | None = None) -> None:
        """A request leaves for a channel. Returns at once."""
        self._end_minute()
        key = provider, channel
        self._requests[key] = self._requests.get(key, 0) + 1

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            self._end_minute()
            await self._write_all()

    async def flush(self) -> None:
        """Writes what waits, the minute under way included: at the end of the process."""
        self._end_minute(ended=True)
        await self._write_all()

    def _end_minute(self, *, ended: bool = False) -> None:
        minute = _minute(self._clock.now())
        if not ended and minute == self._minute:
            return
        for (provider, channel), count in self._requests.items():
            occasion = Occasion(Operation.CALL, channel=channel)
            use = Use(provider, Operation.CALL, quantity=count, occasion=occasion)
            self._add(use, self._minute)
        self._requests.clear()
        self._minute = minute

    def _add(self, use: Use, at: datetime) -> None:
        charge = Charge(at, use, self._prices.price(use, at.date()), use.occasion.channel)
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(charge)
        else:
            log.error("charge.lost", operation=use.operation, micros=charge.micros)
        for listener in self._listeners:
            listener(charge)

    async def _write_all(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        # Cut off in between, nobody would know whether it was written: it goes on by itself.
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, AT_ONCE))
            await self._charges.add(batch)
            for _ in batch:
                self._waiting.popleft()


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
