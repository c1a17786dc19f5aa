"""What one channel alone has to cope with: shapes of answers, look-ups, broken lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.channel_rigs import Rig, manychat_rig, wati_rig
from tests.clocks import JumpingClock
from tests.fakes import Failure
from watibot.channels.http import bearer, failure, outcome, retry_after
from watibot.emulators import wati as wati_emulator
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.outside import Absent, CannotTell, Found, Later, Refused, Sent, Unknown


@pytest.fixture
async def wati() -> AsyncIterator[Rig]:
    async with wati_rig(JumpingClock(), "Bearer wati-token") as made:
        yield made


def emulator(rig: Rig) -> wati_emulator.Wati:
    assert isinstance(rig.emulator, wati_emulator.Wati)
    return rig.emulator


# --- WATI's own ways --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["full", "ok", "result_true", "result_success", "no_id"])
async def test_every_shape_of_success(wati: Rig, shape: str) -> None:
    await wati.guest_writes()
    emulator(wati).change({"success_shape": shape})
    assert isinstance(await wati.send(wati.bubble()), Sent)


async def test_a_lookup_without_the_echo_goes_by_words_and_time(wati: Rig) -> None:
    emulator(wati).change({"echo_local_message_id": False})
    await wati.guest_writes()
    wati.fail("lost_after")
    bubble = wati.bubble("Son  45 dólares")
    await wati.send(bubble)
    assert isinstance(await wati.find(bubble), Found)
    await wati.clock.advance(30)
    assert Absent() == await wati.find(replace(bubble, text="otra cosa"))
    later = replace(bubble, last_attempt_at=wati.clock.now())
    assert isinstance(await wati.find(later), Found)
    await wati.clock.advance(200)
    assert Absent() == await wati.find(
        replace(later, last_attempt_at=bubble.last_attempt_at, text="otra")
    )
    far = replace(bubble, last_attempt_at=wati.clock.now())
    await wati.clock.advance(10)
    assert Absent() == await wati.find(far)


async def test_a_guests_own_words_are_not_ours(wati: Rig) -> None:
    emulator(wati).change({"echo_local_message_id": False})
    await wati.guest_writes()
    bubble = wati.bubble("hola")
    await wati.clock.advance(11)
    assert Absent() == await wati.find(bubble)


async def test_a_lookup_turns_pages(wati: Rig) -> None:
    await wati.guest_writes()
    bubble = wati.bubble("primero")
    await wati.send(bubble)
    for _ in range(60):
        await wati.guest_writes()
    assert isinstance(await wati.find(bubble), Found)


@pytest.mark.parametrize(
    ("failure", "again"), [("throttled", 7.0), ("lost_before", 10.0), ("unauthorised", 60.0)]
)
async def test_a_lookup_that_fails_cannot_tell(wati: Rig, failure: Failure, again: float) -> None:
    bubble = wati.bubble()
    wati.fail(failure)
    await wati.clock.advance(11)
    assert CannotTell(again) == await wati.find(bubble)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"ok": False, "result": "Invalid text 12345 for ana@x.example"}, "Invalid text for"),
        (200, {"result": False, "info": "Blocked"}, "Blocked"),
        (200, {"result": False}, "refused"),
        (400, {"message": "no such contact"}, "HTTP 400"),
        (404, None, "HTTP 404"),
        (400, {"result": False, "message": "Ticket has been expired."}, "window"),
        (200, {"result": False, "ticketStatus": "CLOSED"}, "window"),
    ],
)
async def test_refusals(wati: Rig, status: int, body: Any, outcome: str) -> None:
    emulator(wati).faults.create({"status": status, "body": body, "times": 1})
    assert Refused(outcome) == await wati.send(wati.bubble())


@pytest.mark.parametrize("status", [200, 429])
async def test_a_used_up_quota_waits(wati: Rig, status: int) -> None:
    body = {"result": False, "info": "API usage limit exceeded"}
    emulator(wati).faults.create({"status": status, "body": body, "times": 1})
    assert Later(600.0, "quota") == await wati.send(wati.bubble())


@pytest.mark.parametrize("body", ["<html>", {}, [1], {"result": 7}])
async def test_an_answer_that_says_nothing_is_a_doubt(wati: Rig, body: Any) -> None:
    emulator(wati).faults.create({"status": 200, "body": body, "times": 1})
    assert isinstance(await wati.send(wati.bubble()), Unknown)


async def test_a_guest_known_by_bsuid_is_reached(wati: Rig) -> None:
    await wati.guest_writes()
    [guest] = emulator(wati).world.guests.values()
    by_bsuid = replace(wati.conversation, address=guest.bsuid)
    assert isinstance(await wati.channel.send(by_bsuid, wati.bubble()), Sent)


async def test_handing_over_to_nobody_known_is_an_error(wati: Rig) -> None:
    with pytest.raises(ProviderError) as caught:
        await wati.channel.hand_over(replace(wati.conversation, address="1"), "complaint")
    assert caught.value.cause is Cause.INVALID


async def test_sends_keep_below_the_rate(wati: Rig) -> None:
    await wati.guest_writes()
    for number in range(15):
        await wati.send(wati.bubble(f"{number}"))
    assert sum(wati.clock.slept) == pytest.approx(2.0, abs=0.01)  # 5 at once, then 5 a second


async def test_a_lookup_stops_at_what_is_older(wati: Rig) -> None:
    for _ in range(120):
        await wati.guest_writes()
    await wati.clock.advance(300)
    bubble = wati.bubble()
    await wati.clock.advance(11)
    assert Absent() == await wati.find(bubble)
    assert len(emulator(wati).journal.since(kind="request")) == 1


# --- ManyChat's own ways ----------------------------------------------------------------------


@pytest.fixture
async def instagram() -> AsyncIterator[Rig]:
    async with manychat_rig(JumpingClock(), ChannelName.INSTAGRAM) as made:
        yield made


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"status": "error", "message": "Blocked 77"}, "Blocked"),
        (400, {"status": "error", "code": 3011, "message": "Content can’t be sent"}, "window"),
        (200, {"status": "error", "message": "over 46h ago (more than 24 hours ago)"}, "window"),
        (
            400,
            {
                "status": "error",
                "message": "Validation error",
                "details": {"messages": [{"message": "subscriber_id cannot be blank."}]},
            },
            "Validation error: subscriber_id cannot be blank.",
        ),
        (404, None, "HTTP 404"),
    ],
)
async def test_manychat_refusals(instagram: Rig, status: int, body: Any, outcome: str) -> None:
    assert instagram.emulator
    instagram.emulator.faults.create({"status": status, "body": body, "times": 1})
    assert Refused(outcome) == await instagram.send(instagram.bubble())


@pytest.mark.parametrize(
    ("value", "held"), [(True, True), ("true", True), ("no", False), (None, False), ("", False)]
)
async def test_a_true_field_holds_a_guest(instagram: Rig, value: Any, held: bool) -> None:
    assert instagram.emulator
    data = {"tags": [], "custom_fields": [{"id": 1, "name": "Bot_Off", "value": value}]}
    body = {"status": "success", "data": data}
    instagram.emulator.faults.create({"status": 200, "body": body, "times": 1})
    assert held == await instagram.channel.held_by_staff(instagram.conversation)


# --- broken lines -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx2.ConnectError("x"), Later(5.0, "unreachable")),
        (httpx2.ConnectTimeout("x"), Later(5.0, "unreachable")),
        (httpx2.PoolTimeout("x"), Later(5.0, "unreachable")),
        (httpx2.ReadTimeout("x"), Unknown("timeout")),
        (httpx2.WriteTimeout("x"), Unknown("timeout")),
        (TimeoutError(), Unknown("timeout")),
        (httpx2.ReadError("x"), Unknown("lost")),
        (httpx2.WriteError("x"), Unknown("lost")),
        (httpx2.RemoteProtocolError("x"), Unknown("lost")),
    ],
)
def test_a_broken_line_is_later_only_if_nothing_left(
    error: httpx2.RequestError | TimeoutError, expected: object
) -> None:
    assert expected == outcome(failure("wati", error))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Fri, 20 Nov 2026 18:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 17:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert seconds == retry_after(value, datetime(2026, 11, 20, 18, 0, tzinfo=UTC))


@pytest.mark.parametrize("token", ["abc", "Bearer abc", "  bearer   abc\n"])
def test_a_token_is_taken_with_and_without_its_word(token: str) -> None:
    assert bearer(token) == {"authorization": "Bearer abc"}
