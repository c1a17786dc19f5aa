"""The end of a run: waits until the service has nothing left to do, then collects what came of it.

Called by `demo.py` and `rehearse.py` when the last guest has written; `journals.py` counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

import httpx2

from watibot.cli.stage.guests import Control, Guest
from watibot.cli.stage.journals import Entry, Summary, stories, summary

# What of `/readyz` is work that is not done yet.
WORK = (
    "messages_waiting",
    "turns_running",
    "media_pending",
    "bubbles_waiting",
    "bubbles_sending",
    "notices_waiting",
    "mirror_lag",
)
LOOK_SECONDS = 0.2


async def settled(
    client: httpx2.AsyncClient,
    service: str,
    stall: float,
    left: Callable[[int], None] = lambda _rows: None,
) -> bool:
    """Waits until no row of the service waits for anything. False when nothing has become less for
    `stall` real seconds. `left` is told how many rows wait."""
    least, since = None, monotonic()
    while True:
        rows = (await client.get(f"{service}/readyz")).raise_for_status().json()["rows"]
        waiting = sum(rows[name] for name in WORK)
        left(waiting)
        if waiting == 0:
            return True
        if least is None or waiting < least:
            least, since = waiting, monotonic()
        elif monotonic() - since > stall:
            return False
        await asyncio.sleep(LOOK_SECONDS)


async def collected(
    control: Control,
    client: httpx2.AsyncClient,
    service: str,
    guests: Sequence[Guest],
    entries: Iterable[Entry],
) -> Summary:
    """What the run came to. `entries` are those of both channels' emulators."""
    names = {guest.address: (guest.name, guest.conversation_id) for guest in guests}
    told = stories(names, entries, await control.sessions())
    metrics = (await client.get(f"{service}/metrics")).raise_for_status().text
    return summary(told, await control.summaries(), metrics)
