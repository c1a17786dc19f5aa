"""The migration page: the whole way by clicks, beside a service that answers; and who may not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, House, house, until
from tests.flow.migrating import HOTEL_ID
from tests.flow.moving_rig import Board, Clicker, board
from tests.forking import run
from watibot.emulators.past import pasts
from watibot.engines.errands import ChildErrands
from watibot.environment import load
from watibot.storage.lock import hold_migration_lock, migration_holder

PASTS = pasts(12, 7, hotel_day=date(2026, 11, 22))


def old_database(path: Path) -> Path:
    """The earlier system's file."""
    made = sqlite3.connect(path)
    names = list(PASTS[0].row)
    made.execute(f"CREATE TABLE threads ({', '.join(names)})")
    marks = ", ".join("?" * len(names))
    made.executemany(
        f"INSERT INTO threads VALUES ({marks})",
        [tuple(past.row[name] for name in names) for past in PASTS],
    )
    made.commit()
    made.close()
    return path


def bare(folder: Path) -> dict[str, str]:
    """Settings for a command while no service runs."""
    return {
        "WATIBOT_DATABASE_URL": f"sqlite:///{folder}/watibot.db",
        "WATIBOT_DATA_DIR": str(folder),
        "WATIBOT_HOTEL_FILE": str(HOTEL),
        "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "MANYCHAT_TOKEN": "1:invented",
        "VERTEX_PROJECT": "demo-hotel",
        "VERTEX_ENGINE_ID": "4242",
    }


@asynccontextmanager
async def hotel_with_a_past(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str
) -> AsyncIterator[tuple[House, Board, ChildErrands]]:
    """The service runs, and the page is over its store."""
    free: dict[str, object] = {"append_events_per_minute": 0, "session_writes_per_minute": 0}
    emulators = ("wati", "manychat", "vertex", "staff", "openai")
    settings = {
        "VERTEX_APPENDS_PER_MINUTE": "60000",
        "VERTEX_SESSION_WRITES_PER_MINUTE": "60000",
        "MIGRATION_ARCHIVE_DIR": str(folder / "archive"),
        **environment,
    }
    options = {"vertex": free}
    status, _, errors = await run(
        "db", "adopt", str(old_database(folder / "old.db")), **bare(folder)
    )
    assert status == 0, errors
    async with house(folder, monkeypatch, 20, options, emulators, **settings) as here:
        made = [past.export for past in PASTS]
        answer = await here.http.post(f"{here.urls['openai']}/_emulator/threads", json=made)
        assert answer.status_code < 300, answer.text
        assert here.app is not None
        errands = ChildErrands(folder / ".env", here.app.clock)
        (folder / ".env").write_text("")
        url = load(None).service.database_url
        holder = partial(asyncio.to_thread, migration_holder, url)
        allowed = load(None).vertex.appends_per_minute
        clock = here.app.clock
        made_board = await board(here.app.store, HOTEL_ID, errands, clock, holder, appends=allowed)
        yield here, made_board, errands
        await errands.close()


async def ended(errands: ChildErrands, status: int = 0) -> None:
    await errands.settle(90)
    last = errands.last
    assert last is not None
    assert not errands.running
    assert last.status == status, (last.order, list(last.notes), last.document)


async def same_as_the_command(owner: Clicker) -> dict[str, int]:
    """The page's figures, which are those of `watibot migrate status`."""
    status, out, errors = await run("migrate", "status", "--json")
    assert status == 0, errors
    told = json.loads(out)
    states = await owner.states()
    assert states == {state: count for state, count in told["states"].items() if count}
    text = await owner.read()
    assert (
        f"{told['messages']:,} messages, {told['tool_calls']:,} tool calls, {told['media']:,} "
        f"files, {told['events']:,} events"
    ) in text
    who = {"vertex": "Gemini", "openai": "OpenAI's assistant"}
    for name, count in told["answered_by"].items():
        assert f"{who[name]} {count:,}" in text
    return states


@pytest.mark.timeout(240)
async def test_the_whole_way_by_clicks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hotel_with_a_past(tmp_path, monkeypatch) as (here, desk, errands):
        owner = await desk.signed_in()
        assert await same_as_the_command(owner) == {"pending": 12}
        assert 'Go on with "Plan"' in await owner.read()

        await owner.click("start", verb="sources")
        await ended(errands)
        text = await owner.read()
        assert "assistants ok:" in text
        assert "Today: watibot migrate plan" in text

        assert await owner.click("start", verb="plan") == "/console/migration?said=moving_begun"
        await ended(errands)
        text = await owner.read()
        assert "ours, with a past at OpenAI 12" in text
        assert "read from assistants 12" in text
        assert 'Go on with "Carry over"' in text

        await owner.click("start", verb="run", most="3")
        await ended(errands)
        assert (await same_as_the_command(owner))["imported"] == 3
        await owner.click("start", verb="run")
        await ended(errands)
        assert await same_as_the_command(owner) == {"imported": 12}
        assert "It came to its end: all was done." in await owner.read()
        assert "12 of 12 carried over" in await owner.read()

        await owner.click("start", verb="verify")
        await ended(errands)
        assert await same_as_the_command(owner) == {"verified": 12}
        file = await owner.get("/migration/verify.txt")
        lines = file.text.splitlines()
        assert sum(line.startswith("= ") for line in lines) == 12
        assert lines[-1].endswith("You may cut over.")
        assert file.headers["content-disposition"] == 'attachment; filename="verify.txt"'

        # Half of them: looked at first, and nothing is changed by that.
        await owner.click("preview", verb="cutover", which="percent", percent="50")
        await ended(errands)
        assert await same_as_the_command(owner) == {"verified": 12}
        assert "Would be done for 6 conversations" in await owner.read()
        await owner.click("confirm")
        await ended(errands)
        assert await same_as_the_command(owner) == {"verified": 6, "cut_over": 6}

        await owner.click("preview", verb="cutover", which="all")
        await ended(errands)
        text = await owner.read()
        assert "Left where they are: Cut over to Gemini 6" in text
        await owner.click("confirm")
        await ended(errands)
        assert await same_as_the_command(owner) == {"cut_over": 12}
        assert "download the report" in await owner.read()

        one = str(PASTS[0].row["wa_id"])
        await owner.click("preview", verb="rollback", which="list", ids=f"{one} # Ana\n")
        await ended(errands)
        await owner.click("confirm")
        await ended(errands)
        assert await same_as_the_command(owner) == {"cut_over": 11, "rolled_back": 1}

        report = await owner.get("/migration/report.html")
        assert report.status_code == 200
        assert report.headers["content-security-policy"].startswith("default-src 'none'")
        assert "Migration report" in report.text
        assert one not in report.text
        data = (await owner.get("/migration/report.json")).json()
        assert data["states"]["cut_over"] == 11
        assert (await owner.get("/migration/report.exe")).status_code == 404

        assert [action for action, _ in await desk.deeds()] == [
            *(f"migration.{name}" for name in ("sources", "plan", "run", "run", "verify")),
            *(f"migration.{name}" for name in ("preview", "cutover", "preview", "cutover")),
            *(f"migration.{name}" for name in ("preview", "rollback")),
        ]
        details = [detail for _, detail in await desk.deeds()]
        assert details[5:7] == ["cutover --percent 50", "cutover 6 ids"]
        # Guests were answered all the time.
        guest = await here.guest("50370009999")
        await here.says(guest, "¿A qué hora abren?")
        assert await here.answered(guest)


@pytest.mark.timeout(120)
async def test_failures_are_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hotel_with_a_past(tmp_path, monkeypatch) as (here, desk, errands):
        owner = await desk.signed_in()
        lost = PASTS[0].row["thread_id"]
        url = f"{here.urls['openai']}/v1/threads/{lost}"
        key = {"Authorization": "Bearer sk-emulator", "OpenAI-Beta": "assistants=v2"}
        gone = await here.http.delete(url, headers=key)
        assert gone.status_code == 200, gone.text
        await owner.click("start", verb="run")
        await ended(errands, 1)
        text = await owner.read()
        assert "some conversations have problems" in text
        assert "1 · no source has its thread" in text
        spanish = await owner.read("es")
        assert "1 · ninguna fuente tiene su historial" in spanish
        assert "MIGRATION_EXPORTS" in spanish

        again = [PASTS[0].export]
        answer = await here.http.post(f"{here.urls['openai']}/_emulator/threads", json=again)
        assert answer.status_code < 300, answer.text
        page = (await owner.page()).text
        kind = page.split('name="kind" value="')[1][:16]
        await owner.click("retry", kind=kind)
        await ended(errands)
        assert await same_as_the_command(owner) == {"imported": 11, "verified": 1}
        assert "With problems" not in await owner.read()
        assert await owner.post("/migration/retry", csrf=await owner.csrf("/migration"), kind="")
        assert not errands.running


async def says(owner: Clicker, words: str, language: str) -> bool:
    return words in await owner.read(language)


@pytest.mark.timeout(120)
async def test_it_shows_what_it_waits_for_and_stops_at_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"VERTEX_APPENDS_PER_MINUTE": "20"}
    async with hotel_with_a_past(tmp_path, monkeypatch, **slow) as (_, desk, errands):
        owner = await desk.signed_in()
        await owner.click("start", verb="run")

        for language, words in (
            (
                "en",
                "The quota per minute is full; what answers guests goes first ( 20 appends )",
            ),
            ("es", "La cuota por minuto está llena"),
        ):
            await until(partial(says, owner, words, language), 60)
        # One at a time, here and in a terminal.
        csrf = await owner.csrf("/migration")
        second = await owner.post("/migration/start", csrf=csrf, verb="verify")
        assert second.headers["location"] == "/console/migration?said=moving_busy"
        status, _, errors = await run("migrate", "run")
        assert status == 75, errors

        assert await owner.click("stop") == "/console/migration?said=moving_stopping"
        await owner.click("stop")  # at once
        await ended(errands, 130)
        assert "Stopped at your word" in await owner.read()
        before = await owner.states()
        await owner.click("start", verb="run")
        await errands.close()  # as at the service's end
        assert not errands.running
        assert set(before) <= {"pending", "exported", "imported"}


@pytest.mark.timeout(120)
async def test_a_migration_in_a_terminal_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hotel_with_a_past(tmp_path, monkeypatch) as (_, desk, errands):
        owner = await desk.signed_in()
        status, _, errors = await run("migrate", "run", "--limit", "4")
        assert status == 0, errors
        assert await same_as_the_command(owner) == {"imported": 4, "pending": 8}
        assert "The last minutes:" in await owner.read()
        lock = hold_migration_lock(load(None).service.database_url)
        assert "in a terminal (process" in await owner.read()
        csrf = await owner.csrf("/migration")
        refused = await owner.post("/migration/start", csrf=csrf, verb="run")
        assert refused.headers["location"].endswith("moving_busy")
        assert errands.last is None
        lock.release()
        assert "in a terminal (process" not in await owner.read()


async def test_a_wrong_setting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hotel_with_a_past(tmp_path, monkeypatch) as (_, desk, errands):
        owner = await desk.signed_in()
        monkeypatch.setenv("MIGRATION_SOURCES", "nowhere")
        await owner.click("start", verb="plan")
        await ended(errands, 78)
        text = await owner.read()
        assert "A setting of the service is wrong" in text
        assert "MIGRATION_SOURCES" in text
