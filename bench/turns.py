"""Turns: our own time in one, how many of them a second, the cached share of prompts, memory.

Beside a bare loop that makes the same two calls (the model's with a prompt of the service's own,
and WATI's send) through the same HTTP library against the same emulators.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import httpx2

from bench import stage
from bench.table import Line
from watibot import samples_folder
from watibot.emulators.kit import free_port
from watibot.history import HistoryItem, ItemKind
from watibot.hotel import load as load_hotel
from watibot.messages import ChannelName, Inbound, MessageKind
from watibot.settings import WhatsappDebounce
from watibot.storage import store as storage

HISTORIES = (20, 600)
TALKERS = 4  # guests with each length of history
TURNS = 10  # of each of them
PACE = 0.15  # seconds from one turn to the next
TOGETHER = 400  # conversations that fall due at once
DUE_AFTER = 4.0
INSTRUCTIONS = samples_folder() / "instrucciones.md"
QUESTION = "¿A qué hora sirven el desayuno?"
MODEL, SEND = ":generateContent", "/sendSessionMessage/"

Span = tuple[str, float, float]


class Emulated:
    """The emulators of a stage: what guests write, and when the service called."""

    def __init__(self, http: httpx2.AsyncClient, told: dict[str, str]) -> None:
        self.http, self.told = http, told
        self.wati = told["WATI_BASE_URL"].rpartition("/")[0]
        self.vertex = told["VERTEX_MODEL_BASE_URL"]

    async def writes(self, wa_id: str) -> bytes:
        """A guest's message as the webhook that WATI sends for it. Nobody has sent it yet."""
        guests = f"{self.wati}/_emulator/guests"
        await self.http.post(guests, json={"waId": wa_id, "name": "Ana"})
        made = await self.http.post(f"{guests}/{wa_id}/messages", json={"text": QUESTION})
        return made.content

    async def spans(self, base: str, part: str) -> list[Span]:
        noted: list[Span] = (await self.http.get(f"{base}/_bench/spans")).json()
        return [(path, came, left) for path, came, left in noted if part in path]

    async def summary(self) -> dict[str, int]:
        found: dict[str, int] = (await self.http.get(f"{self.vertex}/_emulator/summary")).json()
        return found


async def measure(folder: Path) -> list[Line]:
    second = folder / "many"
    second.mkdir()
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        async with stage.emulators(folder) as told:
            own = await _own_time(folder, Emulated(http, told))
        async with stage.emulators(folder) as told:
            many = await _together(second, Emulated(http, told))
    return [*own, *many]


# --- one after the other ----------------------------------------------------------------------


async def _own_time(folder: Path, outside: Emulated) -> list[Line]:
    settings = stage.service_settings(folder, free_port(), outside.told)
    talkers = {
        length: [f"5037{length:04d}{number:03d}" for number in range(TALKERS)]
        for length in HISTORIES
    }
    await _remember(settings, talkers)
    async with stage.service(folder, {**settings, **stage.debounce(0)}) as (process, url):
        # What waited in the store is answered first; it also fills caches and pools.
        await _until_sent(outside, TALKERS * len(HISTORIES))
        at_rest = stage.resident_megabytes(process)
        bare = await _bare_turn(outside, talkers[HISTORIES[0]][0])
        before = await outside.summary()
        said = {length: await _talk(outside, url, each) for length, each in talkers.items()}
        after = await outside.summary()
        mean = _mean((await outside.http.get(f"{url}/metrics")).text, "watibot_own_seconds")
    sends = await outside.spans(outside.wati, SEND)
    models = await outside.spans(outside.vertex, MODEL)
    lines = []
    for length, turns in said.items():
        ours = median(_own(wa_id, sent, sends, models) for wa_id, sent in turns) * 1000
        lines.append(
            Line(
                f"Our time in a turn at {length} items (p50, webhook to send)",
                f"{ours:.1f} ms",
                f"{bare * 1000:.1f} ms the two calls bare",
                ours / (bare * 1000),
                "<= 15 ms",
                ours <= 15,
            )
        )
    prompt = after["prompt_tokens"] - before["prompt_tokens"]
    cached = (after["cached_tokens"] - before["cached_tokens"]) / prompt
    async with stage.floor() as (process, _):
        empty = stage.resident_megabytes(process)
    return [
        *lines,
        Line("  as the service counts it (mean, without the calls)", f"{mean * 1000:.1f} ms"),
        Line(
            "Prompt tokens served from the cache",
            f"{cached:.1%} of {prompt:,}",
            budget=">= 90 %",
            ok=cached >= 0.9,
        ),
        Line(
            "Memory at rest, after a few turns",
            f"{at_rest:.0f} MB",
            f"{empty:.0f} MB FastAPI's empty endpoint",
            at_rest / empty,
            "<= 130 MB",
            at_rest <= 130,
        ),
    ]


async def _remember(settings: dict[str, str], talkers: dict[int, list[str]]) -> None:
    """Conversations with a past, through the store's own door."""
    hotel = load_hotel(Path(settings["WATIBOT_HOTEL_FILE"]))
    now = datetime.now(UTC)
    async with await storage.open(settings["WATIBOT_DATABASE_URL"], hotel.id) as store:
        for length, guests in talkers.items():
            for wa_id in guests:
                message = Inbound(
                    channel=ChannelName.WHATSAPP,
                    conversation_id=wa_id,
                    address=wa_id,
                    provider_id=f"wamid.{uuid4().hex}",
                    provider_time=now,
                    kind=MessageKind.TEXT,
                    text=QUESTION,
                    sender_name="Ana",
                )
                await store.receive(message, b"{}", now, WhatsappDebounce(_env_file=None))
                await store.restore_history(wa_id, _past(length, now))


def _past(length: int, now: datetime) -> list[HistoryItem]:
    """Questions and answers by turns, a minute second, the last one an hour ago."""
    items = []
    for number in range(length):
        kind = ItemKind.ASSISTANT if number % 2 else ItemKind.GUEST
        role = "model" if number % 2 else "user"
        text = f"{number}: Nos quedamos dos noches más, y el desayuno lo tomamos en la terraza."
        at = now - timedelta(minutes=60 + length - number)
        content: dict[str, Any] = {"role": role, "parts": [{"text": text}]}
        items.append(HistoryItem(uuid4().hex, kind, at, text, content, uuid4().hex))
    return items


async def _talk(outside: Emulated, url: str, guests: list[str]) -> list[tuple[str, float]]:
    """Each guest's messages one by one: (guest, when the webhook was sent)."""
    said = []
    for _ in range(TURNS):
        for wa_id in guests:
            body = await outside.writes(wa_id)
            said.append((wa_id, time.perf_counter()))
            await _deliver(outside.http, url, body)
            await asyncio.sleep(PACE)
    return said


def _own(wa_id: str, sent: float, sends: list[Span], models: list[Span]) -> float:
    """Seconds from the webhook's sending to the arrival of the answer at WATI, without those in
    which the model's emulator was at work."""
    arrived = min(came for path, came, _ in sends if came > sent and path.endswith(wa_id))
    thought = sum(left - came for _, came, left in models if sent < came < arrived)
    return arrived - sent - thought


# --- all at once ------------------------------------------------------------------------------


async def _together(folder: Path, outside: Emulated) -> list[Line]:
    settings = stage.service_settings(folder, free_port(), outside.told)
    guests = [f"50371{number:06d}" for number in range(TOGETHER)]
    bodies = [await outside.writes(wa_id) for wa_id in guests]
    async with stage.service(folder, {**settings, **stage.debounce(DUE_AFTER)}) as (_, url):
        began = time.perf_counter()
        await _at_once(64, [lambda body=body: _deliver(outside.http, url, body) for body in bodies])  # type: ignore[misc]
        delivered = time.perf_counter() - began
        await _until_sent(outside, TOGETHER)
    answered = [left for _, _, left in await outside.spans(outside.wati, SEND)]
    rate = TOGETHER / (max(answered) - began - max(delivered, DUE_AFTER))
    bare = await _bare_rate(outside, guests[0])
    return [
        Line(
            f"Turns per second, {TOGETHER} conversations due together",
            f"{rate:.0f}/s",
            f"{bare:.0f}/s the two calls bare, 8 at once",
            rate / bare,
            ">= 60/s",
            rate >= 60,
        )
    ]


async def _until_sent(outside: Emulated, count: int, patience: float = 60.0) -> None:
    end = time.perf_counter() + patience
    while len(await outside.spans(outside.wati, SEND)) < count:
        if time.perf_counter() > end:
            raise RuntimeError(f"not {count} answers within {patience:g} s")
        await asyncio.sleep(0.25)


async def _deliver(http: httpx2.AsyncClient, url: str, body: bytes) -> None:
    answer = await http.post(f"{url}/webhook?token={stage.SECRET}", content=body)
    answer.raise_for_status()


async def _at_once(most: int, works: list[Callable[[], Awaitable[None]]]) -> None:
    places = asyncio.Semaphore(most)

    async def one(work: Callable[[], Awaitable[None]]) -> None:
        async with places:
            await work()

    await asyncio.gather(*(one(work) for work in works))


# --- floors -----------------------------------------------------------------------------------


async def _bare_call(outside: Emulated, wa_id: str) -> tuple[float, float]:
    """The model's call and WATI's, with nothing around them; when they began and ended."""
    told = outside.told
    model = (
        f"{outside.vertex}/v1beta1/projects/{told['VERTEX_PROJECT']}/locations/"
        f"{told['VERTEX_MODEL_LOCATION']}/publishers/google/models/gemini-3.8-flash{MODEL}"
    )
    body = {
        "systemInstruction": {"role": "user", "parts": [{"text": INSTRUCTIONS.read_text()}]},
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
    }
    began = time.perf_counter()
    answer = await outside.http.post(model, json=body, headers={"authorization": "Bearer emu"})
    text = answer.json()["candidates"][0]["content"]["parts"][0]["text"]
    sent = await outside.http.post(
        f"{told['WATI_BASE_URL']}/api/v1{SEND}{wa_id}",
        params={"messageText": text, "localMessageId": uuid4().hex},
        headers={"authorization": f"Bearer {told['WATI_TOKEN']}"},
    )
    sent.raise_for_status()
    return began, time.perf_counter()


async def _bare_turn(outside: Emulated, wa_id: str) -> float:
    """Seconds of a bare turn until WATI has it, the model's handling taken off (p50)."""
    calls = [await _bare_call(outside, wa_id) for _ in range(20)]
    models = await outside.spans(outside.vertex, MODEL)
    sends = await outside.spans(outside.wati, SEND)
    return median(_own(wa_id, began, sends, models) for began, _ in calls)


async def _bare_rate(outside: Emulated, wa_id: str) -> float:
    async def one() -> None:
        await _bare_call(outside, wa_id)

    began = time.perf_counter()
    await _at_once(8, [one] * TOGETHER)
    return TOGETHER / (time.perf_counter() - began)


def _mean(metrics: str, name: str) -> float:
    values = dict(
        line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith(f"{name}_")
    )
    return float(values[f"{name}_sum"]) / float(values[f"{name}_count"])
