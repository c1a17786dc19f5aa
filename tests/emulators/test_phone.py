"""A guest's phone and a colleague's inbox: what is done there happens at the emulators."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from watibot.emulators.kit import Clock
from watibot.emulators.launch import launch, settings_for
from watibot.emulators.phone_chats import Person, chat
from watibot.emulators.phone_words import WORDS
from watibot.emulators.samples import SAMPLES

EVIL = '<script>alert("x")</script>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
CHANNELS = ("whatsapp", "facebook", "instagram")


@dataclass
class Hall:
    """The emulators' URLs, and a client of the phone."""

    urls: dict[str, str]
    http: httpx2.AsyncClient

    async def guest(self, channel: str, name: str = "Ana Ficticia") -> str:
        answer = await self.http.post("/guests", data={"channel": channel, "name": name})
        assert answer.status_code == 303
        return str(httpx2.URL(answer.headers["location"]).params["guest"])

    async def say(self, channel: str, guest: str, **more: Any) -> httpx2.Response:
        files = {"file": more.pop("file")} if "file" in more else None
        form = {"channel": channel, "guest": guest, **more}
        return await self.http.post("/say", data=form, files=files)

    async def staff(self, channel: str, guest: str, act: str, **more: str) -> httpx2.Response:
        form = {"channel": channel, "guest": guest, "act": act, "name": "Rosa", **more}
        return await self.http.post("/staff", data=form)

    async def seen(self, channel: str, guest: str, path: str = "/chat", **more: str) -> str:
        params = {"channel": channel, "guest": guest, **more}
        return (await self.http.get(path, params=params)).text

    async def control(self, name: str, path: str) -> Any:
        return (await self.http.get(f"{self.urls[name]}/_emulator/{path}")).json()


@asynccontextmanager
async def hall(*names: str) -> AsyncIterator[Hall]:
    ports = dict.fromkeys(("phone", *names), 0)
    async with (
        launch(ports) as urls,
        httpx2.AsyncClient(base_url=urls["phone"], trust_env=False) as http,
    ):
        yield Hall(urls, http)


@pytest.fixture
async def both() -> AsyncIterator[Hall]:
    async with hall("wati", "manychat") as made:
        yield made


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_guest_is_made_and_writes(both: Hall, channel: str) -> None:
    guest = await both.guest(channel)
    if channel == "whatsapp":
        assert re.fullmatch(r"5037\d{7}", guest)
    answer = await both.say(channel, guest, text="Hola, ¿hay lugar?")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/?channel={channel}&guest={guest}",
    )
    name = "wati" if channel == "whatsapp" else "manychat"
    (said,) = await both.control(name, f"guests/{guest}/messages")
    assert (said["from"], said["text"]) == ("guest", "Hola, ¿hay lugar?")
    seen = words(await both.seen(channel, guest, lang="es"))
    assert "Hola, ¿hay lugar?" in seen
    assert "escribiendo…" in seen
    assert "Contesta el asistente." in seen


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_colleague_takes_replies_and_gives_back(both: Hall, channel: str) -> None:
    guest = await both.guest(channel)
    await both.say(channel, guest, text="Hola")
    assert (await both.staff(channel, guest, "take")).status_code == 303
    seen = words(await both.seen(channel, guest, lang="es"))
    assert "El personal tiene la conversación." in seen
    assert "escribiendo…" not in seen
    await both.staff(channel, guest, "reply", text="Soy Rosa")
    await both.staff(channel, guest, "give_back")
    name = "wati" if channel == "whatsapp" else "manychat"
    journal = await both.control(name, "journal")
    kinds = [each["kind"] for each in journal if each["kind"] != "guest"]
    assert kinds == ["assigned", "staff", "released"]
    assert {each.get("name") for each in journal if each["kind"] == "assigned"} == {"Rosa"}
    seen = words(await both.seen(channel, guest, lang="es"))
    assert "Contesta el asistente." in seen
    assert "Soy Rosa" in seen


async def test_a_note_is_left_at_manychat_alone(both: Hall) -> None:
    guest = await both.guest("facebook")
    assert (await both.staff("facebook", guest, "note", text="VIP")).status_code == 303
    (contact,) = await both.control("manychat", "guests")
    assert contact["fields"] == {"bot_note": "VIP"}
    other = await both.guest("whatsapp")
    assert (await both.staff("whatsapp", other, "note", text="VIP")).status_code == 400


async def test_uploaded_bytes_are_the_file_s_own(both: Hall) -> None:
    guest = await both.guest("whatsapp")
    # The name lies about the type; the bytes do not.
    await both.say("whatsapp", guest, text="vea", file=("../../x y.pdf", PNG, "text/plain"))
    (said,) = await both.control("wati", f"guests/{guest}/messages")
    assert (said["type"], said["text"]) == ("image", "vea")
    assert re.fullmatch(r"data/images/[0-9a-f-]{36}\.png", said["data"])
    settings = settings_for({"wati": both.urls["wati"]}, Path())
    fetched = await both.http.get(
        f"{settings['WATI_BASE_URL']}/api/v1/getMedia",
        params={"fileName": said["data"]},
        headers={"Authorization": f"Bearer {settings['WATI_TOKEN']}"},
    )
    assert (fetched.content, fetched.headers["content-type"]) == (PNG, "image/png")
    (path,) = set(re.findall(r'src="(/media/[^"]+)"', await both.seen("whatsapp", guest)))
    shown = await both.http.get(path)
    assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
    assert shown.headers["x-content-type-options"] == "nosniff"

    other = await both.guest("instagram")
    await both.say("instagram", other, text="mire", file=("x.png", PNG, "image/png"))
    (line,) = await both.control("manychat", f"guests/{other}/messages")
    text, _, link = line["text"].partition(" ")
    assert text == "mire"
    assert (await both.http.get(link)).content == PNG
    page = await both.seen("instagram", other)
    (path,) = set(re.findall(r'src="(/media/[^"]+)"', page))
    assert (await both.http.get(path)).content == PNG
    assert "signature" not in page
    # The page asks no API of a provider's: those calls are counted, and are the service's. The
    # two are this test's own.
    for name in ("wati", "manychat"):
        assert len(await both.control(name, "journal?kind=request")) == 1


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("channel", ["whatsapp", "facebook"])
async def test_samples_can_be_sent(both: Hall, channel: str, name: str) -> None:
    guest = await both.guest(channel)
    assert (await both.say(channel, guest, sample=name)).status_code == 303
    page = await both.seen(channel, guest)
    (path,) = set(re.findall(r'"(/media/[^"]+)"', page))
    assert (await both.http.get(path)).content == SAMPLES[name].read()


async def test_a_tapped_button(both: Hall) -> None:
    guest = await both.guest("whatsapp")
    await both.say("whatsapp", guest, text="Sí, reservar", **{"as": "button"})
    (said,) = await both.control("wati", f"guests/{guest}/messages")
    assert (said["type"], said["text"]) == ("button", "Sí, reservar")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (("x.png", b"no picture", "image/png"), "pictures, audio, video and PDF only"),
        (("x.png", PNG + bytes(5 << 20), "image/png"), "at most 5242880 bytes"),
        (None, "nothing to send"),
    ],
)
async def test_what_the_channel_does_not_carry(both: Hall, file: Any, reason: str) -> None:
    guest = await both.guest("whatsapp")
    more = {} if file is None else {"file": file}
    answer = await both.say("whatsapp", guest, text="", **more)
    assert answer.status_code == 400
    assert reason in words(answer.text)
    assert await both.control("wati", f"guests/{guest}/messages") == []


async def test_a_script_is_answered_in_json(both: Hall) -> None:
    guest = await both.guest("facebook")
    both.http.headers["accept"] = "application/json"
    answer = await both.say("facebook", guest, text="Hola")
    assert (answer.status_code, answer.json()) == (
        201,
        {"to": f"/?channel=facebook&guest={guest}"},
    )
    answer = await both.say("facebook", "1", text="Hola")
    assert (answer.status_code, answer.json()) == (400, {"error": "no such guest"})


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/say", {"origin": "http://evil.example"}),
        ("POST", "/say", {"origin": "null"}),
        ("POST", "/guests", {"sec-fetch-site": "cross-site"}),
        ("POST", "/staff", {"sec-fetch-site": "same-site"}),
        ("GET", "/chat", {"sec-fetch-site": "cross-site"}),
        ("GET", "/", {"host": "evil.example:80"}),
        ("GET", "/phone.js", {"host": "evil.example"}),
    ],
)
async def test_foreign_pages_are_refused(
    both: Hall, method: str, path: str, headers: dict[str, str]
) -> None:
    form = {"channel": "whatsapp", "name": "x"} if method == "POST" else None
    answer = await both.http.request(method, path, headers=headers, data=form)
    assert answer.status_code == 403
    assert await both.control("wati", "guests") == []


async def test_the_console_may_link_here(both: Hall) -> None:
    answer = await both.http.get("/", headers={"sec-fetch-site": "same-site"})
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("language", ["es", "en"])
async def test_it_says_what_it_is(both: Hall, language: str) -> None:
    guest = await both.guest("whatsapp", EVIL)
    await both.say("whatsapp", guest, text=EVIL)
    for address in ("/", "/?guest=1&channel=x"):
        page = (await both.http.get(address, params={"lang": language})).text
        assert WORDS["banner"][["es", "en"].index(language)] in words(page)
        assert f'<html lang="{language}">' in page
        assert EVIL not in page
    assert EVIL not in await both.seen("whatsapp", guest)
    # It is remembered.
    page = (await both.http.get("/")).text
    assert f'<html lang="{language}">' in page


async def test_alone_it_has_nobody_to_play() -> None:
    async with hall() as made:
        assert "Agregue un huésped" in words((await made.http.get("/")).text)
        answer = await made.http.post("/guests", data={"channel": "whatsapp", "name": "x"})
        assert answer.status_code == 400


async def test_the_service_is_told_where_it_is(tmp_path: Path) -> None:
    async with hall("wati") as made:
        found = settings_for(made.urls, tmp_path)
        assert found["WATIBOT_PHONE_URL"] == made.urls["phone"]


@pytest.mark.parametrize(
    ("author", "held", "ago", "expected"),
    [
        ("guest", False, 5, True),
        ("guest", False, 90, False),
        ("guest", True, 5, False),
        ("bot", False, 5, False),
    ],
)
def test_typing(author: str, held: bool, ago: float, expected: bool) -> None:
    now = Clock().time()
    line = {"platform": "facebook", "from": author, "type": "text", "text": "x"}
    said = [{**line, "at": now - ago, "delivered": True}]
    assert chat(Person("facebook", "1", "Ana", held), said, now).typing is expected
