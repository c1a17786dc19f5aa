"""What the console's forms do: each asks `service/desk.py` and goes back to the page it came from.

`doors.py` has seen by then who it is and that the form is our own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from watibot.payments.reading import amount, currency
from watibot.ports.console import User
from watibot.service.desk import Deed
from watibot.web.console.frame import BASE, Frame, Visit, back_to
from watibot.web.console.rooms import Way, deed

_ONCE = re.compile(r"[0-9a-f]{8,64}")
_AMOUNT = re.compile(r"[0-9.,]{1,14}")  # a receipt may say more than that, a colleague does not
_CODE = re.compile(r"[A-Z]{3}")


class Desk(Protocol):
    """`service/desk.py`, as far as it is needed here."""

    async def take(self, conversation_id: str, by: User) -> Deed: ...

    async def give_back(self, conversation_id: str, by: User, note: str) -> Deed: ...

    async def write(self, conversation_id: str, by: User, text: str, once: str) -> Deed: ...

    async def note(self, conversation_id: str, by: User, text: str, once: str) -> Deed: ...

    async def acknowledge(self, escalation_id: int, by: User, note: str) -> Deed: ...

    async def decide(
        self, proof_id: int, by: User, accept: bool, note: str, tell: bool
    ) -> Deed: ...

    async def set_amount(self, booking_id: int, by: User, amount: int, currency: str) -> Deed: ...


class Deeds:
    """Answers to POST. `chat` shows a conversation's page, with what was typed in one of its
    forms."""

    def __init__(
        self,
        desk: Desk,
        frame: Frame,
        chat: Callable[[Visit, Mapping[str, str], int], Awaitable[Response]],
    ) -> None:
        self._desk = desk
        self._frame = frame
        self._chat = chat

    def ways(self) -> Sequence[Way]:
        one = "/conversations/{conversation_id:path}"
        return (
            deed("/escalations/{number:int}/acknowledge", self.acknowledge),
            deed("/payments/{number:int}/decide", self.decide),
            deed("/bookings/{number:int}/amount", self.set_amount),
            deed(f"{one}/take", self.take),
            deed(f"{one}/give-back", self.give_back),
            deed(f"{one}/write", self.write),
            deed(f"{one}/note", self.note),
        )

    async def take(self, visit: Visit) -> Response:
        return await self._went(visit, await self._desk.take(_conversation(visit), visit.user))

    async def give_back(self, visit: Visit) -> Response:
        note = visit.form.get("note", "")
        done = await self._desk.give_back(_conversation(visit), visit.user, note)
        return await self._typed(visit, done, "give-back", note)

    async def write(self, visit: Visit) -> Response:
        text, once = visit.form.get("text", ""), visit.form.get("once", "")
        if not _ONCE.fullmatch(once):
            return await self._frame.wrong(visit.request, 403, visit)
        done = await self._desk.write(_conversation(visit), visit.user, text, once)
        return await self._typed(visit, done, "write", text)

    async def note(self, visit: Visit) -> Response:
        text, once = visit.form.get("text", ""), visit.form.get("once", "")
        if not _ONCE.fullmatch(once):
            return await self._frame.wrong(visit.request, 403, visit)
        done = await self._desk.note(_conversation(visit), visit.user, text, once)
        return await self._typed(visit, done, "note", text)

    async def acknowledge(self, visit: Visit) -> Response:
        number, note = visit.request.path_params["number"], visit.form.get("note", "")
        return await self._went(visit, await self._desk.acknowledge(number, visit.user, note))

    async def decide(self, visit: Visit) -> Response:
        number, note = visit.request.path_params["number"], visit.form.get("note", "")
        verdict = visit.form.get("verdict")
        if verdict not in ("accept", "reject"):
            return await self._frame.wrong(visit.request, 403, visit)
        tell = visit.form.get("tell") == "yes"
        done = await self._desk.decide(number, visit.user, verdict == "accept", note, tell)
        return await self._went(visit, done)

    async def set_amount(self, visit: Visit) -> Response:
        number = visit.request.path_params["number"]
        typed, code = visit.form.get("amount", ""), currency(visit.form.get("currency", ""))
        due = amount(typed) if _AMOUNT.fullmatch(typed.strip()) else None
        if not due or code is None or not _CODE.fullmatch(code):
            return back_to(_back(visit), "amount")
        done = await self._desk.set_amount(number, visit.user, due, code)
        return await self._went(visit, done)

    async def _typed(self, visit: Visit, done: Deed, form: str, text: str) -> Response:
        """After a form of a chat. What was refused is shown again, so that nobody has to write it
        twice."""
        if done in (Deed.DONE, Deed.STANDS, Deed.UNKNOWN):
            return await self._went(visit, done)
        scope = {
            **visit.request.scope,
            "path": f"{BASE}/conversations/{_conversation(visit)}",
            "query_string": urlencode({"said": done}).encode(),
        }
        page = Visit(Request(scope), visit.user, visit.csrf)
        return await self._chat(page, {form: text}, 422)

    async def _went(self, visit: Visit, done: Deed) -> Response:
        if done is Deed.UNKNOWN:
            return await self._frame.wrong(visit.request, 404, visit)
        return back_to(_back(visit), done)


def _conversation(visit: Visit) -> str:
    name: str = visit.request.path_params["conversation_id"]
    return name


def _back(visit: Visit) -> str:
    """The page of the form: the one it names, or the conversation that it is about."""
    if "back" in visit.form:
        return visit.form["back"]
    name = visit.request.path_params.get("conversation_id")
    return f"{BASE}/" if name is None else f"{BASE}/conversations/{quote(name, safe='')}"
