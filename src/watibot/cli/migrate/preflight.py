"""Before the first conversation: the means opened, the lock taken, the cohort known, the sources
looked at.

`work.py` and `inventory.py` call it, `wiring_migration.py` is after it. What keeps a verb from
beginning is `Refused`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from watibot import telemetry
from watibot.cli.migrate.asked import Asked, Status, spread
from watibot.cli.migrate.verbs import unwritten
from watibot.environment import load
from watibot.errors import Cause
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.migration.crew import Cohort, Means, every
from watibot.migration.sources import Reach
from watibot.ports.migrations import State
from watibot.settings import Settings
from watibot.storage import looks, schema
from watibot.storage.lock import hold_migration_lock
from watibot.threads import ThreadRef

COPIES = ("archive", "exports")  # kept here: what they list is what they can give


class Refused(Exception):
    """The verb does not begin: why, and its status."""

    def __init__(self, words: str, status: Status) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Here:
    """What every verb of one call has."""

    asked: Asked
    settings: Settings
    hotel: Hotel
    means: Means


@asynccontextmanager
async def opened(asked: Asked) -> AsyncIterator[Here]:
    """Alone among migrations where something is written. Raises SettingsError, StoreError."""
    from watibot.wiring_migration import migration

    settings = load(asked.env_file)
    service = settings.service
    telemetry.configure("error", service.webhook_secret.get_secret_value())
    hotel = load_hotel(service.hotel_file)
    if asked.at_once:
        group = settings.migration.model_copy(update={"at_once": asked.at_once})
        settings = replace(settings, migration=group)
    if asked.dry_run:
        with looks.looking(service.database_url, hotel.id):
            pass  # an older schema would be brought up to date otherwise
    async with migration(settings) as means:
        with ExitStack() as stack:
            if asked.dry_run:
                means = unwritten(means)
            else:
                stack.callback(hold_migration_lock(service.database_url).release)
            try:
                yield Here(asked, settings, hotel, means)
            except SQLAlchemyError as error:
                raise schema.cannot_open(service.database_url, error) from None


async def cohort_of(here: Here, states: Collection[State]) -> Cohort:
    """Who is meant, a sample drawn. Raises Refused, which names ids that are not there."""
    means, asked = here.means, here.asked
    try:
        cohort = asked.cohort()
    except (OSError, ValueError) as error:
        words = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise Refused(f"--only {asked.only}: {words}", Status.USAGE) from None
    if cohort.only:
        known = {move.conversation_id async for move in every(means, (), Cohort(only=cohort.only))}
        if unknown := sorted(cohort.only - known):
            words = f"--only names conversations that are not there: {', '.join(unknown)}"
            raise Refused(words, Status.USAGE)
    if asked.sample is None:
        return cohort
    ids = [move.conversation_id async for move in every(means, states, cohort)]
    return replace(cohort, only=spread(ids, asked.sample)) if ids else cohort


async def some_give(means: Means, states: Collection[State], cohort: Cohort) -> bool:
    """Whether a source, among those that were looked at, can give any of these conversations. Of a
    source elsewhere only the kind is known: it is not asked. True where there is none to give."""
    if not await means.store.moves(states, cohort.channels, cohort.only, None, 1):
        return True
    for source in means.sources.here:
        if source.name in COPIES:
            if await source.thread_ids():
                return True
            continue
        async for move in every(means, states, cohort):
            ref = ThreadRef(move.conversation_id, move.channel, move.address, move.thread_id)
            if await source.gives(ref):
                return True
    return False


def nothing_gives(reached: Collection[Reach]) -> Refused:
    """Why a verb that reads sources does not begin."""
    causes = {reach.problem.cause for reach in reached if reach.problem is not None}
    if Cause.UNAUTHORISED in causes:
        return Refused("a source refuses our credentials; nothing was changed", Status.REFUSED)
    words = "no source can give a conversation now (watibot migrate sources); nothing was changed"
    return Refused(words, Status.SOURCE_GONE)
