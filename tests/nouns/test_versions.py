"""Versions of the instructions: what is live is kept, and what changed is found."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.contract.stores import at
from watibot import samples_folder
from watibot.errors import Cause, ProviderError
from watibot.hotel import load
from watibot.instructions import compose
from watibot.ports.versions import Listed
from watibot.service.versions import KEPT, LOOK_SECONDS, Change, Sign, Versions, differences

HOTEL = load(samples_folder() / "hotel.toml")
FIRST, SECOND = "Sea amable. " * 30, "Sea breve. " * 30


class Rows:
    """The store's part, in memory."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.seen_at: list[tuple[str, datetime]] = []
        self.tokens: dict[str, tuple[int, bool]] = {}
        self.news = asyncio.Event()

    async def seen(self, version: str, text: str, at: datetime) -> bool:
        self.seen_at.append((version, at))
        new = version not in self.texts
        self.texts.setdefault(version, text)
        return new

    async def counted(self, version: str, tokens: int, exact: bool) -> None:
        self.tokens[version] = (tokens, exact)
        self.news.set()

    async def versions(self, limit: int) -> list[Listed]:
        return []

    async def text(self, version: str) -> str | None:
        return self.texts.get(version)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "instructions.md"
    made.write_text(FIRST)
    return made


def written(path: Path, text: str | None) -> None:
    """None: the file goes."""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


def named(text: str) -> str:
    return compose(text.strip(), HOTEL).version


async def test_what_is_live_is_kept_whole_and_once(path: Path) -> None:
    rows, clock = Rows(), FakeClock(at(0))
    versions = Versions(rows, path, HOTEL, clock)
    live = await versions.look()
    assert (live.version, live.problem) == (named(FIRST), None)
    assert rows.texts == {named(FIRST): compose(FIRST.strip(), HOTEL).text}
    await versions.look()
    assert rows.seen_at == [(named(FIRST), at(0))]
    await clock.advance(KEPT.total_seconds())
    await versions.look()
    assert [when for _, when in rows.seen_at] == [at(0), at(0) + KEPT]


async def test_a_change_is_seen_at_the_next_look(path: Path) -> None:
    rows, clock = Rows(), FakeClock(at(0))
    task = asyncio.create_task(Versions(rows, path, HOTEL, clock).run())
    await rows.news.wait()
    rows.news.clear()
    written(path, SECOND)
    await clock.advance(LOOK_SECONDS)
    await rows.news.wait()
    task.cancel()
    assert rows.seen_at == [(named(FIRST), at(0)), (named(SECOND), at(LOOK_SECONDS))]


async def test_a_bad_file_leaves_the_last_good_one_live(path: Path) -> None:
    rows = Rows()
    versions = Versions(rows, path, HOTEL, FakeClock(at(0)))
    await versions.look()
    written(path, "corto")
    live = await versions.look()
    assert live.version == named(FIRST)
    assert live.problem is not None
    assert "at least 200" in live.problem
    written(path, None)
    assert "a file that can be read" in str((await versions.look()).problem)
    # Put back word for word: nothing is wrong any more.
    written(path, FIRST)
    assert (await versions.look()).problem is None
    assert list(rows.texts) == [named(FIRST)]


async def test_tokens_are_estimated_until_the_provider_has_counted(path: Path) -> None:
    rows, answers = Rows(), [ProviderError("gemini", Cause.TIMEOUT), 77]

    async def count(text: str) -> int:
        found = answers.pop(0)
        if isinstance(found, ProviderError):
            raise found
        assert isinstance(found, int)
        return found

    versions = Versions(rows, path, HOTEL, FakeClock(at(0)), count)
    await versions.look()
    await versions.counting()
    text = rows.texts[named(FIRST)]
    assert rows.tokens == {named(FIRST): (round(len(text) / 3.5), False)}
    await versions.look()  # a page asks, and does not wait for the provider
    assert answers == [77]
    await versions.counting()
    assert rows.tokens == {named(FIRST): (77, True)}
    await versions.counting()
    assert answers == []


async def test_after_a_restart_the_count_stands(path: Path) -> None:
    rows = Rows()
    await Versions(rows, path, HOTEL, FakeClock(at(0))).look()
    await rows.counted(named(FIRST), 77, True)
    await Versions(rows, path, HOTEL, FakeClock(at(60))).look()
    assert rows.tokens == {named(FIRST): (77, True)}


def same(text: str, before: int, after: int) -> Change:
    return Change(Sign.SAME, text, before, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb\n", "a\nb\n", []),
        ("", "a\n", [Change(Sign.ADDED, "a", after=1)]),
        ("a\n", "", [Change(Sign.REMOVED, "a", before=1)]),
        (
            "a\nb\nc\n",
            "a\nB\nc\n",
            [
                same("a", 1, 1),
                Change(Sign.REMOVED, "b", before=2),
                Change(Sign.ADDED, "B", after=2),
                same("c", 3, 3),
            ],
        ),
        (
            "1\n2\n3\n4\n5\n6\n",
            "1\n2\n3\n4\nx\n5\n6\n",
            [
                Change(Sign.SKIPPED, "1"),
                same("2", 2, 2),
                same("3", 3, 3),
                same("4", 4, 4),
                Change(Sign.ADDED, "x", after=5),
                same("5", 5, 6),
                same("6", 6, 7),
            ],
        ),
        (
            "x\n1\n2\n3\n4\n5\n",
            "1\n2\n3\n4\n5\n",
            [
                Change(Sign.REMOVED, "x", before=1),
                same("1", 2, 1),
                same("2", 3, 2),
                same("3", 4, 3),
                Change(Sign.SKIPPED, "2"),
            ],
        ),
    ],
)
def test_differences(before: str, after: str, expected: list[Change]) -> None:
    assert differences(before, after) == expected


def test_what_lies_between_two_changes_is_left_out() -> None:
    lines = [str(number) for number in range(40)]
    before = "\n".join(lines)
    after = "\n".join(["x", *lines[1:39], "y"])
    found = differences(before, after)
    assert [each.text for each in found if each.sign is Sign.SKIPPED] == ["32"]
    assert len(found) == 2 + 3 + 1 + 3 + 2
