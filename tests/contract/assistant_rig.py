"""The client of OpenAI's assistant in front of the emulator, both 50 times faster than the wall
clock. Used by the exam and by tests of whole turns."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from pydantic import BaseModel

from tests.fakes_threads import message
from watibot.charges import Use
from watibot.emulators import kit
from watibot.emulators.openai import OpenAI as Emulator
from watibot.emulators.openai import create
from watibot.engines.clock import SystemClock
from watibot.engines.quota import LocalQuota
from watibot.ports.threads import AssistantRequest
from watibot.providers.assistants import AssistantsServer
from watibot.providers.openai_assistant import OpenAIAssistant
from watibot.providers.openai_http import OpenAIHttp
from watibot.providers.openai_key import Key
from watibot.providers.openai_sdk import Sdk
from watibot.settings import OpenAI
from watibot.threads import Words
from watibot.toolcalls import Caller, Tool

Json = dict[str, Any]
SPEED = 50


class Nothing(BaseModel):
    pass


async def check_office_status(_: Nothing, caller: Caller) -> Json:
    raise NotImplementedError


TOOLS = (Tool("check_office_status", "Whether it is open", Nothing, False, check_office_status),)
QUESTION = Words("item-2", "user", "¿Tienen wifi?")
REQUEST = AssistantRequest(
    thread_id="thread_1",
    turn_id="turn-1",
    words=(Words("item-1", "user", "Hola 🙂"), QUESTION),
    instructions="Sea amable.",
    note="[Ahora en el hotel: lunes]",
    tools=TOOLS,
)
DESK = replace(REQUEST, words=(Words("item-3", "user", "Is the front desk open?"),))


@dataclass
class Real:
    """One thread, "thread_1", with one message of the guest."""

    assistant: OpenAIAssistant
    clock: SystemClock
    emulator: Emulator
    url: str
    used: list[Use]

    def said(self) -> list[tuple[str, str, str | None]]:
        return said_in(self.emulator.world.threads["thread_1"].messages)

    def runs(self) -> int:
        return len(self.emulator.world.threads["thread_1"].runs)

    def views(self) -> list[Json]:
        return [run.view for run in self.emulator.world.threads["thread_1"].runs]

    def end_the_api(self) -> None:
        self.emulator.change({"mode": "sunset"})

    def fault(self, operation: str, **spec: Any) -> kit.Fault:
        return self.emulator.faults.create({"operation": operation, **spec})

    def ends(self, **run: Any) -> None:
        """The next run that would say something ends like this instead."""
        self.fault("run", times=1, body=run)

    async def begins(self, **spec: Any) -> Json:
        """A run of somebody else's."""
        return await self.control("runs", **spec)

    async def control(self, path: str, **spec: Any) -> Json:
        async with httpx2.AsyncClient() as http:
            made = await http.post(f"{self.url}/_emulator/threads/thread_1/{path}", json=spec)
        assert made.is_success, made.text
        found: Json = made.json()
        return found

    def counted(self, operation: str) -> int:
        entries = self.emulator.journal.since(0, "request")
        return sum(entry["operation"] == operation for entry in entries)


def said_in(messages: list[Json]) -> list[tuple[str, str, str | None]]:
    return [
        (
            each["role"],
            each["content"][0]["text"]["value"],
            (each.get("metadata") or {}).get("watibot_item"),
        )
        for each in messages[1:]
    ]


@asynccontextmanager
async def real(path: str = "/v1", **settings: Any) -> AsyncIterator[Real]:
    spec = f"{SPEED}@{int(time.time())}"
    clock = SystemClock(spec)
    emulator = create(kit.Clock.parse(spec), settings.pop("emulator", {}))
    thread = {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}}
    emulator.seeds.seed({"thread": thread, "messages": [message("thread_1", 1)]})
    async with kit.serve(emulator.app()) as url:
        chosen = OpenAI.model_validate(
            {
                "base_url": url + path,
                "api_key": "sk-emulator",
                "assistant_id": "asst_hotel",
                "timeout": 200,
                "poll": 0.5,
                **settings,
            }
        )
        calls = LocalQuota(60_000, clock)
        http = OpenAIHttp(chosen, clock, calls)
        sdk = Sdk(chosen, clock, Key(chosen), calls)
        used: list[Use] = []
        assistant = OpenAIAssistant(chosen, clock, sdk, AssistantsServer(http), used.append)
        try:
            yield Real(assistant, clock, emulator, url, used)
        finally:
            await assistant.close()
            await http.close()
