"""The places outside the store give up what they have of one guest, and of nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.channel_rigs import hand
from tests.clocks import NOON, FakeClock, JumpingClock
from tests.contract.source_rigs import openai_group
from tests.contract.test_sessions import client_of, emulator
from tests.fakes_people import FakeChat, FakePeople, assigned, row, said, staff
from tests.invented import conversation
from tests.looking import here, stage
from tests.threads import assistants, message, ref, text
from tests.threads import conversation as past
from watibot.emulators import openai as openai_emulator
from watibot.emulators.kit import Clock, Emulator, serve
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.matching import Author
from watibot.ports import ChatPage
from watibot.providers.archive import MANIFEST, Archive
from watibot.providers.openai_erase import ThreadEraser
from watibot.providers.openai_http import OpenAIHttp
from watibot.service.look import Why
from watibot.service.meter import Meter
from watibot.service.past import Past
from watibot.settings import Wati
from watibot.telemetry import Metrics

# --- the archive ---

ANA = assistants(message(1, "user", text("hola")), files={"file-ana": {}})
ROSA = past({"type": "message", "id": "m", "role": "user", "content": "hola"})


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_a_thread_goes_with_its_files(tmp_path: Path) -> None:
    archive, reader = Archive(tmp_path), Archive(tmp_path)
    await archive.put(ANA, NOON)
    await archive.put_file("file-ana", b"ana's receipt")
    await archive.put_file("file-rosa", b"rosa's receipt")
    await archive.put(ROSA, NOON)
    await reader.thread_ids()  # it remembers how far it has read
    assert await archive.drop(["nobody", ANA.thread_id]) == 1
    assert await archive.drop([ANA.thread_id]) == 0
    assert ANA.thread_id.encode() not in bytes_of(tmp_path)
    assert b"ana's receipt" not in bytes_of(tmp_path)
    assert b"rosa's receipt" in bytes_of(tmp_path)
    for each in (archive, Archive(tmp_path)):
        assert await each.thread_ids() == {ROSA.thread_id}
        assert await each.read(ref(ROSA.thread_id)) == ROSA
        assert await each.verify() == []
        with pytest.raises(ProviderError):
            await each.read(ref(ANA.thread_id))
    await archive.put(ANA, NOON)  # the others go on where they were
    assert ANA.thread_id in await reader.thread_ids()
    assert await reader.verify() == []


async def test_every_export_of_a_thread_goes(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    await archive.put(ANA, NOON)
    await archive.put(assistants(message(1, "user", text("más"))), NOON + timedelta(days=1))
    assert (tmp_path / MANIFEST).read_bytes().count(b"\n") == 2
    assert await archive.drop([ANA.thread_id]) == 1
    assert ANA.thread_id.encode() not in bytes_of(tmp_path)
    assert [path for path in (tmp_path / "threads").rglob("*") if path.is_file()] == []


async def test_a_line_that_nobody_can_read_stays(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    await archive.put(ANA, NOON)
    with (tmp_path / MANIFEST).open("a") as manifest:
        manifest.write("{}\n")
    assert await archive.drop([ANA.thread_id]) == 1
    assert [each.file for each in await Archive(tmp_path).verify()] == [MANIFEST]


async def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    assert await Archive(tmp_path / "none").drop(["x"]) == 0


# --- OpenAI ---


@asynccontextmanager
async def at_openai() -> AsyncIterator[tuple[ThreadEraser, Emulator, httpx2.AsyncClient]]:
    """Ana's thread with its copy in Conversations, and a conversation of Rosa's."""
    server = openai_emulator.create(Clock(), {})
    async with serve(server.app()) as url, hand(url) as control:
        thread = {"id": "thread_ana", "object": "thread", "created_at": 1, "metadata": {}}
        planted = [
            {"conversation": {"id": each, "object": "conversation", "created_at": 1}}
            for each in ("conv_ana", "conv_rosa")
        ]
        await control.post("/_emulator/threads", json=[{"thread": thread, "messages": []}])
        await control.post("/_emulator/conversations", json=planted)
        group, clock = openai_group(url, api_key="sk-emulator"), JumpingClock()
        http = OpenAIHttp(group, clock, LocalQuota(60_000, clock, 1000))
        yield ThreadEraser(http, {"thread_ana": "conv_ana"}), server, control
        await http.close()


async def test_a_thread_and_its_copy_are_deleted() -> None:
    async with at_openai() as (eraser, _, control):
        assert await eraser.delete("thread_ana")
        assert not await eraser.delete("thread_ana")
        assert (await control.get("/_emulator/threads/thread_ana")).status_code == 404
        assert (await control.get("/_emulator/conversations")).json() == ["conv_rosa"]
        assert await eraser.delete("conv_rosa")
        assert (await control.get("/_emulator/conversations")).json() == []


async def test_pictures_of_the_guest_go_with_the_thread() -> None:
    """The server keeps a file that was shown in a thread when the thread goes."""
    pixels = {"content": "aGk=", "purpose": "vision"}
    said = [
        message(1, "user", text("mire"), {"type": "image_file", "image_file": {"file_id": "f-1"}}),
        message(2, "user", {"type": "image_file", "image_file": {"file_id": "f-2"}}),
        message(3, "assistant", {"type": "image_file", "image_file": {"file_id": "f-menu"}}),
    ]
    async with at_openai() as (eraser, _, control):
        past = {
            "thread": {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}},
            "messages": said,
            "files": {"f-1": pixels, "f-2": pixels, "f-menu": pixels},
        }
        await control.post("/_emulator/threads", json=[past])
        async with hand(str(control.base_url)) as guest:
            for file_id, status in (("f-1", 404), ("f-2", 404), ("f-menu", 200)):
                if file_id == "f-1":
                    assert await eraser.delete("thread_1")
                    assert not await eraser.delete("thread_1")
                found = await guest.get(
                    f"/v1/files/{file_id}", headers={"authorization": "Bearer sk-emulator"}
                )
                assert found.status_code == status, file_id


async def test_where_threads_are_no_more_the_copy_goes() -> None:
    async with at_openai() as (eraser, server, control):
        server.change({"mode": "sunset"})
        with pytest.raises(ProviderError) as caught:
            await eraser.delete("thread_ana")
        assert caught.value.cause is Cause.GONE
        assert (await control.get("/_emulator/conversations")).json() == ["conv_rosa"]


# --- Vertex ---


async def test_all_sessions_of_one_user() -> None:
    async with client_of(emulator(), JumpingClock()) as client:
        for name, user in (("wa-1", "50370000001"), ("wa-2", "50370000001"), ("wa-3", "503")):
            await client.create(name, user)
        assert sorted(await client.sessions_of("50370000001")) == ["wa-1", "wa-2"]
        assert await client.sessions_of("nobody") == []
        for name in await client.sessions_of("50370000001"):
            await client.delete(name)
        assert await client.sessions_of("50370000001") == []
        assert await client.exists("wa-3")


# --- the channel's own history, which stays ---


async def at_noon(conversation_id: str) -> datetime:
    return NOON


async def test_a_look_brings_nothing_back() -> None:
    people = FakePeople(said(Author.GUEST, 5, "hola", "g5"), here=here())
    rows = [row("g-2", -2), staff("s-1", -1), staff("s6", 6), row("g5", 5, "hola")]
    made = stage(people, *rows, poll_seconds=60)
    made.looker._forgotten = at_noon
    await made.look(Why.POLL)
    assert (made.received, [item.text for item in people.items]) == ([], ["s6"])


async def test_a_poll_brings_nobody_back() -> None:
    people = FakePeople(here=here())
    made = stage(people, row("g-2", -2), row("g-1", -1), poll_seconds=60)
    made.clock._now = NOON + timedelta(minutes=10)
    made.looker._forgotten = at_noon
    await made.look(Why.POLL, here=False)
    assert (made.received, people.items) == ([], [])


async def test_a_colleague_s_chat_of_before_brings_nobody_back() -> None:
    """That it is assigned still is no reason to know the guest again; what comes after is."""
    people = FakePeople(here=here())
    made = stage(people, row("g-2", -2), assigned("t-1", -1, "Rosa"), poll_seconds=60)
    made.clock._now = NOON + timedelta(minutes=10)
    made.looker._forgotten = at_noon
    await made.look(Why.POLL, here=False)
    assert (people.holds, people.items) == ([], [])
    # Who is here again, in a chat that is hers still, is hers.
    await made.look(Why.POLL)
    assert [held.held for held in people.holds] == [True]


class Paged(FakeChat):
    """Two to a page."""

    async def page(self, address: str, number: int, size: int) -> ChatPage:
        return await super().page(address, number, 2)


@pytest.mark.parametrize(("forgotten", "texts"), [(True, ["g1"]), (False, ["g-2", "g-1", "g1"])])
async def test_the_past_is_not_read_again(forgotten: bool, texts: Sequence[str]) -> None:
    clock = FakeClock()
    people = FakePeople(said(Author.GUEST, 60, "hola", "here"))
    people.without = [conversation()]
    chat = Paged(row("here", 60, "hola"), row("g1", 1), row("g-1", -1), row("g-2", -2))
    settings = Wati(base_url="https://wati.test/1")
    meter = Meter(people, clock, "wati", settings.calls_per_month, _nobody)
    more = (at_noon,) if forgotten else ()
    reader = Past(people, chat, clock, meter, settings, Metrics(), *more)
    assert await reader.round() == 1
    assert [item.text for item in people.past] == texts
    assert people.pages[-1] is None  # read to its end, once


async def _nobody(key: str, title: str, body: str) -> None:
    return None
