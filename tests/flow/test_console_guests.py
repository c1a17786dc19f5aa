"""A guest's data in the console: who may have it, the two steps of an erasure, the receipts."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.contract.stores import at
from tests.flow.console_rig import ANA, EVIL, ROSA, Desk, chat, desk, png, seen
from tests.flow.test_console_looks import Outline
from watibot.conversations import Conversation, Owner
from watibot.messages import ChannelName
from watibot.ports.erasures import Place
from watibot.web.console.guests import names


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


async def test_an_owner_takes_everything_away(front: Desk) -> None:
    await front.guest()
    await front.file(png(), "image/png")
    ana = await front.signed_in("ana")
    answer = await ana.send(chat(ROSA, "/export"), language="en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="guest.zip"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = ZipFile(io.BytesIO(answer.content))
    assert json.loads(archive.read("conversation.json"))["profile"]["address"] == ROSA
    assert '<html lang="en">' in archive.read("transcript.html").decode()
    assert ("ana", "export", ROSA) in await front.deeds()
    assert "exportó los datos de un huésped" in seen(await ana.get("/log"))
    assert (await ana.send(chat("50379999999", "/export"))).status_code == 404
    assert (await ana.send(chat(ROSA, "/export"), language="xx")).status_code == 403


async def test_the_desk_may_not(front: Desk) -> None:
    await front.guest()
    rosa = await front.signed_in("rosa")
    assert "/erase" not in (await rosa.get(chat(ROSA))).text
    for path in (chat(ROSA, "/erase"), "/erasures"):
        assert (await rosa.get(path)).status_code == 403
    for path in (chat(ROSA, "/export"), chat(ROSA, "/erase"), "/erasures/1/again"):
        assert (await rosa.send(path, typed=ROSA)).status_code == 403
    assert await front.erasures.newest(9) == []
    assert await front.store.conversation(ROSA) is not None


@pytest.mark.parametrize("verb", ["/export", "/erase"])
async def test_without_the_form_s_own_proof_nothing_happens(front: Desk, verb: str) -> None:
    await front.guest()
    ana = await front.signed_in("ana")
    assert (await ana.post(chat(ROSA, verb), typed=ROSA)).status_code == 403
    assert (await ana.post(chat(ROSA, verb), typed=ROSA, csrf="0" * 64)).status_code == 403
    browser = front.browser()
    assert (await browser.post(chat(ROSA, verb), typed=ROSA)).status_code == 303
    assert await front.erasures.newest(9) == []


async def test_an_erasure_is_asked_for_twice(front: Desk) -> None:
    await front.guest()
    await front.proof()
    ana = await front.signed_in("ana")
    page = await ana.get(chat(ROSA, "/erase"))
    for word in ("Rosa Invento", "No se puede deshacer", "copias de seguridad", "Vertex"):
        assert word in seen(page)
    assert await front.erasures.newest(9) == []
    answer = await ana.send(chat(ROSA, "/erase"), typed="Otra Persona")
    assert answer.headers["location"].endswith(f"{ROSA}/erase?said=not_the_guest")
    assert 'role="alert"' in (await ana.get(chat(ROSA, "/erase?said=not_the_guest"))).text
    assert await front.erasures.newest(9) == []
    answer = await ana.send(chat(ROSA, "/erase"), typed=" rosa  INVENTO ")
    assert answer.headers["location"] == "/console/erasures?said=erasing"
    assert "en curso" in seen(await ana.get("/erasures"))
    await front.eraser.round()
    page = await ana.get("/erasures?said=erasing")
    (receipt,) = await front.erasures.newest(9)
    assert receipt.ended_at is not None
    for word in ("completo", receipt.key, "archivos 1", "ana"):
        assert word in seen(page)
    assert (await ana.get(chat(ROSA))).status_code == 404
    for path in ("/", "/conversations", "/payments", "/escalations", "/log", "/erasures"):
        assert "Rosa Invento" not in (await ana.get(path)).text
        assert ROSA not in (await ana.get(path)).text
    log = await front.rows.entries(9)
    assert [(one.action, one.conversation_id, one.detail) for one in log][:1] == [
        ("erase", None, receipt.key)
    ]
    assert (await ana.send(chat(ROSA, "/erase"), typed=ROSA)).status_code == 404


async def test_one_that_was_given_up_is_tried_again(front: Desk) -> None:
    await front.guest()
    ana = await front.signed_in("ana")
    await ana.send(chat(ROSA, "/erase"), typed="+503 7000-0001")
    (asked,) = await front.erasures.newest(9)
    left = {Place.SESSIONS: ()}
    await front.erasures.save(replace(asked, left=left, due_at=None, problem=f"away {EVIL}"))
    page = await ana.get("/erasures")
    assert "necesita a una persona" in seen(page)
    assert "<script>" not in page.text
    answer = await ana.send(f"/erasures/{asked.erasure_id}/again")
    assert answer.headers["location"] == "/console/erasures?said=done"
    assert [one.erasure_id for one in await front.erasures.due(front.clock.now())] == [
        asked.erasure_id
    ]
    answer = await ana.send(f"/erasures/{asked.erasure_id}/again")
    assert answer.headers["location"] == "/console/erasures?said=stands"


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("Rosa Invento", True),
        ("rosa invento", True),
        ("Rosa", False),
        ("50370000001", True),
        ("+503 7000-0001", True),
        ("5037000000", False),
        ("", False),
        (" ", False),
        ("+", False),
    ],
)
def test_who_is_meant(typed: str, same: bool) -> None:
    guest = Conversation(
        "posada",
        ROSA,
        ChannelName.WHATSAPP,
        ROSA,
        "Rosa  Invento",
        Owner.BOT,
        None,
        None,
        at(0),
        None,
        0,
        0,
    )
    assert names(typed, guest) is same
    assert not names("None", replace(guest, guest_name=None))


@pytest.mark.parametrize("language", ["es", "en"])
async def test_everybody_can_use_these_pages(front: Desk, language: str) -> None:
    await front.guest(guest=ANA, name="Ana Invento")
    await front.guest()
    ana = await front.signed_in("ana")
    await ana.send(chat(ANA, "/erase"), typed="900")
    for path in ("/erasures", chat(ROSA, "/erase"), chat(ROSA), "/conversations?state=waiting"):
        join = "&" if "?" in path else "?"
        page = await ana.get(f"{path}{join}lang={language}")
        outline = Outline(page.text)
        assert outline.language == language
        assert outline.headings[0] == 1
        assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
        assert len(outline.ids) == len(set(outline.ids)), path
        assert set(outline.pointed) <= set(outline.ids)
        unlabelled = [one for one in outline.fields if one[1].get("id") not in outline.labelled]
        assert unlabelled == [], path
        assert outline.wrong == []
