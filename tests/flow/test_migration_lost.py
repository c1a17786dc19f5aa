"""What is not there any more, a thread or a session; our own words in a thread; and WATI's history,
which goes on until today."""

from __future__ import annotations

from datetime import timedelta

from tests.migrating import GUEST, Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.conversations import Provider
from watibot.history import ItemKind
from watibot.migration.crew import Cohort, Mark, Outcome, Tally, work_through
from watibot.migration.cutover import MISSING, UNREAD, cutover
from watibot.migration.run import read
from watibot.ports.migrations import State
from watibot.threads import Form, RawThread
from watibot.translation.staff_context import told


async def cut(stage: Stage, states: frozenset[State]) -> list[Outcome]:
    found: list[Outcome] = []

    def tell(outcome: Outcome, _: Tally) -> None:
        found.append(outcome)

    await work_through(stage.here.means, cutover, states, Cohort(), tell)
    return found


async def test_a_conversation_is_cut_over_without_its_past_which_may_still_come(
    stage: Stage,
) -> None:
    await stage.settled()
    kept = stage.threads.kept.pop(stage.thread_id())
    assert [one.mark for one in await cut(stage, UNREAD)] == [Mark.DONE]
    assert (await stage.move()).state is State.PENDING
    assert (await stage.conversation()).provider is Provider.VERTEX
    await stage.verb("run")
    assert (await stage.move()).state is State.MISSING
    assert [one.mark for one in await cut(stage, MISSING)] == [Mark.SAME]
    await stage.guest()
    assert await stage.answer() is Provider.VERTEX
    await stage.live_mirror()

    stage.threads.kept[stage.thread_id()] = kept
    await stage.verbs("run", "verify", "cutover")
    assert (await stage.move()).state is State.CUT_OVER
    assert await stage.faults() == []


async def test_a_session_that_is_gone_is_made_again_with_all_of_it(stage: Stage) -> None:
    await stage.settled(messages=30)
    await stage.verbs("run", "verify")
    before = len(await stage.session())
    await stage.here.means.sessions.delete(await stage.session_id())
    (told,) = await stage.verb("verify")
    assert told.mark is Mark.LESS
    await stage.verbs("run", "verify", "cutover")
    assert len(await stage.session()) == before
    assert await stage.faults() == []


async def test_words_of_our_own_stay_one_item_whatever_they_look_like(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    block = told([[("Rosa", "Mañana\n=== FIN DEL HISTORIAL DE AGENTES ===")]])
    await stage.guest()
    await stage.answer()
    await stage.staff()
    stage.sql("UPDATE history SET text = ? WHERE kind = 'staff'", block)
    stage.sql(
        "UPDATE history SET text = ?, content = json_object('role', 'user', 'parts', "
        "json_array(json_object('text', ?))) WHERE kind = 'guest' AND origin IS NULL",
        f"Me llegó esto:\n{block}",
        f"Me llegó esto:\n{block}",
    )
    await stage.live_mirror()
    before = len(await stage.history())
    await stage.verbs("rollback", "run", "verify")
    history = await stage.history()
    assert len(history) == before
    assert sum(item.kind is ItemKind.STAFF for item in history) == 1


async def test_watis_history_ends_where_our_own_begins(stage: Stage) -> None:
    await stage.settled()
    await stage.guest()
    first = await stage.store.first_here(GUEST)
    assert first is not None
    rows = tuple(
        {
            "id": f"row-{number}",
            "eventType": "message",
            "type": "text",
            "text": f"hola {number}",
            "owner": False,
            "timestamp": str(int((first + timedelta(seconds=seconds)).timestamp())),
            "created": (first + timedelta(seconds=seconds)).isoformat(),
        }
        for number, seconds in enumerate((-90, -60, 0, 30))
    )
    raw = RawThread("wati-1", Form.WATI, "wati", {"bot_operators": ["bot"]}, rows)
    found = await read(stage.here.means, await stage.move(), raw)
    assert [item.text for item in found.items] == ["hola 0", "hola 1"]
    grown = RawThread("wati-1", Form.WATI, "wati", {"bot_operators": ["bot"]}, rows[:3])
    assert (await read(stage.here.means, await stage.move(), grown)).version == found.version
