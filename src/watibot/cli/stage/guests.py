"""Virtual guests, and the control routes through which they write.

`demo.py` and `rehearse.py` play guests with it; the emulators' `/_emulator` routes are after it.
`Following` reads the emulators' journals as they grow, so that a guest knows when an answer came
and the screen can show it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from watibot.cli.stage.journals import Entry, address_of
from watibot.messages import ChannelName

# Real seconds between two looks into the journals: a guest's answer is noticed that much late.
LOOK_SECONDS = 0.05
READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Guest:
    """An invented guest; `address` is a WhatsApp number or a ManyChat subscriber id, digits."""

    name: str
    channel: ChannelName
    address: str
    language: str = "es"

    @property
    def emulator(self) -> str:
        return "wati" if self.channel is ChannelName.WHATSAPP else "manychat"

    @property
    def conversation_id(self) -> str:
        """The number as it is, `fb:` or `ig:` before a subscriber's id."""
        prefix = {ChannelName.FACEBOOK: "fb:", ChannelName.INSTAGRAM: "ig:"}
        return prefix.get(self.channel, "") + self.address


class Control:
    """The control routes of the emulators, by name."""

    def __init__(self, client: httpx2.AsyncClient, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    async def add(self, guest: Guest) -> None:
        known = {"name": guest.name, "language": guest.language}
        if guest.emulator == "wati":
            await self._post("wati", "guests", {**known, "waId": guest.address})
            return
        own = {"platform": guest.channel.value, "subscriber_id": guest.address}
        await self._post("manychat", "guests", {**known, **own})

    async def say(self, guest: Guest, words: dict[str, Any]) -> None:
        """`words` as the emulator's guests take them: text, media, duplicates, hold ..."""
        await self._post(guest.emulator, f"guests/{guest.address}/messages", words)

    async def colleague_replies(self, guest: Guest, email: str, name: str, text: str) -> None:
        """A person answers in WATI's own inbox."""
        words = {"email": email, "name": name, "text": text}
        await self._post("wati", f"staff/{guest.address}/reply", words)

    async def colleague_takes(self, guest: Guest, name: str) -> None:
        """In ManyChat, by the tag; a rule tells the service."""
        await self._post("manychat", f"staff/{guest.address}/bot_off", {"on": True, "name": name})

    async def colleague_chats(self, guest: Guest, name: str, text: str) -> None:
        """In ManyChat's Live Chat, which no call can read."""
        await self._post("manychat", f"staff/{guest.address}/reply", {"name": name, "text": text})

    async def colleague_gives_back(
        self, guest: Guest, email: str, name: str, note: str | None
    ) -> None:
        """WATI: assigned to Bot. ManyChat: a note in the contact's field, and the tag removed."""
        path = f"staff/{guest.address}"
        if guest.emulator == "wati":
            await self._post("wati", f"{path}/release", {"email": email, "name": name})
            return
        if note is not None:
            await self._post("manychat", f"{path}/note", {"name": name, "text": note})
        await self._post("manychat", f"{path}/bot_off", {"on": False, "name": name})

    async def seed(self, threads: list[dict[str, Any]]) -> None:
        """Puts threads in export form into the OpenAI emulator."""
        await self._post("openai", "threads", threads)

    async def fault(self, emulator: str, spec: dict[str, Any]) -> str:
        """Creates a fault; its id."""
        return str((await self._post(emulator, "faults", spec))["id"])

    async def spent(self, emulator: str, fault: str) -> int:
        """How many calls have met the fault."""
        return int((await self._get(emulator, f"faults/{fault}"))["spent"])

    async def change(self, emulator: str, settings: dict[str, Any]) -> None:
        """Settings of an emulator."""
        url = f"{self._urls[emulator]}/_emulator/settings"
        (await self._client.patch(url, json=settings)).raise_for_status()

    async def journal(self, emulator: str, after: int = 0, kind: str | None = None) -> list[Entry]:
        chosen = f"&kind={kind}" if kind else ""
        entries: list[Entry] = await self._get(emulator, f"journal?after={after}{chosen}")
        return entries

    async def summaries(self) -> dict[str, dict[str, Any]]:
        return {name: await self._get(name, "summary") for name in self._urls}

    async def thread_ids(self) -> list[str]:
        """All threads that OpenAI has."""
        found: list[str] = await self._get("openai", "threads")
        return found

    async def threads(self, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The messages of these threads, oldest first, by the thread's id."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def messages(thread_id: str) -> list[dict[str, Any]]:
            async with gate:
                found: list[dict[str, Any]] = (await self._get("openai", f"threads/{thread_id}"))[
                    "messages"
                ]
                return found

        read = await asyncio.gather(*(messages(each) for each in ids))
        return dict(zip(ids, read, strict=True))

    async def sessions(self) -> dict[str, list[dict[str, Any]]]:
        """The events of every session, by the session's user, which is a conversation's id."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def events(name: str) -> list[dict[str, Any]]:
            async with gate:
                session_id = name.rpartition("/")[2]
                found: list[dict[str, Any]] = await self._get(
                    "vertex", f"sessions/{session_id}/events"
                )
                return found

        sessions = await self._get("vertex", "sessions")
        read = await asyncio.gather(*(events(each["name"]) for each in sessions))
        merged: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for session, found in zip(sessions, read, strict=True):
            merged[session["userId"]] += found
        return dict(merged)

    async def _get(self, emulator: str, path: str) -> Any:
        answer = await self._client.get(f"{self._urls[emulator]}/_emulator/{path}")
        return answer.raise_for_status().json()

    async def _post(self, emulator: str, path: str, body: Any) -> Any:
        answer = await self._client.post(f"{self._urls[emulator]}/_emulator/{path}", json=body)
        return answer.raise_for_status().json()


@asynccontextmanager
async def controls(urls: Mapping[str, str]) -> AsyncIterator[tuple[Control, httpx2.AsyncClient]]:
    """The control routes, and the client that they use."""
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        yield Control(client, urls), client


class Following:
    """The journals as they grow. `sources` are pairs of an emulator and the kind of entries that
    are wanted from it (None: all)."""

    def __init__(
        self,
        control: Control,
        sources: Sequence[tuple[str, str | None]],
        seen: Callable[[str, Entry], None] = lambda _emulator, _entry: None,
    ) -> None:
        self._control = control
        self._after = dict.fromkeys(sources, 0)
        self._seen = seen
        self._waiting: dict[str, asyncio.Event] = {}
        self._bubbles: defaultdict[str, list[str]] = defaultdict(list)
        self.handed_over: set[str] = set()
        self.entries: defaultdict[str, list[Entry]] = defaultdict(list)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Reads what is new and shows it in the order in which it happened."""
        new: list[tuple[str, Entry]] = []
        for source, after in self._after.items():
            emulator, kind = source
            entries = await self._control.journal(emulator, after, kind)
            if entries:
                self._after[source] = entries[-1]["n"]
            self.entries[emulator] += entries
            new += [(emulator, entry) for entry in entries]
        for emulator, entry in sorted(new, key=lambda each: str(each[1]["at"])):
            self._note(entry)
            self._seen(emulator, entry)

    def _note(self, entry: Entry) -> None:
        address = address_of(entry)
        if entry["kind"] == "assigned":
            self.handed_over.add(address)
        if entry["kind"] == "released":
            self.handed_over.discard(address)
        if entry["kind"] == "bubble":
            self._bubbles[address].append(str(entry["text"]))
            if address in self._waiting:
                self._waiting[address].set()

    def bubbles(self, guest: Guest) -> int:
        """How many bubbles this guest has had."""
        return len(self._bubbles[guest.address])

    def said(self, guest: Guest) -> list[str]:
        """The bubbles, the oldest first."""
        return list(self._bubbles[guest.address])

    async def answer(self, guest: Guest, before: int, limit: float) -> bool:
        """Waits until the guest has had more than `before` bubbles; False after `limit` real
        seconds."""
        if self.bubbles(guest) > before:
            return True
        event = self._waiting[guest.address] = asyncio.Event()
        try:
            async with asyncio.timeout(limit):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            del self._waiting[guest.address]
        return True
