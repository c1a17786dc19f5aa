"""A hotel with a past at OpenAI: conversations in the store, their threads exported to a folder,
the Vertex emulator, and `watibot migrate` in processes of its own.

No service runs unless a test starts one. All names, numbers and words are invented.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.clocks import NOON
from tests.contract.stores import DEBOUNCE, inbound
from tests.fakes_threads import message
from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET, until
from tests.forking import run
from watibot.cli.migrate.asked import Asked
from watibot.cli.migrate.verbs import VERBS
from watibot.conversations import Conversation, Provider
from watibot.emulators.launch import launch, settings_for
from watibot.environment import load
from watibot.hotel import load as load_hotel
from watibot.messages import ChannelName
from watibot.migration.crew import Cohort, work_through
from watibot.ports.migrations import State
from watibot.storage import store as storage
from watibot.storage.all_tables import metadata
from watibot.storage.writer import engine_for
from watibot.wiring_migration import migration

HOTEL_ID = load_hotel(HOTEL).id
CHANNELS = (ChannelName.WHATSAPP, ChannelName.FACEBOOK, ChannelName.INSTAGRAM)


def past(number: int, messages: int) -> dict[str, Any]:
    """A thread in export form."""
    thread_id = f"thread_{number}"
    thread = {"id": thread_id, "object": "thread", "created_at": 1_760_000_000, "metadata": {}}
    told = [message(thread_id, n, f"antes {n}") for n in range(messages)]
    return {"thread_id": thread_id, "thread": thread, "messages": told, "runs": []}


@dataclass
class Moving:
    """`ids` are conversations in the order of work."""

    folder: Path
    url: str
    urls: dict[str, str]
    ids: list[str] = field(default_factory=list)
    errors: str = ""

    async def migrate(self, *arguments: str, status: int = 0, **more: str) -> str:
        """Standard output of `watibot migrate ...`, which must end with `status`."""
        found, out, errors = await run("migrate", *arguments, **more)
        assert found == status, (found, out, errors)
        self.errors = errors
        return out

    async def told(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(await self.migrate(*arguments, "--json", status=status))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        engine = engine_for(self.url)
        with engine.connect() as connection:
            rows = {
                name: sorted(tuple(row) for row in connection.execute(table.select()))
                if name != "quotas"
                else []
                for name, table in metadata.tables.items()
            }
        engine.dispose()
        return {name: [tuple(map(str, row)) for row in found] for name, found in rows.items()}

    def archived(self) -> dict[str, bytes]:
        """Every file of the archive."""
        files = [path for path in (self.folder / "archive").rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}

    def execute(self, statement: str, **values: Any) -> None:
        engine = engine_for(self.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.execute(text(statement), values)
            connection.exec_driver_sql("COMMIT")
        engine.dispose()

    def export(self, number: int, messages: int) -> None:
        """The thread of a conversation, as somebody's tool wrote it."""
        told = past(number, messages)
        thread_id = told["thread_id"]
        path = self.folder / "exports" / f"{thread_id}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(told), encoding="utf-8")

    async def add(self, count: int, messages: int = 3, *, exported: bool = True) -> None:
        """Conversations that OpenAI's assistant answers, spread over the channels."""
        first = len(self.ids)
        async with await storage.open(self.url, HOTEL_ID) as store:
            for number in range(first, first + count):
                channel = CHANNELS[number * 3 // (first + count)]
                guest = f"5037000{number:04}"
                known = inbound(conversation_id=guest, address=guest, channel=channel, sent=number)
                await store.receive(known, b"{}", NOON, DEBOUNCE)
                held = await store.hold(guest, NOON, NOON)
                assert isinstance(held, Conversation)
                await store.flip(guest, held.fence, Provider.OPENAI, NOON)
                await store.release(guest, held.fence)
                if exported:
                    self.export(number, messages)
                self.ids.append(guest)
        for number in range(first, first + count):
            self.execute(
                "UPDATE conversations SET thread_id = :thread, due_at = NULL "
                "WHERE conversation_id = :id",
                thread=f"thread_{number}",
                id=self.ids[number],
            )

    async def control(self, name: str, path: str, method: str = "POST", **body: Any) -> Any:
        """An emulator's control route."""
        url = f"{self.urls[name]}/_emulator/{path}"
        async with httpx2.AsyncClient() as http:
            answer = await http.request(method, url, json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    async def carried(self, *verbs: str) -> None:
        """The verbs, for all, without a process of their own."""
        async with migration(load(None)) as means:
            for name in verbs:
                verb = VERBS[name]
                states = verb.states(Asked(name, Path()))
                tally = await work_through(means, verb.work, states, Cohort(), lambda *_: None)
                assert tally.done == sum(tally.marks.values())

    def count(self, state: State) -> int:
        """Lines of the ledger, now."""
        engine = engine_for(self.url)
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT count(*) FROM migrations WHERE state = :state"), {"state": state}
            ).scalar_one()
        engine.dispose()
        return int(found)

    async def reached(self, state: State, count: int) -> None:
        """Once so many are there."""

        async def enough() -> bool:
            return self.count(state) >= count

        await until(enough, 60)


@asynccontextmanager
async def moving(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str | None = None,
    also: Sequence[str] = (),
    **environment: str,
) -> AsyncIterator[Moving]:
    """`also`: emulators beside Vertex; `environment`: settings."""
    clock = f"20@{int(time.time())}"
    async with launch(dict.fromkeys(("vertex", *also), 0), clock) as urls:
        database = url or f"sqlite:///{folder}/watibot.db"
        (folder / "exports").mkdir()
        wanted = {
            **settings_for(urls, folder, clock, secret=SECRET),
            "WATIBOT_DATABASE_URL": database,
            "WATIBOT_DATA_DIR": str(folder),
            "WATIBOT_HOTEL_FILE": str(HOTEL),
            "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
            "MANYCHAT_TOKEN": "1:invented",
            "MIGRATION_EXPORTS": str(folder / "exports"),
            "MIGRATION_ARCHIVE_DIR": str(folder / "archive"),
            **environment,
        }
        for variable, value in wanted.items():
            monkeypatch.setenv(variable, value)
        yield Moving(folder, database, urls)
