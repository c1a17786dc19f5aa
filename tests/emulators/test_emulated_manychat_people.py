"""People at ManyChat: who takes a contact, by which mark, and what no call shows."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.emulators.webhook_sink import Sink, until
from watibot.emulators.kit import Clock, serve
from watibot.emulators.manychat import DEFAULTS, Manychat

ID = "1842539971"
AUTH = {"Authorization": f"Bearer {DEFAULTS['token']}"}
Json = dict[str, Any]


class Stage:
    def __init__(self, manychat: Manychat, http: httpx2.AsyncClient, sink: Sink) -> None:
        self.manychat, self.http, self.sink = manychat, http, sink

    async def act(self, name: str, /, **spec: object) -> Json:
        answer = await self.http.post(f"/_emulator/staff/{ID}/{name}", json=spec)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def info(self) -> Json:
        params = {"subscriber_id": ID}
        answer = await self.http.get("/fb/subscriber/getInfo", params=params)
        return answer.json()["data"]  # type: ignore[no-any-return]

    def kinds(self) -> list[object]:
        known = ("assigned", "staff", "note", "released", "paused")
        return [each["kind"] for each in self.manychat.journal.since() if each["kind"] in known]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    sink = Sink()
    manychat = Manychat(Clock.parse(f"50@{time.time()}"), {})
    async with (
        serve(sink.app()) as sink_url,
        serve(manychat.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=AUTH) as http,
    ):
        manychat.change({"webhook_url": f"{sink_url}/webhook", "cdn_base": url})
        spec = {"subscriber_id": ID, "platform": "facebook", "name": "Ana Example"}
        await http.post("/_emulator/guests", json=spec)
        yield Stage(manychat, http, sink)


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(
    ("by", "tags", "fields"),
    [("tag", ["BOT_OFF"], {}), ("field", [], {"bot_off": True}), ("rule", [], {})],
)
async def test_taken_by_tag_field_or_rule(
    stage: Stage, by: str, tags: list[str], fields: Json, quiet: bool
) -> None:
    await stage.act("bot_off", by=by, quiet=quiet)
    info = await stage.info()
    assert [each["name"] for each in info["tags"]] == tags
    assert {each["name"]: each["value"] for each in info["custom_fields"]} == fields
    await stage.act("bot_off", by=by, on=False)
    info = await stage.info()
    assert info["tags"] == []
    assert not any(each["value"] for each in info["custom_fields"])
    await until(lambda: stage.manychat.flows.waiting == 0)
    told = [each["bot_off"] for each in stage.sink.bodies]
    assert told == ([False] if quiet else [True, False])
    assert stage.kinds() == ["assigned", "released"]
    acts = [e["n"] for e in stage.manychat.journal.since() if e["kind"] in ("assigned", "released")]
    webhooks = [each["act"] for each in stage.manychat.journal.since(kind="webhook")]
    assert webhooks == (acts[1:] if quiet else acts)


async def test_a_rules_request_comes_late_and_twice(stage: Stage) -> None:
    await stage.act("bot_off", delay=10, duplicates=1)
    await stage.act("bot_off", on=False)
    await until(lambda: len(stage.sink.bodies) == 3)
    assert [each["bot_off"] for each in stage.sink.bodies] == [False, True, True]


async def test_no_call_shows_what_staff_wrote(stage: Stage) -> None:
    said = "Le doy late check-out"
    await stage.act("reply", text=said, name="Rosa")
    entry = stage.manychat.journal.since(kind="staff")[0]
    assert (entry["text"], entry["name"], entry["subscriber_id"]) == (said, "Rosa", ID)
    assert said not in str(await stage.info())
    assert stage.sink.bodies == []
    lines = (await stage.http.get(f"/_emulator/guests/{ID}/messages")).json()
    assert [each["from"] for each in lines] == ["staff"]
    assert stage.manychat.summary()["bubbles"] == 0


async def test_a_note_stands_in_a_field(stage: Stage) -> None:
    await stage.act("note", text="Salida a las 2 p. m.")
    fields = (await stage.info())["custom_fields"]
    assert [(each["name"], each["value"]) for each in fields] == [
        ("bot_note", "Salida a las 2 p. m.")
    ]
    await stage.act("note", text=None)
    assert (await stage.info())["custom_fields"] == []
    assert stage.kinds() == ["note", "note"]


@pytest.mark.parametrize(
    ("setting", "pause", "after", "sent"),
    [
        (0, {}, 3600, False),
        (0, {"minutes": 30}, 20 * 60, False),
        (0, {"minutes": 30}, 31 * 60, True),
        (0, {"on": False}, 0, True),
        (0, None, 0, True),
        (30, None, 20 * 60, False),
        (30, None, 31 * 60, True),
    ],
)
async def test_pauses(
    stage: Stage, setting: int, pause: Json | None, after: float, sent: bool
) -> None:
    stage.manychat.change({"reply_pauses_minutes": setting})
    if pause is not None:
        await stage.act("pause", **pause)
    await stage.act("reply", text="Buenas")
    stage.manychat.clock.anchor += after / (1 - stage.manychat.clock.speed)
    await stage.http.post(f"/_emulator/guests/{ID}/messages", json={"text": "Hola"})
    await until(lambda: stage.manychat.flows.waiting == 0)
    assert len(stage.sink.bodies) == sent
    reasons = [each["reason"] for each in stage.manychat.journal.since(kind="not_sent")]
    assert reasons == ([] if sent else ["paused"])


async def test_a_lost_message(stage: Stage) -> None:
    await stage.http.post(f"/_emulator/guests/{ID}/messages", json={"text": "a", "lost": True})
    await until(lambda: stage.manychat.flows.waiting == 0)
    summary = stage.manychat.summary()
    assert (summary["lost"], summary["undelivered"], stage.sink.bodies) == (1, 0, [])


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("fax", {}),
        ("bot_off", {"colour": 1}),
        ("bot_off", {"by": "word"}),
        ("reply", {}),
        ("reply", {"text": "a", "platform": "instagram"}),
    ],
)
async def test_what_nobody_can_do(stage: Stage, name: str, spec: Json) -> None:
    answer = await stage.http.post(f"/_emulator/staff/{ID}/{name}", json=spec)
    assert answer.status_code in (400, 404)
    assert stage.kinds() == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("setCustomField", {"field_id": 40, "field_value": "102"}, 200),
        ("setCustomField", {"field_id": 99, "field_value": "102"}, 400),
        ("setCustomFields", {"fields": [{"field_name": "room", "field_value": "102"}]}, 200),
        ("setCustomFields", {"fields": [{"field_id": 40, "field_value": "102"}]}, 200),
        ("setCustomFields", {"fields": [{"field_id": 99}]}, 400),
        ("setCustomFields", {}, 400),
        ("addTag", {"tag_id": 1500}, 200),
        ("addTag", {"tag_id": 1}, 400),
        ("addTag", {"tag_name": "VIP"}, 400),
        ("addTagByName", {"tag_id": 1500}, 400),
        ("removeTag", {"tag_id": 1500}, 200),
    ],
)
async def test_fields_and_tags_by_id(stage: Stage, path: str, body: Json, status: int) -> None:
    await stage.http.post(f"/_emulator/guests/{ID}/fields", json={"room": "101"})
    who = {"subscriber_id": ID}
    for each in ("addTagByName", "removeTagByName"):
        await stage.http.post(f"/fb/subscriber/{each}", json={**who, "tag_name": "VIP"})
    answer = await stage.http.post(f"/fb/subscriber/{path}", json={**who, **body})
    assert answer.status_code == status
    info = await stage.info()
    changed = status == 200 and path.startswith("setCustomField")
    assert info["custom_fields"][0]["value"] == ("102" if changed else "101")
    assert [each["name"] for each in info["tags"]] == (
        ["VIP"] if path == "addTag" and status == 200 else []
    )
