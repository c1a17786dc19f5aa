"""The console: what its pages show, what its forms do, and what they never let through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clocks import NOON
from tests.contract.stores import at, words
from tests.flow.console_rig import (
    ANA,
    EVIL,
    ROSA,
    Desk,
    chat,
    desk,
    once,
    seen,
)
from watibot.conversations import Owner
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.ports.console import Entry
from watibot.web.console import words as console_words

PAGES = ["/", "/escalations", "/payments", "/conversations", chat(ROSA), "/log", "/media/1"]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


# --- pages ---


async def test_home_shows_what_waits(front: Desk) -> None:
    await front.guest()
    await front.guest(guest=ANA, name="Ana Invento")
    await front.escalation()
    await front.proof(ANA)
    await front.held()
    page = seen(await (await front.signed_in()).get("/"))
    for words_ in ("Piden a una persona", "Rosa Invento", "USD 125.00", "Ana Invento", "Dudoso"):
        assert words_ in page
    assert "Atiende : Rosa, hasta" in page.replace("Atiende:", "Atiende :")
    assert "12:00" in page  # the guest wrote at noon, by the hotel's clocks


async def test_both_languages(front: Desk) -> None:
    await front.guest()
    spanish = await (await front.signed_in()).get("/")
    assert '<html lang="es">' in spanish.text
    english = await front.signed_in(**{"accept-language": "en-US,en;q=0.9,es;q=0.8"})
    assert '<html lang="en">' in (await english.get("/")).text
    switched = await english.get("/conversations?q=rosa&lang=es")
    assert '<html lang="es">' in switched.text
    assert "/console/conversations?q=rosa&amp;lang=en" in switched.text
    assert '<html lang="es">' in (await english.get("/")).text  # remembered


@pytest.mark.parametrize("language", console_words.LANGUAGES)
async def test_no_word_is_missing(front: Desk, language: str) -> None:
    await front.guest()
    await front.escalation()
    await front.proof()
    await front.guest(guest=ANA)
    await front.held()
    ana = await front.signed_in("ana")
    for path in (*PAGES[:-1], chat(ANA), "/nowhere", "/sign-in"):
        page = await ana.get(f"{path}?lang={language}")
        keys = [key for key in console_words.WORDS if "." in key or "_" in key]
        shown = seen(page).split()
        assert not [key for key in keys if key in shown], path
    both = [pair for key, pair in console_words.WORDS.items() if not key.startswith("reason.")]
    assert all(one and other for one, other in both)


async def test_a_chat_is_shown_as_the_guest_sees_it(front: Desk) -> None:
    hand = await front.guest("¿hay piscina?")
    _, bubbles = await hand.answer("Sí, **hay**", "De 8 a 20 h")
    for bubble in bubbles:
        await hand.send(bubble)
    await hand.release()
    call = words('get_hours("piscina")', ItemKind.TOOL_CALL, 40)
    note = HistoryItem(
        "n1", ItemKind.STAFF, at(50), "es vip", author="ana", origin={"source": "note"}
    )
    wrote = HistoryItem("s1", ItemKind.STAFF, at(60), "soy Eva", author="eva")
    await front.store.people.take_in(ROSA, [call, note, wrote], at(60))
    await hand.hear("gracias", 70)
    page = seen(await (await front.signed_in()).get(chat(ROSA)))
    parts = [
        "Huésped · 12:00 ¿hay piscina?",
        "Asistente · 12:00 Sí, **hay** enviado 12:00 De 8 a 20 h enviado 12:00",
        'Herramientas · 12:00 Pide get_hours("piscina")',
        "Nota · ana · 12:00 es vip",
        "Personal · eva · 12:01 soy Eva",
        "Huésped · 12:01 · sin contestar todavía gracias",
    ]
    places = [page.find(part) for part in parts]
    assert places == sorted(places), list(zip(parts, places, strict=True))
    assert -1 not in places, list(zip(parts, places, strict=True))


async def test_what_waits_again_is_shown_once(front: Desk) -> None:
    hand = await front.guest("antes")
    await front.held()
    await hand.hear("¿hay alguien?", 10)
    assert await hand.mirrored() == ["antes", "¿hay alguien?"]
    await front.clock.advance(60)
    rosa = await front.signed_in()
    await rosa.send(chat(ROSA, "/give-back"))
    said = await front.rows.transcript(ROSA, None, 9)
    assert [message.text for message in said.waiting] == ["antes", "¿hay alguien?"]
    assert (await rosa.get(chat(ROSA))).text.count("¿hay alguien?") == 1


async def test_a_long_chat_has_older_pages(front: Desk) -> None:
    await front.guest("nueva")
    past = [words(f"linea-{n:03}", ItemKind.GUEST, seconds=-1000 + n) for n in range(150)]
    await front.store.people.take_in_past(ROSA, past, None)
    rosa = await front.signed_in()
    page = await rosa.get(chat(ROSA))
    assert "linea-149" in page.text
    assert "linea-049" not in page.text
    older = re.search(r'href="/console(/conversations/[^"]*before=\d+)"', page.text)
    assert older is not None
    page = await rosa.get(older[1])
    assert "linea-049" in page.text
    assert "nueva" not in page.text
    assert "Mensajes anteriores" not in seen(page)
    for nonsense in ("x", "-1", "9" * 30, ""):
        assert (await rosa.get(f"{chat(ROSA)}?before={nonsense}")).status_code == 200


async def test_the_search(front: Desk) -> None:
    await front.guest()
    await front.guest(guest=ANA, name="Ángela Invento")
    rosa = await front.signed_in()
    assert "Ángela" in (await rosa.get("/conversations?q=angela")).text
    assert "Ángela" not in (await rosa.get("/conversations?channel=whatsapp")).text
    assert "/console/conversations/fb%3A900" in (await rosa.get("/conversations")).text
    for nonsense in ("?channel=x&holder=y", "?q=" + "a" * 5000, "?q=%00%ff%25"):
        assert (await rosa.get(f"/conversations{nonsense}")).status_code == 200


# --- what guests send is data ---


async def test_nothing_of_a_guest_runs(front: Desk) -> None:
    await front.guest(EVIL, name=EVIL)
    chat_url = "javascript:alert(1)"
    await front.guest(EVIL, guest=ANA, name=EVIL, chat_url=chat_url)
    await front.escalation(reason=EVIL)
    await front.proof(bank=EVIL, payer=EVIL, reference=EVIL)
    await front.file(b"%PDF-1.7", "application/pdf", EVIL)
    await front.held(by=EVIL)
    await front.rows.note(Entry(NOON, EVIL, EVIL, EVIL, EVIL))
    ana = await front.signed_in("ana")
    for path in (*PAGES[:-1], chat(ANA), f"/conversations?q={EVIL}", f"/?said={EVIL}&lang={EVIL}"):
        page = await ana.get(path)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert "javascript:" not in page.text
    assert "alert(" in (await ana.get(chat(ROSA))).text  # it was there to be escaped


# --- what its forms do ---


async def test_a_chat_is_taken_written_in_and_given_back(front: Desk) -> None:
    await front.guest()
    await front.escalation()
    await front.clock.advance(60)
    rosa = await front.signed_in()
    answer = await rosa.send(chat(ROSA, "/take"))
    assert answer.headers["location"] == f"/console/conversations/{ROSA}?said=done"
    page = await rosa.get(chat(ROSA))
    assert "Atiende el personal : Rosa Menjívar" in seen(page)
    assert (await front.escalations.of(ROSA))[0].acknowledged_by == "Rosa Menjívar"

    form = {"text": "Salida tarde: hecho", "once": once(page)}
    for _ in range(2):  # a button that is pressed twice
        assert (await rosa.send(chat(ROSA, "/write"), **form)).status_code == 303
    said = [(i.kind, i.text, i.author) for i in await front.store.history(ROSA, 9)]
    assert said == [
        (ItemKind.GUEST, "hola", None),
        (ItemKind.STAFF, "Salida tarde: hecho", "Rosa Menjívar"),
    ]
    claim = await front.store.claim(ROSA, front.clock.now(), at(999))
    assert claim is not None
    assert [bubble.text for bubble in claim.bubbles] == ["Salida tarde: hecho"]
    assert front.woken[0][0] == ROSA
    await front.store.release(ROSA, claim.conversation.fence)

    await front.clock.advance(60)
    answer = await rosa.send(chat(ROSA, "/give-back"), note="prometí salida a las 14")
    assert answer.headers["location"].endswith("?said=done")
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert (found.owner, found.taken_by) == (Owner.BOT, None)
    assert (await front.store.history(ROSA, 1))[0].text == "prometí salida a las 14"
    again = await rosa.send(chat(ROSA, "/give-back"))
    assert again.headers["location"].endswith("?said=stands")
    actions = [action for _, action, about in await front.deeds() if about == ROSA]
    assert actions == ["take", "write", "write", "give_back"]


async def test_who_writes_takes_the_chat(front: Desk) -> None:
    await front.guest()
    rosa = await front.signed_in()
    number = once(await rosa.get(chat(ROSA)))
    await rosa.send(chat(ROSA, "/write"), text="Buenas", once=number)
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert (found.owner, found.taken_by) == (Owner.STAFF, "Rosa Menjívar")


async def test_a_note_is_not_sent(front: Desk) -> None:
    hand = await front.guest()
    await hand.answer("buenas")
    rosa = await front.signed_in()
    answer = await rosa.send(chat(ROSA, "/note"), text="es alérgica", once="00ff00ff")
    assert answer.headers["location"].endswith("?said=done")
    item = (await front.store.history(ROSA, 1))[0]
    assert (item.kind, item.text, item.author) == (ItemKind.STAFF, "es alérgica", "Rosa Menjívar")
    assert item.origin == {"source": "note"}
    found = await front.store.conversation(ROSA)
    assert found is not None
    assert found.owner is Owner.BOT


@pytest.mark.parametrize(
    ("text", "later", "said"),
    [
        ("  \n ", 0, "empty"),
        ("\u200b", 0, "empty"),
        ("x" * 4001, 0, "long"),
        ("hola", 24 * 3600, "window"),
    ],
)
async def test_what_cannot_be_sent_is_said(front: Desk, text: str, later: float, said: str) -> None:
    await front.guest()
    await front.clock.advance(later)
    rosa = await front.signed_in()
    answer = await rosa.send(chat(ROSA, "/write"), text=text, once="00ff00ff")
    assert answer.status_code == 422
    assert f'role="alert">{console_words.say(f"said.{said}", "es")}<' in answer.text
    assert f'href="/console{chat(ROSA)}?lang=en"' in answer.text  # it is the chat's page
    kept = re.search(r'<textarea id="text"[^>]*>\n([^<]*)</textarea>', answer.text)
    assert kept is not None
    assert kept[1] == text.strip("\n") or not text.strip()
    assert front.woken == []
    assert [deed for deed in await front.deeds() if deed[1] == "write"] == []


@pytest.mark.parametrize(("verb", "field"), [("/note", "text"), ("/give-back", "note")])
async def test_a_note_that_is_too_long_is_kept(front: Desk, verb: str, field: str) -> None:
    await front.guest()
    await front.held()
    rosa = await front.signed_in()
    answer = await rosa.send(chat(ROSA, verb), **{field: "x" * 2001, "once": "00ff00ff"})
    assert answer.status_code == 422
    assert answer.text.count("x" * 2001) == 1
    assert len(await front.store.history(ROSA, 9)) == 1


async def test_a_note_does_not_say_that_the_channel_was_looked_at(front: Desk) -> None:
    await front.guest()
    rosa = await front.signed_in()
    for number, checked_at in enumerate((None, at(7))):
        await front.store.people.take_in(ROSA, [], checked_at)
        await rosa.send(chat(ROSA, "/note"), text="es alérgica", once=f"00ff00f{number}")
        found = await front.store.conversation(ROSA)
        assert found is not None
        assert found.checked_at == checked_at
    assert len(await front.store.history(ROSA, 9)) == 2


async def test_who_takes_what_nobody_took_holds_it(front: Desk) -> None:
    await front.guest()
    handed_over = Takeover(ChannelName.WHATSAPP, ROSA, ROSA, held=True)
    await front.store.people.hold(handed_over, at(5), None)
    await front.clock.advance(60)
    rosa = await front.signed_in()
    assert "Atiende el personal : Personal" in seen(await rosa.get(chat(ROSA)))
    for said in ("done", "stands"):
        answer = await rosa.send(chat(ROSA, "/take"))
        assert answer.headers["location"].endswith(f"?said={said}")
    page = await rosa.get(chat(ROSA))
    assert "Atiende el personal : Rosa Menjívar" in seen(page)
    assert "/take" not in page.text


async def test_emergencies_come_first(front: Desk) -> None:
    await front.guest()
    for number in range(7):
        await front.guest(guest=f"5037000010{number}", name=f"Huésped {number}")
        await front.escalation(f"5037000010{number}", key=f"k{number}")
    end = DeadEnd("urgent", EscalationCause.EMERGENCY, ROSA, "hay humo", at(9))
    assert await front.escalations.open(end, Told("t", "b", at(9)), at(900))
    rosa = await front.signed_in()
    for page in (seen(await rosa.get("/")), seen(await rosa.get("/escalations"))):
        assert page.index("URGENTE") < page.index("Huésped 0")
    assert "Avisos 8" in seen(await rosa.get("/"))


async def test_the_home_page_says_who_waits_for_a_colleague(front: Desk) -> None:
    hand = await front.guest()
    await front.held()
    rosa = await front.signed_in()
    assert "El huésped escribió después" not in seen(await rosa.get("/"))
    await hand.hear("¿sigue ahí?", 60)
    page = seen(await rosa.get("/"))
    assert "El huésped escribió después" in page
    assert "Última acción del personal: 12:00" in page


async def test_tools_are_shown_with_what_they_were_asked(front: Desk) -> None:
    await front.guest()
    parts = [{"functionCall": {"name": "get_hours", "args": {"of": "piscina"}}}]
    call = replace(words("", ItemKind.TOOL_CALL, 40), content={"role": "model", "parts": parts})
    parts = [{"functionResponse": {"name": "get_hours", "response": {"open": "8 a 20 h"}}}]
    result = replace(words("", ItemKind.TOOL_RESULT, 41), content={"role": "user", "parts": parts})
    await front.store.people.take_in(ROSA, [call, result], at(60))
    page = seen(await (await front.signed_in()).get(chat(ROSA)))
    assert 'Pide get_hours { "of": "piscina" } Recibe get_hours { "open": "8 a 20 h" }' in page


@pytest.mark.parametrize("verb", ["/take", "/give-back", "/write", "/note"])
async def test_a_chat_that_does_not_exist(front: Desk, verb: str) -> None:
    rosa = await front.signed_in()
    answer = await rosa.send(chat("50370000009", verb), text="hola", once="00ff00ff")
    assert answer.status_code == 404
    assert await front.store.conversation("50370000009") is None


async def test_a_form_that_is_too_large_is_refused(front: Desk) -> None:
    await front.guest()
    rosa = await front.signed_in()
    answer = await rosa.send(chat(ROSA, "/write"), text="x" * 70_000, once="00ff00ff")
    assert answer.status_code == 403


async def test_an_escalation_is_seen_to_once(front: Desk) -> None:
    await front.guest()
    number = await front.escalation()
    rosa, ana = await front.signed_in(), await front.signed_in("ana")
    path = f"/escalations/{number}/acknowledge"
    answer = await rosa.send(path, note="la llamo", back="/console/escalations")
    assert answer.headers["location"] == "/console/escalations?said=done"
    assert "Hecho." in seen(await rosa.get("/escalations?said=done"))
    again = await ana.send(path, note="yo", back="/console/escalations")
    assert again.headers["location"] == "/console/escalations?said=stands"
    found = (await front.escalations.of(ROSA))[0]
    assert (found.acknowledged_by, found.note) == ("Rosa Menjívar", "la llamo")
    assert (await rosa.send("/escalations/99/acknowledge")).status_code == 404


async def test_the_console_is_not_in_the_description(front: Desk) -> None:
    assert front.app.openapi()["paths"] == {}
    assert (await front.browser().http.get("/console")).headers["location"].endswith("/console/")
