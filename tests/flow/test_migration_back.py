"""`migrate cutover` and `migrate rollback`: nothing is lost on either side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.balance import in_history, in_thread
from tests.migrating import GUEST, Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.history import ItemKind
from watibot.migration.crew import Mark, Stopped
from watibot.ports.migrations import Busy, State
from watibot.translation.staff_context import told

OTHER = "50370000002"


def fails(cause: Cause, **more: float) -> ProviderError:
    return ProviderError("outside", cause, "for a test", **more)  # type: ignore[arg-type]


async def test_a_cutover_brings_what_came_since(stage: Stage) -> None:
    """A guest's message that waits for its answer stays due, and Gemini answers it."""
    await stage.settled()
    await stage.verbs("run", "verify")
    await stage.guest()
    await stage.answer(tools=True)
    await stage.staff()
    stage.post(at=int(stage.clock.time()))
    await stage.guest()
    due = await stage.store.due()
    await stage.verbs("cutover")
    assert await stage.store.due() == due
    assert await stage.answer() is Provider.VERTEX
    await stage.live_mirror()
    assert await stage.faults() == []
    before = stage.dump()
    assert await stage.verb("cutover") == []
    assert await stage.verb("run") == []
    assert stage.dump() == before
    migrated = stage.sql("SELECT provider, migrated_at IS NOT NULL FROM conversations")
    assert migrated == [("vertex", 1)]
    assert [outcome.mark for outcome in await stage.verb("verify")] == [Mark.SAME]


async def test_a_copy_does_not_stand_in_for_a_thread_that_may_have_grown(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    stage.post()
    stage.threads.fail("check", fails(Cause.UNREACHABLE))
    await stage.here.means.sources.look()
    (outcome,) = await stage.verb("cutover")
    assert outcome.mark is Mark.LATER
    await stage.here.means.sources.look()
    await stage.verbs("cutover")
    assert await stage.faults() == []


async def test_a_copy_does_for_a_thread_that_is_gone(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    stage.threads.gone = True
    await stage.here.means.sources.look()
    await stage.verbs("run", "verify", "cutover")
    assert await stage.faults() == []


async def test_a_cutover_meets_a_source_that_goes(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    stage.threads.gone = True
    before = stage.dump()
    with pytest.raises(Stopped):
        await stage.verb("cutover")
    assert stage.dump() == before
    held = await stage.store.hold(GUEST, stage.clock.now(), stage.clock.now())
    assert not isinstance(held, Busy)


# --- rollback -----------------------------------------------------------------------------------


async def test_what_was_said_since_is_carried_back(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    await stage.guest()
    await stage.answer(tools=True)
    await stage.staff()
    await stage.staff(author=None)
    await stage.guest()
    await stage.answer()
    await stage.guest()  # and waits
    (outcome,) = await stage.verb("rollback")
    assert (outcome.mark, outcome.why) == (Mark.DONE, "6 messages carried back")
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)
    roles = [each["role"] for each in stage.kept()[-5:]]
    assert roles == ["user", "assistant", "user", "user", "assistant"]
    before = stage.dump()
    assert await stage.verb("rollback") == []
    assert stage.dump() == before
    assert await stage.answer(tools=True) is Provider.OPENAI
    await stage.live_mirror()
    await stage.verbs("run", "verify", "cutover")
    assert await stage.faults() == []
    staff = [item.author for item in await stage.history() if item.kind is ItemKind.STAFF]
    assert staff == ["Rosa", None]


async def talked(stage: Stage) -> None:
    """Guest and staff with each other, twice, and the guest once more; Gemini has the last word."""
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    for _ in range(2):
        await stage.guest()
        await stage.staff()
        await stage.clock.advance(3600)
    await stage.guest()
    await stage.answer()
    await stage.live_mirror()


def flag(stage: Stage) -> bool:
    ((told,),) = stage.sql("SELECT agent_context_injected FROM conversations")
    return bool(told)


async def test_staff_s_conversations_are_told_in_one_message(stage: Stage) -> None:
    await talked(stage)
    before = await stage.history()
    assert not flag(stage)
    (outcome,) = await stage.verb("rollback")
    assert outcome.why == "6 messages carried back"
    block, guest, answer = stage.kept()[-3:]
    lines = block["content"][0]["text"]["value"].split("\n")
    assert [line.partition(" ")[0] for line in lines[3:-2]] == [
        *("---", "Cliente:", "Agente", ""),
        *("---", "Cliente:", "Agente"),
    ]
    assert [each["role"] for each in (block, guest, answer)] == ["user", "user", "assistant"]
    after = await stage.history()
    assert [item.source_id for item in after[-6:]] == [
        *([block["id"]] * 4),
        guest["id"],
        answer["id"],
    ]
    assert flag(stage)
    await stage.verbs("run", "verify", "cutover")
    assert [item.item_id for item in await stage.history()] == [item.item_id for item in before]
    assert (await stage.move()).state is State.CUT_OVER
    assert await stage.faults() == []


async def test_nobody_is_noted_to_have_been_told_of_staff_without_them(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    await stage.guest()
    await stage.answer()
    await stage.verbs("rollback")
    assert not flag(stage)


async def test_blocks_of_one_colleague_s_word_each(stage: Stage) -> None:
    """As they were written before blocks could hold more."""
    await talked(stage)
    kept = [item for item in await stage.history() if item.source_id is None]
    for item in kept[:4]:
        staff = item.author if item.kind is ItemKind.STAFF else None
        text = told([[(staff, item.text)]]) if staff else item.text
        await stage.threads.add(stage.thread_id(), "user", text, item.item_id)
    before = len(await stage.history())
    await stage.verbs("rollback", "run", "verify", "cutover")
    assert len(await stage.history()) == before
    assert (await stage.move()).state is State.CUT_OVER
    assert await stage.faults() == []


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("how", ["missing", "gone"])
async def test_nobody_goes_back_to_a_thread_that_is_not_there(
    stage: Stage, how: str, *, said: bool
) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    if said:
        await stage.guest()
        await stage.answer()
        await stage.live_mirror()
    if how == "gone":
        stage.threads.gone = True
    else:
        kept = stage.threads.kept.pop(stage.thread_id())
    (outcome,) = await stage.verb("rollback")
    assert (outcome.mark, outcome.move.state) == (Mark.FAILED, State.CUT_OVER)
    assert "the thread cannot be written to" in outcome.why
    assert (await stage.conversation()).provider is Provider.VERTEX
    if how == "gone":
        stage.threads.gone = False
    else:
        stage.threads.kept[stage.thread_id()] = kept
    await stage.verbs("rollback")
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)
    await stage.guest()
    assert await stage.answer() is Provider.OPENAI
    await stage.verbs("run", "verify", "cutover")
    assert await stage.faults() == []


async def test_a_rollback_ends_a_run(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    await stage.guest()
    await stage.answer()
    stage.threads.begin_run(stage.thread_id())
    await stage.verbs("rollback")
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_message_whose_answer_is_lost_is_not_added_twice(
    stage: Stage, *, arrived: bool
) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    await stage.guest()
    await stage.answer()
    stage.threads.fail("add", fails(Cause.LOST), arrived=arrived)
    await stage.verbs("rollback")
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)


async def test_what_nobody_can_write_to(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    stage.here.means = replace(stage.here.means, threads=None)
    (outcome,) = await stage.verb("rollback")
    assert outcome.mark is Mark.FAILED
    assert (await stage.conversation()).provider is Provider.VERTEX


async def test_there_and_back_several_times(stage: Stage) -> None:
    """Both sides go on in between; the end is the same on both."""
    await stage.settled()
    for _ in range(3):
        for provider in (Provider.OPENAI, Provider.VERTEX):
            await stage.guest()
            assert await stage.answer(tools=True) is provider
            await stage.staff()
            stage.post(at=int(stage.clock.time()))
            await stage.guest()
            assert await stage.answer() is provider
            if provider is Provider.OPENAI:
                await stage.verbs("run", "verify", "cutover")
                await stage.live_mirror()
                assert await stage.faults() == []
        await stage.live_mirror()
        await stage.verbs("rollback")
    await stage.verbs("run", "verify", "cutover")
    assert await stage.faults() == []
    assert sorted(in_thread(stage, GUEST)) == sorted(await in_history(stage, GUEST))


async def test_words_that_come_to_the_thread_late_keep_their_place(stage: Stage) -> None:
    """Staff's words are carried back behind a message that was written after them."""
    await stage.settled()
    await stage.verbs("run", "verify", "cutover")
    staff = await stage.staff()
    now = int(stage.clock.time())
    stage.post(text=stage.text("Huésped", GUEST), at=now)
    await stage.live_mirror()
    await stage.verbs("rollback", "run", "verify", "cutover")
    first, second = (await stage.history())[-2:]
    assert first.text == staff
    assert int(second.at.timestamp()) == now
    assert await stage.faults() == []
