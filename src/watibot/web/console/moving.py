"""The migration page: how far it is, and forms for the verbs of `watibot migrate`.

What is shown is the ledger's, so that a migration that was started in a terminal shows the same.
`moving_asked.py` reads the forms, `ports/errands.py` does what they ask for.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from starlette.responses import Response

from watibot.migration.words import STANDING, alike, translated
from watibot.ports.console import Entry, Guest, Role
from watibot.ports.errands import Errand, Errands, Order
from watibot.ports.outside import Clock
from watibot.ports.standing import Standings, Troubled
from watibot.web.console import moving_asked as asked
from watibot.web.console.frame import BASE, HEADERS, Frame, Visit, back_to, language_of
from watibot.web.console.moving_shown import WINDOW, lasting, rate, shown
from watibot.web.console.rooms import Way, deed, page

HERE = f"{BASE}/migration"
TROUBLED = 50  # conversations that are listed
RESULTS = 50  # of an errand
_ALL = 1_000_000
# So long a form waits for its preview before the page is shown; most are done by then (seconds).
_PATIENCE = 4.0
OLDEST_PREVIEW = timedelta(minutes=15)
_STATUSES = frozenset({0, 1, 2, 3, 4, 5, 75, 78, 130})


class Rows(Protocol):
    """`ports.Console`, as far as it is needed here."""

    async def note(self, entry: Entry) -> None: ...

    async def guests(self, conversation_ids: list[str]) -> dict[str, Guest]: ...


class Moving:
    """Owners only. `holder` says who holds the migration's lock; `writes_back`: a server is set
    that takes threads back."""

    def __init__(
        self,
        errands: Errands,
        standings: Standings,
        rows: Rows,
        frame: Frame,
        clock: Clock,
        appends_per_minute: float,
        holder: Callable[[], Awaitable[str | None]],
        *,
        writes_back: bool,
    ) -> None:
        self._errands = errands
        self._standings = standings
        self._rows = rows
        self._frame = frame
        self._clock = clock
        self._appends = appends_per_minute
        self._holder = holder
        self._writes_back = writes_back

    def ways(self) -> Sequence[Way]:
        return (
            page("/migration", self.show, Role.OWNER),
            page("/migration/verify.txt", self.verified, Role.OWNER),
            page("/migration/report.{form}", self.report, Role.OWNER),
            deed("/migration/start", self.start, Role.OWNER),
            deed("/migration/preview", self.preview, Role.OWNER),
            deed("/migration/confirm", self.confirm, Role.OWNER),
            deed("/migration/retry", self.retry, Role.OWNER),
            deed("/migration/stop", self.stop, Role.OWNER),
        )

    # --- pages ---

    async def show(self, visit: Visit) -> Response:
        """How far it is, what failed, and what can be done."""
        return await self._page(visit)

    async def verified(self, visit: Visit) -> Response:
        """The last comparison, a line for each conversation, as the command prints it."""
        errand = self._errands.of("verify")
        if errand is None or errand.document is None:
            return await self._frame.wrong(visit.request, 404, visit)
        lines = [f"{one.mark} {one.conversation_id}  {one.why}".rstrip() for one in errand.results]
        text = "\n".join([*lines, str(errand.document.get("verdict", ""))]) + "\n"
        return _file(text.encode(), "verify.txt", "text/plain; charset=utf-8")

    async def report(self, visit: Visit) -> Response:
        """`watibot migrate report`, as a file."""
        form = visit.request.path_params["form"]
        kind = {"html": "text/html; charset=utf-8", "json": "application/json"}.get(form)
        if kind is None:
            return await self._frame.wrong(visit.request, 404, visit)
        language = language_of(visit.request)
        with tempfile.TemporaryDirectory() as folder:
            status = await self._errands.ask("report", "--to", folder, "--lang", language)
            name = f"migration-report.{form}"
            if status != 0:
                return await self._frame.wrong(visit.request, 500, visit)
            data = await asyncio.to_thread((Path(folder) / name).read_bytes)
        return _file(data, name, kind)

    # --- deeds ---

    async def start(self, visit: Visit) -> Response:
        order = asked.start(visit.form)
        if order is None:
            return await self._refused(visit, "moving_form")
        return await self._begin(visit, (order,), order.verb)

    async def preview(self, visit: Visit) -> Response:
        """The first of two steps: nothing is changed."""
        order = asked.preview(visit.form)
        if order is None:
            return await self._refused(visit, "moving_cohort")
        known = await self._standings.known(list(order.ids)) if order.ids else {}
        if unknown := [each for each in order.ids if each not in known]:
            return await self._refused(visit, "moving_unknown", unknown)
        response = await self._begin(visit, (order,), "preview")
        await self._errands.settle(_PATIENCE)
        return response

    async def confirm(self, visit: Visit) -> Response:
        """The second: for those conversations that the first one named."""
        seen = self._errands.last
        if (
            seen is None
            or str(seen.number) != visit.form.get("number")
            or seen.ended is None
            or self._clock.now() - seen.ended > OLDEST_PREVIEW
            or (order := asked.confirmed(seen)) is None
        ):
            return back_to(HERE, "moving_old")
        return await self._begin(visit, (order,), order.verb)

    async def retry(self, visit: Visit) -> Response:
        """One conversation, or all whose problem is alike."""
        one, kind = visit.form.get("conversation"), visit.form.get("kind")
        troubled = [
            each
            for each in await self._standings.troubled(_ALL)
            if each.conversation_id == one or asked.kind_of(each.problem) == kind
        ]
        orders = asked.retry(troubled)
        if not orders:
            return back_to(HERE, "stands")
        return await self._begin(visit, orders, "retry")

    async def stop(self, visit: Visit) -> Response:
        if not self._errands.stop():
            return back_to(HERE, "stands")
        await self._note(visit, "stop", None)
        return back_to(HERE, "moving_stopping")

    async def _begin(self, visit: Visit, orders: Sequence[Order], action: str) -> Response:
        """Unless another one is under way, here or elsewhere."""
        if self._errands.running or await self._holder() is not None:
            return back_to(HERE, "moving_busy")
        if self._errands.start(orders, visit.user.user_name) is None:
            return back_to(HERE, "moving_busy")
        await self._note(visit, action, orders[-1])
        return back_to(HERE, "moving_begun")

    async def _note(self, visit: Visit, action: str, order: Order | None) -> None:
        one = order.ids[0] if order is not None and len(order.ids) == 1 else None
        detail = None if order is None else asked.detail(order)
        entry = Entry(self._clock.now(), visit.user.user_name, f"migration.{action}", one, detail)
        await self._rows.note(entry)

    async def _refused(self, visit: Visit, word: str, names: Sequence[str] = ()) -> Response:
        """The page again, with what was typed."""
        return await self._page(visit, 422, word, visit.form, names)

    async def _page(
        self,
        visit: Visit,
        status: int = 200,
        problem: str | None = None,
        typed: Mapping[str, str] | None = None,
        names: Sequence[str] = (),
    ) -> Response:
        now = self._clock.now()
        language = language_of(visit.request)
        errand, running = self._errands.last, self._errands.running
        standing = await self._standings.standing(now - WINDOW)
        troubled = await self._standings.troubled(TROUBLED) if standing.problems else []
        results = [] if errand is None else errand.results[-RESULTS:]
        ids = {each.conversation_id for each in troubled}
        ids |= {each.conversation_id for each in results}
        return await self._frame.show(
            visit.request,
            "migration.html",
            visit,
            status,
            it=shown(standing, now, self._appends),
            errand=errand,
            running=running,
            results=results,
            confirmable=None if errand is None or running else asked.confirmed(errand),
            ended=_ended(errand),
            waiting=_waiting(errand if running else None),
            passed_over=_passed_over(errand),
            elsewhere=None if running else await self._holder(),
            plan=self._errands.of("plan"),
            sources=self._errands.of("sources"),
            compared=self._errands.of("verify"),
            troubled=[_of(each, language) for each in troubled],
            more=sum(standing.problems.values()) - len(troubled),
            guests=await self._rows.guests(sorted(ids)) if ids else {},
            writes_back=self._writes_back,
            appends=self._appends,
            reason=lambda words: translated(words, language),
            lasting=lasting,
            rate=rate,
            number=lambda count: f"{count:,.0f}",
            problem=problem,
            names=names,
            typed=typed or {},
        )


def _of(one: Troubled, language: str) -> tuple[Troubled, str]:
    words = one.problem if language == "en" else translated(alike(one.problem), language)
    return one, words


def _ended(errand: Errand | None) -> str | None:
    """The key of how it ended."""
    if errand is None or errand.ended is None:
        return None
    known = errand.status in _STATUSES
    return f"moving.status.{errand.status if known else 'other'}"


def _waiting(errand: Errand | None) -> tuple[str, str, datetime | None, float | None] | None:
    """Why it does not go faster, as the process tells it: the kind, who, until, per minute."""
    found = (errand.progress or {}).get("waiting") if errand is not None else None
    if not found:
        return None
    until = datetime.fromisoformat(found["until"]) if found["until"] else None
    return found["why"], found["who"], until, found["per_minute"]


def _passed_over(errand: Errand | None) -> list[tuple[str, int]]:
    """States whose conversations a preview leaves where they are."""
    found = (errand.document or {}).get("passed_over") if errand is not None else None
    names = {words: state.value for state, words in STANDING.items()}
    return [(names[words], count) for words, count in (found or {}).items() if words in names]


def _file(data: bytes, name: str, kind: str) -> Response:
    headers = {
        **HEADERS,
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Response(data, 200, headers, kind)
