"""Guests' files in the console: of our type, whole or in the part that a player asks for."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.console_rig import Desk, desk, png


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("mime", "kind", "saved"),
    [
        ("image/png", "image/png", None),
        ("audio/ogg", "audio/ogg", None),
        ("application/pdf", "application/pdf", "pdf"),
        ("text/html", "application/octet-stream", "bin"),
        ("image/svg+xml", "application/octet-stream", "bin"),
        ("application/javascript", "application/octet-stream", "bin"),
    ],
)
async def test_a_file_is_what_we_say_it_is(
    front: Desk, mime: str, kind: str, saved: str | None
) -> None:
    await front.guest()
    number = await front.file(b"<script>alert(1)</script>", mime, 'x".html\r\nset-cookie: a=b')
    answer = await (await front.signed_in()).get(f"/media/{number}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    wanted = f'attachment; filename="{number}.{saved}"' if saved else None
    assert answer.headers.get("content-disposition") == wanted


async def test_a_file_that_is_gone(front: Desk, tmp_path: Path) -> None:
    await front.guest()
    number = await front.file(png(), "image/png")
    shutil.rmtree(tmp_path / "media")
    assert (await (await front.signed_in()).get(f"/media/{number}")).status_code == 404


RANGES = [
    ("bytes=0-1", 206, "bytes 0-1/10", b"01"),
    ("bytes=0-", 206, "bytes 0-9/10", b"0123456789"),
    ("bytes=8-99", 206, "bytes 8-9/10", b"89"),
    ("bytes=-3", 206, "bytes 7-9/10", b"789"),
    ("bytes=-30", 206, "bytes 0-9/10", b"0123456789"),
    ("bytes=10-", 416, "bytes */10", b""),
    ("bytes=99-120", 416, "bytes */10", b""),
    ("bytes=-0", 416, "bytes */10", b""),
    *[
        (nonsense, 200, None, b"0123456789")
        for nonsense in ("bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=-", "x", "bytes=a-b")
    ],
    ("bytes=" + "9" * 99 + "-", 200, None, b"0123456789"),
]


@pytest.mark.parametrize(("wanted", "status", "told", "data"), RANGES)
async def test_a_part_of_a_file(
    front: Desk, wanted: str, status: int, told: str | None, data: bytes
) -> None:
    await front.guest()
    number = await front.file(b"0123456789", "audio/mp4")
    rosa = await front.signed_in()
    answer = await rosa.get(f"/media/{number}", headers={"range": wanted})
    assert (answer.status_code, answer.content) == (status, data)
    assert answer.headers.get("content-range") == told
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "audio/mp4"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    either = {"range": wanted, "if-range": '"an-older-file"'}
    assert (await rosa.get(f"/media/{number}", headers=either)).status_code == 200
