"""WATI's list of contacts: every page, whatever the list is called and the totals say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.clocks import JumpingClock
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.wati_contacts import WatiContacts
from watibot.emulators import wati as wati_emulator
from watibot.emulators.kit import Clock, serve
from watibot.errors import Cause, ProviderError
from watibot.quotas import Rate

GROUP = settings.Wati.model_validate({"base_url": "https://wati.test/1", "token": "t"})


def contacts(
    answer: Callable[[int], Any], calls: list[int] | None = None, most_calls: int = 50
) -> WatiContacts:
    def handle(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params["pageNumber"])
        if calls is not None:
            calls.append(number)
        found = answer(number)
        return found if isinstance(found, httpx2.Response) else httpx2.Response(200, json=found)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    return WatiContacts(GROUP, http, JumpingClock(), Rate(6000, 100), most_calls)


def rows(number: int, pages: int, each: int = 100) -> list[dict[str, Any]]:
    if number > pages:
        return []
    return [{"wAid": f"5037{number:03}{n:04}"} for n in range(each)]


SHAPES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "contact_list": lambda found: {"result": "success", "contact_list": found},
    "contacts": lambda found: {"ok": True, "contacts": found, "total": 1},
    "result": lambda found: {"result": found},
    "result.items": lambda found: {"result": {"items": found}, "link": {"total": 7}},
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_all_pages_whatever_the_total_says(shape: str) -> None:
    found = await contacts(lambda number: SHAPES[shape](rows(number, 3))).addresses()
    assert found is not None
    assert len(found) == 300


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: {"contact_list": rows(number, 2, 20)},  # smaller pages than were asked for
        lambda number: {"contact_list": rows(min(number, 2), 2, 20)},  # the last one, for ever
    ],
    ids=["small", "repeated"],
)
async def test_the_end_is_where_nothing_is_new(answer: Callable[[int], Any]) -> None:
    calls: list[int] = []
    found = await contacts(answer, calls).addresses()
    assert found is not None
    assert (len(found), calls) == (40, [1, 2, 3])


async def test_too_many_to_be_asked_for_are_no_list() -> None:
    calls: list[int] = []
    endless = contacts(lambda number: {"contact_list": rows(number, 999)}, calls, most_calls=4)
    assert await endless.addresses() is None
    assert calls == [1, 2, 3, 4]


async def test_numbers_as_the_store_has_them() -> None:
    told = [{"wAid": "+50370000001"}, {"phone": "50370000002"}, {"firstName": "Ana"}, "x"]
    found = await contacts(lambda n: {"contacts": told if n == 1 else []}).addresses()
    assert found == frozenset({"50370000001", "50370000002"})


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (httpx2.Response(401), Cause.UNAUTHORISED),
        (httpx2.Response(500), Cause.UNAVAILABLE),
        ({"result": "success"}, Cause.INVALID),
    ],
    ids=["401", "500", "no list"],
)
async def test_failures(answer: Any, cause: Cause) -> None:
    with pytest.raises(ProviderError) as error:
        await contacts(lambda _: answer).addresses()
    assert error.value.cause is cause


async def test_the_emulator_s_list() -> None:
    emulator = wati_emulator.create(Clock(), {"reads_per_10s": 0})
    async with serve(emulator.app()) as url, new_client(5) as http:
        for number in range(3):
            guest = {"waId": f"5037000000{number}", "name": "Ana"}
            assert (await http.post(f"{url}/_emulator/guests", json=guest)).status_code == 201
        group = settings.Wati.model_validate({"base_url": f"{url}/300100", "token": "wati-token"})
        listed = WatiContacts(group, http, JumpingClock(), Rate(6000, 100))
        assert await listed.addresses() == frozenset(f"5037000000{number}" for number in range(3))
