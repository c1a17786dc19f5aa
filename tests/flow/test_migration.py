"""`migrate run`, with everything that may come between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.balance import in_history, in_thread
from tests.migrating import GUEST, Stage
from tests.migrating import sqlite_template as sqlite_template
from tests.migrating import stage as stage
from watibot.conversations import Provider
from watibot.errors import LostLease
from watibot.history import ItemKind
from watibot.messages import ChannelName
from watibot.migration.crew import Cohort, Mark
from watibot.ports.migrations import State
from watibot.service.mirror import session_id_of
from watibot.threads import RawThread, ThreadRef

OTHER = "50370000002"


async def test_everything_moves_in_order(stage: Stage) -> None:
    """Words, calls and results, each with its own time, its ids in the thread, its source."""
    thread_id = await stage.settled(messages=4)
    (outcome,) = await stage.verb("run")
    assert (outcome.mark, outcome.move.state, outcome.events) == (Mark.DONE, State.IMPORTED, 8)
    items = await stage.history()
    kinds = ["guest", "tool_call", "tool_result", "assistant"] * 2
    assert [item.kind.value for item in items] == kinds
    assert await in_history(stage, GUEST) == in_thread(stage, GUEST)
    events = await stage.session()
    assert [event.event_id for event in events] == [item.item_id for item in items]
    assert [event.timestamp for event in events] == [item.at for item in items]
    said = [datetime.fromtimestamp(each["created_at"], UTC) for each in stage.kept()]
    at = [item.at for item in items if item.kind in (ItemKind.GUEST, ItemKind.ASSISTANT)]
    assert all(
        timedelta(0) <= real - told < timedelta(seconds=1)
        for real, told in zip(at, said, strict=False)
    )
    for item, event in zip(items, events, strict=True):
        assert event.raw["origin"] == item.origin
        assert (item.origin or {})["source"] == "assistants"
        assert (item.origin or {})["time"] == "exact"
        assert (item.origin or {})["sources"] == [item.source_id]
    assert outcome.move.version is not None
    assert (outcome.move.messages, outcome.move.tool_calls) == (4, 2)
    assert stage.sessions.users == {(await stage.conversation()).session_id: GUEST}
    found = await stage.here.means.archive.thread_ids()
    assert sorted(found or ()) == [thread_id]


async def test_a_second_run_changes_nothing(stage: Stage) -> None:
    await stage.settled()
    await stage.settled(OTHER)
    await stage.staff()
    await stage.verbs("run")
    before = stage.dump()
    await stage.restart()
    told = await stage.verb("run")
    assert [outcome.mark for outcome in told] == [Mark.SAME, Mark.SAME]
    assert stage.dump() == before
    await stage.verbs("verify")
    before = stage.dump()
    assert [outcome.move.state for outcome in await stage.verb("run")] == [State.VERIFIED] * 2
    assert stage.dump() == before


async def test_a_thread_that_grew_is_continued(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run", "verify")
    appended = stage.sessions.calls.count(("append", (await stage.session_id())))
    stage.post()
    stage.post(role="assistant", tools=True)
    (outcome,) = await stage.verb("run")
    assert (outcome.mark, outcome.events, outcome.move.state) == (Mark.DONE, 4, State.IMPORTED)
    after = stage.sessions.calls.count(("append", (await stage.session_id())))
    assert after == appended + 4
    await stage.verbs("verify")
    assert await stage.faults() == []


async def test_turns_of_this_service_are_known_again(stage: Stage) -> None:
    """Tool steps, words of staff, an answer in two messages with a call between them."""
    await stage.settled()
    await stage.guest()
    await stage.answer(tools=True)
    await stage.staff()
    await stage.guest()
    await stage.answer(tools=True)
    count = len(await stage.history())
    await stage.verbs("run", "verify")
    items = await stage.history()
    assert len(items) == count + 8  # the thread's own four messages, two calls with their results
    assert await stage.faults() == []


async def test_an_answer_of_several_messages_is_one_item(stage: Stage) -> None:
    await stage.settled(messages=0)
    await stage.guest()
    await stage.answer(tools=True)
    thread = stage.threads.kept[stage.thread_id()]
    last = thread.messages[-1]
    first = {**last, "id": "msg_first", "content": [_text("Un momento, dice algo.【4:0†source】")]}
    thread.messages.insert(-1, first)
    steps = thread.runs[-1]["steps"]
    made = {"type": "message_creation", "message_creation": {"message_id": "msg_first"}}
    steps.insert(0, {**steps[-1], "id": "step_first", "step_details": made})
    said = f"Un momento, dice algo. {last['content'][0]['text']['value']}"
    sources = '{{"source":"assistants","sources":["msg_first","{}"]}}'.format(last["id"])
    content = f'{{"role":"model","parts":[{{"text":"{said}"}}]}}'
    stage.sql(
        "UPDATE history SET text = ?, origin = ?, content = ? WHERE kind = 'assistant'",
        said,
        sources,
        content,
    )
    await stage.verbs("run", "verify")
    assert len(await stage.history()) == 4
    assert [event.author for event in await stage.session()] == [
        "user",
        "watibot",
        "tools",
        "watibot",
    ]


async def test_a_photo_that_the_service_posted_is_no_difference(stage: Stage) -> None:
    await stage.settled(messages=0)
    await stage.guest()
    await stage.answer()
    picture = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    stage.kept()[0]["content"].append(picture)
    await stage.verbs("run", "verify")
    assert len(await stage.history()) == 2


async def test_a_thread_that_is_missing(stage: Stage) -> None:
    await stage.settled()
    await stage.settled(OTHER)
    del stage.threads.kept[stage.thread_id()]
    first, second = await stage.verb("run")
    assert (first.mark, first.move.state) == (Mark.LESS, State.MISSING)
    assert second.move.state is State.IMPORTED
    (again, _) = await stage.verb("run")
    assert again.move.state is State.MISSING
    assert (await stage.verb("cutover")) == []


async def test_a_missing_thread_that_turns_up_is_moved(stage: Stage) -> None:
    await stage.settled()
    kept = stage.threads.kept.pop(stage.thread_id())
    await stage.verb("run")
    stage.threads.kept[stage.thread_id()] = kept
    await stage.verbs("run", "verify", "cutover")
    assert await stage.faults() == []


async def test_a_turn_that_comes_while_the_thread_is_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is read again, so that what was taken in is all of it."""
    await stage.settled()
    read = stage.threads.read

    async def slowly(ref: ThreadRef) -> RawThread:
        found = await read(ref)
        monkeypatch.undo()
        await stage.guest()
        await stage.answer()
        return found

    monkeypatch.setattr(stage.threads, "read", slowly)
    (outcome,) = await stage.verb("run")
    assert outcome.move.messages == 6
    await stage.verbs("verify")
    assert await stage.faults() == []


async def test_a_session_that_is_there_already(stage: Stage) -> None:
    """An earlier attempt, of which this store knows nothing, had made it and half filled it."""
    await stage.settled()
    await stage.verbs("run")
    stage.sql("UPDATE conversations SET session_id = NULL")
    stage.sql("UPDATE history SET mirror = 'parked'")
    stage.sql("UPDATE migrations SET state = 'exported'")
    session_id = session_id_of(await stage.conversation(), 0)
    del stage.sessions.kept[session_id][3:]
    await stage.verbs("run", "verify")
    assert await stage.faults() == []


async def test_a_session_that_vanishes_is_given_all_of_it_again(stage: Stage) -> None:
    await stage.settled()
    await stage.verbs("run")
    stage.sessions.kept.clear()
    stage.post()
    await stage.verbs("run", "verify")
    assert (await stage.session_id()).endswith("-1")
    assert await stage.faults() == []


async def test_a_lease_that_is_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.settled()

    async def take_in(*_: object) -> int:
        raise LostLease("another worker holds this conversation")

    with monkeypatch.context() as patched:
        patched.setattr(type(stage.store), "take_in_between", take_in)
        (outcome,) = await stage.verb("run")
    assert outcome.mark is Mark.LATER
    assert await stage.history() == []
    await stage.verbs("run", "verify")


@pytest.mark.parametrize("verb", ["run", "cutover", "rollback"])
async def test_a_conversation_between_question_and_answer_is_left_alone(
    stage: Stage, verb: str
) -> None:
    await stage.settled()
    if verb != "run":
        await stage.verbs("run", "verify")
    if verb == "rollback":
        await stage.verbs("cutover")
    await stage.guest()
    await stage.answer(deliver=False)
    before = await stage.conversation()
    (outcome,) = await stage.verb(verb)
    assert outcome.mark is Mark.LATER
    assert outcome.why == "an answer is on its way"
    after = await stage.conversation()
    assert (after.fence, after.provider) == (before.fence, before.provider)


@pytest.mark.parametrize("verb", ["run", "verify", "cutover"])
async def test_a_run_that_is_active_on_the_thread(stage: Stage, verb: str) -> None:
    await stage.settled()
    if verb != "run":
        await stage.verbs("run")
    if verb == "cutover":
        await stage.verbs("verify")
    run_id = stage.threads.begin_run(stage.thread_id(), "requires_action")
    stage.threads.kept[stage.thread_id()].runs[-1]["created_at"] = int(stage.clock.time())
    (outcome,) = await stage.verb(verb)
    assert (outcome.mark, outcome.why) == (Mark.LATER, "a run is active on the thread")
    assert (await stage.conversation()).provider is Provider.OPENAI
    stage.threads.end_run(stage.thread_id(), run_id)
    await stage.verbs(verb)


async def test_a_thread_without_messages(stage: Stage) -> None:
    await stage.settled(messages=0)
    await stage.verbs("run", "verify", "cutover")
    assert stage.sessions.kept == {}
    await stage.guest()
    assert await stage.answer() is Provider.VERTEX
    await stage.live_mirror()
    assert await stage.faults() == []


BLOCK = """\
=== CONVERSACIONES CON AGENTES HUMANOS ===
El siguiente historial muestra conversaciones previas entre el cliente y agentes humanos...

--- Conversación 1 ---
Cliente: ¿Me llamaron?
Agente (Ana): Sí, a las tres.

=== FIN DEL HISTORIAL DE AGENTES ==="""


async def test_context_that_the_thread_was_given_arrives_as_staff(stage: Stage) -> None:
    await stage.settled(messages=2)
    stage.post(text=f"{BLOCK}\n¿Y mañana?")
    await stage.verbs("run", "verify")
    told = [(item.kind.value, item.text, item.author) for item in (await stage.history())[-3:]]
    assert told == [
        ("guest", "¿Me llamaron?", None),
        ("staff", "Sí, a las tres.", "Ana"),
        ("guest", "¿Y mañana?", None),
    ]
    assert [item.origin["time"] for item in (await stage.history())[-3:] if item.origin] == [
        "synthetic",
        "synthetic",
        "exact",
    ]


async def test_one_broken_thread_does_not_stop_the_rest(stage: Stage) -> None:
    await stage.settled()
    await stage.settled(OTHER)
    stage.threads.fail("read", RecursionError("too deep"))  # type: ignore[arg-type]
    first, second = await stage.verb("run")
    assert (first.mark, first.why) == (Mark.FAILED, "a mistake of ours: RecursionError")
    assert second.move.state is State.IMPORTED
    assert (await stage.move()).state is State.PENDING


async def test_the_order_of_work_and_the_cohort(stage: Stage) -> None:
    await stage.settled("ig:1", channel=ChannelName.INSTAGRAM)
    await stage.settled("fb:1", channel=ChannelName.FACEBOOK, imported=True)
    for guest in ("50370000003", "50370000002", "50370000001"):
        await stage.settled(guest, messages=1)

    async def worked(**cohort: object) -> list[str]:
        told = await stage.verb("run", cohort=Cohort(**cohort))  # type: ignore[arg-type]
        return [outcome.move.conversation_id for outcome in told]

    everybody = ["fb:1", "50370000001", "50370000002", "50370000003", "ig:1"]
    assert await worked(limit=2) == everybody[:2]
    assert await worked(percent=50) == everybody[:3]
    assert await worked(percent=50, limit=1) == everybody[:1]
    assert await worked(percent=0) == []
    assert await worked(percent=1) == everybody[:1]
    assert await worked(only=frozenset({"ig:1"})) == ["ig:1"]
    assert await worked(channels=frozenset({ChannelName.FACEBOOK})) == ["fb:1"]
    assert await worked() == everybody


def _text(value: str) -> dict[str, object]:
    return {"type": "text", "text": {"value": value, "annotations": []}}
