"""One exam for every channel: WATI and ManyChat before their emulators, and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.channel_rigs import DAY, RIGS, Rig
from tests.clocks import JumpingClock
from tests.fakes import Failure, FakeChannel
from watibot import channels
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.outside import Absent, CannotTell, Found, Later, Refused, Sent, Unknown


@pytest.fixture(params=list(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param](JumpingClock()) as made:
        yield made


async def test_bubbles_arrive_once_and_in_order(rig: Rig) -> None:
    await rig.guest_writes()
    texts = ["Uno & dos + tres % #4", "línea\notra línea", "¿Señor? 👍"]
    outcomes = [await rig.send(rig.bubble(text)) for text in texts]
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert texts == await rig.arrived()


async def test_the_window_closes_after_a_day(rig: Rig) -> None:
    await rig.guest_writes()
    await rig.clock.advance(DAY - 60)
    assert isinstance(await rig.send(rig.bubble("a")), Sent)
    await rig.clock.advance(61)
    assert Refused("window") == await rig.send(rig.bubble("b"))
    assert await rig.arrived() == ["a"]


@pytest.mark.parametrize(
    ("failure", "seconds"), [("throttled", 7.0), ("unauthorised", 60.0), ("unreachable", 5.0)]
)
async def test_what_never_arrived_is_tried_later(
    rig: Rig, failure: Failure, seconds: float
) -> None:
    await rig.guest_writes()
    rig.fail(failure)
    outcome = await rig.send(rig.bubble())
    assert Later(seconds, failure) == outcome
    assert await rig.arrived() == []


@pytest.mark.parametrize("failure", ["unavailable", "lost_before"])
async def test_a_doubt_that_did_not_arrive(rig: Rig, failure: Failure) -> None:
    await rig.guest_writes()
    rig.fail(failure)
    bubble = rig.bubble()
    assert isinstance(await rig.send(bubble), Unknown)
    assert await rig.arrived() == []
    soon = await rig.find(bubble)
    assert isinstance(soon, CannotTell)
    assert rig.history == (soon.again_after is not None)
    await rig.clock.advance(10)
    assert (Absent() if rig.history else CannotTell()) == await rig.find(bubble)


async def test_a_doubt_that_arrived(rig: Rig) -> None:
    await rig.guest_writes()
    await rig.send(rig.bubble("antes"))
    rig.fail("lost_after")
    bubble = rig.bubble("después")
    assert isinstance(await rig.send(bubble), Unknown)
    assert await rig.arrived() == ["antes", "después"]
    assert isinstance(await rig.find(bubble), Found if rig.history else CannotTell)


async def test_a_bubble_that_was_never_tried_is_absent(rig: Rig) -> None:
    untried = replace(rig.bubble(), attempts=0, last_attempt_at=None)
    assert (Absent() if rig.history else CannotTell()) == await rig.find(untried)


async def test_staff_hold_a_guest(rig: Rig) -> None:
    assert not await rig.channel.held_by_staff(rig.conversation)
    await rig.staff_holds(True)
    assert rig.asks_staff == await rig.channel.held_by_staff(rig.conversation)
    await rig.staff_holds(False)
    assert not await rig.channel.held_by_staff(rig.conversation)


async def test_asking_staff_fails_loudly(rig: Rig) -> None:
    if not rig.asks_staff:
        pytest.skip("it does not ask")
    rig.fail("unavailable")
    with pytest.raises(ProviderError) as caught:
        await rig.channel.held_by_staff(rig.conversation)
    assert caught.value.transient


async def test_handing_over(rig: Rig) -> None:
    await rig.guest_writes()
    assert rig.hands_over == await rig.channel.hand_over(rig.conversation, "complaint")


async def test_check(rig: Rig) -> None:
    line = await rig.channel.check()
    assert "\n" not in line
    rig.fail("unauthorised")
    with pytest.raises(ProviderError) as caught:
        await rig.channel.check()
    assert caught.value.cause is Cause.UNAUTHORISED


def test_the_table_has_one_channel_for_each_name() -> None:
    manychat, wati = FakeChannel(JumpingClock(), "manychat"), FakeChannel(JumpingClock(), "wati")
    assert channels.table(wati, manychat) == {
        ChannelName.WHATSAPP: wati,
        ChannelName.FACEBOOK: manychat,
        ChannelName.INSTAGRAM: manychat,
    }
    assert list(channels.table(wati)) == [ChannelName.WHATSAPP]
