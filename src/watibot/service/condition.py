"""How the service is, gathered for who asks: providers, queues, retries, quotas, the machine.

`web/console/health.py` shows it. What is read here is the store's (`ports.Condition`), the
ledger's, what `provider_watch.py` heard, and the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from watibot.charges import Operation
from watibot.ports import Clock
from watibot.ports.charges import By, Sum
from watibot.ports.queues import Condition, Queue, Retry, Stored, Trouble
from watibot.service.provider_watch import Heard, ProviderWatch
from watibot.settings import GROUPS, Settings

MOST = 20  # of each list
LEAST_FREE = 1 << 30  # bytes of the disk: less is told
_OPERATIONS = len(Operation)
_MODEL_CALLS = (Operation.ANSWER, Operation.SUMMARY, Operation.RECEIPT)
_MINUTE = timedelta(minutes=1)
_PASSWORD = re.compile(r"(://[^/@\s:]+):[^/@\s]*@")


class Ledger(Protocol):
    """`ports.Charges`, as far as it is needed here."""

    async def sums(self, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]: ...


@dataclass(frozen=True, slots=True)
class Quota:
    """A provider's limit by the minute. `used`: in the last minute, None where it is not counted;
    `wait`: seconds until the next free place, 0 if there is one."""

    name: str
    allowed: float
    used: int | None
    wait: float = 0.0

    @property
    def share(self) -> float:
        return (self.used or 0) / self.allowed


@dataclass(frozen=True, slots=True)
class Month:
    """Calls that a provider counts by the month. `forecast`: by its end, at this pace."""

    provider: str
    used: int
    allowed: int
    forecast: int

    @property
    def share(self) -> float:
        return self.used / self.allowed


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it runs. Sizes are bytes; `settings`: a digest of all settings but the secrets."""

    version: str
    started_at: datetime
    stored: Stored
    free: int
    total: int
    settings: str
    last_backup: datetime | None

    @property
    def short_of_space(self) -> bool:
        return self.free < LEAST_FREE


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, of one moment."""

    at: datetime
    providers: tuple[Heard, ...]
    queues: tuple[Queue, ...]
    retries: tuple[Retry, ...]
    troubles: tuple[Trouble, ...]
    quotas: tuple[Quota, ...]
    month: Month | None
    machine: Machine


@dataclass(frozen=True, slots=True)
class About:
    """The process. `calls`: how often WATI was asked this month, None without WATI. `wati_reads`:
    how often it may be within a minute. `last_backup`: when the newest copy was made; it may look
    at the disk."""

    version: str
    started_at: datetime
    wati_reads: float
    calls: Callable[[], int] | None = None
    last_backup: Callable[[], datetime | None] = lambda: None


class Conditions:
    """Asks them all."""

    def __init__(
        self,
        condition: Condition,
        ledger: Ledger,
        watch: ProviderWatch,
        clock: Clock,
        settings: Settings,
        zone: ZoneInfo,
        about: About,
    ) -> None:
        self._condition = condition
        self._ledger = ledger
        self._watch = watch
        self._clock = clock
        self._settings = settings
        self._zone = zone
        self._about = about
        self._digest = digest(settings)

    async def queues(self) -> list[Queue]:
        """What waits; enough for who only answers guests."""
        return await self._condition.queues()

    async def report(self) -> Report:
        """How it is now; troubles since the hotel's midnight."""
        now = self._clock.now()
        midnight = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return Report(
            at=now,
            providers=tuple(self._watch.all(now)),
            queues=tuple(await self._condition.queues()),
            retries=tuple(await self._condition.retries(MOST)),
            troubles=tuple(await self._condition.troubles(midnight.astimezone(UTC), MOST)),
            quotas=tuple(await self._quotas(now)),
            month=self._month(now),
            machine=await self._machine(),
        )

    async def _quotas(self, now: datetime) -> list[Quota]:
        sums = await self._ledger.sums(By.OPERATION, now - _MINUTE, now, _OPERATIONS)
        used = {each.key: each.quantity for each in sums}
        booked = await self._condition.booked()

        def wait(name: str) -> float:
            return max((booked[name] - now).total_seconds(), 0.0) if name in booked else 0.0

        vertex, openai = self._settings.vertex, self._settings.openai
        asked = sum(used.get(each, 0) for each in _MODEL_CALLS)
        found = [
            Quota("model", vertex.model_calls_per_minute, asked),
            Quota(
                "appends",
                vertex.appends_per_minute,
                used.get(Operation.EVENT, 0),
                wait("sessions.appends"),
            ),
            Quota("writes", vertex.session_writes_per_minute, None, wait("sessions.writes")),
        ]
        if self._about.calls is not None:
            found.append(Quota("wati_reads", self._about.wati_reads, None, wait("wati.reads")))
        if openai.base_url:
            found.append(Quota("openai", openai.requests_per_minute, None, wait("openai")))
        return found

    def _month(self, now: datetime) -> Month | None:
        allowed = self._settings.wati.calls_per_month
        if self._about.calls is None or not allowed:
            return None
        used = self._about.calls()
        return Month("wati", used, allowed, forecast(used, now))

    async def _machine(self) -> Machine:
        about, stored = self._about, await self._condition.stored()
        (free, total), backup = await asyncio.to_thread(
            lambda: (_disk(self._settings.service.data_dir), about.last_backup())
        )
        return Machine(
            about.version,
            about.started_at,
            stored,
            free,
            total,
            self._digest,
            backup,
        )


def forecast(used: int, now: datetime) -> int:
    """Calls by the end of the month, in UTC, if it goes on as it did."""
    begins = datetime(now.year, now.month, 1, tzinfo=UTC)
    whole = timedelta(days=monthrange(now.year, now.month)[1])
    passed = max(now - begins, timedelta(hours=1))  # the first minutes say nothing
    return round(used * (whole / passed))


def digest(settings: Settings) -> str:
    """Twelve hexadecimal digits that change with any setting but the secrets, of which only counts
    whether they are set."""
    shown: dict[str, Mapping[str, object]] = {
        name: getattr(settings, name).model_dump(mode="json") for name in GROUPS
    }
    text = _PASSWORD.sub(r"\1@", json.dumps(shown, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _disk(folder: Path) -> tuple[int, int]:
    """Free bytes, and all of them."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return usage.free, usage.total
