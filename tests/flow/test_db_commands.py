"""`watibot db`: what an operator sees of the adoption and of the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import old_database as old
from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET
from tests.forking import run
from watibot.cli import checks
from watibot.environment import load


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An earlier database, which is the store's own file."""
    path = tmp_path / "thread_store.db"
    wanted = {
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "WATIBOT_DATABASE_URL": f"sqlite:///{path}",
        "WATIBOT_HOTEL_FILE": str(HOTEL),
        "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        "WATI_BASE_URL": "http://127.0.0.1:1",
        "WATI_TOKEN": "invented",
        "VERTEX_PROJECT": "invented",
        "VERTEX_ENGINE_ID": "1",
    }
    for variable, value in wanted.items():
        monkeypatch.setenv(variable, value)
    odd = ("walk-in", "thread_odd", "soon", None, 0, 0, None, "azul")
    rows = [(*old.ANA, None), (*old.EVA, "rojo"), odd]
    columns = (*old.REQUIRED, *old.OPTIONAL, "colour TEXT")
    return old.make(path, rows, columns)


async def db(*arguments: str, status: int = 0) -> str:
    found, out, errors = await run("db", *arguments)
    assert found == status, errors
    assert (errors == "") == (status == 0)
    return out or errors


async def looked(*arguments: str) -> Any:
    return json.loads(await db(*arguments, "--json"))


async def test_from_the_first_look_to_the_way_back(path: Path, tmp_path: Path) -> None:
    before, whole = old.trace(tmp_path), old.whole(path)
    told = await db("adopt", "--dry-run")
    for line in (
        "3 rows\n",
        "whatsapp: 1\n",
        "with a thread: 2, without: 0\n",
        "no conversation (no number): 1, rows 3\n",
        "last_updated unreadable: 1\n",
        "read as UTC\n",
        "unknown columns, kept: colour\n",
        "Dry run: 3 rows would be taken over; nothing was changed\n",
    ):
        assert line in told, told
    assert "50370000001" not in told
    report = await looked("adopt", "--dry-run")
    assert (report["dry_run"], report["rows"], report["adopted_at"]) == (True, 3, None)
    assert report["problems"] == [{"row": 3, "reason": "no number"}]
    assert report["channels"] == {"whatsapp": 1, "facebook": 1}
    assert old.trace(tmp_path) == before

    assert "run `watibot db adopt` first" in await serve(78)
    told = await db("adopt")
    assert told.endswith("Adopted: 3 rows taken over; threads is a view now\n")
    assert f"digest: sha256:{report['digest']}\n" in told
    backups = [name for name in old.trace(tmp_path) if "before-watibot" in name]
    assert len(backups) == 1
    assert f"/{backups[0]}\n" in told
    told = await db("adopt")
    assert "It was adopted on 20" in told
    assert told.endswith("already: nothing was changed\n")

    old.run(path, "UPDATE conversations SET thread_id = NULL WHERE conversation_id = 'fb:4001'")
    given = tmp_path / "given.db"
    assert "Dry run: nothing was changed\n" in await db("restore-legacy", "--dry-run")
    assert "the store is as it was\n" in await db("restore-legacy", str(given))
    restored = await looked("restore-legacy")
    assert (restored["rows"], restored["same"]) == (3, True)
    assert old.whole(path) == old.whole(given) == whole
    assert "adopted nothing" in await db("restore-legacy", status=78)


async def test_from_a_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATIBOT_DATABASE_URL", f"sqlite:///{tmp_path}/deep/store.db")
    before = old.trace(tmp_path)
    assert (await looked("adopt", str(path), "--dry-run"))["fresh"] == 3
    assert old.trace(tmp_path) == before
    assert not (tmp_path / "deep").exists()
    told = await db("adopt", str(path))
    assert told.endswith("Adopted: 3 rows taken over; the file stays as it is\n")
    assert old.trace(tmp_path) == before
    assert "nothing was changed\n" in await db("adopt", str(path))
    assert "no such file" in await db("adopt", str(tmp_path / "none.db"), status=78)


async def serve(status: int) -> str:
    found, _, errors = await run("serve")
    assert found == status, errors
    return errors


def test_doctor_sees_a_store_that_is_not_adopted(path: Path, tmp_path: Path) -> None:
    before = old.trace(tmp_path)
    finding = checks.database(load(None))
    assert not finding.ok
    assert "run `watibot db adopt` first" in finding.todo
    assert old.trace(tmp_path) == before
