"""What lies between the parts of the desk: what each does alone is in its own exams."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from tests.flow.house import GUEST, SECRET, house, until
from watibot.telemetry import tag
from watibot.tracing import OtelTraces


async def test_the_instructions_are_counted_by_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of the instructions says what a call of them costs: to the token."""
    async with house(tmp_path, monkeypatch) as made:
        assert made.app is not None
        versions = made.app.store.versions

        async def counted() -> bool:
            return any(each.exact for each in await versions.versions(9))

        await until(counted)


async def test_a_webhook_that_is_repeated_does_not_bring_a_guest_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, speed=60) as made:
        assert made.app is not None
        store = made.app.store
        await made.guest()
        await made.says(GUEST, "Me llamo Ana")
        await made.answered(GUEST)
        await made.quiet()
        with sqlite3.connect(tmp_path / "watibot.db", timeout=20) as database:
            ((raw,),) = database.execute("select raw from messages").fetchall()
        database.close()
        now = made.app.clock.now()
        assert await store.erasures.ask(tag(GUEST, SECRET), GUEST, "ana", now) is not None

        async def gone() -> bool:
            return await store.conversation(GUEST) is None

        await until(gone)
        assert (await made.webhook("/webhook", raw)).status_code == 200
        assert await gone()


def test_who_is_never_answered_is_not_remembered_without_end() -> None:
    """Staff hold the conversation: its messages come, and no turn takes their webhooks."""
    traces = OtelTraces(TracerProvider(), "gemini-3.8-flash", "secret")
    for _ in range(1_000):
        span = traces.begin("receive", {})
        assert span is not None
        traces.heard(GUEST)
        span.end(None)
    assert len(traces._heard[GUEST]) <= 64
    traces.close()
