"""Keeps what works in the background alive: alerts, mirror, lanes.

Started by `wiring.py`. Such a loop meets a database that is away for a minute as well as a guest
does; if it ended there, staff would never be told of anything again and nobody would know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from watibot import telemetry
from watibot.ports import Clock

log = telemetry.logger(__name__)

PAUSE_SECONDS = 5.0


async def steadily(name: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Runs `work`, again and again if it fails, until cancelled."""
    while True:
        try:
            await work()
        except Exception as error:
            log.error("background.failed", what=name, exc_info=telemetry.without_values(error))
            await clock.sleep(PAUSE_SECONDS)
