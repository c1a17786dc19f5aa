"""The console's pages of instructions and of health, over a real store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from tests.clocks import NOON, FakeClock
from tests.contract.stores import Hand, at
from tests.flow.console_rig import EVIL, PASSWORD, ZONE, Browser, _empty_store, seen
from tests.flow.test_console_looks import Outline
from watibot import costs, samples_folder
from watibot.errors import Cause
from watibot.hotel import load
from watibot.instructions import compose
from watibot.ports.console import Role
from watibot.ports.queues import QUEUES, Kind, Queue, Retry, Stored, Trouble
from watibot.service.condition import Machine, Month, Quota, Report
from watibot.service.provider_watch import ProviderWatch
from watibot.service.versions import Versions
from watibot.storage import store as storage
from watibot.storage.console import SqlConsole
from watibot.storage.door import Door
from watibot.storage.store import SqlStore
from watibot.storage.versions import SqlVersions
from watibot.turns import BubbleState
from watibot.web.console.doors import Doors
from watibot.web.console.frame import Frame
from watibot.web.console.health import Health, old, size, todo, wrong
from watibot.web.console.passwords import hashed
from watibot.web.console.rooms import Room
from watibot.web.console.routes import console
from watibot.web.console.teaching import Teaching, dollars
from watibot.web.console.words import WORDS

HOTEL = load(samples_folder() / "hotel.toml")
FIRST = "# Manera\n\n" + "Salude con amabilidad.\n" * 12 + "El desayuno es de 7 a 10.\n"
SECOND = FIRST.replace("de 7 a 10", "de 6 a 10") + f"\n{EVIL}\n"
QUIET = Machine("0.1.0", at(-7200), Stored("sqlite", 5 << 20), 9 << 30, 80 << 30, "ab12" * 3, None)


class Told:
    """A report that tests make."""

    def __init__(self) -> None:
        self.report_ = Report(NOON, (), (), (), (), (), None, QUIET)

    async def queues(self) -> list[Queue]:
        return list(self.report_.queues)

    async def report(self) -> Report:
        return self.report_


@dataclass
class House:
    """A console of these two rooms, with the users `rosa` (desk) and `ana` (owner)."""

    store: SqlStore
    clock: FakeClock
    app: FastAPI
    told: Told
    versions: Versions
    path: Path

    def browser(self) -> Browser:
        transport = httpx2.ASGITransport(app=self.app)
        return Browser(httpx2.AsyncClient(transport=transport, base_url="http://desk.test"))

    async def signed_in(self, name: str) -> Browser:
        made = self.browser()
        assert (await made.sign_in(name)).status_code == 303
        return made

    def now_reads(self, text: str) -> str:
        self.path.write_text(text)
        return compose(text.strip(), HOTEL).version


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    (folder / "store.db").write_bytes(_empty_store())
    async with await storage.open(f"sqlite:///{folder}/store.db", "posada") as store:
        door, clock, told = Door(store._writer, "posada"), FakeClock(NOON), Told()
        rows, path = SqlConsole(door), folder / "instructions.md"
        path.write_text(FIRST)
        versions = Versions(SqlVersions(door), path, HOTEL, clock)
        frame = Frame("Posada Invento", ZONE, clock, False)
        rooms: list[Room] = [
            Teaching(versions, costs.load(), "gemini-3.8-flash", "global", frame, clock),
            Health(told, frame, clock),
        ]
        app = FastAPI(docs_url=None, redoc_url=None)
        app.router.routes.append(console(rooms, Doors(rows, frame, clock), frame))
        for name, role in (("rosa", Role.DESK), ("ana", Role.OWNER)):
            await rows.add_user(name, name.title(), hashed(PASSWORD), role, NOON)
        yield House(store, clock, app, told, versions, path)


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


def bad_day() -> Report:
    """Everything that can be shown."""
    watch = ProviderWatch()
    watch.heard("gemini", "ok", at(-30))
    watch.heard("gemini", Cause.THROTTLED, at(-20))
    watch.heard("wati", "ok", at(-10))
    return Report(
        NOON,
        tuple(watch.all(NOON)),
        (
            Queue("messages", 3, at(-600)),
            Queue("turns", 0, None),
            Queue("escalations", 1, at(-60)),
            Queue("quarantine", 2, at(-999_999)),
        ),
        (
            Retry(Kind.ANSWER, "fb:900", at(-90), 3, at(40)),
            Retry(Kind.NOTICE, None, at(-9), 1, None),
        ),
        (
            Trouble(Kind.ANSWER, "gemini throttled (HTTP 429)", 2, at(-20)),
            Trouble(Kind.WEBHOOK, f"not found {EVIL}", 1, at(-50)),
        ),
        (Quota("model", 300, 290), Quota("writes", 90, None, 7.2)),
        Month("wati", 95_000, 100_000, 144_000),
        replace(QUIET, free=500 << 20, last_backup=at(-86_400)),
    )


async def test_versions_are_listed_with_what_they_cost(built: House) -> None:
    ana = await built.signed_in("ana")
    page = await ana.get("/instructions")
    first = compose(FIRST.strip(), HOTEL)
    said = seen(page)
    assert page.status_code == 200
    assert f"{first.version} en uso" in said
    assert str(built.path) in said
    assert "aproximados" in said
    assert "Comparar" not in said

    second = built.now_reads(SECOND)
    await built.clock.advance(60)
    hand = Hand(built.store)
    await hand.hear()
    _, (bubble,) = await hand.answer("hola", seconds=30)
    await hand.permit(bubble)
    await hand.done(bubble, BubbleState.SENT)
    said = seen(await ana.get("/instructions"))
    assert said.index(f"{second} en uso") < said.index("Versiones") + 400
    assert f"{first.version} en uso" not in said
    assert "Comparar" in said


async def test_a_cost_is_that_of_its_tokens(built: House) -> None:
    ana = await built.signed_in("ana")
    await ana.get("/instructions")
    version = compose(FIRST.strip(), HOTEL).version
    rows = SqlVersions(Door(built.store._writer, "posada"))
    await rows.counted(version, 40_000, True)
    prices = costs.load()
    price = prices.of("gemini-3.8-flash", NOON.date())
    assert price is not None
    full, cached = (float(rate) * 40_000 / 1e6 for rate in (price.rates.input, price.rates.cached))
    said = seen(await ana.get("/instructions"))
    assert f"${full:.4f}; desde la caché ${cached:.4f}" in said
    assert "40,000 (contados por el proveedor)" in said
    assert "demasiado cortas" not in said


def test_small_amounts() -> None:
    assert [dollars(each) for each in (41_105, 21, 0, None)] == [
        "$0.0411",
        "$0.000021",
        "$0.0000",
        "?",
    ]


async def test_what_changed_is_shown_as_text(built: House) -> None:
    ana = await built.signed_in("ana")
    await ana.get("/instructions")
    first, second = compose(FIRST.strip(), HOTEL).version, built.now_reads(SECOND)
    await ana.get("/instructions")
    page = await ana.get(f"/instructions/compare?before={first}&after={second}")
    said = seen(page)
    assert re.search(r"− quitada El desayuno es de 7 a 10\.", said)
    assert re.search(r"\+ agregada El desayuno es de 6 a 10\.", said)
    assert "11 líneas iguales" in said
    assert EVIL not in page.text
    whole = await ana.get(f"/instructions/{second}")
    assert "&lt;script&gt;" in whole.text
    assert "Horario de la oficina de reservas" in seen(whole)
    same = await ana.get(f"/instructions/compare?before={first}&after={first}")
    assert "Son iguales." in seen(same)


@pytest.mark.parametrize(
    "path",
    [
        "/instructions/000000000000",
        "/instructions/..%2Fx",
        "/instructions/compare",
        "/instructions/compare?before=x&after=y",
    ],
)
async def test_no_such_version(built: House, path: str) -> None:
    ana = await built.signed_in("ana")
    assert (await ana.get(path)).status_code == 404


async def test_a_file_that_cannot_be_used_is_told_with_what_to_do(built: House) -> None:
    ana = await built.signed_in("ana")
    await ana.get("/instructions")
    built.now_reads("corto")
    said = seen(await ana.get("/instructions"))
    assert "no se puede usar" in said
    assert "found 5 characters, expected at least 200" in said
    assert compose(FIRST.strip(), HOTEL).version in said
    built.now_reads(FIRST)
    assert "no se puede usar" not in seen(await ana.get("/instructions"))


async def test_instructions_are_the_owner_s(built: House) -> None:
    rosa = await built.signed_in("rosa")
    version = compose(FIRST.strip(), HOTEL).version
    await built.versions.look()
    for path in ("", f"/{version}", f"/compare?before={version}&after={version}"):
        assert (await rosa.get(f"/instructions{path}")).status_code == 403
    stranger = built.browser()
    for path in ("/instructions", "/health"):
        assert (await stranger.get(path)).status_code == 303


async def test_a_quiet_day(built: House) -> None:
    ana = await built.signed_in("ana")
    said = seen(await ana.get("/health"))
    assert "Todo funciona." in said
    assert "sqlite, 5 MiB" in said
    assert "9.0 GiB de 80.0 GiB" in said
    assert "ninguna que se conozca" in said


async def test_a_bad_day(built: House) -> None:
    ana = await built.signed_in("ana")
    built.told.report_ = bad_day()
    page = await ana.get("/health")
    said = seen(page)
    for expected in (
        "Gemini, el modelo mirar",
        "demasiadas solicitudes · 11:59",
        WORDS["health.todo.throttled"][0],
        "WATI, WhatsApp bien",
        "Mensajes sin empezar 3 hace 10 min mirar",
        "Casos sin atender 1 hace 1 min bien",
        "Mensajes ilegibles 2 hace 11 días bien",
        "Respuesta 3 hace 1 min 12:00",
        "Aviso al personal 1 hace 0 min ahora",
        "290 (97 %) 300 por minuto mirar",
        "no se cuenta espera de 7 s",
        "95,000 (95 %) previsto: 144,000 100,000 por mes mirar",
        WORDS["health.month.todo"][0],
        "500 MiB de 80.0 GiB Haga lugar",
        WORDS["health.todo.webhook"][0],
    ):
        assert expected in said
    assert EVIL not in page.text
    assert '<a href="#providers">' in page.text
    assert "/console/conversations/fb%3A900" in page.text


async def test_the_desk_sees_what_waits_and_no_more(built: House) -> None:
    rosa = await built.signed_in("rosa")
    built.told.report_ = bad_day()
    said = seen(await rosa.get("/health"))
    assert "Mensajes sin empezar 3 hace 10 min mirar" in said
    for hidden in ("Gemini", "sqlite", "por minuto", "HTTP 429"):
        assert hidden not in said


def test_what_there_is_to_look_at() -> None:
    assert wrong(bad_day()) == ["providers", "queues", "quotas", "machine", "troubles"]
    quiet = Report(NOON, (), (), (), (), (), Month("wati", 1, 9, 8), QUIET)
    assert wrong(quiet) == []
    assert wrong(replace(quiet, month=Month("wati", 1, 9, 9))) == ["quotas"]
    assert wrong(replace(quiet, quotas=(Quota("model", 100, 90),))) == ["quotas"]
    assert wrong(replace(quiet, quotas=(Quota("model", 100, 89),))) == []


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (Queue("messages", 1, at(-119)), False),
        (Queue("messages", 1, at(-120)), True),
        (Queue("messages", 0, None), False),
        (Queue("quarantine", 9, NOON - timedelta(days=99)), False),
    ],
)
def test_old(queue: Queue, expected: bool) -> None:
    assert old(queue, NOON) is expected


@pytest.mark.parametrize(
    ("kind", "reason", "expected"),
    [
        (Kind.ANSWER, "gemini unauthorised (HTTP 403): denied", "unauthorised"),
        (Kind.ANSWER, "no reason that we know", "answer"),
        (Kind.BUBBLE, "window", "bubble"),
        (Kind.NOTICE, "staff unreachable", "unreachable"),
        (Kind.WEBHOOK, "invalid body", "webhook"),
    ],
)
def test_what_to_do(kind: Kind, reason: str, expected: str) -> None:
    assert todo(Trouble(kind, reason, 1, NOON)) == f"health.todo.{expected}"


def test_everything_has_words() -> None:
    for name in QUEUES:
        assert f"health.queue.{name}" in WORDS
    for kind in Kind:
        assert f"health.kind.{kind}" in WORDS
        assert f"health.todo.{kind}" in WORDS
    for cause in Cause:
        assert f"health.cause.{cause}" in WORDS
        assert f"health.todo.{cause}" in WORDS


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (5 << 20, "5 MiB"), (3 << 29, "1.5 GiB")],
)
def test_size(count: int, expected: str) -> None:
    assert size(count) == expected


@pytest.mark.parametrize("language", ["es", "en"])
async def test_pages_can_be_used_by_everybody(built: House, language: str) -> None:
    ana = await built.signed_in("ana")
    built.told.report_ = bad_day()
    await built.versions.look()
    first, second = compose(FIRST.strip(), HOTEL).version, built.now_reads(SECOND)
    await built.versions.look()
    for path in (
        "/health?x=1",
        "/instructions?x=1",
        f"/instructions/{first}?x=1",
        f"/instructions/compare?before={first}&after={second}",
    ):
        page = await ana.get(f"{path}&lang={language}")
        found = Outline(page.text)
        assert found.language == language
        assert found.headings[0] == 1
        assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
        assert len(found.ids) == len(set(found.ids))
        assert set(found.pointed) <= set(found.ids)
        assert {field.get("id") for _, field in found.fields} <= found.labelled
        assert found.wrong == []
        assert not re.search(
            r"\b(health|instructions)\.[a-z_.]+\b", seen(page).replace("instructions.md", "")
        )
