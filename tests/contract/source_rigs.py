"""Sources under examination: the live ones before stand-ins and emulators, and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from pydantic import SecretStr

from tests.channel_rigs import hand
from tests.clocks import FakeClock, JumpingClock
from tests.contract.openai_standin import Row, StandIn
from tests.fakes_threads import FakeThreads, message, ref
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.wati_history import WatiHistory
from watibot.emulators import openai as openai_emulator
from watibot.emulators import wati as wati_emulator
from watibot.emulators.kit import Clock, Emulator, serve
from watibot.emulators.wati_world import Operator
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.ports.threads import ThreadSource
from watibot.providers.assistants import AssistantsServer
from watibot.providers.conversations_api import ConversationsApi
from watibot.providers.openai_http import OpenAIHttp
from watibot.quotas import Rate
from watibot.threads import Form, ThreadRef

FAULTS: dict[Cause, dict[str, Any]] = {
    Cause.THROTTLED: {"status": 429, "headers": {"Retry-After": "7"}},
    Cause.UNAVAILABLE: {"status": 500, "body": "<html>"},
    Cause.UNAUTHORISED: {"status": 401},
    Cause.LOST: {"drop": "before"},
}


@dataclass
class Rig:
    """A source, and the hands that move the world behind it."""

    source: ThreadSource
    form: Form
    seed: Callable[[str, int], Awaitable[list[Row]]]
    ref: Callable[[str], ThreadRef]
    fail: Callable[[Cause], None]
    end: Callable[[], None]


def fault(emulator: Emulator) -> Callable[[Cause], None]:
    def fail(cause: Cause) -> None:
        emulator.faults.create({"times": 1, **FAULTS[cause]})

    return fail


def openai_group(url: str, **changes: Any) -> settings.OpenAI:
    values = {"base_url": f"{url}/v1", "api_key": "sk-test", **changes}
    return settings.OpenAI.model_validate(values)


@asynccontextmanager
async def client_of(
    stand_in: StandIn, clock: FakeClock | None = None, per_minute: float = 60_000, **group: Any
) -> AsyncIterator[OpenAIHttp]:
    async with serve(stand_in.app()) as url:
        time = clock or JumpingClock()
        burst = 1000 if per_minute == 60_000 else 1
        calls = LocalQuota(per_minute, time, burst)
        http = OpenAIHttp(openai_group(url, **group), time, calls)
        try:
            yield http
        finally:
            await http.close()


@asynccontextmanager
async def fake_rig() -> AsyncIterator[Rig]:
    source = FakeThreads()

    async def seed(name: str, count: int) -> list[Row]:
        source.put(f"thread_{name}", [message(f"thread_{name}", n) for n in range(count)])
        return source.kept[f"thread_{name}"].messages

    def fail(cause: Cause) -> None:
        after = 7.0 if cause is Cause.THROTTLED else None
        source.fail("*", ProviderError("openai", cause, retry_after=after))

    def end() -> None:
        source.gone = True

    yield Rig(source, Form.ASSISTANTS, seed, lambda name: ref(f"thread_{name}"), fail, end)


@asynccontextmanager
async def assistants_rig() -> AsyncIterator[Rig]:
    stand_in = StandIn()

    async def seed(name: str, count: int) -> list[Row]:
        messages = [message(f"thread_{name}", n) for n in range(count)]
        stand_in.put(f"thread_{name}", messages)
        return messages

    async with client_of(stand_in) as http:
        yield Rig(
            AssistantsServer(http),
            Form.ASSISTANTS,
            seed,
            lambda name: ref(f"thread_{name}"),
            fault(stand_in),
            lambda: stand_in.change({"sunset": True}),
        )


def items(count: int) -> list[Row]:
    return [
        {
            "type": "message",
            "id": f"msg_{n}",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_text", "text": f"¿Dos noches? {n}"}],
        }
        for n in range(count)
    ]


@asynccontextmanager
async def conversations_rig() -> AsyncIterator[Rig]:
    stand_in = StandIn()

    async def seed(name: str, count: int) -> list[Row]:
        stand_in.put_conversation(f"conv_{name}", items(count))
        return items(count)

    def end() -> None:
        stand_in.faults.create({"status": 404, "body": {"error": {"message": "Invalid URL"}}})

    async with client_of(stand_in) as http:
        source = ConversationsApi(http)
        fail = fault(stand_in)
        yield Rig(source, Form.CONVERSATION, seed, lambda name: ref(f"conv_{name}"), fail, end)


@asynccontextmanager
async def emulated_rig(form: Form, path: str = "/v1", **group: Any) -> AsyncIterator[Rig]:
    """The emulator in the mode that the path belongs to."""
    emulator = openai_emulator.create(Clock(), {})
    emulator.change({"mode": "foundry" if "projects" in path else "assistants"})
    async with serve(emulator.app()) as url, hand(url) as control:
        made = openai_group(url, base_url=url + path, api_key="sk-emulator", **group)
        time = JumpingClock()
        http = OpenAIHttp(made, time, LocalQuota(60_000, time, 1000))
        kind = "thread" if form is Form.ASSISTANTS else "conv"

        async def seed(name: str, count: int) -> list[Row]:
            head = {"id": f"{kind}_{name}", "created_at": 1_760_000_000, "metadata": {}}
            if form is Form.ASSISTANTS:
                rows = [message(f"thread_{name}", n) for n in range(count)]
                thread = {"thread": head | {"object": "thread"}, "messages": rows, "runs": []}
                answer = await control.post("/_emulator/threads", json=[thread])
            else:
                rows = items(count)
                body = {"conversation": head | {"object": "conversation"}, "items": rows}
                answer = await control.post("/_emulator/conversations", json=[body])
            assert answer.is_success
            return rows

        def end() -> None:
            emulator.change({"mode": "sunset"})
            if form is Form.CONVERSATION:  # which outlives the threads
                emulator.faults.create({"status": 404, "body": {"error": "Invalid URL"}})

        source = AssistantsServer(http) if form is Form.ASSISTANTS else ConversationsApi(http)
        try:
            yield Rig(source, form, seed, lambda name: ref(f"{kind}_{name}"), fault(emulator), end)
        finally:
            await http.close()


@asynccontextmanager
async def wati_rig() -> AsyncIterator[Rig]:
    clock = JumpingClock()
    emulator = cast(wati_emulator.Wati, wati_emulator.create(cast(Clock, clock), {}))
    async with serve(emulator.app()) as url, new_client(5) as http, hand(url) as control:
        group = settings.Wati(base_url=f"{url}/300100", token=SecretStr("wati-token"))
        source = WatiHistory(group, http, clock, Rate(54, 1))

        async def seed(name: str, count: int) -> list[Row]:
            world = emulator.world
            api = Operator("api@hotel.example", "API", world.new_id(), is_api=True)
            guest = world.add_guest(address(name), "Ana")
            opened = len(guest.rows)
            for n in range(count - opened):
                at = clock.time() + n / 8
                if n % 2:
                    await clock.sleep(0.1)
                    world.hotel_says(guest, api, type="text", text=f"Sí {n}", data=None)
                else:
                    world.guest_says(guest, at, type="text", text=f"¿Hay? {n}", data=None)
                await clock.sleep(0.2)
            token = {"authorization": "Bearer wati-token"}
            path = f"/300100/api/v1/getMessages/{address(name)}?pageSize=1000&pageNumber=1"
            shown = (await control.get(path, headers=token)).json()
            await clock.sleep(10)
            return list(shown["messages"]["items"][::-1])

        def end() -> None:
            emulator.faults.create({"status": 404})

        fail = fault(emulator)
        yield Rig(source, Form.WATI, seed, lambda name: ref(None, address(name)), fail, end)


def address(name: str) -> str:
    """An invented number for a name."""
    return f"5037000{sum(map(ord, name)) % 10_000:04d}"


RIGS: dict[str, Callable[[], Any]] = {
    "fake": fake_rig,
    "assistants": assistants_rig,
    "conversations": conversations_rig,
    "wati": wati_rig,
    "emulated": lambda: emulated_rig(Form.ASSISTANTS),
    "emulated foundry": lambda: emulated_rig(
        Form.ASSISTANTS, "/api/projects/hotel", query="api-version=v1"
    ),
    "emulated conversations": lambda: emulated_rig(Form.CONVERSATION),
}
