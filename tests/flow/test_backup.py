"""`watibot backup` beside a service at work, and a service on what `watibot restore` put back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_store_backup import contents
from tests.flow.house import House, house
from tests.forking import run
from tests.postgres import Postgres
from watibot.storage.backup import last_backup


async def told(*arguments: str, status: int = 0, **environment: str) -> str:
    found, out, errors = await run(*arguments, **environment)
    assert found == status, out + errors
    assert errors.count("\n") <= 1, errors
    return out + errors


async def kept(*arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(await told("backup", "--json", *arguments))
    return made


async def chat(hotel: House, guests: range, text: str) -> None:
    for number in guests:
        await hotel.says(await hotel.guest(f"5037000{number:04}"), text)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_made_at_work_and_answered_from_again(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    environment: dict[str, Any] = {}
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        environment["WATIBOT_DATABASE_URL"] = server.store()
    async with house(tmp_path, monkeypatch, **environment) as hotel:
        await chat(hotel, range(300, 306), "¿Tienen piscina?")
        await hotel.says("50370000300", media="photo", caption="Miren esta foto")
        await hotel.quiet()
        talking = asyncio.create_task(chat(hotel, range(310, 330), "¿A qué hora es el desayuno?"))
        made = await kept()
        await talking
        assert made["media"] == 1
        assert made["tables"]["conversations"] >= 6
        assert last_backup(tmp_path) == datetime.fromisoformat(made["at"])
        assert "every byte as it was" in await told("backup", "--check", made["backup"])
        # Somebody else's service is at work: nothing is put back under its feet.
        assert "in use by another service" in await told("restore", made["backup"], status=78)
        await hotel.quiet()

        elsewhere = tmp_path / "new"
        url = f"sqlite:///{elsewhere}/store.db"
        if kind == "postgresql":
            url = server.database()
        there: dict[str, Any] = {
            "WATIBOT_DATABASE_URL": url,
            "WATIBOT_DATA_DIR": str(elsewhere),
            "WATIBOT_INSTRUCTIONS_FILE": str(tmp_path / "newer.md"),
        }
        (tmp_path / "newer.md").write_text("Sea breve. " * 30)
        out = await told("restore", made["backup"], **there)
        assert f"Restored: {made['rows']:,} rows and 1 files of guests" in out
        assert "1. watibot doctor" in out
        assert f"newer.md was another one then: {made['backup']}/instructions.md" in out
        assert "hotel.toml" not in out
        assert len(contents(url)["conversations"]) == made["tables"]["conversations"]
        refused = await told("restore", made["backup"], status=1, **there)
        assert "rows already: --replace" in refused
    async with house(elsewhere, monkeypatch, **there) as again:
        await again.guest("50370000300")
        await again.says("50370000300", "¿Y aceptan mascotas?")
        assert "15 kg" in (await again.answered("50370000300"))[-1]
        assert again.app is not None
        past = await again.app.store.history("50370000300", 100)
        assert "¿Tienen piscina?" in [item.text for item in past]


async def test_only_the_newest_are_kept(hotel: House, tmp_path: Path) -> None:
    to = tmp_path / "shelf"
    for _ in range(3):
        await told("backup", "--to", str(to), "--keep", "2")
    names = sorted(each.name for each in to.iterdir() if not each.name.startswith("."))
    assert len(names) == 2
    last = last_backup(tmp_path)
    assert last is not None
    assert names[-1] == f"{last:%Y-%m-%dT%H%M%SZ}"


async def test_what_is_wrong_is_one_line(hotel: House, tmp_path: Path) -> None:
    path = Path((await kept())["backup"])
    with closing(sqlite3.connect(path / "store.db")) as store:
        store.execute("INSERT INTO quarantine (hotel_id, channel, reason, raw, at) "
                      "VALUES ('posada', 'wati', 'x', '', 0)")  # fmt: skip
        store.commit()
    assert "not ok  store.db was changed" in await told("backup", "--check", str(path), status=1)
    for arguments, line in (
        (("backup", "--check", str(tmp_path)), "there is no backup here"),
        (("restore", str(tmp_path)), "there is no backup here"),
        (("restore", str(path)), "store.db was changed"),
        (("backup", "--to", str(tmp_path / "watibot.db" / "x")), "Not a directory"),
    ):
        found = await told(*arguments, status=1)
        assert found.startswith("watibot: ")
        assert line in found
    url = f"sqlite:///{tmp_path}/nowhere.db"
    assert "there is no store" in await told("backup", status=75, WATIBOT_DATABASE_URL=url)
