"""A guest is forgotten everywhere, whatever fails or dies in between."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import NOON, FakeClock
from tests.dying import Fuse, Killed, Wired
from tests.guest_rows import ANA, MARKS, ROSA, dump, fill
from watibot import telemetry
from watibot.channels.media import DiskMediaFiles
from watibot.conversations import Conversation
from watibot.errors import Cause, ProviderError
from watibot.ports.erasures import Erasure, Place, Unreached
from watibot.ports.outside import File
from watibot.service.erase import ALWAYS, SETTLED, Eraser, Outside
from watibot.settings import Patience
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.erase import SqlErasures
from watibot.storage.store import SqlStore

SECRET = "a-secret-for-tests-only"


@dataclass
class Sessions:
    """By user."""

    kept: dict[str, set[str]]
    deleted: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    async def sessions_of(self, user_id: str) -> list[str]:
        if self.trouble:
            raise self.trouble.pop()
        return sorted(self.kept.get(user_id, ()))

    async def delete(self, session_id: str) -> None:
        self.deleted.append(session_id)
        for of_user in self.kept.values():
            of_user.discard(session_id)


@dataclass
class Threads:
    kept: set[str]
    trouble: list[Exception] = field(default_factory=list)

    async def delete(self, thread_id: str) -> bool:
        if self.trouble:
            raise self.trouble.pop()
        there = thread_id in self.kept
        self.kept.discard(thread_id)
        return there


@dataclass
class Archive:
    kept: set[str]

    async def drop(self, names: Sequence[str]) -> int:
        gone = self.kept & set(names)
        self.kept -= gone
        return len(gone)


@dataclass
class House:
    """A store with two guests, and the places outside."""

    url: str
    folder: Path
    store: SqlStore
    erasures: SqlErasures
    rows: SqlConsole
    clock: FakeClock
    sessions: Sessions
    threads: Threads
    archive: Archive
    paths: dict[str, str]

    def eraser(self, fuse: Fuse | None = None, **more: Any) -> Eraser:
        def wired(inner: Any) -> Any:
            return inner if fuse is None else Wired(inner, fuse)

        outside = Outside(
            wired(DiskMediaFiles(self.folder / "media")),
            wired(self.sessions),
            wired(self.threads),
            wired(self.archive),
        )
        patience = Patience(tries=3)
        return Eraser(
            wired(self.erasures), wired(self.rows), outside, self.clock, patience, SECRET, **more
        )

    async def rounds(self, eraser: Eraser, count: int = 12) -> None:
        """So many, as time passes."""
        for _ in range(count):
            await eraser.round()
            await self.clock.advance(SETTLED.total_seconds())

    async def erase(self, eraser: Eraser) -> None:
        await eraser.ask(ANA, "ana")
        await self.rounds(eraser, 3)

    async def receipt(self) -> Erasure:
        (found,) = await self.erasures.newest(9)
        return found

    def left(self) -> list[str]:
        """Where something of Ana's is found."""
        places = {
            "rows": any(
                MARKS[ANA] in row or ANA in row for rows in dump(self.url).values() for row in rows
            ),
            "media": (self.folder / "media" / self.paths["own"]).exists(),
            "sessions": bool(self.sessions.kept[ANA]),
            "thread": any(MARKS[ANA] in each for each in self.threads.kept),
            "archive": any(ANA in each for each in self.archive.kept),
        }
        return [name for name, there in places.items() if there]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    schema.upgrade(f"sqlite:///{path}")
    fill(f"sqlite:///{path}", "posada", ROSA)
    fill(f"sqlite:///{path}", "posada", ANA)
    return path


@asynccontextmanager
async def hotel(folder: Path, template: Path) -> AsyncIterator[House]:
    shutil.copytree(template.parent, folder, dirs_exist_ok=True)
    url = f"sqlite:///{folder}/store.db"
    files = DiskMediaFiles(folder / "media")
    own = await files.put(File(b"ana's photo", "image/jpeg"))
    both = await files.put(File(b"a picture that all send", "image/jpeg"))
    async with await storage.open(url, "posada") as store:
        door = Door(store._writer, "posada")
        await door.write(_with_files, own, both)
        session, thread = f"{MARKS[ANA]}-{ANA}-session_id", f"{MARKS[ANA]}-{ANA}-thread_id"
        yield House(
            url,
            folder,
            store,
            SqlErasures(door),
            SqlConsole(door),
            FakeClock(NOON),
            Sessions({ANA: {session, "c-earlier-0"}, ROSA: {"c-rosa-0"}}),
            Threads({thread, "thread_rosa"}),
            Archive({ANA, thread, "thread_rosa"}),
            {"own": own, "both": both},
        )


def _with_files(tx: Any, own: str, both: str) -> None:
    """Ana sent two pictures, one of which Rosa has sent as well."""
    from sqlalchemy import bindparam, select, update

    from watibot.storage.rows import of_hotel
    from watibot.storage.tables import media, messages

    of_ana, of_rosa = (
        tx.all(
            select(messages.c.seq).where(
                of_hotel(messages), messages.c.conversation_id == bindparam("who")
            ),
            who=guest,
        )[0].seq
        for guest in (ANA, ROSA)
    )
    change = update(media).where(of_hotel(media), media.c.message_seq == bindparam("of_message"))
    tx.run(change, of_message=of_ana, path=own)
    tx.run(change, of_message=of_rosa, path=both)
    tx.add(
        media.insert(),
        [
            {
                "message_seq": of_ana,
                "channel": "whatsapp",
                "kind": "image",
                "source": f"data/{ANA}",
                "state": "ready",
                "path": both,
            }
        ],
    )


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[House]:
    async with hotel(tmp_path, template) as made:
        yield made


async def test_nothing_is_left_anywhere(here: House) -> None:
    eraser = here.eraser()
    assert await eraser.ask(ANA, "ana") is not None
    assert here.left() == ["rows", "media", "sessions", "thread", "archive"]
    await eraser.round()
    assert (await here.receipt()).due_at == NOON + SETTLED  # a last look
    await here.rounds(eraser)
    assert here.left() == []
    receipt = await here.receipt()
    assert (receipt.ended_at, receipt.tries, receipt.problem) == (NOON + SETTLED, 0, None)
    assert receipt.gone == {
        Place.ROWS: 16,
        Place.MEDIA: 1,
        Place.SESSIONS: 2,
        Place.THREAD: 1,
        Place.ARCHIVE: 2,
    }
    assert receipt.unreached == ALWAYS
    assert receipt.key == telemetry.tag(ANA, SECRET)
    assert (await here.rows.entries(9))[0].detail == receipt.key
    assert await eraser.erased_at(ANA) == NOON
    assert await eraser.erased_at(ROSA) is None


async def test_others_keep_what_is_theirs(here: House) -> None:
    eraser = here.eraser()
    await eraser.ask(ANA, "ana")
    await here.rounds(eraser)
    assert here.sessions.kept[ROSA] == {"c-rosa-0"}
    assert (here.threads.kept, here.archive.kept) == ({"thread_rosa"}, {"thread_rosa"})
    assert (here.folder / "media" / here.paths["both"]).exists()


async def test_what_the_mirror_had_begun_is_found_at_the_last_look(here: House) -> None:
    eraser = here.eraser()
    await eraser.ask(ANA, "ana")
    await eraser.round()
    here.sessions.kept[ANA] = {"c-late-1"}
    await here.clock.advance(SETTLED.total_seconds())
    await eraser.round()
    assert here.sessions.deleted[-1] == "c-late-1"
    assert (await here.receipt()).ended_at is None  # as long as any are found
    await here.rounds(eraser)
    assert here.left() == []
    assert (await here.receipt()).gone[Place.SESSIONS] == 3


async def test_with_nobody_else_at_work_it_is_done_at_once(here: House) -> None:
    eraser = here.eraser(alone=True)
    await eraser.ask(ANA, "cli")
    await eraser.round()
    assert here.left() == []
    assert (await here.receipt()).ended_at == NOON


def away(cause: Cause = Cause.UNAVAILABLE) -> ProviderError:
    return ProviderError("sessions", cause, "away")


async def test_a_place_that_fails_is_tried_again_and_holds_up_no_other(here: House) -> None:
    here.sessions.trouble = [away()]
    eraser = here.eraser()
    await eraser.ask(ANA, "ana")
    await eraser.round()
    assert here.left() == ["rows", "sessions"]  # its list still names the guest
    receipt = await here.receipt()
    assert (receipt.tries, receipt.problem) == (1, "sessions: sessions unavailable: away")
    assert receipt.due_at is not None
    assert timedelta(seconds=10) <= receipt.due_at - NOON <= timedelta(seconds=12)
    await here.rounds(eraser)
    assert here.left() == []
    assert (await here.receipt()).problem is None


async def test_what_cannot_be_done_is_shown_and_tried_again_when_asked(here: House) -> None:
    here.sessions.trouble = [away() for _ in range(3)]
    eraser = here.eraser()
    number = await eraser.ask(ANA, "ana")
    assert number is not None
    await here.rounds(eraser)
    receipt = await here.receipt()
    assert receipt.given_up
    assert (receipt.tries, set(receipt.left)) == (3, {Place.SESSIONS})
    assert await here.erasures.count_given_up() == 1
    assert here.left() == ["rows", "sessions"]
    assert await eraser.again(number, "ana")
    await here.rounds(eraser)
    assert here.left() == []
    assert await here.erasures.count_given_up() == 0


@pytest.mark.parametrize("gone", [True, False])
async def test_a_thread_that_nobody_can_reach_is_told(here: House, gone: bool) -> None:
    here.threads.trouble = [away(Cause.GONE)] if gone else [away()]
    eraser = here.eraser()
    await eraser.ask(ANA, "ana")
    await here.rounds(eraser)
    receipt = await here.receipt()
    assert receipt.ended_at is not None
    assert (Unreached.THREAD in receipt.unreached) is gone
    assert here.left() == (["thread"] if gone else [])


async def test_without_openai(here: House) -> None:
    files = DiskMediaFiles(here.folder / "media")
    outside = Outside(files, here.sessions, None, here.archive, exports=True)
    eraser = Eraser(here.erasures, here.rows, outside, here.clock, Patience(), SECRET)
    await eraser.ask(ANA, "ana")
    await here.rounds(eraser)
    receipt = await here.receipt()
    assert receipt.unreached == ALWAYS | {Unreached.THREAD, Unreached.EXPORTS}


async def test_a_turn_under_way_ends_first(here: House) -> None:
    async with here.store as store:
        held = await store.hold(ANA, NOON, NOON + timedelta(seconds=60))
        assert isinstance(held, Conversation)
        eraser = here.eraser()
        await eraser.ask(ANA, "ana")
        assert await eraser.round() == 2
        assert (await here.receipt()).problem == "it is being answered"
        assert (await here.receipt()).tries == 0
        await here.clock.advance(61)
        await eraser.round()
        assert await store.conversation(ANA) is None


async def _calls(folder: Path, template: Path) -> list[str]:
    fuse = Fuse()
    async with hotel(folder, template) as here:
        await here.erase(here.eraser(fuse))
        assert here.left() == []
    return fuse.called


@pytest.mark.parametrize("after", [False, True])
async def test_killed_between_any_two_steps_it_is_done_once(
    tmp_path: Path, template: Path, after: bool
) -> None:
    called = await _calls(tmp_path / "whole", template)
    assert {"ask", "erase_rows", "drop", "delete", "save"} <= set(called)
    for number in range(1, len(called) + 1):
        async with hotel(tmp_path / f"{number}", template) as here:
            fuse = Fuse(number, after)
            dying = here.eraser(fuse)
            with pytest.raises(Killed):
                await here.erase(dying)
            later = here.eraser()
            await later.ask(ANA, "ana")  # as who asked would, after a restart
            await here.rounds(later)
            assert here.left() == [], (number, called[number - 1])
            receipts = await here.erasures.newest(9)
            assert len(receipts) == 1, (number, called[number - 1])
            assert receipts[0].ended_at is not None
            assert receipts[0].gone[Place.ROWS] == 16
