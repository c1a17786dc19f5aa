"""A conversation's local history beside its Vertex session, and the repair of what is missing.

`inspect.py` is before it; `service/mirror.py` compares and, in a repair, writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watibot import costs
from watibot.conversations import Conversation
from watibot.errors import Cause, ProviderError, SettingsError
from watibot.history import HistoryItem
from watibot.ports import Clock, SessionEvent, Sessions
from watibot.service.charging import Charger
from watibot.service.mirror import ITEMS_AT_ONCE, Comparison, Mirror, compare
from watibot.storage import looks
from watibot.storage import store as storage
from watibot.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Twin:
    """`on_their_way` were not given to the session yet and do not count as missing. `trouble` is
    why nothing could be compared."""

    conversation_id: str
    session_id: str | None
    on_their_way: int = 0
    missing: tuple[str, ...] = ()
    comparison: Comparison | None = None
    trouble: str | None = None

    @property
    def ok(self) -> bool:
        return self.trouble is None and not self.missing and self._same

    @property
    def _same(self) -> bool:
        found = self.comparison
        return found is None or not (
            found.extra or found.doubled or found.differing or not found.in_order
        )

    def words(self) -> str:
        """`ok` or what differs, without anything that a guest said."""
        if self.trouble:
            return f"not ok: {self.trouble}"
        if self.comparison is None:
            return f"ok: no session yet, {self.on_their_way} items on their way"
        found = self.comparison
        parts = [
            f"{count} {what}"
            for what, count in (
                ("missing in the session", len(self.missing)),
                ("in the session only", len(found.extra)),
                ("doubled", len(found.doubled)),
                ("with other content", len(found.differing)),
            )
            if count
        ]
        if not found.in_order:
            parts.append("out of order")
        way = f", {self.on_their_way} on their way" if self.on_their_way else ""
        if parts:
            return f"not ok: {', '.join(parts)} ({found.local} here, {found.remote} there{way})"
        return f"ok: {found.remote} events{way}"


async def examine(
    sessions: Sessions, conversation: Conversation, items: Sequence[tuple[HistoryItem, bool]]
) -> Twin:
    """Reads the session and compares. `items`: see `storage.looks.items_of`."""
    waiting = {item.item_id for item, given in items if not given}
    local = [item for item, _ in items]
    if conversation.session_id is None:
        return Twin(conversation.conversation_id, None, len(waiting))
    try:
        remote = await sessions.events(conversation.session_id)
    except ProviderError as error:
        gone = error.cause is Cause.NOT_FOUND
        return Twin(
            conversation.conversation_id,
            conversation.session_id,
            len(waiting),
            tuple(item.item_id for item in local if item.item_id not in waiting) if gone else (),
            trouble="the session is gone" if gone else str(error),
        )
    return _beside(conversation, local, remote, waiting)


def _beside(
    conversation: Conversation,
    local: Sequence[HistoryItem],
    remote: Sequence[SessionEvent],
    waiting: set[str],
) -> Twin:
    found = compare(local, remote)
    return Twin(
        conversation.conversation_id,
        conversation.session_id,
        len(waiting.intersection(found.missing)),
        tuple(item_id for item_id in found.missing if item_id not in waiting),
        found,
    )


async def repaired(
    url: str,
    hotel_id: str,
    sessions: Sessions,
    clock: Clock,
    twin: Twin,
    since: float,
    prices_file: Path | None,
) -> Twin:
    """Gives the mirror what is missing and compares again. Where a service runs, its own mirror
    does it: two at once would append twice. `since`: when the repairs began, in epoch seconds; what
    a killed service had sent is waited for once, not for each conversation."""
    with looks.changing(url, hotel_id) as tx:
        looks.mirror_again(tx, twin.conversation_id, twin.missing)
    try:
        store = await storage.open(url, hotel_id, sole=True)
    except SettingsError:
        count = len(twin.missing)
        return replace(twin, trouble=f"{count} missing, given to the running service: look again")
    async with store:
        charger = Charger(store.charges, costs.load(prices_file), clock)
        mirror = Mirror(store, sessions, clock, Metrics(), since, charger.use)
        try:
            # The first pass may only make a new session, for one that is gone.
            for _ in range(len(twin.missing) // ITEMS_AT_ONCE + 3):
                await mirror.mirror(twin.conversation_id)
        except ProviderError as error:
            return replace(twin, trouble=str(error))
        finally:
            await charger.flush()
        conversation = await store.conversation(twin.conversation_id)
    assert conversation is not None
    with looks.looking(url, hotel_id) as tx:
        items = looks.items_of(tx, twin.conversation_id)
    return await examine(sessions, conversation, items)
