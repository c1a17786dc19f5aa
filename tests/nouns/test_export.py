"""Everything that is kept of a guest, as one file."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import NOON, FakeClock
from tests.flow.console_rig import EVIL, ROSA, Desk, desk, png
from watibot.history import HistoryItem, ItemKind
from watibot.ports.console import Entry
from watibot.service.export import FORM, Exporter
from watibot.storage.door import Door
from watibot.storage.guest_rows import SqlGuestRows

ZONE = ZoneInfo("America/El_Salvador")


def exporter(front: Desk) -> Exporter:
    rows = SqlGuestRows(Door(front.store._writer, "posada"))
    return Exporter(rows, front.files, front.rows, FakeClock(NOON), "Posada Invento", ZONE)


async def told(front: Desk, language: str = "es") -> tuple[dict[str, Any], str, ZipFile]:
    out = io.BytesIO()
    assert await exporter(front).export(ROSA, "ana", language, out)
    archive = ZipFile(out)
    assert archive.testzip() is None
    page = archive.read("transcript.html").decode()
    return json.loads(archive.read("conversation.json")), page, archive


async def filled(front: Desk) -> None:
    hand = await front.guest(f"quiero una cuna {EVIL}")
    note = HistoryItem("n1", ItemKind.STAFF, NOON, "vip", author="Eva", origin={"source": "note"})
    _, (bubble,) = await hand.answer("Claro que sí")
    await hand.send(bubble)
    await hand.release()
    await front.store.people.take_in(ROSA, [note], None)
    await front.escalation()
    await front.proof()
    await front.guest("otra persona", "50370000002", "Otra")
    await front.rows.note(Entry(NOON, "ana", "take", ROSA))


async def test_all_that_is_kept_is_in_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as front:
        await filled(front)
        found, page, archive = await told(front)
    assert (found["format"], found["hotel"]) == (FORM, "Posada Invento")
    assert (found["profile"]["guest_name"], found["profile"]["address"]) == ("Rosa Invento", ROSA)
    assert "fence" not in found["profile"]
    sections = ("messages", "answers", "turns", "history", "bookings", "payment_proofs", "files")
    assert all(found[name] for name in (*sections, "escalations", "notices", "console"))
    assert found["history"][0]["text"].startswith("quiero una cuna")
    assert found["messages"][0]["raw"] == "{}"
    (file,) = found["files"]
    assert archive.read(file["in_zip"]) == png()
    assert "otra persona" not in json.dumps(found)
    for words in ("Huésped", "Asistente", "Nota interna (Eva)", "Claro que sí", file["in_zip"]):
        assert words in page
    assert EVIL not in page
    assert "2026-11-20 12:00" in page  # by the hotel's clocks


async def test_in_english(tmp_path: Path) -> None:
    async with desk(tmp_path) as front:
        await filled(front)
        _, page, _ = await told(front, "en")
    assert '<html lang="en">' in page
    assert "Internal note (Eva)" in page


async def test_it_is_noted_and_nobody_is_invented(tmp_path: Path) -> None:
    async with desk(tmp_path) as front:
        await front.guest()
        out = io.BytesIO()
        assert not await exporter(front).export("50379999999", "ana", "es", out)
        assert out.getvalue() == b""
        assert await front.deeds() == []
        await told(front)
        assert await front.deeds() == [("ana", "export", ROSA)]


async def test_a_file_that_is_lost_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as front:
        await front.guest()
        number = await front.file(png(), "image/png")
        media = await front.rows.media(number)
        assert media is not None
        assert media.path is not None
        await front.files.drop(media.path)
        found, _, archive = await told(front)
    assert found["files"][0]["in_zip"] is None
    assert archive.namelist() == ["conversation.json", "transcript.html"]


@pytest.mark.parametrize("path", ["ab/missing"])
async def test_what_is_gone_already_may_go_again(tmp_path: Path, path: str) -> None:
    async with desk(tmp_path) as front:
        await front.files.drop(path)
