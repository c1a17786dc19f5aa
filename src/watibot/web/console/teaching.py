"""The pages of the instructions: their versions, one of them whole, two of them side by side.

`service/versions.py` keeps what was live. Nothing is edited here: the file on the server is the
source, and everybody who edits it uses what they like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from starlette.responses import Response

from watibot.costs import Prices
from watibot.modelcalls import Usage
from watibot.ports.console import Role
from watibot.ports.outside import Clock
from watibot.ports.versions import Listed
from watibot.service.versions import Live, differences
from watibot.web.console.frame import Frame, Visit
from watibot.web.console.rooms import Way, page

MOST = 50
LEAST_CACHED = 4096  # tokens; below it the model's own cache serves nothing
_NAME = re.compile(r"[0-9a-f]{12}")


class Versions(Protocol):
    """`service/versions.py`, as far as it is needed here."""

    @property
    def path(self) -> Path: ...

    async def look(self) -> Live: ...

    async def versions(self, limit: int) -> list[Listed]: ...

    async def text(self, version: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """Micro-dollars of one call's instructions alone; None where no price is known."""

    full: int | None
    cached: int | None


class Teaching:
    """Answers to GET /instructions. `model` and `location`: those that answer guests."""

    def __init__(
        self,
        versions: Versions,
        prices: Prices,
        model: str,
        location: str,
        frame: Frame,
        clock: Clock,
    ) -> None:
        self._versions = versions
        self._prices = prices
        self._model = model
        self._location = location
        self._frame = frame
        self._clock = clock

    def ways(self) -> Sequence[Way]:
        return (
            page("/instructions", self.overview, Role.OWNER),
            page("/instructions/compare", self.compare, Role.OWNER),
            page("/instructions/{version}", self.one, Role.OWNER),
        )

    async def overview(self, visit: Visit) -> Response:
        """Which there were, and which is live."""
        live = await self._versions.look()
        found = await self._versions.versions(MOST)
        return await self._frame.show(
            visit.request,
            "instructions.html",
            visit,
            live=live,
            versions=[(each, self._cost(each.tokens)) for each in found],
            path_of_file=str(self._versions.path),
            model=self._model,
            least_cached=LEAST_CACHED,
            dollars=dollars,
        )

    async def one(self, visit: Visit) -> Response:
        """One of them, whole."""
        name = visit.request.path_params["version"]
        text = await self._text(name)
        if text is None:
            return await self._frame.wrong(visit.request, 404, visit)
        return await self._frame.show(
            visit.request, "instructions_one.html", visit, version=name, text=text
        )

    async def compare(self, visit: Visit) -> Response:
        """What changed from one version to another."""
        asked = visit.request.query_params
        before, after = asked.get("before", ""), asked.get("after", "")
        old, new = await self._text(before), await self._text(after)
        if old is None or new is None:
            return await self._frame.wrong(visit.request, 404, visit)
        return await self._frame.show(
            visit.request,
            "instructions_compare.html",
            visit,
            before=before,
            after=after,
            changes=differences(old, new),
        )

    async def _text(self, name: str) -> str | None:
        return await self._versions.text(name) if _NAME.fullmatch(name) else None

    def _cost(self, tokens: int | None) -> Cost:
        if tokens is None:
            return Cost(None, None)
        today = self._clock.now().date()
        return Cost(
            self._prices.cost(Usage(prompt=tokens), self._model, today, self._location),
            self._prices.cost(
                Usage(prompt=tokens, cached=tokens), self._model, today, self._location
            ),
        )


def dollars(micros: int | None) -> str:
    """Small amounts with all their places."""
    if micros is None:
        return "?"
    return f"${micros / 1_000_000:.{4 if micros >= 1_000 or not micros else 6}f}"
