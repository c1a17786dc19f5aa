"""How the service is, gathered: quotas, the month's forecast, the digest of the settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from tests.clocks import NOON, FakeClock
from tests.contract.stores import at
from watibot.ports.charges import By, Sum
from watibot.ports.queues import Kind, Queue, Retry, Stored, Trouble
from watibot.service.condition import About, Conditions, Quota, digest, forecast
from watibot.service.provider_watch import ProviderWatch
from watibot.settings import GROUPS, OpenAI, Service, Settings, Staff, Vertex, Wati

ZONE = ZoneInfo("America/El_Salvador")
GIVEN = {
    "service": Service(
        webhook_secret=SecretStr("a-secret-for-tests-only"), data_dir=Path("/nowhere/x")
    ),
    "vertex": Vertex(project="demo-hotel", engine_id="4242"),
}


def settings(**changed: object) -> Settings:
    made = {name: GIVEN.get(name) or group() for name, group in GROUPS.items()}
    return Settings(**{**made, **changed})  # type: ignore[arg-type]


class Rows:
    """The store's part, in memory."""

    def __init__(self) -> None:
        self.since: list[datetime] = []

    async def queues(self) -> list[Queue]:
        return [Queue("messages", 1, at(-60))]

    async def retries(self, limit: int) -> list[Retry]:
        return [Retry(Kind.ANSWER, "c", at(-60), 2, None)]

    async def troubles(self, since: datetime, limit: int) -> list[Trouble]:
        self.since.append(since)
        return []

    async def booked(self) -> dict[str, datetime]:
        return {"sessions.appends": at(12), "sessions.writes": at(-12), "wati.reads": at(3)}

    async def stored(self) -> Stored:
        return Stored("sqlite", 4096)


class Ledger:
    def __init__(self) -> None:
        self.spans: list[tuple[By, float]] = []

    async def sums(self, by: By, since: datetime, until: datetime, limit: int) -> list[Sum]:
        self.spans.append((by, (until - since).total_seconds()))
        keys = (("answer", 7), ("summary", 2), ("receipt", 1), ("event", 40), ("call", 99))
        return [Sum(key, quantity=number) for key, number in keys][:limit]


def conditions(made: Settings, rows: Rows, calls: int | None = None) -> Conditions:
    asked = None if calls is None else (lambda: calls)
    about = About("0.1.0", at(-100), 54, asked, lambda: at(-50))
    watch = ProviderWatch()
    watch.heard("gemini", "ok", NOON)
    return Conditions(rows, Ledger(), watch, FakeClock(), made, ZONE, about)


async def test_all_of_it() -> None:
    rows = Rows()
    report = await conditions(settings(), rows).report()
    assert report.at == NOON
    assert [each.provider for each in report.providers] == ["gemini"]
    assert report.queues == (Queue("messages", 1, at(-60)),)
    assert len(report.retries) == 1
    # The hotel's midnight, six hours behind UTC.
    assert rows.since == [datetime(2026, 11, 20, 6, 0, tzinfo=UTC)]
    assert report.quotas == (
        Quota("model", 300, 10),
        Quota("appends", 290, 40, 12.0),
        Quota("writes", 90, None, 0.0),
    )
    assert report.month is None
    machine = report.machine
    assert (machine.version, machine.started_at, machine.last_backup) == (
        "0.1.0",
        at(-100),
        at(-50),
    )
    assert 0 < machine.free <= machine.total
    assert machine.stored == Stored("sqlite", 4096)


async def test_who_is_asked_has_a_quota() -> None:
    made = settings(openai=OpenAI(base_url="http://127.0.0.1:1/v1"))
    report = await conditions(made, Rows(), calls=95_000).report()
    assert [each.name for each in report.quotas] == [
        "model",
        "appends",
        "writes",
        "wati_reads",
        "openai",
    ]
    assert report.quotas[3] == Quota("wati_reads", 54, None, 3.0)
    assert report.month is not None
    assert (report.month.used, report.month.allowed) == (95_000, 200_000)
    assert report.month.forecast == round(95_000 * 30 / 19.75)
    uncounted = settings(wati=Wati(calls_per_month=0))
    assert (await conditions(uncounted, Rows(), calls=5).report()).month is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 16, tzinfo=UTC), 200),  # half of November
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), 100),
        (datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC), 72_000),  # as if an hour had passed
        (datetime(2026, 2, 8, tzinfo=UTC), 400),
    ],
)
def test_forecast(now: datetime, expected: int) -> None:
    assert forecast(100, now) == expected


def test_the_digest_changes_with_settings_and_not_with_secrets() -> None:
    before = digest(settings())
    assert len(before) == 12
    assert digest(settings()) == before
    assert digest(settings(wati=Wati(look="gap"))) != before
    service = GIVEN["service"]
    assert isinstance(service, Service)

    def of(**changed: object) -> str:
        return digest(settings(service=service.model_copy(update=changed)))

    assert of(webhook_secret=SecretStr("another-secret-for-tests")) == before
    assert of(database_url="postgresql://bot:one@db/x") == of(
        database_url="postgresql://bot:two@db/x"
    )
    assert of(database_url="postgresql://bot:one@db/x") != of(
        database_url="postgresql://bot:one@db/y"
    )
    # Whether there is a secret counts.
    assert digest(settings(staff=Staff(notify_urls=(SecretStr("json://a"),)))) != before
    assert replace(settings()) == settings()
