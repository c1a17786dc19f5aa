"""The migration page over a hotel with a past at OpenAI, and somebody who clicks its forms.

`board` is the page over whatever store and errands a test has; `Clicker` finds forms by their
address, as a browser does, so that a form that the page does not offer cannot be sent.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx2
from fastapi import FastAPI

from tests.clocks import NOON
from tests.flow.console_rig import PASSWORD, ZONE, Browser, seen
from watibot.ports import Clock
from watibot.ports.console import Role
from watibot.ports.errands import Errand, Errands, Order
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.standing import SqlStandings
from watibot.storage.store import SqlStore
from watibot.web.console.doors import Doors
from watibot.web.console.frame import Frame
from watibot.web.console.moving import Moving
from watibot.web.console.passwords import hashed
from watibot.web.console.routes import console

_FORM = re.compile(r'<form[^>]*action="/console(/migration/\w+)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_ROW = re.compile(r'<tr data-state="(\w+)">.*?<td>([\d,]+)</td></tr>', re.DOTALL)


async def nobody() -> str | None:
    return None


@dataclass
class Board:
    """The page, and the log of what was done there."""

    app: FastAPI
    rows: SqlConsole

    async def signed_in(self, name: str = "ana") -> Clicker:
        transport = httpx2.ASGITransport(app=self.app)
        made = Clicker(httpx2.AsyncClient(transport=transport, base_url="http://desk.test"))
        assert (await made.sign_in(name)).status_code == 303
        return made

    async def deeds(self) -> list[tuple[str, str | None]]:
        """What was done with the migration, the oldest first."""
        found = reversed(await self.rows.entries(100))
        return [(one.action, one.detail) for one in found if one.action.startswith("migration.")]


async def board(
    store: SqlStore,
    hotel_id: str,
    errands: Errands,
    clock: Clock,
    holder: Callable[[], Awaitable[str | None]] = nobody,
    *,
    writes_back: bool = True,
    appends: float = 290.0,
) -> Board:
    """With the users `rosa` (desk) and `ana` (owner)."""
    door = Door(store._writer, hotel_id)
    rows = SqlConsole(door)
    frame = Frame("Posada Invento", ZONE, clock, False)
    room = Moving(
        errands, SqlStandings(door), rows, frame, clock, appends, holder, writes_back=writes_back
    )
    app = FastAPI(docs_url=None, redoc_url=None)
    app.router.routes.append(console([room], Doors(rows, frame, clock), frame))
    for name, role in (("rosa", Role.DESK), ("ana", Role.OWNER)):
        await rows.add_user(name, name.title(), hashed(PASSWORD), role, NOON)
    return Board(app, rows)


@dataclass
class Clicker(Browser):
    """At the migration page."""

    async def page(self, language: str = "en") -> httpx2.Response:
        found = await self.get(f"/migration?lang={language}")
        assert found.status_code == 200, found.text
        return found

    async def read(self, language: str = "en") -> str:
        return seen(await self.page(language))

    async def states(self) -> dict[str, int]:
        """The page's figures."""
        text = (await self.page()).text
        return {state: int(count.replace(",", "")) for state, count in _ROW.findall(text)}

    async def click(self, address: str, **typed: str) -> str:
        """Sends a form of the page, its hidden fields too; where it led to. Forms to one address
        are told apart by what is hidden in them."""
        for action, inside in _FORM.findall((await self.page()).text):
            hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(inside)}
            if action == f"/migration/{address}" and (
                "verb" not in typed or hidden.get("verb") == typed["verb"]
            ):
                answer = await self.post(action, **{**hidden, **typed})
                assert answer.status_code == 303, seen(answer)
                return answer.headers["location"]
        raise AssertionError(f"the page has no such form: {address} {typed}")


class FakeErrands:
    """`ports.Errands` that does nothing by itself: a test says how an errand ends."""

    def __init__(self) -> None:
        self.last: Errand | None = None
        self.running = False
        self.stops = 0
        self.kept: dict[str, Errand] = {}

    def of(self, verb: str) -> Errand | None:
        return self.kept.get(verb)

    def start(self, orders: Sequence[Order], by: str) -> Errand | None:
        if self.running:
            return None
        number = 1 if self.last is None else self.last.number + 1
        self.last = Errand(number, tuple(orders), by, NOON)
        self.running = True
        return self.last

    def stop(self) -> bool:
        self.stops += self.running
        return self.running

    async def settle(self, seconds: float) -> None:
        """Nothing to wait for."""

    async def ask(self, *arguments: str) -> int:
        return 75

    def end(self, status: int = 0, **changes: object) -> None:
        assert self.last is not None
        self.running = False
        self.last.status, self.last.ended = status, NOON
        for name, value in changes.items():
            setattr(self.last, name, value)
