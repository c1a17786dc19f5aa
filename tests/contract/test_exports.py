"""Exports in every layout, whole and broken."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import NOON
from tests.threads import START, assistants, chat, conversation, exported, lines, message, ref
from tests.threads import with_tools as thread
from watibot.errors import Cause, ProviderError
from watibot.ports.threads import ThreadSource
from watibot.providers.archive import Archive
from watibot.providers.exports import Exports
from watibot.threads import Form, Problem
from watibot.translation import translate

CASES = Path(__file__).parents[1] / "cases" / "threads"
SHARED = Path(os.environ.get("WATIBOT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

Opening = Callable[[Path], Exports]


@pytest.fixture
async def exports() -> AsyncIterator[Opening]:
    """Opens exports, and closes them at the end."""
    opened: list[Exports] = []

    def opening(path: Path) -> Exports:
        opened.append(Exports(path))
        return opened[-1]

    yield opening
    for each in opened:
        await each.close()


ONE = replace(thread(5), files={"file-1": {"id": "file-1", "bytes": 3}})
TWO = replace(thread(3), thread_id="thread_2", thread={"id": "thread_2"})
MESSAGES = list(ONE.messages)
RUNS = list(ONE.runs or ())
BARE_RUNS = [{key: each for key, each in run.items() if key != "steps"} for run in RUNS]
STEPS = [
    {**step, "run_id": run["id"], "thread_id": "thread_1"} for run in RUNS for step in run["steps"]
]
PLAIN = {"thread": ONE.thread, "messages": MESSAGES, "runs": RUNS, "files": dict(ONE.files)}


def dump(*objects: Any) -> str:
    return json.dumps({"object": "list", "data": objects, "has_more": False})


def write(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


# Files of one folder, and whether they tell of the thread itself, its runs and its files.
LAYOUTS: dict[str, tuple[dict[str, str], bool, bool, bool]] = {
    "a file for a thread": (
        {
            "manifest.json": json.dumps({"export_schema": "assistants-export-manifest/v1"}),
            "assistants.json": json.dumps([{"object": "assistant", "id": "asst_1"}]),
            "threads/thread_1.json": json.dumps(exported(ONE)),
        },
        True,
        True,
        True,
    ),
    "a line for a thread": ({"all.jsonl": lines(exported(ONE))}, True, True, True),
    "a line without schema": ({"all.jsonl": lines(PLAIN)}, True, True, True),
    "compressed": ({"all.jsonl.gz": lines(PLAIN)}, True, True, True),
    "an array": ({"all.json": json.dumps([PLAIN])}, True, True, True),
    "without runs": (
        {"all.jsonl": lines({"thread": ONE.thread, "messages": MESSAGES})},
        True,
        False,
        False,
    ),
    "a line for a message": ({"messages.jsonl": lines(*MESSAGES)}, False, False, False),
    "a line for a message, compressed": (
        {"messages.jsonl.gz": lines(*MESSAGES)},
        False,
        False,
        False,
    ),
    "lines of messages and runs": (
        {"messages.jsonl": lines(*MESSAGES), "runs.jsonl": lines(*RUNS)},
        False,
        True,
        False,
    ),
    "a dump, the oldest first": ({"x.json": dump(*MESSAGES)}, False, False, False),
    "a dump, the newest first": ({"x.json": dump(*reversed(MESSAGES))}, False, False, False),
    "a dump as a line": ({"x.jsonl": dump(*reversed(MESSAGES))}, False, False, False),
    "dumps in pages, the newest first": (
        {
            "thread_1/messages-1.json": dump(*reversed(MESSAGES[2:])),
            "thread_1/messages-2.json": dump(*reversed(MESSAGES[:3])),
        },
        False,
        False,
        False,
    ),
    "dumps of everything": (
        {
            "thread.json": json.dumps(ONE.thread),
            "messages.json": dump(*reversed(MESSAGES)),
            "runs.json": dump(*BARE_RUNS),
            "steps.json": dump(*STEPS),
        },
        True,
        True,
        False,
    ),
    "the same in two layouts": (
        {"a.jsonl": lines(PLAIN), "b.jsonl": lines(*MESSAGES[:2])},
        True,
        True,
        True,
    ),
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_layouts(exports: Opening, tmp_path: Path, layout: str, beside: bool) -> None:
    contents, has_thread, has_runs, has_files = LAYOUTS[layout]
    for name, content in contents.items():
        write(tmp_path, name, content)
    if beside:  # another thread, in another layout and in the same folder
        write(tmp_path, "other.jsonl", lines(exported(TWO)))
    source: ThreadSource = exports(tmp_path)
    raw = await source.read(ref("thread_1"))
    assert raw.messages == ONE.messages
    assert raw.form is Form.ASSISTANTS
    assert raw.thread == (ONE.thread if has_thread else {})
    assert raw.files == (ONE.files if has_files else {})
    if has_runs and raw.runs != ONE.runs:
        assert raw.runs is not None
        assert [run["steps"] for run in raw.runs] == [STEPS[:2], STEPS[2:]]
    assert (raw.runs is None) == (not has_runs)
    wanted = translate(ONE, "h", "c")
    found = translate(raw, "h", "c")
    assert [item.item_id for item in found.items] == [
        item.item_id for item in wanted.items if has_runs or item.text
    ]
    ids = ["thread_1", "thread_2"] if beside else ["thread_1"]
    assert await source.thread_ids() == frozenset(ids)
    if beside:
        assert replace(await source.read(ref("thread_2")), source="exports") == TWO
    assert await exports(tmp_path).problems() == ()


async def test_several_threads_in_one_dump(exports: Opening, tmp_path: Path) -> None:
    other = [{**each, "id": f"{each['id']}b", "thread_id": "thread_2"} for each in MESSAGES]
    mixed = [each for pair in zip(MESSAGES, other, strict=True) for each in pair]
    for name, content in (("x.json", dump(*mixed)), ("y.jsonl", lines(*mixed))):
        write(tmp_path / name, name, content)
        source = exports(tmp_path / name)
        assert (await source.read(ref("thread_1"))).messages == ONE.messages
        assert (await source.read(ref("thread_2"))).messages == tuple(other)


async def test_the_longer_telling_counts(exports: Opening, tmp_path: Path) -> None:
    unfinished = {**MESSAGES[0], "status": "in_progress", "content": []}
    write(tmp_path, "a.json", json.dumps({"thread_id": "thread_1", "messages": [unfinished]}))
    write(tmp_path, "b.json", json.dumps(exported(ONE)))
    assert (await exports(tmp_path).read(ref("thread_1"))).messages == ONE.messages


async def test_chats(exports: Opening, tmp_path: Path) -> None:
    said = {"messages": [{"role": "user", "content": "hola"}]}
    write(tmp_path, "old.jsonl", lines(said, {**said, "id": "chat-7"}))
    os.utime(tmp_path / "old.jsonl", (START, START))
    source = exports(tmp_path)
    assert await source.thread_ids() == {"old-1", "chat-7"}
    for name in ("old-1", "chat-7"):
        raw = await source.read(ref(name))
        assert raw == replace(chat(said["messages"][0]), thread_id=name)


async def test_conversations(exports: Opening, tmp_path: Path) -> None:
    items: list[dict[str, Any]] = [
        {"type": "message", "id": "m1", "role": "user", "content": "¿precio?"},
        {"type": "function_call", "id": "f1", "call_id": "c1", "name": "p", "arguments": "{}"},
        {"type": "function_call_output", "id": "o1", "call_id": "c1", "output": "1"},
        {"type": "message", "id": "m2", "role": "assistant", "content": "$90"},
    ]
    head = {"id": "conv_1", "object": "conversation", "created_at": START}
    write(tmp_path, "conv_2.json", dump(*reversed(items)))
    write(tmp_path, "conv_3.json", dump(items[3], items[0]))
    write(tmp_path, "conv_4.json", dump(*items))
    write(tmp_path, "all.jsonl", lines({"conversation": head, "items": items}))
    source = exports(tmp_path)
    whole = await source.read(ref("conv_1"))
    assert whole == replace(conversation(*items), source="exports", thread=head)
    assert (await source.read(ref("conv_2"))).messages == tuple(items)
    assert (await source.read(ref("conv_3"))).messages == (items[0], items[3])
    assert (await source.read(ref("conv_4"))).messages == tuple(items)
    assert (await source.read(ref("conv_4"))).form is Form.CONVERSATION


async def test_an_archive_of_ours(exports: Opening, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    await archive.put(ONE, NOON)
    await archive.put(TWO, NOON)
    await archive.put_file("file-1", b"\xff\xd8")
    source = exports(tmp_path)
    assert await source.read(ref("thread_1")) == ONE
    assert await source.read(ref("thread_2")) == TWO
    assert await source.file("file-1") == b"\xff\xd8"
    assert await source.problems() == ()
    assert await source.check() == "2 threads in 3 files"


async def test_files_and_what_is_known_of_them(exports: Opening, tmp_path: Path) -> None:
    photo = message(1, "user", {"type": "image_file", "image_file": {"file_id": "file-5"}})
    write(tmp_path, "a.jsonl", lines(exported(assistants(photo))))
    meta = [{"object": "file", "id": f"file-{n}", "filename": "a.jpg"} for n in (5, 6)]
    write(tmp_path, "list.json", dump(*meta))
    write(tmp_path, "files/file-5.jpg", "x")
    write(tmp_path, "files/file-6", "{")
    source = exports(tmp_path)
    assert (await source.read(ref("thread_1"))).files == {"file-5": meta[0]}
    assert (await source.file("file-5"), await source.file("file-6")) == (b"x", b"{")
    assert await source.file("file-7") is None
    assert await source.problems() == ()


async def test_what_is_broken_is_named_and_does_not_stop_the_rest(
    exports: Opening, tmp_path: Path
) -> None:
    good, other = lines(exported(ONE)), lines(exported(TWO))
    write(tmp_path, "a.jsonl", f'{{"secreto": \n\n{good}[1, 2]\n{{"role": "user"}}\n"x"\n')
    write(tmp_path, "b.json", '{"messages": [')
    (tmp_path / "c.jsonl").write_bytes(b'{"a": "\xff"}\n')
    packed = gzip.compress(("x" * 10 + "\n").encode() + os.urandom(30_000).hex().encode())
    (tmp_path / "d.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "e.jsonl.gz").write_bytes(b"no gzip")
    write(tmp_path, "f.jsonl", other)
    write(tmp_path, "g.json", '{"messages": ["hola"]}')
    write(tmp_path, "notes.txt", "nothing of ours")
    source = exports(tmp_path)
    assert await source.thread_ids() == {"thread_1", "thread_2"}
    assert (await source.read(ref("thread_1"))).messages == ONE.messages
    assert await source.problems() == (
        Problem("a.jsonl", "not JSON", 1),
        Problem("a.jsonl", "no known layout: an element that is no object", 4),
        Problem("a.jsonl", "no known layout: neither a thread nor of one", 5),
        Problem("a.jsonl", "no known layout: not an object", 6),
        Problem("b.json", "not JSON"),
        Problem("c.jsonl", "not UTF-8", 1),
        Problem("d.jsonl.gz", "not JSON", 1),
        Problem("d.jsonl.gz", "broken off: EOFError", 2),
        Problem("e.jsonl.gz", "broken off: BadGzipFile", 1),
        Problem("g.json", "no known layout: a message that is no object"),
    )
    assert await source.check() == "2 threads in 7 files, 10 problems"


async def test_what_is_not_there(exports: Opening, tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as error:
        await exports(tmp_path / "none").check()
    assert error.value.cause is Cause.GONE
    write(tmp_path, "a.jsonl", lines(exported(ONE)))
    source = exports(tmp_path / "a.jsonl")
    with pytest.raises(ProviderError) as error:
        await source.read(ref("thread_9"))
    assert error.value.cause is Cause.NOT_FOUND
    write(tmp_path, "a.jsonl", "changed\n" * 9)
    with pytest.raises(ProviderError) as error:
        await source.read(ref("thread_1"))
    assert error.value.cause is Cause.INVALID
    assert "changed" not in str(error.value)


async def totals(exports: Opening, path: Path) -> dict[str, int]:
    source = exports(path)
    found = {"threads": 0, "messages": 0, "calls": 0, "losses": 0, "problems": 0}
    for thread_id in sorted(await source.thread_ids()):
        raw = await source.read(ref(thread_id))
        translation = translate(raw, "posada", thread_id)
        found["threads"] += 1
        found["messages"] += translation.messages
        found["calls"] += translation.tool_calls
        found["losses"] += len(translation.losses)
    found["problems"] = len(await source.problems())
    return found


async def test_threads_of_an_airline(exports: Opening) -> None:
    assert await totals(exports, CASES / "airline.jsonl") == {
        "threads": 3,
        "messages": 26,
        "calls": 9,
        "losses": 0,
        "problems": 0,
    }


async def test_all_threads_of_the_airline(exports: Opening, tmp_path: Path) -> None:
    path = SHARED / "threads-airline.jsonl.gz"
    if not path.exists():
        pytest.skip("the whole file is not beside this repository")
    expected = {"threads": 95, "messages": 1337, "calls": 543, "losses": 0, "problems": 0}
    assert await totals(exports, path) == expected
    source, archive = exports(path), Archive(tmp_path, fsync=False)
    for thread_id in await source.thread_ids():
        raw = await source.read(ref(thread_id))
        await archive.put(raw, NOON)
        assert await archive.read(ref(thread_id)) == raw
    assert await archive.verify() == []
    assert await totals(exports, tmp_path) == expected
