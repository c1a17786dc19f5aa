"""`watibot migrate` as an operator types it: what it says, what it writes, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import GUEST
from tests.flow.migrating import Moving, moving, past
from tests.forking import run
from tests.postgres import Postgres
from watibot.ports.migrations import State
from watibot.storage.lock import hold_migration_lock


@pytest.fixture
async def hotel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Moving]:
    async with moving(tmp_path, monkeypatch) as made:
        yield made


async def test_the_way_from_first_look_to_the_end(hotel: Moving) -> None:
    await hotel.add(9)
    assert "9 conversations" in await hotel.migrate("sources")
    planned = await hotel.told("plan")
    assert (planned["events"], planned["by_source"], planned["missing"]) == (27, {"exports": 9}, 0)
    ran = await hotel.migrate("run")
    assert ran == "9 conversations carried over, 27 events. Next: watibot migrate verify.\n"
    assert "ok      exports: 9 threads in 9 files" in hotel.errors
    before = hotel.dump()
    assert "0 conversations carried over, 0 events; 9 had nothing new." in await hotel.migrate(
        "run"
    )
    assert said(hotel.dump()) == said(before)

    lines = (await hotel.migrate("verify")).splitlines()
    equal = "3 items, all there, in order and the same"
    assert sorted(lines[:-1]) == [f"= {each}  {equal}" for each in sorted(hotel.ids)]
    assert lines[-1] == (
        "Everything that could be read is in Vertex: 9 of 9 conversations, 27 items. "
        "You may cut over."
    )
    assert (await hotel.migrate("verify", "--quiet")).splitlines() == lines[-1:]

    await hotel.migrate("cutover", "--percent", "30")
    assert hotel.count(State.CUT_OVER) == 3
    assert "That was the last one." in await hotel.migrate("cutover", "--all")
    standing = await hotel.told("status")
    assert standing["answered_by"] == {"vertex": 9}
    assert standing["next"].startswith("watibot migrate report")


def said(tables: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """What must not change when a verb runs a second time; fences rise with each lease."""
    return [*tables["history"], *tables["migrations"]]


async def test_a_dry_run_writes_nothing(hotel: Moving) -> None:
    await hotel.add(4)

    async def told(*arguments: str, status: int = 0) -> Any:
        before, archive = hotel.dump(), hotel.archived()
        document = await hotel.told(*arguments, "--dry-run", status=status)
        assert (hotel.dump(), hotel.archived()) == (before, archive)
        assert document["dry_run"] is True
        return document

    assert (await told("plan"))["events"] == 12
    ran = await told("run")
    assert (ran["marks"], ran["events"]) == ({"+": 4}, 12)
    assert (await told("rollback", "--all"))["passed_over"] == {"not carried over yet": 4}
    await hotel.carried("run")
    assert (await told("verify"))["marks"] == {"=": 4}
    await hotel.carried("verify")
    (hotel.folder / "exports" / "thread_1.json").unlink()
    shutil.rmtree(hotel.folder / "archive")
    assert (await told("run", status=1))["marks"] == {"=": 3, "-": 1}
    hotel.execute("UPDATE migrations SET state = 'imported' WHERE conversation_id = '50370000003'")
    cut = await told("cutover", "--all")
    assert cut["marks"] == {"+": 3}
    assert cut["passed_over"] == {"carried over, not verified": 1}


async def test_who_answers_changes_only_when_it_is_said_for_whom(hotel: Moving) -> None:
    await hotel.add(2)
    await hotel.carried("run", "verify")
    for verb in ("cutover", "rollback"):
        before = hotel.dump()
        out = await hotel.migrate(verb, status=2)
        assert "Nothing was written." in out
        assert "--all" in hotel.errors
        assert hotel.dump() == before
        await hotel.carried("cutover")


async def test_only_those_that_are_named(hotel: Moving) -> None:
    await hotel.add(4)
    names = hotel.folder / "names"
    names.write_text(f"# the first ones\n{hotel.ids[2]}  # Ana\n\n{hotel.ids[0]}\n")
    told = await hotel.told("run", "--only", str(names))
    assert (told["total"], told["done"]) == (2, 2)
    names.write_text(f"{hotel.ids[0]}\n50370009999\n")
    out = await hotel.migrate("run", "--only", str(names), status=2)
    assert out == ""
    assert "50370009999" in hotel.errors
    assert hotel.ids[0] not in hotel.errors
    names.write_text("# nobody\n")
    await hotel.migrate("run", "--only", str(names), status=2)
    assert hotel.count(State.IMPORTED) == 2


async def test_a_channel_a_limit_and_what_is_new(hotel: Moving) -> None:
    await hotel.add(6)
    assert (await hotel.told("run", "--channel", "instagram"))["done"] == 2
    assert (await hotel.told("run", "--limit", "3"))["done"] == 3
    told = await hotel.told("run", "--new")
    assert told["marks"] == {"+": 1}  # the first in the order of work were carried over
    assert (await hotel.told("run", "--limit", "100"))["total"] == 6


async def test_a_sample_is_spread_and_extrapolated(hotel: Moving) -> None:
    await hotel.add(6)
    planned = await hotel.told("plan", "--sample", "2", "--dry-run")
    assert (planned["looked_at"], planned["conversations"]) == (2, 6)
    assert (planned["events"], planned["events_of_all"], planned["extrapolated"]) == (6, 18, True)
    assert "extrapolated from 2 of 6 conversations" in await hotel.migrate("plan", "--sample", "2")
    await hotel.carried("run")
    lines = await hotel.migrate("verify", "--sample", "2", "--json-lines")
    *each, document = map(json.loads, lines.splitlines())
    assert [one["conversation_id"] for one in each if one["mark"] == "="] != []
    assert {one["conversation_id"] for one in each} == {hotel.ids[0], hotel.ids[3]}
    assert "Verify the others too" in document["verdict"]


async def test_what_has_no_thread_and_what_differs(hotel: Moving) -> None:
    await hotel.add(3)
    (hotel.folder / "exports" / "thread_1.json").unlink()
    told = await hotel.told("run", status=1)
    assert told["marks"] == {"+": 2, "-": 1}
    assert told["problems"][0]["problem"] == "no source has its thread"
    assert "cutover --missing" in told["problems"][0]["next"]

    hotel.export(0, 5)  # it grew
    out = await hotel.migrate("verify", status=1)
    assert f"- {hotel.ids[0]}  the thread has grown: run again" in out
    assert "Do not cut over yet: 1 of 2 conversations differ" in out
    standing = await hotel.migrate("status")
    assert "1 conversation: the thread has grown: run again" in standing
    await hotel.carried("run", "verify")
    done = await hotel.told("cutover", "--all", "--missing")
    assert done["marks"] == {"+": 3}


async def test_one_migration_at_a_time(hotel: Moving) -> None:
    await hotel.add(2)
    lock = hold_migration_lock(hotel.url)
    try:
        out = await hotel.migrate("run", status=75)
        assert out == ""
        assert f"another migration is under way (process {os.getpid()})" in hotel.errors
        await hotel.migrate("status")
        await hotel.migrate("run", "--dry-run")
    finally:
        lock.release()
    await hotel.migrate("run")


async def test_ctrl_c_ends_well_and_a_second_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with moving(tmp_path, monkeypatch, VERTEX_APPENDS_PER_MINUTE="60") as hotel:
        await hotel.add(16, messages=4)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watibot", "migrate", "run", "--at-once", "2", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await hotel.reached(State.IMPORTED, 2)
        process.send_signal(signal.SIGINT)
        out, errors = await process.communicate()
        assert process.returncode == 130, errors.decode()
        told = json.loads(out)
        assert "start it again to go on" in told["verdict"]
        assert b"No new conversations; those under way end" in errors
        assert 0 < told["done"] < 16
        assert hotel.count(State.IMPORTED) == told["done"]
        again = await hotel.told("run")
        assert again["marks"] == {"=": told["done"], "+": 16 - told["done"]}
        assert (await hotel.told("verify"))["items"] == 64


async def test_a_second_ctrl_c_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with moving(tmp_path, monkeypatch, VERTEX_APPENDS_PER_MINUTE="6") as hotel:
        await hotel.add(2, messages=40)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watibot", "migrate", "run"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await hotel.reached(State.EXPORTED, 2)
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 130
        assert b"Ended at once" in errors


async def test_a_source_that_is_gone_or_refuses(hotel: Moving) -> None:
    """Nothing is decided from a source that is not there."""
    await hotel.add(2)
    before = hotel.dump()
    absent = str(hotel.folder / "absent")
    await hotel.migrate("run", status=4, MIGRATION_EXPORTS=absent)
    assert "not ok  exports" in hotel.errors
    await hotel.migrate("plan", status=4, MIGRATION_EXPORTS=absent)
    out = await hotel.migrate("sources", status=4, MIGRATION_EXPORTS=absent)
    assert "Today: put exports" in out
    assert hotel.dump() == before


async def test_refused_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with moving(tmp_path, monkeypatch) as hotel:
        await hotel.add(3)
        await hotel.control("vertex", "faults", operation="*", status=403, times=1000)
        out = await hotel.migrate("run", status=5)
        assert out.startswith("It stopped: ")
        assert hotel.count(State.IMPORTED) == 0


async def test_there_and_back_with_a_server_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with moving(tmp_path, monkeypatch, also=["openai"]) as hotel:
        await hotel.add(2, exported=False)
        for number in range(2):
            await hotel.control("openai", "threads", **past(number, 4))
        await hotel.carried("run", "verify", "cutover")
        assert hotel.count(State.CUT_OVER) == 2
        out = await hotel.migrate("rollback", "--limit", "1")
        assert out == "1 conversation answered by OpenAI's assistant again.\n"
        assert (await hotel.told("status"))["answered_by"] == {"vertex": 1, "openai": 1}
        await hotel.migrate("run")
        await hotel.migrate("verify")
        assert (await hotel.told("cutover", "--all"))["marks"] == {"+": 1}

        await hotel.control("openai", "settings", "PATCH", mode="sunset")
        told = await hotel.told("sources")  # the archive has them all
        assert "404 since 2026-08-26" not in told["advice"]
        by_name = {each["source"]: (each["ok"], each["gives"]) for each in told["sources"]}
        assert by_name["assistants"] == (False, 0)
        assert by_name["archive"] == (True, 2)
        shutil.rmtree(hotel.folder / "archive")
        before = hotel.dump()
        await hotel.migrate("verify", status=4)
        assert "not ok  assistants" in hotel.errors
        assert hotel.dump() == before


async def test_sources_are_told_for_what_they_are(hotel: Moving) -> None:
    await hotel.migrate("run", status=78, MIGRATION_SOURCES="attic")
    assert "MIGRATION_SOURCES" in hotel.errors
    told = await hotel.told("sources", status=4)
    assert [each["source"] for each in told["sources"]] == ["exports", "archive"]


async def test_the_report_is_a_page_without_numbers(hotel: Moving) -> None:
    await hotel.add(4, messages=8)
    (hotel.folder / "exports" / "thread_3.json").unlink()
    await hotel.carried("run", "verify")
    await hotel.migrate("cutover", "--limit", "1")
    folder = hotel.folder / "report"
    await hotel.migrate("report", "--to", str(folder))
    html = (folder / "migration-report.html").read_text("utf-8")
    document = json.loads((folder / "migration-report.json").read_text("utf-8"))
    for told in (html, json.dumps(document)):
        assert not any(each in told for each in hotel.ids)
        assert "antes" not in told
    assert '<html lang="es">' in html
    assert "ninguna fuente tiene su historial" in html
    assert "contenido de tipo desconocido: hologram" in html
    assert "http" not in html
    assert document["states"]["cut_over"] == 1
    assert document["losses"] == {"content part 'hologram'": 3}
    assert [line["conversation"] for line in document["lines"]] == ["…000", "…001", "…002", "…003"]
    assert document["lines"][0]["session_id"].startswith("c-")
    assert document["lines"][1]["verified_at"] is not None
    await hotel.migrate("report", "--to", str(folder), "--lang", "en", "--with-ids")
    html = (folder / "migration-report.html").read_text("utf-8")
    assert '<html lang="en">' in html
    assert GUEST in html
    await hotel.migrate("report", "--lang", "fr", status=2)


async def test_the_same_on_postgresql(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with moving(tmp_path, monkeypatch, postgres.store()) as hotel:
        await hotel.add(3)
        await hotel.told("plan", "--dry-run")
        await hotel.migrate("run")
        lock = hold_migration_lock(hotel.url)
        await hotel.migrate("verify", status=75)
        assert "another migration is under way" in hotel.errors
        lock.release()
        away = "postgresql://nobody:secret@127.0.0.1:1/hotel"
        await hotel.migrate("verify", status=75, WATIBOT_DATABASE_URL=away)
        (line,) = hotel.errors.strip().splitlines()
        assert "WATIBOT_DATABASE_URL: postgresql://nobody:***@127.0.0.1:1/hotel" in line
        assert "You may cut over." in await hotel.migrate("verify")
        await hotel.migrate("cutover", "--all")
        assert (await hotel.told("status"))["answered_by"] == {"vertex": 3}
        await hotel.migrate("report", "--to", str(tmp_path / "report"))


async def test_the_help_says_how_it_ends() -> None:
    status, out, _ = await run("migrate", "run", "--help")
    assert status == 0
    assert "Exit status" in out


async def test_a_damaged_archive_is_noticed(hotel: Moving) -> None:
    await hotel.add(2)
    await hotel.carried("run")
    file = next(path for path in (hotel.folder / "archive" / "threads").rglob("*.gz"))
    file.write_bytes(b"not what it was")
    await hotel.migrate("verify", status=1)
    assert f"not ok  archive: threads/{file.parent.name}/{file.name}" in hotel.errors
    file.unlink()
    await hotel.migrate("run")
    await hotel.migrate("verify")


async def test_where_nothing_can_be_kept(hotel: Moving) -> None:
    await hotel.add(1)
    (hotel.folder / "file").write_text("")
    await hotel.migrate("run", status=78, MIGRATION_ARCHIVE_DIR=str(hotel.folder / "file" / "x"))
    assert "MIGRATION_ARCHIVE_DIR" in hotel.errors


async def test_an_earlier_database_is_adopted_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "thread_store.db"
    made = sqlite3.connect(old)
    made.execute("CREATE TABLE threads (wa_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL)")
    made.close()
    before = old.read_bytes()
    async with moving(tmp_path, monkeypatch, f"sqlite:///{old}") as hotel:
        for verb in ("sources", "plan", "run", "status"):
            await hotel.migrate(verb, status=78)
            assert "watibot db adopt" in hotel.errors
    assert old.read_bytes() == before
