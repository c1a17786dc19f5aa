"""`watibot inspect` beside a running service: what it shows, what it hides, what it repairs."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.clocks import NOON
from tests.contract.stores import DEBOUNCE, inbound
from tests.fakes_vertex import FakeSessions
from tests.flow.house import GUEST, SECRET, House, until
from tests.forking import run
from watibot.cli import twins
from watibot.engines.clock import SystemClock
from watibot.messages import Takeover
from watibot.service.mirror import Mirror
from watibot.storage import looks
from watibot.storage import store as storage
from watibot.telemetry import Metrics, tag

WORDS = "¿Tienen piscina para niños?"
LONG_AGO = 0.0


async def inspect(*arguments: str, status: int = 0) -> str:
    found, out, errors = await run("inspect", *arguments)
    assert (found, errors) == (status, "" if status != 1 or out else errors)
    return out


async def looked(*arguments: str, status: int = 0) -> Any:
    return json.loads(await inspect(*arguments, "--json", status=status))


async def test_an_answered_guest_is_shown(hotel: House) -> None:
    await hotel.guest()
    await hotel.says(GUEST, WORDS)
    answer = (await hotel.answered(GUEST))[0]
    await hotel.quiet()

    (line,) = await looked("conversations")
    assert line["tag"] == tag(GUEST, SECRET)
    assert (line["conversation_id"], line["channel"], line["held_by"]) == (GUEST, "whatsapp", "bot")
    assert line["session_id"].startswith("c-")
    assert await inspect("tag", line["tag"]) == f"{GUEST}\n"

    bare = await inspect("conversation", GUEST, "--json")
    assert WORDS not in bare
    assert answer not in bare
    parts = json.loads(bare)
    assert [message["state"] for message in parts["messages"]] == ["done"]
    assert [turn["state"] for turn in parts["turns"]] == ["answered"]
    assert {bubble["state"] for bubble in parts["bubbles"]} == {"sent"}
    spoken = await looked("conversation", GUEST, "--text")
    assert spoken["messages"][0]["text"] == WORDS
    assert spoken["bubbles"][0]["text"] == answer

    table = await inspect("conversation", GUEST)
    assert all(title in table for title in ("Holder", "Messages", "Turns", "Bubbles"))
    assert WORDS not in table


async def test_a_missing_item_is_found_and_given_to_the_running_service(
    hotel: House, tmp_path: Path
) -> None:
    await hotel.guest()
    await hotel.says(GUEST, WORDS)
    await hotel.answered(GUEST)
    await hotel.quiet()
    good = await inspect("session", GUEST)
    assert good == f"{tag(GUEST, SECRET)}  ok: 2 events\n"

    forget_one(tmp_path / "watibot.db")
    bad = await inspect("session", "--all", status=1)
    assert "not ok: 1 missing in the session (3 here, 2 there)" in bad
    given = await inspect("session", GUEST, "--repair", status=1)
    assert "1 missing, given to the running service" in given
    await hotel.quiet()
    (verdict,) = await looked("session", GUEST)
    assert (verdict["ok"], verdict["verdict"]) == (True, "ok: 3 events")


def forget_one(database: Path) -> None:
    """A colleague's words that the session was never given, though the store says it was."""
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO history (hotel_id, conversation_id, item_id, kind, at, text, author,"
            " mirror) SELECT hotel_id, conversation_id, 'lost', 'staff', max(at) + 1,"
            " 'Con gusto.', 'Rosa', 'done' FROM history"
        )
    connection.close()


async def test_a_taken_conversation_is_given_back(hotel: House) -> None:
    await hotel.guest()
    await hotel.says(GUEST, WORDS)
    await hotel.answered(GUEST)
    await hotel.post("wati", f"staff/{GUEST}/reply", {"text": "Le atiende Rosa."})

    async def taken() -> bool:
        return bool((await looked("conversations"))[0]["held_by"] == "staff")

    await until(taken)
    [holder] = (await looked("conversation", GUEST))["holder"]
    assert (holder["held_by"], holder["colleague"]) == ("staff", "Front Desk")
    assert holder["since"] < holder["until"]
    await inspect("give-back", GUEST)
    assert (await looked("conversations"))[0]["held_by"] == "bot"
    [holder] = (await looked("conversation", GUEST))["holder"]
    assert (holder["held_by"], holder["colleague"], holder["since"]) == ("bot", None, None)
    await hotel.says(GUEST, "¿A qué hora es el desayuno?")
    await hotel.answered(GUEST, 2)


async def test_open_escalations_and_the_calls_of_the_month(hotel: House) -> None:
    wish = "Quiero hablar con una persona, por favor."
    await hotel.guest()
    await hotel.says(GUEST, wish)
    await hotel.notices()
    (line,) = await looked("escalations")
    assert (line["tag"], line["conversation_id"]) == (tag(GUEST, SECRET), GUEST)
    assert (line["cause"], line["told"], "reason" in line) == ("guest_wish", 1, False)
    (line,) = await looked("escalations", "--text")
    assert line["reason"]

    async def counted() -> bool:
        found = await looked("calls")
        return bool(found) and found[0]["count"] > 0

    await until(counted)
    (line,) = await looked("calls")
    assert (line["provider"], line["allowed"]) == ("wati", 200_000)


async def test_quarantine_and_notices(hotel: House) -> None:
    body = b'{"eventType": "message", "nobody": "knows this"}'
    assert (await hotel.webhook("/webhook", body)).status_code == 200
    (line,) = await looked("quarantine")
    assert (line["channel"], line["bytes"]) == ("wati", len(body))
    assert await inspect("quarantine", "--raw", str(line["number"])) == body.decode()
    assert await looked("notices") == []
    assert await inspect("notices") == "Notices: none\n"
    for nothing in (("conversation", "nobody"), ("tag", "0"), ("quarantine", "--raw", "99")):
        none = (1, "", "watibot inspect: there is none of that name\n")
        assert await run("inspect", *nothing) == none


async def test_repair_without_a_service_mirrors_here(tmp_path: Path) -> None:
    url, sessions, clock = f"sqlite:///{tmp_path}/watibot.db", FakeSessions(), SystemClock()
    async with await storage.open(url, "h1") as store:
        for number in range(3):
            # While staff hold the conversation a message becomes history at once.
            message = inbound(f"hola {number}", sent=number)
            await store.receive(message, b"{}", NOON, DEBOUNCE)
            if number == 0:
                taken = Takeover(message.channel, GUEST, GUEST, held=True)
                await store.people.hold(taken, NOON, NOON + timedelta(days=1))
        mirror = Mirror(store, sessions, clock, Metrics())
        await mirror.mirror(GUEST)
        conversation = await store.conversation(GUEST)
    assert conversation is not None
    assert conversation.session_id is not None

    async def now() -> twins.Twin:
        with looks.looking(url, "h1") as tx:
            items = looks.items_of(tx, GUEST)
        return await twins.examine(sessions, conversation, items)

    assert (await now()).words() == "ok: 3 events"
    lost = sessions.kept[conversation.session_id].pop(1)
    twin = await now()
    assert twin.missing == (lost.event_id,)
    mended = await twins.repaired(url, "h1", sessions, clock, twin, LONG_AGO, None)
    assert mended.words() == "ok: 3 events"

    del sessions.kept[conversation.session_id]
    gone = await now()
    assert gone.words() == "not ok: the session is gone"
    mended = await twins.repaired(url, "h1", sessions, clock, gone, LONG_AGO, None)
    assert mended.words() == "ok: 3 events"
    assert mended.session_id != conversation.session_id
