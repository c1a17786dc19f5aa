"""The wired console attacked on every address that it has: found by walking its routes, so that a
room that is added is attacked too.

`test_console_doors.py` has sign-in itself: throttling, cookies, where it leads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from starlette.routing import Mount, Route

from tests.contract.test_store_backup import contents
from tests.flow.console_rig import CSRF, PASSWORD, Browser
from tests.flow.house import GUEST, House, house, until
from watibot.ports.console import Role
from watibot.turns import MediaState
from watibot.web.console.passwords import hashed

# All that the front desk may call. What is not here is the owner's: an address that is added and
# forgotten stays shut.
DESK_MAY = {
    "/",
    "/today",
    "/live",
    "/health",
    "/escalations",
    "/payments",
    "/conversations",
    "/conversations/{conversation_id:path}",
    "/media/{media_id:int}",
    "/sign-out",
    "/escalations/{number:int}/acknowledge",
    "/payments/{number:int}/decide",
    "/bookings/{number:int}/amount",
    "/conversations/{conversation_id:path}/take",
    "/conversations/{conversation_id:path}/give-back",
    "/conversations/{conversation_id:path}/write",
    "/conversations/{conversation_id:path}/note",
}
OPEN = ("/static/", "/sign-in")  # to everybody
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# What time alone changes (requests of the service's own cost too), and a session's last use.
MOVING = {"sign_ins", "quotas", "calls", "charges", "tallies", "caches", "instruction_versions"}
EVIL = "<script>alert('evil')</script><img src=x onerror=alert(1)>\"'><b onclick=alert(1)>{{7*7}}"


@dataclass(frozen=True, slots=True)
class Address:
    """A way of the console, and a path that takes it."""

    way: str
    method: str

    @property
    def path(self) -> str:
        path = self.way.replace("{conversation_id:path}", quote(GUEST))
        parts = [
            "1" if ":int}" in part else "x" if part.startswith("{") else part
            for part in path.split("/")
        ]
        return "/".join(parts)

    @property
    def shut(self) -> bool:
        return not self.way.startswith(OPEN)


def addresses(hotel: House) -> Iterator[Address]:
    assert hotel.app is not None
    mount = next(each for each in hotel.app.web.router.routes if isinstance(each, Mount))
    for route in mount.routes:
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            yield Address(route.path, method)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A hotel in which a guest wrote and a colleague was asked for, once."""
    async with house(tmp_path, monkeypatch, STAFF_REPEATS="0") as hotel:
        assert hotel.app is not None
        rows, now, password = hotel.app.store.console, hotel.app.clock.now(), hashed(PASSWORD)
        await rows.add_user("rosa", "Rosa", password, Role.DESK, now)
        await rows.add_user("ana", "Ana", password, Role.OWNER, now)
        await hotel.guest(name=f"Mala {EVIL}")
        await hotel.says(GUEST, media="pdf", file_name=f"{EVIL}.pdf", caption=EVIL)
        await hotel.says(GUEST, f"Quiero hablar con una persona. {EVIL}")
        await hotel.notices()
        await hotel.quiet()
        yield hotel
        for each in visitors:
            await each.http.aclose()
        visitors.clear()


visitors: list[Browser] = []


def nobody(hotel: House, **headers: str) -> Browser:
    made = Browser(httpx2.AsyncClient(base_url=hotel.service, headers=headers, timeout=20))
    visitors.append(made)
    return made


async def signed_in(hotel: House, name: str) -> Browser:
    made = nobody(hotel)
    assert (await made.sign_in(name)).status_code == 303
    return made


async def ask(who: Browser, method: str, path: str, **form: str) -> httpx2.Response:
    """The answer; of one that never ends, its head."""
    wanted = who.http.build_request(method, f"/console{path}", data=form or None)
    answer = await who.http.send(wanted, stream=True)
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        await answer.aread()
    await answer.aclose()
    return answer


def state(folder: Path) -> dict[str, object]:
    found = contents(f"sqlite:///{folder}/watibot.db")
    return {name: rows for name, rows in found.items() if name not in MOVING}


async def still(desk: House, folder: Path) -> dict[str, object]:
    """Once nothing of the service's own is under way any more."""
    found: list[dict[str, object]] = [{}]

    async def the_same() -> bool:
        await desk.quiet()
        assert desk.app is not None
        if (await desk.app.store.counts())["notices_waiting"]:
            return False
        found.append(state(folder))
        return found[-1] == found[-2]

    await until(the_same)
    return found[-1]


async def test_nothing_is_shown_or_done_without_a_session(desk: House, tmp_path: Path) -> None:
    before, wrong = await still(desk, tmp_path), []
    for cookie in (
        "",
        "watibot_desk=guessed",
        "watibot_visit=x; watibot_desk=",
        "watibot_desk=%00",
    ):
        visitor = nobody(desk, **({"cookie": cookie} if cookie else {}))
        for each in addresses(desk):
            if not each.shut:
                continue
            answer = await ask(visitor, each.method, each.path, csrf="0" * 64)
            there = answer.headers.get("location", "")
            if (answer.status_code, answer.content) != (303, b"") or "/sign-in" not in there:
                wrong.append((each, answer.status_code))
    assert wrong == []
    assert await still(desk, tmp_path) == before


async def test_the_desk_may_what_is_said_here_and_no_more(desk: House, tmp_path: Path) -> None:
    found = list(addresses(desk))
    assert {each.way for each in found} >= DESK_MAY, "the list above has what is not there"
    rosa, before, wrong = await signed_in(desk, "rosa"), await still(desk, tmp_path), []
    proof = await rosa.csrf()
    for each in found:
        if each.way not in DESK_MAY and each.shut:
            answer = await ask(rosa, each.method, each.path, csrf=proof)
            if answer.status_code != 403:
                wrong.append((each, answer.status_code))
    assert wrong == []
    assert (await still(desk, tmp_path))["audit"] == before["audit"]
    assert await still(desk, tmp_path) == before
    for each in found:
        if each.way in DESK_MAY and each.method == "GET":
            assert (await ask(rosa, "GET", each.path)).status_code in (200, 404), each


async def test_no_form_but_our_own_does_anything(desk: House, tmp_path: Path) -> None:
    ana, rosa = await signed_in(desk, "ana"), await signed_in(desk, "rosa")
    visit = CSRF.search((await nobody(desk).get("/sign-in")).text)
    assert visit is not None
    other = await signed_in(desk, "ana")
    foreign = [await rosa.csrf(), await other.csrf(), visit[1], "0" * 64, "", "ä"]
    before, wrong = await still(desk, tmp_path), []
    for each in addresses(desk):
        if each.method != "POST" or not each.shut:
            continue
        for proof in (*foreign, None):
            form = {} if proof is None else {"csrf": proof}
            sent = {**form, "verdict": "accept", "text": "x", "once": "0" * 24, "confirm": GUEST}
            answer = await ask(ana, "POST", each.path, **sent)
            in_address = f"{each.path}?csrf={quote(await ana.csrf())}"
            tricked = await ask(ana, "POST", in_address, **sent)
            if (answer.status_code, tricked.status_code) != (403, 403):
                wrong.append((each, proof, answer.status_code, tricked.status_code))
    assert wrong == []
    assert await still(desk, tmp_path) == before
    assert (await ana.get("/")).status_code == 200, "she was signed out by a foreign form"


async def test_other_methods_do_nothing(desk: House, tmp_path: Path) -> None:
    ana, before, wrong = await signed_in(desk, "ana"), await still(desk, tmp_path), []
    known: dict[str, set[str]] = {}
    for each in addresses(desk):
        known.setdefault(each.path, set()).add(each.method)
    for path, methods in known.items():
        for method in set(METHODS) - methods:
            answer = await ask(ana, method, path)
            # A deed's address read by GET is a conversation that is not there.
            if answer.status_code not in (404, 405):
                wrong.append((method, path, answer.status_code))
    assert wrong == []
    assert await still(desk, tmp_path) == before


async def test_every_answer_is_strict(desk: House) -> None:
    ana, rosa, visitor = await signed_in(desk, "ana"), await signed_in(desk, "rosa"), nobody(desk)
    wrong = []
    for each in [*addresses(desk), Address("/nowhere", "GET"), Address("/media/77", "GET")]:
        for who in (visitor, rosa, ana):
            answer = await ask(who, each.method, each.path)
            policy = answer.headers.get("content-security-policy", "")
            parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
            is_file = "sandbox" in parts
            strict = (
                parts.get("default-src") == "'none'"
                and (is_file or parts.get("frame-ancestors") == "'none'")
                and (is_file or parts.get("base-uri") == "'none'")
                and (is_file or parts.get("form-action") == "'self'")
                and parts.get("script-src", "'self'") == "'self'"
                and parts.get("style-src", "'self'") == "'self'"
                and "unsafe" not in policy
                and "*" not in policy
                and answer.headers.get("x-content-type-options") == "nosniff"
                and answer.headers.get("referrer-policy") == "same-origin"
                and ("static" in each.way or is_file or _unkept(answer))
            )
            if not strict:
                wrong.append((each, dict(answer.headers)))
    assert wrong == []


def _unkept(answer: httpx2.Response) -> bool:
    return "no-store" in answer.headers.get("cache-control", "")


class Made(HTMLParser):
    """What would run something in a page, and how often the evil words are in it as words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.read = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        had = dict(attrs)
        bad = [name for name in had if name.startswith("on") or name == "style"]
        links = [had.get(name) or "" for name in ("href", "src", "action", "formaction")]
        bad += [
            link for link in links if link.lower().lstrip().startswith(("javascript:", "data:"))
        ]
        if bad or (tag in ("script", "style") and not had.get("src")):
            self.runs.append(self.get_starttag_text() or tag)

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style") and data.strip():
            self.runs.append(data)
        self.read += data


async def test_what_strangers_wrote_is_words_on_every_page(desk: House) -> None:
    ana = await signed_in(desk, "ana")
    await ana.send(f"/conversations/{GUEST}/note", text=EVIL, once="1" * 24)
    await ana.send(f"/conversations/{GUEST}/write", text=EVIL, once="2" * 24)
    await ana.send("/escalations/1/acknowledge", note=EVIL)
    await ana.get("/sign-out")
    wrong, read = [], 0
    for each in addresses(desk):
        if each.method != "GET":
            continue
        for more in ("", f"?said={quote(EVIL)}&q={quote(EVIL)}&next={quote(EVIL)}&lang=en"):
            answer = await ask(ana, "GET", each.path + more)
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            made = Made(answer.text)
            wrong += [(each, what) for what in made.runs]
            if "evil" in made.read:
                read += 1
                assert "7*7" in made.read, each
    assert wrong == []
    assert read >= 2, "it is read nowhere"
    refused = await nobody(desk).sign_in(EVIL, EVIL)
    assert Made(refused.text).runs == []


OUTSIDE = (
    "../watibot.db",
    "../../../../../../etc/hostname",
    "/etc/hostname",
    "",
    ".",
    "ab",
    "ab/\x00",
    f"ab/../{'0' * 64}",
)
BESIDE = (
    "/media/..%2f..%2fwatibot.db",
    "/media/%2e%2e/watibot.db",
    "/media/1/../../watibot.db",
    "/media/1%00",
    "/media/-1",
    "/media/1e3",
    "/static/..%2f..%2ftemplates%2fbase.html",
    "/static/%2e%2e/frame.py",
    "/static//etc/hostname",
    "/..%2f..%2fmetrics",
)


async def test_a_file_outside_the_folder_is_none(desk: House) -> None:
    """Even if the row says so; nor does anything lie beside the console."""
    assert desk.app is not None
    store = desk.app.store
    media = await store.console.media(1)
    assert media is not None
    ana = await signed_in(desk, "ana")
    assert (await ana.get("/media/1")).status_code == 200
    found = []
    for path in OUTSIDE:
        await store.media_done(replace(media, state=MediaState.READY, path=path))
        found.append((path, (await ana.get("/media/1")).status_code))
    found += [(path, (await ana.get(path)).status_code) for path in BESIDE]
    assert [each for each in found if each[1] != 404] == []


async def test_a_session_is_never_one_that_somebody_else_chose(desk: House) -> None:
    chosen = "chosen-by-somebody-else"
    victim = nobody(desk)
    victim.http.cookies.set("watibot_desk", chosen, path="/console")
    victim.http.cookies.set("watibot_visit", chosen, path="/console")
    assert (await victim.sign_in("ana")).status_code == 303
    given = {each.value for each in victim.http.cookies.jar if each.name == "watibot_desk"}
    assert given - {chosen}
    thief = nobody(desk, cookie=f"watibot_desk={chosen}; watibot_visit={chosen}")
    assert (await thief.get("/")).status_code == 303
    # The token of one who is out is not one's next token.
    first = await signed_in(desk, "ana")
    old = first.http.cookies["watibot_desk"]
    await first.send("/sign-out")
    await first.sign_in("ana")
    assert first.http.cookies["watibot_desk"] != old
    assert (await nobody(desk, cookie=f"watibot_desk={old}").get("/")).status_code == 303
