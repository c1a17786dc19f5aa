"""The same way of a message with PostgreSQL behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.house import house
from tests.postgres import Postgres


async def test_guests_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    database = postgres.store()
    async with house(tmp_path, monkeypatch, WATIBOT_DATABASE_URL=database) as hotel:
        guests = [await hotel.guest(f"5037000020{number}") for number in range(5)]
        for guest in guests:
            await hotel.says(guest, "Hola", duplicates=2, parallel=True)
            await hotel.says(guest, "¿Tienen piscina? Soy Ana \\u0000 👋")
        for guest in guests:
            assert "piscina" in " ".join(await hotel.answered(guest)).lower()
        await hotel.quiet()
        assert [len(await hotel.bubbles(guest)) for guest in guests] == [1] * 5
        assert (await hotel.get("vertex", "summary"))["events_doubled"] == 0
