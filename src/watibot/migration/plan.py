"""The inventory before anything moves: our conversations, what the sources have of them, what the
channel knows; what it will come to in events, hours and dollars. Writes nothing outside.

`run.py` is after it and decides with the same functions, so that a plan and a run see the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.migration import ledger
from watibot.migration.crew import Cohort, Mark, Means, Outcome, every, save
from watibot.migration.run import read
from watibot.migration.sources import Reach
from watibot.ports.migrations import Move, State
from watibot.threads import ThreadRef


@dataclass(frozen=True, slots=True)
class Quotas:
    """Requests a minute that a migration may make, and what a stored event costs (micro-dollars);
    None: unknown."""

    appends: float
    writes: float
    event_price: Decimal | None


@dataclass(slots=True)
class Inventory:
    """What was found. `conversations` are those of the migration, `looked_at` those that were read;
    what threads hold is counted in these, and `scale` brings it to all. `not_at_channel`: guests
    whom the channel does not know, `not_with_us`: contacts of the channel whom the migration does
    not; None where the channel cannot list them."""

    conversations: int = 0
    by_channel: dict[str, int] = field(default_factory=dict)
    without_thread: int = 0
    history_imported: int = 0
    done: int = 0  # cut over already
    looked_at: int = 0
    by_source: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    unknown: int = 0  # a source could not say
    messages: int = 0
    tool_calls: int = 0
    media: int = 0
    events: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    not_ours: dict[str, int] = field(default_factory=dict)  # threads at a source without a guest
    not_at_channel: dict[str, int | None] = field(default_factory=dict)
    not_with_us: dict[str, int | None] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        """From what was looked at to all of it."""
        return self.conversations / self.looked_at if self.looked_at else 1.0

    def hours(self, quotas: Quotas) -> float:
        """At the quota: events and sessions have one each, side by side."""
        sessions = sum(self.by_source.values()) / quotas.writes
        return max(self.events / quotas.appends, sessions) * self.scale / 60.0

    def dollars(self, quotas: Quotas) -> Decimal | None:
        """For storing the events."""
        if quotas.event_price is None:
            return None
        return quotas.event_price * round(self.events * self.scale) / 1_000_000


class Planner:
    """Fills an inventory, conversation by conversation."""

    def __init__(self, *, dry_run: bool) -> None:
        self.inventory = Inventory()
        self._dry_run = dry_run

    async def plan(self, means: Means, move: Move) -> Outcome:
        """One conversation: read and counted, and the counts noted in the ledger."""
        try:
            found = await means.sources.read(move)
        except Exception:
            self.inventory.unknown += 1
            raise
        self.inventory.looked_at += 1
        if found is None:
            self.inventory.missing += 1
            return Outcome(move, Mark.LESS, "no source has its thread")
        raw, source = found
        told = ledger.counted(move, source.name, await read(means, move, raw))
        self._add(told)
        if not self._dry_run and move.state is State.PENDING:
            told = ledger.step(told, State.PENDING, planned_at=means.clock.now())
            await save(means, told, move)
        same = move.version == told.version and move.state not in (State.PENDING, State.MISSING)
        return Outcome(told, Mark.SAME if same else Mark.DONE)

    def _add(self, told: Move) -> None:
        inventory = self.inventory
        source = told.source or ""
        inventory.by_source[source] = inventory.by_source.get(source, 0) + 1
        inventory.messages += told.messages
        inventory.tool_calls += told.tool_calls
        inventory.media += told.media
        inventory.events += told.items
        for what, count in told.losses.items():
            inventory.losses[what] = inventory.losses.get(what, 0) + count


async def reconcile(
    means: Means,
    inventory: Inventory,
    cohort: Cohort,
    contacts: Mapping[ChannelName, frozenset[str] | None],
) -> None:
    """Our table beside what the sources and the channels list. `contacts`: the addresses that a
    channel knows; None where it cannot list them."""
    threads: set[str] = set()
    guests: dict[ChannelName, set[str]] = {}
    async for move in every(means, (), cohort):
        inventory.conversations += 1
        channel = move.channel.value
        inventory.by_channel[channel] = inventory.by_channel.get(channel, 0) + 1
        inventory.without_thread += move.thread_id is None
        inventory.history_imported += move.history_imported
        inventory.done += move.provider is Provider.VERTEX
        guests.setdefault(move.channel, set()).add(move.address)
        if move.thread_id is not None:
            threads.add(move.thread_id)
    for source in means.sources.here:
        listed = await source.thread_ids()
        if listed is not None:
            inventory.not_ours[source.name] = len(listed - threads)
    for channel_name, known in contacts.items():
        ours = guests.get(channel_name, set())
        name = channel_name.value
        inventory.not_at_channel[name] = None if known is None else len(ours - known)
        inventory.not_with_us[name] = None if known is None else len(known - ours)


@dataclass(frozen=True, slots=True)
class Offer:
    """A source today: whether it can be read, and how many of our conversations it can give. None:
    it would have to be asked for each."""

    reach: Reach
    gives: int | None


async def offers(means: Means, reached: Sequence[Reach]) -> list[Offer]:
    """For `watibot migrate sources`: a source that lists its threads is compared with our table; of
    the others it is known whether any conversation is of their kind."""
    moves = [move async for move in every(means, (), Cohort())]
    refs = [ThreadRef(m.conversation_id, m.channel, m.address, m.thread_id) for m in moves]
    here = {source.name: source for source in means.sources.here}
    found = []
    for reach in reached:
        source = here.get(reach.name)
        if source is None:
            found.append(Offer(reach, 0))
            continue
        listed = await source.thread_ids()
        fitting = [ref for ref in refs if await source.gives(ref)]
        if listed is not None:
            count = sum(ref.thread_id in listed for ref in fitting)
            found.append(Offer(reach, count))
        else:
            found.append(Offer(reach, None if fitting else 0))
    return found
