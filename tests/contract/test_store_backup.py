"""Backups' exam, on both databases: whole, of one moment, and the same rows afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from tests.clocks import NOON
from tests.contract.stores import GUEST, Hand
from tests.postgres import Postgres
from watibot.channels.media import DiskMediaFiles
from watibot.errors import SettingsError
from watibot.messages import Attachment, AttachmentKind, MessageKind
from watibot.ports.outside import File
from watibot.storage import backup, restore, schema, snapshots
from watibot.storage import store as storage
from watibot.storage.backup import BackupError
from watibot.storage.store import SqlStore
from watibot.storage.writer import engine_for
from watibot.turns import MediaState

OWN = {"hotel.toml": Path(__file__)}


def quiet(*_: object) -> None:
    """Nobody looks on."""


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with engine_for(url).connect() as connection:
        there = MetaData()
        there.reflect(connection)
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in there.tables.items()
        }


@pytest.fixture
def empty_url(store_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another place of the same kind, where nothing is."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/elsewhere/store.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


async def lived(url: str, data: Path, guests: int = 3, since: int = 100) -> list[str]:
    """Some guests, answers and a file; the names of the files."""
    files, names = DiskMediaFiles(data / "media"), []
    async with await storage.open(url, "posada") as store:
        for number in range(since, since + guests):
            guest = f"5037000{number:04}"
            hand = Hand(store, guest)
            sent = (Attachment(AttachmentKind.DOCUMENT, "data/x", "recibo\n\t\\N.pdf"),)
            received = await hand.hear(
                "hola\n\\. 👋",
                conversation_id=guest,
                address=guest,
                kind=MessageKind.MEDIA,
                attachments=sent,
            )
            path = await files.put(File(f"bytes {number}".encode(), "application/pdf"))
            names.append(path)
            (media,) = received.media
            await store.media_done(_ready(media, path))
            await hand.answer("¡Bienvenida!")
    return names


def _ready(media: Any, path: str) -> Any:
    return replace(media, state=MediaState.READY, mime="application/pdf", size=7, path=path)


def made(url: str, data: Path, minutes: int = 0) -> Path:
    now = NOON + timedelta(minutes=minutes)
    path, _ = backup.make(url, data, data / "backups", OWN, now, quiet)
    return path


def put_back(path: Path, url: str, data: Path, *, over: bool = False) -> restore.Restored:
    return restore.restore(path, url, data, NOON, quiet, replace=over)


async def test_what_comes_back_is_what_was(store_url: str, empty_url: str, tmp_path: Path) -> None:
    names = await lived(store_url, tmp_path)
    path = made(store_url, tmp_path)
    assert backup.check(path, quiet) == (backup.read(path), [])
    assert not {each.name for each in path.iterdir()} & {"store.db-wal", "store.db-shm"}
    done = put_back(path, empty_url, tmp_path / "new")
    assert contents(empty_url) == contents(store_url)
    for name in names:
        assert (tmp_path / "new/media" / name).read_bytes() == (
            tmp_path / "media" / name
        ).read_bytes()
    assert (done.media, done.aside, done.waiting) == (3, None, 3)
    assert done.manifest.tables["conversations"] == 3
    # What is numbered goes on behind what is there.
    async with await storage.open(empty_url, "posada") as store:
        await Hand(store, GUEST).hear("otra vez")
        await store.quarantine("wati", "odd", b"", NOON)
        assert (await store.counts())["conversations"] == 4


async def test_it_is_of_one_moment_while_others_write(store_url: str, tmp_path: Path) -> None:
    """A message and its conversation are one commit: neither is ever there without the other."""
    async with await storage.open(store_url, "posada") as store:
        stop, enough, written = False, asyncio.Event(), 0

        async def write(hand: int) -> None:
            nonlocal written
            while not stop:
                guest = f"5037{hand:02}{written:05}"
                await Hand(store, guest).hear("x" * 500, conversation_id=guest, address=guest)
                written += 1
                if written >= 200:
                    enough.set()

        writers = [asyncio.create_task(write(number)) for number in range(4)]
        await enough.wait()
        begun = written
        path = await asyncio.to_thread(made, store_url, tmp_path)
        after = written
        stop = True
        await asyncio.gather(*writers)
    assert after > begun, "nothing was written meanwhile"
    manifest, wrong = await asyncio.to_thread(backup.check, path, quiet)
    assert wrong == []
    assert begun <= manifest.tables["conversations"] <= after + 4
    assert manifest.tables["conversations"] == manifest.tables["messages"]


async def test_a_file_is_kept_once(store_url: str, tmp_path: Path) -> None:
    names = await lived(store_url, tmp_path, 2)
    first = made(store_url, tmp_path)
    names += await lived(store_url, tmp_path, 3, since=200)
    second = made(store_url, tmp_path, 1)
    shared = [(each / "media" / names[0]).stat().st_ino for each in (first, second)]
    assert shared[0] == shared[1]
    assert (second / "media" / names[-1]).read_bytes() == b"bytes 202"
    assert backup.backups(tmp_path / "backups") == [first, second]
    assert backup.drop(tmp_path / "backups", 1) == [first]
    assert backup.check(second, quiet)[1] == []
    assert backup.last_backup(tmp_path) == NOON + timedelta(minutes=1)


async def test_a_file_that_is_gone_or_is_not_one_of_ours(store_url: str, tmp_path: Path) -> None:
    names = await lived(store_url, tmp_path)
    (tmp_path / "media" / names[0]).unlink()
    with engine_for(store_url).connect() as connection:
        connection.exec_driver_sql(
            f"UPDATE media SET path = '../../../etc/hostname' WHERE path = '{names[1]}'"
        )
    path = made(store_url, tmp_path)
    manifest, wrong = backup.check(path, quiet)
    assert (manifest.media, manifest.media_missing, wrong) == (1, 2, [])
    assert backup.media_names(path) == [names[2]]
    (tmp_path / "media" / names[2]).write_bytes(b"something else")
    with pytest.raises(BackupError, match="not what it was"):
        backup.make(store_url, tmp_path, tmp_path / "other", OWN, NOON, quiet)
    assert backup.backups(tmp_path / "other") == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _claims_more(path: Path) -> None:
    found = json.loads(path.read_bytes())
    found["tables"]["messages"] += 1
    path.write_text(json.dumps(found))


HARM: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a torn store": ("store", _cut, "was changed"),
    "an edited store": ("store", _changed, "was changed"),
    "no store": ("store", Path.unlink, "is missing"),
    "an edited manifest": ("manifest.json", _claims_more, "its manifest was changed"),
    "a torn manifest": ("manifest.json", _cut, "cannot be read"),
    "no manifest": ("manifest.json", Path.unlink, "there is no backup here"),
    "another hotel file": ("hotel.toml", _changed, "was changed"),
    "a guest's file that was changed": ("media", _changed, "was changed"),
    "a guest's file that is missing": ("media", Path.unlink, "is missing"),
    "fewer of guests' files": ("media.txt", _cut, "was changed"),
}


@pytest.mark.parametrize("name", HARM)
async def test_what_is_not_whole_is_refused(
    name: str, store_url: str, empty_url: str, tmp_path: Path
) -> None:
    names = await lived(store_url, tmp_path, 1)
    path = made(store_url, tmp_path)
    which, harm, reason = HARM[name]
    store = path / (snapshots.STORE if store_url.startswith("sqlite") else "messages.copy")
    harm({"store": store, "media": path / "media" / names[0]}.get(which, path / which))
    with pytest.raises(BackupError, match=reason) as refused:
        put_back(path, empty_url, tmp_path / "new")
    assert "\n" not in str(refused.value)
    assert schema.check(empty_url) is None
    assert not (tmp_path / "new").exists()


async def test_a_store_with_rows_is_not_overwritten(store_url: str, tmp_path: Path) -> None:
    await lived(store_url, tmp_path, 2)
    path, before = made(store_url, tmp_path), contents(store_url)
    await lived(store_url, tmp_path, 3, since=200)
    newer = contents(store_url)
    with pytest.raises(BackupError, match=r"rows already: --replace"):
        put_back(path, store_url, tmp_path)
    assert contents(store_url) == newer
    done = put_back(path, store_url, tmp_path, over=True)
    assert contents(store_url) == before
    if done.aside is not None:
        assert contents(f"sqlite:///{done.aside}") == newer


async def test_not_while_a_service_runs(store_url: str, tmp_path: Path) -> None:
    await lived(store_url, tmp_path, 1)
    path = made(store_url, tmp_path)
    async with await storage.open(store_url, "posada", sole=True):
        with pytest.raises(SettingsError, match="in use by another service"):
            await asyncio.to_thread(put_back, path, store_url, tmp_path, over=True)


async def test_an_older_schema_is_brought_up_to_date(
    store_url: str, empty_url: str, tmp_path: Path
) -> None:
    older = empty_url
    engine = engine_for(older)
    if older.startswith("sqlite"):
        (tmp_path / "elsewhere").mkdir()
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        schema.migrate(connection, "0003")
        connection.exec_driver_sql(
            "INSERT INTO quarantine (hotel_id, channel, reason, raw, at) "
            "VALUES ('posada', 'wati', 'odd', '', 0)"
        )
        connection.exec_driver_sql("COMMIT")
    path = made(older, tmp_path)
    assert backup.read(path).schema == "0003"
    put_back(path, store_url, tmp_path)
    assert schema.check(store_url) == schema.NEWEST
    async with await storage.open(store_url, "posada") as store:
        assert (await store.counts())["quarantine"] == 1


async def test_the_other_kind_and_a_newer_one(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(store_url, tmp_path, 1)
    path = made(store_url, tmp_path)
    other = "postgresql://nobody@127.0.0.1:1/none"
    if not store_url.startswith("sqlite"):
        other = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(BackupError, match="a copy of"):
        put_back(path, other, tmp_path)
    monkeypatch.setattr(schema, "NEWEST", "0001")
    with pytest.raises(BackupError, match="update watibot"):
        put_back(path, store_url, tmp_path, over=True)


async def test_the_view_of_adopted_rows_comes_back(
    store: SqlStore, store_url: str, empty_url: str, tmp_path: Path
) -> None:
    with engine_for(store_url).connect() as connection:
        connection.exec_driver_sql("DROP VIEW IF EXISTS threads")
        connection.exec_driver_sql(
            "CREATE VIEW threads AS SELECT conversation_id AS wa_id FROM conversations "
            "WHERE conversation_id > '4'"
        )
    try:
        await Hand(store).hear()
        path = await asyncio.to_thread(made, store_url, tmp_path)
        await asyncio.to_thread(put_back, path, empty_url, tmp_path)
        with engine_for(empty_url).connect() as connection:
            found = connection.exec_driver_sql("SELECT wa_id FROM threads").scalars().all()
        assert found == [GUEST]
    finally:
        with engine_for(store_url).connect() as connection:
            connection.exec_driver_sql("DROP VIEW threads")


_DIES = """
import os, sys
from datetime import datetime, UTC
from pathlib import Path
from watibot.storage import backup
url, data, where = sys.argv[1:]
def progress(step, done, of):
    if step == where:
        os._exit(9)
if where == "end":
    os.rename = lambda *_: os._exit(9)
now = datetime(2026, 11, 20, tzinfo=UTC)
backup.make(url, Path(data), Path(data) / "backups", {}, now, progress)
"""


@pytest.mark.parametrize("where", ["store", "media", "end"])
async def test_killed_in_the_middle_nothing_has_a_backups_name(
    where: str, store_url: str, tmp_path: Path
) -> None:
    await lived(store_url, tmp_path, 1)
    arguments = [sys.executable, "-c", _DIES, store_url, str(tmp_path), where]
    died = await asyncio.to_thread(subprocess.run, arguments, env=dict(os.environ), check=False)
    assert died.returncode == 9
    assert backup.backups(tmp_path / "backups") == []
    assert backup.last_backup(tmp_path) is None
    path = made(store_url, tmp_path)
    assert backup.backups(tmp_path / "backups") == [path]
    assert sorted(each.name for each in (tmp_path / "backups").iterdir()) == [".lock", path.name]


def test_there_is_none_yet(tmp_path: Path) -> None:
    assert backup.last_backup(tmp_path) is None
    (tmp_path / "backups.json").write_text('{"last": 7}')
    assert backup.last_backup(tmp_path) is None
    assert backup.backups(tmp_path / "nowhere") == []


async def test_a_damaged_store_is_put_aside(store_url: str, tmp_path: Path) -> None:
    if not store_url.startswith("sqlite"):
        return
    await lived(store_url, tmp_path, 1)
    path, before = made(store_url, tmp_path), contents(store_url)
    file = tmp_path / "store.db"
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(BackupError, match="cannot be read: --replace"):
        put_back(path, store_url, tmp_path)
    done = put_back(path, store_url, tmp_path, over=True)
    assert contents(store_url) == before
    assert done.aside is not None
    assert done.aside.read_bytes().startswith(b"no database at all")
