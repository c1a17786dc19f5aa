"""The ManyChat emulator keeps ManyChat's rules: one table per rule, over HTTP."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.emulators.webhook_sink import Sink, until
from watibot.emulators.kit import Clock, serve
from watibot.emulators.manychat import DEFAULTS, Manychat

ID = "1842539971"
CONTENT = "/fb/sending/sendContent"
AUTH = {"Authorization": f"Bearer {DEFAULTS['token']}"}
Json = dict[str, Any]


@dataclass
class Stage:
    manychat: Manychat
    http: httpx2.AsyncClient
    sink: Sink

    async def guest(self, platform: str = "instagram") -> None:
        spec = {"subscriber_id": int(ID), "platform": platform, "name": "Ana Example"}
        assert (await self.http.post("/_emulator/guests", json=spec)).status_code == 201

    async def say(self, on: str = "instagram", /, **spec: object) -> Json:
        await self.guest(on)
        answer = await self.http.post(f"/_emulator/guests/{ID}/messages", json=spec)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def send(self, content: Json, **fields: object) -> httpx2.Response:
        body = {"subscriber_id": int(ID), "data": {"version": "v2", "content": content}, **fields}
        return await self.http.post(CONTENT, json=body)


def texts(*said: str, **fields: object) -> Json:
    return {"messages": [{"type": "text", "text": each} for each in said], **fields}


def reasons(answer: httpx2.Response) -> list[str]:
    return [each["message"] for each in answer.json()["details"]["messages"]]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    sink = Sink()
    manychat = Manychat(Clock.parse(f"50@{time.time()}"), {})
    async with (
        serve(sink.app()) as sink_url,
        serve(manychat.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=AUTH) as http,
    ):
        headers = {"X-Manychat-Secret": "s3cret"}
        manychat.change(
            {"webhook_url": f"{sink_url}/webhook", "webhook_headers": headers, "cdn_base": url}
        )
        yield Stage(manychat, http, sink)


@pytest.mark.parametrize("token", ["", "Bearer wrong", str(DEFAULTS["token"])])
async def test_the_token(stage: Stage, token: str) -> None:
    answer = await stage.http.post(CONTENT, json={}, headers={"Authorization": token})
    assert answer.status_code == 401
    assert answer.json() == {"status": "error", "message": "Token is required"}


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", CONTENT, 25),
        ("POST", "/fb/sending/sendFlow", 20),
        ("POST", "/fb/subscriber/addTagByName", 10),
        ("POST", "/fb/subscriber/setCustomFieldByName", 10),
        ("GET", "/fb/subscriber/getInfo", 100),
    ],
)
async def test_buckets(stage: Stage, method: str, path: str, limit: int) -> None:
    # A clock that barely moves, so that the bucket does not leak while the requests are made.
    stage.manychat.clock.speed = 0.001
    statuses = [(await stage.http.request(method, path)).status_code for _ in range(limit + 1)]
    assert statuses == [400] * limit + [429]


@pytest.mark.parametrize(
    ("written_on", "type_", "at_offset", "code"),
    [
        ("instagram", "instagram", 0, None),
        ("instagram", "instagram", 90_000, 3011),
        ("instagram", None, 0, 3011),
        ("facebook", None, 0, None),
        ("facebook", "instagram", 0, 3011),
        ("facebook", None, 90_000, 3011),
        ("both", "instagram", 0, 3011),
        ("both", None, 0, None),
    ],
)
async def test_the_window_is_judged_by_content_type(
    stage: Stage, written_on: str, type_: str | None, at_offset: int, code: int | None
) -> None:
    await stage.say(written_on, text="Hola", at_offset=at_offset)
    answer = await stage.send(texts("Buenas", **({"type": type_} if type_ else {})))
    assert answer.status_code == (400 if code else 200)
    assert answer.json().get("code") == code
    assert code is None or "can’t be sent" in answer.json()["message"]
    assert len(stage.manychat.journal.since(kind="bubble")) == (0 if code else 1)


async def test_a_refusal_may_come_as_200(stage: Stage) -> None:
    stage.manychat.change({"refuse_with_200": True})
    await stage.say(text="Hola")
    answer = await stage.send(texts("Buenas"))
    assert (answer.status_code, answer.json()["status"]) == (200, "error")


@pytest.mark.parametrize(
    ("tag", "status"), [(None, 200), ("HUMAN_AGENT", 400), ("ACCOUNT_UPDATE", 400)]
)
async def test_message_tags_are_dead(stage: Stage, tag: str | None, status: int) -> None:
    await stage.say("facebook", text="Hola")
    answer = await stage.send(texts("Buenas"), message_tag=tag)
    assert answer.status_code == status
    assert status == 200 or "no longer supported" in reasons(answer)[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "subscriber_id cannot be blank."),
        ({"subscriber_id": "abc"}, "subscriber_id must be an integer."),
        ({"subscriber_id": 7}, "Subscriber does not exist."),
        ({"subscriber_id": ID}, "data cannot be blank."),
        ({"subscriber_id": ID, "extra": 1}, "Unknown field extra."),
        ({"subscriber_id": ID, "data": {"content": {}}}, "data.version must be v2."),
        ({"subscriber_id": ID, "data": {"version": "v2"}}, "data.content cannot be blank."),
        (
            {"subscriber_id": ID, "data": {"version": "v2", "content": {"text": "x"}}},
            "content: unknown field text.",
        ),
    ],
)
async def test_what_is_no_request(stage: Stage, body: Json, reason: str) -> None:
    await stage.say(text="Hola")
    answer = await stage.http.post(CONTENT, json=body)
    assert answer.status_code == 400
    assert reason in reasons(answer)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (texts(*["x"] * 11), "content.messages should contain at most 10 elements."),
        (texts("x", actions=[{}] * 6), "content.actions should contain at most 5 elements."),
        (
            texts("x", quick_replies=[{}] * 12),
            "content.quick_replies should contain at most 11 elements.",
        ),
        (texts("x" * 2001), "message.text is too long."),
        (texts("x" * 1001, type="instagram"), "message.text is too long."),
        (texts("ñ" * 501, type="instagram"), "message.text is too long."),
        (texts(""), "message.text cannot be blank."),
        (texts("x", type="sms"), "content.type must be one of instagram, whatsapp, telegram."),
        ({"messages": [{"type": "text", "text": "x", "size": 1}]}, "message: unknown field size."),
        (
            {"type": "instagram", "messages": [{"type": "audio", "url": "https://x.example/a"}]},
            "message.type audio is not supported on Instagram.",
        ),
    ],
)
async def test_what_is_no_content(stage: Stage, content: Json, reason: str) -> None:
    await stage.say("both", text="Hola")
    answer = await stage.send(content)
    assert answer.status_code == 400
    assert reasons(answer) == [reason]


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (texts("x" * 2000), 2000),
        (texts("x" * 1000, type="instagram"), 1000),
        (texts("x" * 2100), 2000),
        (texts("ñ" * 600, type="instagram"), 500),
    ],
)
async def test_texts_are_cut_when_told(stage: Stage, content: Json, length: int) -> None:
    stage.manychat.change({"truncate": True})
    await stage.guest("both")
    for platform in ("facebook", "instagram"):
        await stage.say("both", text="Hola", platform=platform)
    assert (await stage.send(content)).status_code == 200
    assert [len(str(b["text"])) for b in stage.manychat.journal.since(kind="bubble")] == [length]


async def test_tags_and_fields(stage: Stage) -> None:
    await stage.say(text="Hola")
    who = {"subscriber_id": int(ID)}
    for path, fields in [
        ("addTagByName", {"tag_name": "VIP"}),
        ("addTagByName", {"tag_name": "BOT_OFF"}),
        ("removeTagByName", {"tag_name": "VIP"}),
        ("setCustomFieldByName", {"field_name": "room", "field_value": "101"}),
    ]:
        answer = await stage.http.post(f"/fb/subscriber/{path}", json={**who, **fields})
        assert answer.json() == {"status": "success"}
    info = await stage.http.get("/fb/subscriber/getInfo", params=who)
    data = info.json()["data"]
    assert [each["name"] for each in data["tags"]] == ["BOT_OFF"]
    assert [(each["name"], each["value"]) for each in data["custom_fields"]] == [("room", "101")]
    await stage.say(text="Otra")
    await until(lambda: len(stage.sink.bodies) == 2)
    assert stage.sink.bodies[1]["contact"]["custom_fields"] == {"room": "101"}


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, ("contact", "last_input_text")),
        ({"body_key": "full"}, ("full", "last_input_text")),
        ({"body_key": ""}, ("last_input_text",)),
        ({"body_mode": "hand_built"}, ("last_input_text",)),
    ],
)
@pytest.mark.parametrize("constant", [True, False])
async def test_bodies(stage: Stage, settings: Json, path: tuple[str, ...], constant: bool) -> None:
    stage.manychat.change({"platform_constant": constant, **settings})
    await stage.say(text="Hola")
    await until(lambda: bool(stage.sink.bodies))
    body: Any = stage.sink.bodies[0]
    told = constant or "body_mode" in settings
    assert body.get("platform") == ("instagram" if told else None)
    for key in path:
        body = body[key]
    assert body == "Hola"
    assert stage.sink.headers[0]["x-manychat-secret"] == "s3cret"


@pytest.mark.parametrize(
    ("mode", "text", "arrives"),
    [
        ("hand_built", "una línea", True),
        ("hand_built", "dos\nlíneas", False),
        ("hand_built", 'un "hotel"', False),
        ("full_contact_data", 'dos\n"líneas"', True),
    ],
)
async def test_hand_built_bodies_break(stage: Stage, mode: str, text: str, arrives: bool) -> None:
    stage.manychat.change({"body_mode": mode})
    await stage.say(text=text)
    await until(lambda: bool(stage.sink.bodies or stage.manychat.journal.since(kind="not_sent")))
    assert len(stage.sink.bodies) == arrives
    assert stage.manychat.summary()["undelivered"] == (0 if arrives else 1)


async def test_unresolved_tags_stay_literal(stage: Stage) -> None:
    template = '{"phone":"{{phone}}","text":"{{last_input_text}}","no":"{{nothing}}"}'
    stage.manychat.change({"body_mode": "hand_built", "body_template": template})
    await stage.say(text="Hola")
    await until(lambda: bool(stage.sink.bodies))
    assert stage.sink.bodies == [{"phone": "{{phone}}", "text": "Hola", "no": "{{nothing}}"}]


async def test_merged_contacts_show_both_channels(stage: Stage) -> None:
    await stage.say("both", text="Hola", platform="facebook", at_offset=600)
    await stage.say("both", text="Otra", platform="instagram")
    await until(lambda: len(stage.sink.bodies) == 2)
    contact = stage.sink.bodies[1]["contact"]
    assert contact["ig_id"] is not None
    assert contact["last_interaction"] < contact["ig_last_interaction"]


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ({"delay_seconds": 30}, ["timeout"]),
        ({"status": 500}, []),
        ({"drop": "before"}, []),
    ],
)
async def test_nothing_is_retried(stage: Stage, fault: Json, kinds: list[str]) -> None:
    stage.manychat.change({"patience_seconds": 0.05})
    stage.sink.faults.create({"operation": "webhook", **fault})
    await stage.say(text="Hola")
    await until(lambda: bool(stage.manychat.journal.since(kind="webhook")))
    await stage.say(text="Otra", hold=True)
    assert [e["kind"] for e in stage.manychat.journal.since(kind="timeout")] == kinds
    assert len(stage.manychat.journal.since(kind="webhook")) == 1
    assert stage.manychat.summary()["received"] == 0


@pytest.mark.parametrize("parallel", [False, True])
async def test_duplicated_requests(stage: Stage, parallel: bool) -> None:
    await stage.say(text="Hola", duplicates=2, parallel=parallel)
    await until(lambda: len(stage.sink.bodies) == 3)
    assert [each["contact"]["last_input_text"] for each in stage.sink.bodies] == ["Hola"] * 3


@pytest.mark.parametrize(
    ("quiet", "told"), [(False, [{"subscriber_id": ID, "bot_off": True}]), (True, [])]
)
async def test_bot_off(stage: Stage, quiet: bool, told: list[Json]) -> None:
    await stage.guest()
    path = f"/_emulator/staff/{ID}/bot_off"
    answer = await stage.http.post(path, json={"on": True, "quiet": quiet})
    assert answer.json()["tags"] == ["BOT_OFF"]
    await until(lambda: len(stage.sink.bodies) == len(told))
    assert stage.sink.bodies == told
    answer = await stage.http.post(path, json={"on": False, "quiet": quiet})
    assert answer.json()["tags"] == []


async def test_a_paused_contact_starts_no_flow(stage: Stage) -> None:
    await stage.guest()
    await stage.http.post(f"/_emulator/staff/{ID}/pause", json={"on": True})
    await stage.say(text="Hola")
    assert [e["reason"] for e in stage.manychat.journal.since(kind="not_sent")] == ["paused"]


@pytest.mark.parametrize(
    ("media", "magic"),
    [("photo", b"\xff\xd8\xff"), ("voice", b"OggS"), ("sticker", b"RIFF"), ("pdf", b"%PDF")],
)
async def test_media_urls_in_the_text(stage: Stage, media: str, magic: bytes) -> None:
    stage.manychat.change({"media_type": "text/html"})
    said = await stage.say(text="Mire", media=media)
    url = re.fullmatch(r"Mire (\S+/ig_messaging_cdn/\?asset_id=\d+&signature=\S+)", said["text"])
    assert url is not None
    async with httpx2.AsyncClient() as stranger:
        answer = await stranger.get(url[1])
        assert answer.content.startswith(magic)
        assert answer.headers["content-type"].startswith("text/html")
        assert (await stranger.get(url[1] + "x")).status_code == 403
        stage.manychat.change({"media_seconds": 0.001})
        assert (await stranger.get(url[1])).status_code == 404


async def test_the_cdn_is_metas_by_default() -> None:
    assert DEFAULTS["cdn_base"] == "https://lookaside.fbsbx.com"


async def test_some_flows_deliver_media_as_empty_text(stage: Stage) -> None:
    stage.manychat.change({"empty_text_media": True})
    assert (await stage.say(media="photo"))["text"] == ""


async def test_a_deleted_contact_returns_with_a_new_id(stage: Stage) -> None:
    await stage.say(text="Hola")
    before = (await stage.http.get("/_emulator/guests")).json()[0]
    after = (await stage.http.post(f"/_emulator/guests/{ID}/renew")).json()
    assert after["subscriber_id"] != ID
    assert after["ig_id"] == before["ig_id"]
    answer = await stage.send(texts("Buenas", type="instagram"))
    assert reasons(answer) == ["Subscriber does not exist."]


@pytest.mark.parametrize(("between", "doubled", "repeated"), [(None, 1, 0), ("¿Y mañana?", 0, 1)])
async def test_doubled_bubbles_are_counted(
    stage: Stage, between: str | None, doubled: int, repeated: int
) -> None:
    await stage.say(text="Hola")
    await stage.send(texts("Sí", type="instagram"))
    if between:
        await stage.say(text=between)
    await stage.send(texts("Sí", type="instagram"))
    summary = (await stage.http.get("/_emulator/summary")).json()
    assert (summary["doubled"], summary["repeated_text"]) == (doubled, repeated)
    lines = (await stage.http.get(f"/_emulator/guests/{ID}/messages")).json()
    assert [each["from"] for each in lines].count("bot") == summary["bubbles"] == 2
