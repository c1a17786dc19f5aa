"""The migration page, with nothing behind it: who may come in, what is refused, what is escaped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.clocks import NOON, FakeClock
from tests.contract.stores import DEBOUNCE, inbound
from tests.flow.console_rig import EVIL, seen
from tests.flow.moving_rig import Board, FakeErrands, board
from watibot.conversations import Conversation, Provider
from watibot.ports.errands import Order, Result
from watibot.ports.migrations import State
from watibot.storage import store as storage
from watibot.storage.store import SqlStore

ANA = "50370000001"
DEEDS = ("start", "preview", "confirm", "retry", "stop")
PAGES = ("", "/verify.txt", "/report.html", "/report.json")
PREVIEW = {"verb": "cutover", "which": "all"}


@dataclass
class Stage:
    store: SqlStore
    board: Board
    errands: FakeErrands
    clock: FakeClock

    async def add(self, guest: str = ANA, **changes: object) -> None:
        """A conversation that OpenAI answers."""
        known = inbound(conversation_id=guest, address=guest, sender_name=EVIL)
        await self.store.receive(known, b"{}", NOON, DEBOUNCE)
        held = await self.store.hold(guest, NOON, NOON)
        assert isinstance(held, Conversation)
        await self.store.flip(guest, held.fence, Provider.OPENAI, NOON)
        await self.store.release(guest, held.fence)
        move = await self.store.move(guest)
        assert move is not None
        if changes:
            await self.store.save_move(replace(move, **changes), move.state)  # type: ignore[arg-type]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with await storage.open(f"sqlite:///{tmp_path}/store.db", "posada") as store:
        errands, clock = FakeErrands(), FakeClock(NOON)
        yield Stage(store, await board(store, "posada", errands, clock), errands, clock)


async def test_nobody_without_a_session(stage: Stage) -> None:
    owner = await stage.board.signed_in()
    owner.http.cookies.clear()
    for path in PAGES:
        found = await owner.get(f"/migration{path}")
        assert found.status_code == 303
        assert found.headers["location"].startswith("/console/sign-in")
    for name in DEEDS:
        found = await owner.post(f"/migration/{name}", **PREVIEW)
        assert found.headers["location"] == "/console/sign-in"
    assert stage.errands.last is None


async def test_not_the_desk(stage: Stage) -> None:
    await stage.add()
    owner = await stage.board.signed_in()
    csrf = await owner.csrf("/migration")
    rosa = await stage.board.signed_in("rosa")
    for path in PAGES:
        assert (await rosa.get(f"/migration{path}")).status_code == 403
    own = await rosa.csrf("/migration")  # of the page that says no
    for proof in (own, csrf):
        for name in DEEDS:
            found = await rosa.post(f"/migration/{name}", csrf=proof, **PREVIEW)
            assert found.status_code == 403
    assert stage.errands.last is None
    assert await stage.board.deeds() == []


async def test_not_without_the_form_s_proof(stage: Stage) -> None:
    await stage.add()
    owner = await stage.board.signed_in()
    other = await stage.board.signed_in()
    for proof in ("", "0" * 64, await other.csrf("/migration")):
        for name in DEEDS:
            found = await owner.post(f"/migration/{name}", csrf=proof, **PREVIEW)
            assert found.status_code == 403
    assert stage.errands.last is None
    for name in DEEDS:  # a deed is no page
        assert (await owner.get(f"/migration/{name}")).status_code in (404, 405)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"which": "percent", "percent": "101"}, "say which"),
        ({"which": "percent", "percent": "50; rm -rf"}, "say which"),
        ({"which": "channel", "channel": "--all"}, "say which"),
        ({"which": "list", "ids": "# nobody"}, "say which"),
        ({"which": "list", "ids": "--all"}, "does not know: --all"),
        ({"which": "list", "ids": f"{ANA}\n50370000002"}, "does not know: 50370000002"),
        ({"which": "list", "ids": EVIL}, "does not know"),
        ({}, "say which"),
    ],
)
async def test_a_cohort_that_is_none(stage: Stage, form: dict[str, str], words: str) -> None:
    await stage.add()
    owner = await stage.board.signed_in()
    csrf = await owner.csrf("/migration")
    await owner.page()
    found = await owner.post("/migration/preview", csrf=csrf, verb="cutover", **form)
    assert found.status_code == 422
    assert words in seen(found)
    assert EVIL not in found.text
    assert form.get("percent", "") in seen(found) or form["percent"] in found.text
    assert stage.errands.last is None


async def test_a_number_that_is_none(stage: Stage) -> None:
    await stage.add()
    owner = await stage.board.signed_in()
    csrf = await owner.csrf("/migration")
    found = await owner.post("/migration/start", csrf=csrf, verb="run", most="many")
    assert found.status_code == 422
    assert 'value="many"' in found.text
    for verb in ("cutover", "rollback", "report", "--help", ""):
        found = await owner.post("/migration/start", csrf=csrf, verb=verb)
        assert found.status_code == 422
    assert stage.errands.last is None


async def test_what_was_seen_and_nothing_else_is_done(stage: Stage) -> None:
    await stage.add(state=State.VERIFIED)
    owner = await stage.board.signed_in()
    csrf = await owner.csrf("/migration")

    async def confirm(number: str) -> str:
        found = await owner.post(
            "/migration/confirm", csrf=csrf, number=number, verb="rollback", which="all"
        )
        return str(found.headers["location"]).rpartition("=")[2]

    assert await confirm("1") == "moving_old"  # nothing was seen
    await owner.click("preview", **PREVIEW)
    assert await confirm("1") == "moving_old"  # it has not ended
    document = {"marks": {"+": 1, "=": 1}, "done": 2, "passed_over": {}, "verdict": "1 would be"}
    results = [Result("+", ANA, "3 items"), Result("=", "50370000002", "")]
    stage.errands.end(document=document, results=results)
    assert "Would be done for 1 conversations; done already for 1" in await owner.read()
    assert await confirm("2") == "moving_old"
    await stage.clock.advance(16 * 60)
    assert await confirm("1") == "moving_old"
    await owner.click("preview", **PREVIEW)
    stage.errands.end(document=document, results=results)
    assert stage.errands.last is not None
    stage.errands.last.ended = stage.clock.now()
    await owner.click("confirm")
    assert stage.errands.last.orders == (Order("cutover", (), (ANA,)),)
    assert await stage.board.deeds() == [
        ("migration.preview", "cutover --all"),
        ("migration.preview", "cutover --all"),
        ("migration.cutover", "cutover 1 ids"),
    ]
    stage.errands.end()
    assert await confirm("3") == "moving_old"  # it was done, and was no preview


async def test_one_at_a_time(stage: Stage) -> None:
    await stage.add()
    owner = await stage.board.signed_in()
    await owner.click("start", verb="plan")
    csrf = await owner.csrf("/migration")
    for name, form in (
        ("start", {"verb": "run"}),
        ("preview", PREVIEW),
    ):
        found = await owner.post(f"/migration/{name}", csrf=csrf, **form)
        assert found.headers["location"].endswith("moving_busy")
    assert await owner.click("stop") == "/console/migration?said=moving_stopping"
    assert stage.errands.stops == 1
    stage.errands.end(130)
    found = await owner.post("/migration/stop", csrf=csrf)
    assert found.headers["location"].endswith("stands")
    assert [action for action, _ in await stage.board.deeds()] == [
        "migration.plan",
        "migration.stop",
    ]


async def test_nothing_of_a_stranger_runs_in_it(stage: Stage) -> None:
    """Names, reasons, notes: all of it is text."""
    await stage.add(problem=f"{EVIL} throttled", attempts=1)
    owner = await stage.board.signed_in()
    await owner.click("start", verb="verify")
    stage.errands.end(1, document={"marks": {"!": 1}, "done": 1, "verdict": EVIL})
    assert stage.errands.last is not None
    stage.errands.last.results.append(Result("!", ANA, EVIL))
    stage.errands.last.notes.append(EVIL)
    stage.errands.kept["verify"] = stage.errands.last
    for language in ("en", "es"):
        page = await owner.page(language)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert seen(page).count("alert") >= 3
    file = await owner.get("/migration/verify.txt")
    assert file.headers["content-type"].startswith("text/plain")
    assert file.headers["x-content-type-options"] == "nosniff"


async def test_with_nothing_to_migrate(stage: Stage) -> None:
    owner = await stage.board.signed_in()
    for language, words in (
        ("en", "There is nothing to migrate"),
        ("es", "No hay nada que migrar"),
    ):
        text = await owner.read(language)
        assert words in text
        assert "docs/howto/migrate.md" in text
    assert (await owner.get("/migration/verify.txt")).status_code == 404
    assert (await owner.get("/migration/report.html")).status_code == 500  # it could not be made


async def test_every_word_is_there(stage: Stage) -> None:
    """A key without a word would be shown as it is."""
    await stage.add(state=State.MISSING, problem="no source has its thread")
    owner = await stage.board.signed_in()
    plan = {
        **dict.fromkeys(("conversations", "history_imported", "without_thread", "done"), 2),
        **dict.fromkeys(("looked_at", "missing", "unknown", "messages", "tool_calls"), 2),
        "media": 2,
        "events_of_all": 6,
        "hours": 0.5,
        "dollars": "unknown",
        "by_channel": {"whatsapp": 2},
        "by_source": {"archive": 2},
        "losses": {"x": 1},
        "not_ours": {"archive": 1},
        "not_at_channel": {"whatsapp": 1},
        "extrapolated": True,
        "not_with_us": {"whatsapp": None, "facebook": 3},
    }
    waits = [
        {"why": why, "who": "Vertex", "until": NOON.isoformat(), "per_minute": 290}
        for why in ("patience", "pause", "trouble", "quota")
    ]
    for waiting in [None, *waits]:
        for verb in ("plan", "run", "verify", "cutover", "rollback"):
            stage.errands.last = None
            order = Order(verb, dry_run=verb == "rollback")
            errand = stage.errands.start((order,), "ana")
            assert errand is not None
            errand.progress = {
                "done": 1,
                "total": 2,
                "events_per_minute": 3.0,
                "seconds_left": 60,
                "marks": dict.fromkeys("=+-*!~", 1),
                "waiting": waiting,
            }
            for language in ("en", "es"):
                assert "moving." not in (await owner.page(language)).text
            marks = dict.fromkeys("=+-*!~", 1)
            over = {"verified, not cut over": 3, "no source has its thread": 1}
            document = {"marks": marks, "done": 6, "passed_over": over, "verdict": "v"}
            results = [Result(mark, ANA, "") for mark in marks]
            for status in (0, 1, 2, 3, 4, 5, 75, 78, 130, -9):
                stage.errands.end(status, document=document, results=results)
                stage.errands.kept["plan"] = replace(errand, document=plan)
                sources = [{"source": "wati", "ok": False, "told": "x", "gives": None}]
                stage.errands.kept["sources"] = replace(
                    errand, document={"sources": sources, "advice": "x"}
                )
                page = await owner.page("es" if status % 2 else "en")
                assert "moving." not in page.text.replace("said=moving.", "")
