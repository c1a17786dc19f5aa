"""Who may come into the console, what a form must carry, and what every answer has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.clocks import NOON
from tests.contract.stores import at
from tests.flow.console_rig import (
    PASSWORD,
    ROSA,
    Desk,
    chat,
    desk,
    seen,
)
from watibot.conversations import Owner
from watibot.ports.console import Entry

PAGES = ["/", "/escalations", "/payments", "/conversations", chat(ROSA), "/log", "/media/1"]
FORMS = [
    "/sign-out",
    "/escalations/1/acknowledge",
    "/payments/1/decide",
    "/bookings/1/amount",
    chat(ROSA, "/take"),
    chat(ROSA, "/give-back"),
    chat(ROSA, "/write"),
    chat(ROSA, "/note"),
]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_without_a_session(front: Desk, path: str) -> None:
    await front.guest()
    visitor = front.browser()
    for cookie in ("", "watibot_desk=guessed"):
        answer = await visitor.get(path, headers={"cookie": cookie})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole")


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_without_a_session_or_with_a_foreign_token(front: Desk, path: str) -> None:
    await front.guest()
    await front.escalation()
    visitor, rosa, ana = front.browser(), await front.signed_in(), await front.signed_in("ana")
    answer = await visitor.post(path, csrf=await rosa.csrf())
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    before = await front.deeds()
    for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": await ana.csrf()}):
        assert (await rosa.post(path, **form)).status_code == 403
    assert await front.deeds() == before
    conversation = await front.store.conversation(ROSA)
    assert conversation is not None
    assert conversation.owner is Owner.BOT


async def test_the_desk_may_not_read_the_log(front: Desk) -> None:
    rosa, ana = await front.signed_in(), await front.signed_in("ana")
    assert (await rosa.get("/log")).status_code == 403
    page = await ana.get("/log")
    assert page.status_code == 200
    assert "ana entró" in seen(page)
    assert "/console/log" not in (await rosa.get("/")).text


async def test_signing_in_and_out(front: Desk) -> None:
    rosa = front.browser()
    answer = await rosa.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert "Posada Invento" in seen(await rosa.get("/"))
    token = rosa.http.cookies["watibot_desk"]
    assert (await rosa.send("/sign-out")).headers["location"] == "/console/sign-in"
    again = await front.browser().get("/", headers={"cookie": f"watibot_desk={token}"})
    assert again.status_code == 303
    assert [deed[:2] for deed in await front.deeds()] == [("rosa", "sign_in"), ("rosa", "sign_out")]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("rosa", "una clave errada"),
        ("rosa", ""),
        ("rosa", PASSWORD + "x" * 300),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("' or 1=1 --", PASSWORD),
    ],
)
async def test_a_refusal_tells_nothing(front: Desk, name: str, password: str) -> None:
    found = await front.rows.user("rosa")
    assert found is not None
    await front.rows.add_user("gone", "Gone", found.password_hash, found.role, NOON)
    await front.rows.disable_user("gone", NOON)
    visitor = front.browser()
    answer = await visitor.sign_in(name, password)
    assert answer.status_code == 401
    assert "El usuario o la contraseña no son correctos." in seen(answer)
    assert "watibot_desk" not in visitor.http.cookies
    (entry,) = await front.rows.entries(9)
    known = name in ("rosa", "gone")
    assert (entry.action, entry.user_name == name) == ("sign_in.refused", known)


async def test_a_sign_in_form_must_be_the_visitors_own(front: Desk) -> None:
    one, other = front.browser(), front.browser()
    proof = await one.csrf("/sign-in")
    await other.csrf("/sign-in")
    for visitor in (other, front.browser()):
        answer = await visitor.post("/sign-in", csrf=proof, name="rosa", password=PASSWORD)
        assert answer.status_code == 403
    assert await front.rows.entries(9) == []


async def test_who_tries_too_often_waits(front: Desk) -> None:
    visitor = front.browser()
    for _ in range(5):
        assert (await visitor.sign_in("rosa", "una clave errada")).status_code == 401
    answer = await visitor.sign_in("rosa", PASSWORD)
    assert answer.status_code == 429
    assert "Espere 15 minutos" in seen(answer)
    assert (await visitor.sign_in("ana", PASSWORD)).status_code == 303  # another name
    for _ in range(5):
        assert (await visitor.sign_in("nobody", "una clave errada")).status_code == 401
    assert (await visitor.sign_in("nobody", "una clave errada")).status_code == 429
    await front.clock.advance(15 * 60)
    assert (await visitor.sign_in("rosa", PASSWORD)).status_code == 303


async def test_many_names_are_too_often_too(front: Desk) -> None:
    for number in range(50):
        await front.rows.note(Entry(at(number), f"? {number}", "sign_in.refused"))
    await front.clock.advance(60)
    assert (await front.browser().sign_in()).status_code == 429


async def test_a_session_ends_when_nobody_uses_it(front: Desk) -> None:
    rosa = await front.signed_in()
    await front.clock.advance(11 * 3600)
    assert (await rosa.get("/")).status_code == 200
    await front.clock.advance(11 * 3600)
    assert (await rosa.get("/")).status_code == 200
    await front.clock.advance(12 * 3600)
    assert (await rosa.get("/")).status_code == 303


async def test_who_is_disabled_is_out_at_once(front: Desk) -> None:
    rosa = await front.signed_in()
    await front.rows.disable_user("rosa", at(1))
    assert (await rosa.get("/")).status_code == 303
    assert (await rosa.sign_in()).status_code == 401


@pytest.mark.parametrize(
    ("base", "public", "secure"),
    [
        ("http://desk.test", "", False),
        ("https://desk.test", "", True),
        ("http://desk.test", "https://bot.example", True),
    ],
)
async def test_cookies(tmp_path: Path, base: str, public: str, secure: bool) -> None:
    async with desk(tmp_path, public) as front:
        visitor = front.browser(base)
        page = await visitor.get("/sign-in?lang=en")
        # A browser would not send a cookie for https back over http; the test's own client does.
        proof = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert proof is not None
        sent = "; ".join(c.split(";")[0] for c in page.headers.get_list("set-cookie"))
        answer = await visitor.http.post(
            "/console/sign-in",
            data={"csrf": proof[1], "name": "rosa", "password": PASSWORD},
            headers={"cookie": sent},
        )
        assert answer.status_code == 303
        made = [*page.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]
        made = [cookie for cookie in made if "Max-Age=0" not in cookie]
        assert [cookie.split("=")[0] for cookie in made] == [
            "watibot_lang",
            "watibot_visit",
            "watibot_desk",
        ]
        for cookie in made:
            assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
            assert ("Secure" in cookie.split("; ")) == secure
        token = made[-1].split(";")[0].split("=")[1]
        assert token not in (tmp_path / "store.db").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/console/payments?x=1", "/console/payments?x=1"),
        ("https://evil.example/", "/console/"),
        ("//evil.example", "/console/"),
        ("/console\\@evil.example", "/console/"),
        ("/consolee", "/console/"),
        ("/console/\r\nset-cookie: a=b", "/console/"),
    ],
)
async def test_nobody_is_led_elsewhere(front: Desk, wanted: str, location: str) -> None:
    visitor = front.browser()
    proof = await visitor.csrf("/sign-in")
    form = {"csrf": proof, "name": "rosa", "password": PASSWORD, "next": wanted}
    answer = await visitor.post("/sign-in", **form)
    assert answer.headers["location"] == location
    await front.guest()
    number = await front.escalation()
    said = await visitor.send(f"/escalations/{number}/acknowledge", back=wanted)
    assert said.headers["location"].startswith(location)


async def test_every_answer_has_strict_headers(front: Desk) -> None:
    await front.guest()
    rosa = await front.signed_in()
    for path in ["/sign-in", "/static/console.css", "/nowhere", "/media/77", *PAGES]:
        answer = await rosa.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; "), path
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "static" not in path:
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/media/99",
        "/media/99999999999999999999999",
        "/media/..%2f..%2fstore.db",
        "/media/../../store.db",
        "/static/..%2fframe.py",
        chat("50370000009"),
        chat("../../etc"),
    ],
)
async def test_what_is_not_there_is_a_page_too(front: Desk, path: str) -> None:
    answer = await (await front.signed_in()).get(path)
    assert answer.status_code == 404
    assert "No existe" in seen(answer) or "Not Found" in answer.text


async def test_a_failure_is_a_page_that_quotes_nothing(front: Desk) -> None:
    rosa = await front.signed_in()

    async def fail(*_: object) -> None:
        raise RuntimeError("palabras del huésped")

    front.rows.held = fail  # type: ignore[method-assign, assignment]
    with capture_logs() as logged:
        answer = await rosa.get("/")
    assert answer.status_code == 500
    assert "Algo falló" in seen(answer)
    assert [line["event"] for line in logged] == ["console.failed"]
    assert "palabras" not in answer.text + str(logged[0]["exc_info"][1])
