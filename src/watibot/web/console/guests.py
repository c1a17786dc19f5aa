"""A guest's data in an owner's hands: all of it as a file, and its erasure with the receipts.

`service/export.py` writes the file, `service/erase.py` works through the erasures; who may come
here is `doors.py`. An erasure takes two steps, and the second is to write whom it is about.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import IO, Protocol
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from watibot.conversations import Conversation
from watibot.ports.console import Role
from watibot.ports.erasures import Erasure, Place
from watibot.service.erase import ALWAYS
from watibot.web.console.frame import BASE, HEADERS, Frame, Visit, back_to
from watibot.web.console.rooms import Way, deed, page
from watibot.web.console.words import LANGUAGES

RECEIPTS = 100
_PART = 256 * 1024  # bytes
_IN_MEMORY = 1024 * 1024


class Conversations(Protocol):
    """The store, as far as it is needed here."""

    async def conversation(self, conversation_id: str) -> Conversation | None: ...


class Receipts(Protocol):
    """The list of erasures, as far as it is needed here."""

    async def newest(self, limit: int) -> list[Erasure]: ...


class Eraser(Protocol):
    """`service/erase.py`, as far as it is needed here."""

    async def ask(self, conversation_id: str, by: str) -> int | None: ...

    async def again(self, erasure_id: int, by: str) -> bool: ...


class Exporter(Protocol):
    """`service/export.py`, as far as it is needed here."""

    async def export(
        self, conversation_id: str, by: str, language: str, out: IO[bytes]
    ) -> bool: ...


class Guests:
    """The room. Its ways go before those of a conversation's page, which takes whatever is left of
    an address."""

    def __init__(
        self,
        conversations: Conversations,
        receipts: Receipts,
        eraser: Eraser,
        exporter: Exporter,
        frame: Frame,
    ) -> None:
        self._conversations = conversations
        self._receipts = receipts
        self._eraser = eraser
        self._exporter = exporter
        self._frame = frame

    def ways(self) -> Sequence[Way]:
        one = "/conversations/{conversation_id:path}"
        return (
            deed(f"{one}/export", self.export, Role.OWNER),
            page(f"{one}/erase", self.asked, Role.OWNER),
            deed(f"{one}/erase", self.erase, Role.OWNER),
            page("/erasures", self.erasures, Role.OWNER),
            deed("/erasures/{number:int}/again", self.again, Role.OWNER),
        )

    async def export(self, visit: Visit) -> Response:
        """A ZIP, made whole before its first byte leaves: half of one would look like all."""
        language = visit.form.get("language", LANGUAGES[0])
        if language not in LANGUAGES:
            return await self._frame.wrong(visit.request, 403, visit)
        out: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        try:
            there = await self._exporter.export(
                _conversation(visit), visit.user.user_name, language, out
            )
        except BaseException:
            out.close()
            raise
        if not there:
            out.close()
            return await self._frame.wrong(visit.request, 404, visit)
        size = out.seek(0, os.SEEK_END)
        headers = {
            **HEADERS,
            # Without the guest's name, which downloads would show.
            "content-disposition": 'attachment; filename="guest.zip"',
            "content-length": str(size),
        }
        return StreamingResponse(_parts(out), 200, headers, "application/zip")

    async def asked(self, visit: Visit) -> Response:
        """What would go, what would stay, and the question whether it is meant."""
        found = await self._conversations.conversation(_conversation(visit))
        if found is None:
            return await self._frame.wrong(visit.request, 404, visit)
        return await self._frame.show(
            visit.request,
            "erase.html",
            visit,
            one=found,
            places=list(Place),
            unreached=sorted(ALWAYS),
        )

    async def erase(self, visit: Visit) -> Response:
        """If the guest is named. From here on it cannot be stopped."""
        found = await self._conversations.conversation(_conversation(visit))
        if found is None:
            return await self._frame.wrong(visit.request, 404, visit)
        if not names(visit.form.get("typed", ""), found):
            target = f"{BASE}/conversations/{quote(found.conversation_id, safe='')}/erase"
            return back_to(target, "not_the_guest")
        number = await self._eraser.ask(found.conversation_id, visit.user.user_name)
        if number is None:
            return await self._frame.wrong(visit.request, 404, visit)
        return back_to(f"{BASE}/erasures", "erasing")

    async def erasures(self, visit: Visit) -> Response:
        """The receipts, and what is not complete yet."""
        found = await self._receipts.newest(RECEIPTS)
        return await self._frame.show(visit.request, "erasures.html", visit, found=found)

    async def again(self, visit: Visit) -> Response:
        """One that was given up."""
        number = visit.request.path_params["number"]
        done = await self._eraser.again(number, visit.user.user_name)
        return back_to(f"{BASE}/erasures", "done" if done else "stands")


def names(typed: str, guest: Conversation) -> bool:
    """Whether these words name this guest: the whole name, or the number however it is spaced."""
    words = " ".join(typed.split()).casefold()
    number = "".join(each for each in words if each not in " +-().")
    if not words:
        return False
    name = " ".join((guest.guest_name or "").split()).casefold()
    return words == name or number in (guest.address, guest.conversation_id)


async def _parts(out: IO[bytes]) -> AsyncIterator[bytes]:
    out.seek(0)
    try:
        while part := await run_in_threadpool(out.read, _PART):
            yield part
    finally:
        out.close()


def _conversation(visit: Visit) -> str:
    name: str = visit.request.path_params["conversation_id"]
    return name
