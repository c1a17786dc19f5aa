"""What waits, what is tried again and what went wrong, as the store tells it. Both databases sit
it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.clocks import NOON, FakeClock
from tests.contract.stores import GUEST, Hand, at
from tests.nouns.test_condition import ZONE, settings
from watibot.charges import Charge, Operation, Use
from watibot.escalations import DeadEnd, EscalationCause, Told
from watibot.messages import Attachment, AttachmentKind, MessageKind
from watibot.ports.queues import QUEUES, Kind, Queue, Retry, Trouble
from watibot.service.condition import About, Conditions, Quota
from watibot.service.provider_watch import ProviderWatch
from watibot.storage.charges import SqlCharges
from watibot.storage.door import Door
from watibot.storage.queues import SqlQueues
from watibot.storage.store import SqlStore
from watibot.turns import BubbleState, MediaState, Progress

OTHER = "50370000002"
FILE = (Attachment(AttachmentKind.IMAGE, "data/images/x.jpg"),)


@pytest.fixture
def queues(store: SqlStore) -> SqlQueues:
    return SqlQueues(Door(store._writer, "posada"))


async def waiting(queues: SqlQueues) -> dict[str, Queue]:
    """Those in which something waits."""
    found = await queues.queues()
    assert [each.name for each in found] == list(QUEUES)
    return {each.name: each for each in found if each.waiting or each.oldest}


async def test_nothing_waits(queues: SqlQueues) -> None:
    assert await waiting(queues) == {}
    assert await queues.retries(9) == []
    assert await queues.troubles(at(-9), 9) == []
    assert await queues.booked() == {}


async def test_messages_and_their_turn(store: SqlStore, queues: SqlQueues) -> None:
    hand = Hand(store)
    await hand.hear("uno", sent=1)
    await hand.hear("dos", sent=2)
    assert await waiting(queues) == {"messages": Queue("messages", 2, at(1.1))}
    turn = await hand.begin(30)
    found = await waiting(queues)
    assert "messages" not in found
    assert found["turns"] == Queue("turns", 1, at(30))
    (first, second) = await hand.finish(turn, "a", "b", seconds=33)
    found = await waiting(queues)
    assert "turns" not in found
    assert found["bubbles"] == Queue("bubbles", 2, at(33))
    assert found["mirror"] == Queue("mirror", 3, at(1))
    await hand.send(first)
    await hand.permit(second)
    await hand.done(second, BubbleState.UNKNOWN, reason="in doubt")
    found = await waiting(queues)
    assert "bubbles" not in found
    assert found["bubbles_unknown"] == Queue("bubbles_unknown", 1, at(33))


async def test_files_staff_and_what_nobody_could_read(store: SqlStore, queues: SqlQueues) -> None:
    received = await Hand(store).hear("", 4, kind=MessageKind.MEDIA, attachments=FILE)
    end = DeadEnd("k1", EscalationCause.GUEST_WISH, GUEST, "pide a Rosa", at(5), "t1")
    await store.escalations.open(end, Told("t", "b", at(6)), at(900))
    await store.quarantine("wati", "no waId", b"{}", at(7))
    found = await waiting(queues)
    assert found["media"] == Queue("media", 1, at(4.1))
    assert found["escalations"] == Queue("escalations", 1, at(5))
    assert found["notices"] == Queue("notices", 1, at(6))
    assert found["quarantine"] == Queue("quarantine", 1, at(7))
    (media,) = received.media
    await store.media_done(replace(media, state=MediaState.FAILED, failure="too large"))
    assert "media" not in await waiting(queues)
    assert await queues.troubles(at(0), 9) == [
        Trouble(Kind.WEBHOOK, "no waId", 1, at(7)),
        Trouble(Kind.FILE, "too large", 1, at(4.1)),
    ]
    assert await queues.troubles(at(6), 9) == [Trouble(Kind.WEBHOOK, "no waId", 1, at(7))]


async def test_what_is_tried_again(store: SqlStore, queues: SqlQueues) -> None:
    hand = Hand(store)
    await hand.hear()
    turn = await hand.begin(30)
    assert await queues.retries(9) == []
    await store.save_progress(GUEST, hand.fence, turn.turn_id, Progress(tries=2), False)
    await hand.release(at(50))
    assert await queues.retries(9) == [Retry(Kind.ANSWER, GUEST, at(30), 2, at(50))]

    await store.add_notice("n1", "booking", "t", "b", None, at(1))
    (notice,) = await store.due_notices(at(2))
    await store.notice_done(notice.notice_id, at(99), "apprise unavailable")
    assert await queues.retries(9) == [
        Retry(Kind.NOTICE, None, at(1), 1, at(99)),
        Retry(Kind.ANSWER, GUEST, at(30), 2, at(50)),
    ]
    assert [each.kind for each in await queues.retries(1)] == [Kind.NOTICE]
    assert await queues.troubles(at(0), 9) == [
        Trouble(Kind.NOTICE, "apprise unavailable", 1, at(1))
    ]


async def test_answers_that_failed_are_told_by_reason(store: SqlStore, queues: SqlQueues) -> None:
    for number, (guest, seconds) in enumerate(((GUEST, 30), (OTHER, 40), ("50370000003", 50))):
        hand = Hand(store, guest)
        await hand.hear(conversation_id=guest, address=guest)
        reason = "gemini invalid" if number else "gemini blocked"
        (_, (bubble,)) = await hand.answer("Perdón", seconds=seconds, failed=reason)
        await hand.permit(bubble, seconds)
        await hand.done(bubble, BubbleState.REFUSED, seconds, reason="window")
    assert await queues.troubles(at(0), 9) == [
        Trouble(Kind.ANSWER, "gemini invalid", 2, at(50)),
        Trouble(Kind.BUBBLE, "window", 3, at(50)),
        Trouble(Kind.ANSWER, "gemini blocked", 1, at(30)),
    ]


async def test_another_hotel_is_not_seen(store: SqlStore, queues: SqlQueues) -> None:
    await Hand(store).hear()
    assert await waiting(SqlQueues(Door(store._writer, "otra"))) == {}


async def test_quotas_and_size(store: SqlStore, queues: SqlQueues, store_url: str) -> None:
    await store._hold_places("sessions.appends", at(60))
    assert await queues.booked() == {"sessions.appends": at(60)}
    stored = await queues.stored()
    assert stored.kind == store_url.partition(":")[0].partition("+")[0]
    assert stored.size > 100_000


@pytest.mark.parametrize("name", ["messages", "notices"])
async def test_the_oldest_counts(store: SqlStore, queues: SqlQueues, name: str) -> None:
    for seconds in (20, 10, 15):
        await Hand(store).hear(str(seconds), seconds)
        await store.add_notice(f"n{seconds}", "booking", "t", "b", None, at(seconds))
    found = (await waiting(queues))[name]
    assert found.waiting == 3
    assert found.oldest is not None
    assert abs(found.oldest - at(10)) < timedelta(seconds=1)


async def test_the_whole_report_is_read_from_the_store(store: SqlStore, queues: SqlQueues) -> None:
    charges = SqlCharges(Door(store._writer, "posada"))
    use = Use("gemini", Operation.ANSWER, "gemini-3.8-flash", "global")
    await charges.add([Charge(NOON - timedelta(seconds=ago), use, 7) for ago in (5, 30, 61)])
    await store._hold_places("sessions.appends", at(60))
    made = settings()
    conditions = Conditions(
        queues, charges, ProviderWatch(), FakeClock(), made, ZONE, About("1", at(-9), 54)
    )
    report = await conditions.report()
    assert report.quotas[:2] == (Quota("model", 300, 2), Quota("appends", 290, 0, 60.0))
    assert report.machine.stored == await queues.stored()


async def test_a_bubble_is_tried_again_once_it_was_tried(
    store: SqlStore, queues: SqlQueues
) -> None:
    hand = Hand(store)
    await hand.hear()
    _, (bubble,) = await hand.answer("hola", seconds=30)
    assert await queues.retries(9) == []
    await hand.permit(bubble, 31)
    assert await queues.retries(9) == []
    await hand.done(bubble, BubbleState.WAITING, reason="did not arrive")
    await hand.release(at(45))
    assert await queues.retries(9) == [Retry(Kind.BUBBLE, GUEST, at(30), 1, at(45))]
