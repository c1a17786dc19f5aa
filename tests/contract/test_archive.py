"""The archive on disk: what was put is read again word for word, whatever happens between."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import NOON
from tests.threads import assistants, chat, conversation, message, ref, row, text, wati, with_tools
from watibot.errors import Cause, ProviderError
from watibot.ports.threads import ThreadSource
from watibot.providers.archive import MANIFEST, Archive
from watibot.threads import Problem, RawThread

ODD = {
    "id": "msg_ñ",
    "nested": {"z": [1, 2.5, None, True], "a": 10**20},
    "text": "\u2028línea\r\n\x00 \ud83d 🏨",
}
THREADS = [
    with_tools(9),
    assistants(),
    assistants(message(1, "user", text("hola")), runs=None),
    assistants(
        ODD,
        files={"file-2": {"bytes": 3}, "file-1": {}},
        errors=({"object": "file", "id": "file-9", "error": "not_found_or_expired"},),
    ),
    conversation({"type": "message", "id": "m", "role": "user", "content": "hola"}),
    chat({"role": "user", "content": "hola"}),
    wati(row(1, "hola")),
]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("raw", THREADS)
async def test_word_for_word(tmp_path: Path, raw: RawThread) -> None:
    source: ThreadSource = Archive(tmp_path)
    entry = await Archive(tmp_path).put(raw, NOON)
    assert await source.read(ref(raw.thread_id)) == raw
    assert (entry.messages, entry.runs) == (len(raw.messages), len(raw.runs or ()))
    assert await Archive(tmp_path).entries() == (entry,)
    assert await source.thread_ids() == frozenset({raw.thread_id})
    assert await source.check() == "1 threads in the archive"
    assert await Archive(tmp_path).verify() == []


async def test_one_can_read_it_with_the_tools_of_a_shell(tmp_path: Path) -> None:
    entry = await Archive(tmp_path).put(with_tools(3), NOON)
    assert entry.file.startswith("threads/")
    assert entry.file.rpartition("/")[2].startswith("thread_1.")
    data = gzip.decompress((tmp_path / entry.file).read_bytes())
    rows = [json.loads(line) for line in data.splitlines()]
    assert rows[0] == {
        "watibot_archive": 1,
        "thread_id": "thread_1",
        "source": "exports",
        "form": "assistants",
        "exported_at": NOON.isoformat(),
        "tool_history": True,
    }
    assert [next(iter(each)) for each in rows[1:]] == ["thread", "message", "message", "run"]


async def test_an_unchanged_thread_writes_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first = await archive.put(with_tools(3), NOON)
    before = [(path, path.stat().st_mtime_ns) for path in files(tmp_path)]
    assert await archive.put(with_tools(3), NOON.replace(year=2027)) == first
    assert await Archive(tmp_path).put(with_tools(3), NOON) == first
    assert [(path, path.stat().st_mtime_ns) for path in files(tmp_path)] == before


async def test_the_same_thread_is_the_same_bytes(tmp_path: Path) -> None:
    one = await Archive(tmp_path / "a").put(with_tools(9), NOON)
    two = await Archive(tmp_path / "b").put(with_tools(9), NOON)
    assert one == two
    data = (tmp_path / "a" / one.file).read_bytes()
    assert data == (tmp_path / "b" / two.file).read_bytes()
    assert data[4:8] == bytes(4)  # gzip's own time stamp


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (message(1, "user", text("otra cosa")),)},
        {"runs": None},
        {"thread": {"id": "thread_1", "metadata": {"a": "b"}}},
    ],
)
async def test_a_changed_thread_takes_the_place_of_the_old_one(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    archive, reader = Archive(tmp_path), Archive(tmp_path)
    old = await archive.put(with_tools(1), NOON)
    assert (await reader.read(ref("thread_1"))).runs == ()
    grown = replace(with_tools(1), **change)
    new = await archive.put(grown, NOON)
    assert new.file != old.file
    assert await reader.read(ref("thread_1")) == grown
    assert await Archive(tmp_path).entries() == (new,)
    assert len(files(tmp_path)) == 2
    assert len((tmp_path / MANIFEST).read_text().splitlines()) == 2


async def test_a_crash_before_the_manifest_leaves_the_old_thread(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    old = await archive.put(with_tools(3), NOON)
    line = (tmp_path / MANIFEST).read_bytes()
    kept = (tmp_path / old.file).read_bytes()
    await archive.put(with_tools(5), NOON)
    (tmp_path / MANIFEST).write_bytes(line)
    (tmp_path / old.file).write_bytes(kept)
    after = Archive(tmp_path)
    assert await after.read(ref("thread_1")) == with_tools(3)
    assert await after.verify() == []
    await after.put(with_tools(5), NOON)
    assert await after.read(ref("thread_1")) == with_tools(5)


@pytest.mark.parametrize("torn", [1, 20, 200])
async def test_a_torn_last_line_of_the_manifest_does_not_count(tmp_path: Path, torn: int) -> None:
    archive = Archive(tmp_path)
    await archive.put(with_tools(3), NOON)
    await archive.put(replace(with_tools(3), thread_id="thread_2"), NOON)
    manifest = tmp_path / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-torn])
    after = Archive(tmp_path)
    assert await after.thread_ids() == {"thread_1"}
    await after.put(replace(with_tools(3), thread_id="thread_3"), NOON)
    await after.put(replace(with_tools(3), thread_id="thread_2"), NOON)
    again = Archive(tmp_path)
    assert await again.thread_ids() == {"thread_1", "thread_2", "thread_3"}
    assert await again.verify() == []


async def test_what_is_broken_is_named(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for number in range(1, 5):
        await archive.put(replace(with_tools(3), thread_id=f"thread_{number}"), NOON)
    one, two, three, four = await archive.entries()
    (tmp_path / one.file).unlink()
    data = bytearray((tmp_path / two.file).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / two.file).write_bytes(data)
    (tmp_path / three.file).write_bytes(b"")
    with (tmp_path / MANIFEST).open("a") as manifest:
        manifest.write("{}\n")
    problems = await Archive(tmp_path).verify()
    assert [(each.file, each.what.partition(",")[0]) for each in problems] == [
        (MANIFEST, "a line that cannot be read"),
        (one.file, "missing"),
        (two.file, "differs from the manifest"),
        (three.file, "differs from the manifest"),
    ]
    (tmp_path / three.file).write_bytes((tmp_path / four.file).read_bytes())
    for number in (1, 2, 3):
        with pytest.raises(ProviderError) as error:
            await archive.read(ref(f"thread_{number}"))
        assert error.value.cause is Cause.INVALID
    assert (await archive.read(ref("thread_4"))).thread_id == "thread_4"
    await archive.put(replace(with_tools(3), thread_id="thread_1"), NOON)
    assert Problem(one.file, "missing") not in await archive.verify()


async def test_a_thread_that_it_does_not_have(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "none")
    assert await archive.check() == "0 threads in the archive"
    assert not (tmp_path / "none").exists()
    with pytest.raises(ProviderError) as error:
        await archive.read(ref("thread_1"))
    assert error.value.cause is Cause.NOT_FOUND
    assert await archive.file("file-1") is None


async def test_a_past_without_a_thread_is_found_by_its_guest(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    raw = wati(row(1, "hola"))
    entry = await archive.put(raw, NOON)
    assert "5037" not in entry.file
    assert await archive.read(ref(None)) == raw
    assert await archive.read(ref("thread_gone")) == raw


async def test_files(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for file_id in ("file-1", "../../etc/x", "archivo ñ"):
        await archive.put_file(file_id, b"\xff\xd8")
        assert await archive.file(file_id) == b"\xff\xd8"
    assert {path.parent.name for path in files(tmp_path)} == {"files"}


async def test_nobody_else_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive = Archive(folder)
    before = os.umask(0)
    try:
        await archive.put(with_tools(3), NOON)
        await archive.put_file("file-1", b"x")
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path.name


async def test_many_at_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path, fsync=False)
    raws = [replace(with_tools(5), thread_id=f"thread_{number}") for number in range(60)]
    await asyncio.gather(*(archive.put(raw, NOON) for raw in raws))
    again = Archive(tmp_path)
    assert len(await again.entries()) == 60
    assert await again.verify() == []
