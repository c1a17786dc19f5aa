"""The console's conversations: lists by state and page, and what a conversation tells of itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.stores import Hand, words
from tests.flow.console_rig import EVIL, ROSA, Desk, chat, desk, png, seen
from watibot.history import ItemKind
from watibot.modelcalls import Usage
from watibot.ports.charges import Sum
from watibot.ports.console import ChatState
from watibot.ports.store import StepRecord
from watibot.turns import BubbleState, Progress
from watibot.web.console.pages import FOUND

OPEN = {"ix_messages_waiting", "ix_turns_running", "ix_escalations_open"}


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


async def answered(front: Desk, guest: str = ROSA, text: str = "¿hay piscina?") -> str:
    """A question and its answer, with a tool in between; the turn's id."""
    hand = await front.guest(text, guest)
    turn = await hand.begin()
    call = words('get_hours("piscina")', ItemKind.TOOL_CALL, 20)
    used = Usage(41_000, 38_000, 120, 40)
    step = StepRecord(call, Progress(), used, "gemini-x", 1.25)
    await front.store.record_step(guest, hand.fence, turn.turn_id, step)
    (bubble,) = await hand.finish(turn, "Sí, de 8 a 20 h", seconds=33)
    await hand.permit(bubble, 33)
    await hand.done(bubble, BubbleState.SENT, 33, provider_id="wamid.answer")
    await hand.release()
    return turn.turn_id


async def test_a_list_by_state(front: Desk) -> None:
    await front.guest()
    await answered(front, "50370000002")
    await front.escalation("50370000002")
    rosa = await front.signed_in()
    everything = seen(await rosa.get("/conversations"))
    assert "espera respuesta" in everything
    for state in ChatState:
        page = await rosa.get(f"/conversations?state={state}")
        assert page.status_code == 200
        assert f'<option value="{state}" selected>' in page.text
        assert (ROSA in page.text) is (state is ChatState.WAITING)
        assert ("50370000002" in page.text) is (state is ChatState.ESCALATED)
    assert ROSA in (await rosa.get("/conversations?state=nonsense")).text


async def test_a_list_goes_on(front: Desk) -> None:
    for number in range(FOUND + 3):
        await Hand(front.store, f"{number}").hear(
            "hola", number, conversation_id=f"503{number:08}", address=f"503{number:08}"
        )
    rosa = await front.signed_in()
    first = await rosa.get("/conversations?channel=whatsapp&q=503")
    assert first.text.count("<li><a href=") >= FOUND
    older = re.search(r'rel="next" href="/console([^"]+)"', first.text)
    assert older is not None
    path = older[1].replace("&amp;", "&")
    assert "channel=whatsapp" in path
    assert "q=503" in path
    rest = await rosa.get(path)
    assert ">50300000002<" in rest.text
    assert ">50300000003<" not in rest.text
    assert 'rel="next"' not in rest.text
    assert "Las más recientes" in seen(rest)
    for nonsense in ("after=x", "after=99999999999999999", "after=1&after_id=%00"):
        assert (await rosa.get(f"/conversations?{nonsense}")).status_code == 200


async def test_each_answer_tells_what_it_took(front: Desk) -> None:
    turn_id = await answered(front)
    front.charges.turns[turn_id] = Sum(micros=12_345, charges=2)
    ana = await front.signed_in("ana")
    page = await ana.get(chat(ROSA))
    told = seen(page)
    assert "3.0 s · $0.0123" in told
    assert "pregunta 41,000 (en caché 38,000), respuesta 120 (pensados 40)" in told
    assert "gemini-x" in told
    assert 'href="/console/instructions/v1"' in page.text
    assert "En total: 1 respuestas · $0.0123" in told
    assert "instructions/v1" not in (await (await front.signed_in()).get(chat(ROSA))).text


@pytest.mark.parametrize(
    ("cost", "shown", "total"),
    [
        (None, "costo desconocido", "costo desconocido"),
        (Sum(micros=0, charges=1, unknown=1), "costo desconocido", "costo desconocido"),
        (Sum(micros=2_000_000, charges=2, unknown=1), "al menos $2.00", "al menos $2.00"),
        (Sum(micros=0, charges=1), "$0.00", "$0.00"),
    ],
)
async def test_a_price_that_nobody_knows_is_not_nothing(
    front: Desk, cost: Sum | None, shown: str, total: str
) -> None:
    turn_id = await answered(front)
    if cost is not None:
        front.charges.turns[turn_id] = cost
    page = seen(await (await front.signed_in()).get(chat(ROSA)))
    assert f"3.0 s · {shown}" in page
    assert f"1 respuestas · {total}" in page


async def test_a_total_with_an_answer_that_nobody_priced(front: Desk) -> None:
    front.charges.turns[await answered(front)] = Sum(micros=2_000_000, charges=1)
    hand = await front.guest("¿y mañana?", sent=60)
    await hand.answer("También", seconds=90)
    page = seen(await (await front.signed_in()).get(chat(ROSA)))
    assert "2 respuestas · al menos $2.00" in page


async def test_tools_replies_and_files_are_shown(front: Desk) -> None:
    await answered(front)
    hand = await front.guest("¿y el bar?", sent=60, reply_to="wamid.answer")
    await front.file(png(), "image/png")
    await front.file(b"OggS", "audio/ogg")
    page = await (await front.signed_in()).get(chat(ROSA))
    assert "En respuesta a : Sí, de 8 a 20 h" in seen(page).replace("a:", "a :")
    assert '<audio controls preload="none"' in page.text
    assert '<img src="/console/media/' in page.text
    assert "[en respuesta" not in page.text
    assert 'get_hours("piscina")' in seen(page)
    assert hand.conversation_id == ROSA


async def test_the_transcript_asks_for_itself(front: Desk) -> None:
    await answered(front)
    past = [words(f"linea-{n}", ItemKind.GUEST, seconds=-1000 + n) for n in range(150)]
    await front.store.people.take_in_past(ROSA, past, None)
    rosa = await front.signed_in()
    page = await rosa.get(chat(ROSA))
    address = re.search(r'id="transcript"[^>]*hx-get="/console([^"]+)"', page.text)
    assert address is not None
    assert 'data-live="conversation"' in page.text
    part = await rosa.get(address[1])
    assert part.text.lstrip().startswith('<section class="chat" id="transcript"')
    assert part.text.strip() in page.text  # the same, or it would be swapped for nothing
    assert "<form" not in part.text
    older = re.search(r'href="/console(/conversations/[^"]*before=\d+)"', page.text)
    assert older is not None
    assert "hx-get" not in (await rosa.get(older[1])).text.split('id="transcript"')[1][:400]


async def test_nothing_of_a_guest_runs_in_a_reply(front: Desk) -> None:
    hand = await front.guest(EVIL)
    await hand.hear("sí", 1, conversation_id=ROSA, reply_to="wamid.x", provider_id="wamid.y")
    await hand.hear("no", 2, conversation_id=ROSA, reply_to="wamid.y", provider_id="wamid.x")
    await hand.hear(EVIL, 3, conversation_id=ROSA, provider_id="wamid.z")
    await hand.hear("?", 4, conversation_id=ROSA, reply_to="wamid.z")
    page = await (await front.signed_in()).get(chat(ROSA))
    assert "<script>" not in page.text
    assert "<img src=x" not in page.text
    assert "<blockquote>" in page.text


async def test_twenty_thousand_conversations(front: Desk) -> None:
    """A rare state is found by its index, not by a look at all of them."""
    from tests.guest_rows import many

    many(f"sqlite:///{front.files._folder.parent}/store.db", "posada", 20_000)
    await front.guest(sent=5)
    for state in ("", *ChatState):
        plan = await front.rows._read(_plan, state)
        assert "ix_conversations_newest" in plan[0], (state, plan)
        # What is open is found by the indexes of what is open.
        read = [step.split(" USING ")[1].split()[1] for step in plan[1:] if "SEARCH" in step]
        assert set(read) <= OPEN, (state, plan)


def _plan(tx: object, state: str) -> list[str]:
    from sqlalchemy.dialects import sqlite

    from watibot.storage import chats

    wanted = ChatState(state) if state else None
    form = chats._find(None, wanted, named=False, later=True)
    sql = str(form.compile(dialect=sqlite.dialect(paramstyle="named")))
    names = re.findall(r":(\w+)", sql)
    connection = tx._driver._connection  # type: ignore[attr-defined]
    found = connection.connection.driver_connection.execute(
        f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, 1)
    )
    return [row[3] for row in found]
