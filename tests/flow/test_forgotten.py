"""A guest of the whole house is forgotten: at Vertex, at OpenAI, in the archive, in the store."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.fakes_threads import message
from tests.flow.house import House, house, until
from tests.flow.migrating import moving
from tests.forking import run
from watibot.cli import guest as command
from watibot.ports.erasures import Place
from watibot.providers.archive import Archive
from watibot.threads import Form, RawThread
from watibot.wiring import App

EMULATORS = ("wati", "vertex", "openai", "staff")
ANA, ROSA = "50370000001", "50370000002"
THREAD = "thread_ana"


async def sessions(made: House) -> set[str]:
    """Whose they are."""
    return {each["userId"] for each in await made.get("vertex", "sessions")}


async def app(made: House) -> App:
    assert made.app is not None
    return made.app


async def has_thread(made: House, folder: Path) -> None:
    """Ana's past, at OpenAI and in the archive."""
    thread = {"id": THREAD, "object": "thread", "created_at": 1_760_000_000, "metadata": {}}
    await made.post("openai", "threads", {"thread": thread, "messages": []})
    raw = RawThread(THREAD, Form.ASSISTANTS, "assistants", thread, (message(THREAD, 1, "hola"),))
    await Archive(folder / "archive").put(raw, (await app(made)).clock.now())
    with sqlite3.connect(folder / "watibot.db", timeout=20) as database:
        database.execute("update conversations set thread_id = ? where address = ?", (THREAD, ANA))
    database.close()


async def test_the_house_forgets_a_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(
        tmp_path,
        monkeypatch,
        speed=60,
        emulators=EMULATORS,
        MIGRATION_ARCHIVE_DIR=str(tmp_path / "archive"),
    ) as made:
        for guest, name in ((ANA, "Ana Invento"), (ROSA, "Rosa Invento")):
            await made.guest(guest, name)
            await made.says(guest, "¿A qué hora es el check-in?")
            await made.answered(guest)
        await made.quiet()
        await has_thread(made, tmp_path)
        assert await sessions(made) == {ANA, ROSA}
        store = (await app(made)).store
        async with command._here(None) as here:  # type: ignore[arg-type]
            number = await here.eraser.ask(ANA, "ana")
            assert number is not None

            async def rows_are_gone() -> bool:  # by the service, which found it asked for
                return await store.conversation(ANA) is None and await sessions(made) == {ROSA}

            await until(rows_are_gone)
            assert await store.conversation(ANA) is None
            assert await sessions(made) == {ROSA}

            async def thread_is_gone() -> bool:
                gone = await made.http.get(f"{made.urls['openai']}/_emulator/threads/{THREAD}")
                kept = await Archive(tmp_path / "archive").thread_ids()
                return gone.status_code == 404 and not kept

            await until(thread_is_gone)
            # A guest who comes back is a new one, and waits for the last look with their session.
            await made.says(ANA, "¿Tienen piscina?")
            await made.answered(ANA, 2)
            assert await sessions(made) == {ROSA}

            async def complete() -> bool:
                found = await here.erasures.erasure(number)
                return found is not None and found.ended_at is not None

            await until(complete)
            found = await here.erasures.erasure(number)
            assert found is not None
            assert found.gone[Place.THREAD] == found.gone[Place.ARCHIVE] == 1
        await made.quiet()
        assert await sessions(made) == {ANA, ROSA}
        said = [item.text for item in await store.history(ANA, 99)]
        assert "¿A qué hora es el check-in?" not in said
        assert said[0] == "¿Tienen piscina?"


async def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service."""
    async with moving(tmp_path, monkeypatch) as made:
        await made.add(2)
        await made.carried("run")
        ana, rosa = made.ids

        async def guest(*arguments: str, status: int = 0) -> str:
            found, out, errors = await run("guest", *arguments)
            assert found == status, (found, out, errors)
            return out + errors

        target = tmp_path / "ana.zip"
        assert "holds all" in await guest("export", ana, "--to", str(target))
        told = json.loads(ZipFile(io.BytesIO(target.read_bytes())).read("conversation.json"))
        assert [each["text"] for each in told["history"]] == [f"antes {n}" for n in range(3)]
        assert "is there already" in await guest("export", ana, "--to", str(target), status=1)
        nobody = ("export", "50379999999", "--to", str(tmp_path / "nobody.zip"))
        assert "no such conversation" in await guest(*nobody, status=1)
        assert "--yes" in await guest("erase", ana, status=1)
        assert "no such conversation" in await guest("erase", "50379999999", "--yes", status=1)

        await made.control("vertex", "faults", operation="deleteSession", status=503, times=1)
        out = await guest("erase", ana, "--yes", status=75)
        assert "left: sessions" in out
        (line,) = json.loads(await guest("erasures", "--json"))
        assert (line["state"], line["number"]) == ("under way", 1)
        kept: dict[str, Any] = made.dump()
        assert ana not in str([rows for name, rows in kept.items() if name != "erasures"])
        assert rosa in str(kept)
        made.execute("UPDATE erasures SET due_at = NULL WHERE erasure_id = :n", n=1)
        assert "given up" in await guest("erasures")
        assert "complete" in await guest("erasures", "--again", "1")
        assert "was not given up" in await guest("erasures", "--again", "1", status=1)
        assert ana not in str(made.dump())
        assert f"{ana}" not in str(made.archived())
