"""The WATI emulator keeps the rules of WATI's webhooks: one table per rule, over HTTP."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.wati_stage import API, STAFF, WA, Json, Stage, open_stage
from tests.emulators.webhook_sink import until


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        yield opened


MEDIA = [
    ("photo", "image", "data/images/", b"\xff\xd8\xff"),
    ("pdf", "document", "data/documents/", b"%PDF"),
    ("voice", "voice", "data/voice/", b"OggS"),
    ("sticker", "sticker", "data/stickers/", b"RIFF"),
    ("video", "video", "data/videos/", b"\x00\x00\x00"),
]


@pytest.mark.parametrize(("media", "type_", "folder", "magic"), MEDIA)
async def test_media(stage: Stage, media: str, type_: str, folder: str, magic: bytes) -> None:
    await stage.say(media=media)
    await until(lambda: bool(stage.sink.bodies))
    event = stage.sink.bodies[0]
    assert (event["type"], event["data"][: len(folder)]) == (type_, folder)
    params = {"fileName": event["data"]}
    assert (await stage.http.get(f"{API}/getMedia", params=params)).content.startswith(magic)
    stage.wati.change({"media_seconds": 0.001})
    assert (await stage.http.get(f"{API}/getMedia", params=params)).status_code == 404


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"text": '¿Hay "wifi"?\nGracias'}, {"type": "text", "text": '¿Hay "wifi"?\nGracias'}),
        ({"media": "photo", "caption": "Mi pago"}, {"type": "image", "text": "Mi pago"}),
        (
            {"media": "pdf", "file_name": "pago.pdf", "caption": "Listo"},
            {"type": "document", "text": "pago.pdf", "caption": "Listo"},
        ),
        ({"type": "audio", "media": "voice"}, {"type": "audio", "text": None}),
        ({"type": "button", "button": "Sí"}, {"type": "button", "text": "Sí"}),
        (
            {"type": "interactive", "button": "Sí"},
            {"interactiveButtonReply": {"id": "1", "title": "Sí"}, "text": "Sí"},
        ),
        (
            {"type": "list", "button": "Doble", "description": "2 camas"},
            {"listReply": {"id": "1", "title": "Doble", "description": "2 camas"}},
        ),
        (
            {"type": "reaction", "text": "👍", "reply_to": "wamid.X"},
            {"type": "reaction", "text": "👍", "replyContextId": "wamid.X"},
        ),
        (
            {"type": "location", "location": {"latitude": 13.7, "longitude": -89.2}},
            {"type": "location", "data": {"latitude": 13.7, "longitude": -89.2}},
        ),
        ({"type": "contacts", "contacts": [{"n": 1}]}, {"messageContact": [{"n": 1}]}),
        ({"type": "order"}, {"type": "order", "text": None}),
    ],
)
async def test_what_the_webhook_says(stage: Stage, spec: Json, expected: Json) -> None:
    said = await stage.say(**spec)
    await until(lambda: bool(stage.sink.bodies))
    event = stage.sink.bodies[0]
    assert {key: event[key] for key in expected} == expected
    assert event == said
    assert (event["eventType"], event["owner"], event["waId"]) == ("message", False, WA)
    assert (event["statusString"], event["timestamp"].isdigit()) == ("SENT", True)
    assert stage.sink.queries == [{"token": "abc"}]


@pytest.mark.parametrize(
    ("spec", "error"), [({"colour": 1}, "colour"), ({"type": "fax"}, "fax"), ({"media": "x"}, "x")]
)
async def test_a_wrong_message_is_refused(stage: Stage, spec: Json, error: str) -> None:
    await stage.say(text="Hola")
    answer = await stage.http.post(f"/_emulator/guests/{WA}/messages", json=spec)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("duplicates", [0, 1, 3])
async def test_duplicates(stage: Stage, duplicates: int, parallel: bool) -> None:
    said = await stage.say(text="Hola", duplicates=duplicates, parallel=parallel)
    await until(lambda: len(stage.sink.bodies) == duplicates + 1)
    assert {each["id"] for each in stage.sink.bodies} == {said["id"]}
    await until(lambda: stage.wati.summary()["received"] == 1)


async def test_a_held_message_arrives_after_the_next(stage: Stage) -> None:
    await stage.say(text="uno", hold=True)
    await stage.say(text="dos", delay=1)
    await until(lambda: len(stage.sink.bodies) == 2)
    assert [each["text"] for each in stage.sink.bodies] == ["dos", "uno"]
    uno, dos = (each["timestamp"] for each in reversed(stage.sink.bodies))
    assert int(uno) <= int(dos)


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 204}, {"drop": "before"}, {"drop": "after"}]
)
async def test_only_a_200_ends_the_retries(stage: Stage, fault: Json) -> None:
    stage.sink.faults.create({"operation": "webhook", "times": 2, **fault})
    await stage.say(text="Hola")
    await until(lambda: stage.wati.summary()["received"] == 1)
    outcomes = [each["status"] for each in stage.wati.journal.since(kind="webhook")]
    assert outcomes == [fault.get("status", "unreachable")] * 2 + [200]


async def test_a_dead_service_is_tried_until_the_tries_are_used_up(stage: Stage) -> None:
    stage.wati.change({"webhook_url": "http://127.0.0.1:1/webhook", "webhook_tries": 3})
    await stage.say(text="Hola")
    await until(lambda: len(stage.wati.journal.since(kind="webhook")) == 3)
    assert stage.wati.summary()["undelivered"] == 1


ALL = ["message", "sessionMessageSent", "sessionMessageSent_v2"] + [
    f"sentMessage{status}{twin}"
    for status in ("DELIVERED", "READ", "REPLIED")
    for twin in ("", "_v2")
]


async def test_status_twins(stage: Stage) -> None:
    await stage.say(text="Hola")
    await until(lambda: len(stage.sink.bodies) == 1)
    stage.wati.change({"events": ALL})
    await stage.send("Buenas", localMessageId="watibot-7")
    await until(lambda: len(stage.sink.bodies) == 7)
    await stage.say(text="Gracias", reply_to="last")
    await until(lambda: len(stage.sink.bodies) == 10)
    events = stage.sink.bodies[1:]
    assert [each["eventType"] for each in events] == [*ALL[1:7], "message", *ALL[7:]]
    twins = [each for each in events if each["eventType"] != "message"]
    assert {each.get("localMessageId") for each in twins[::2]} == {None}
    assert {each["localMessageId"] for each in twins[1::2]} == {"watibot-7"}
    assert ["waId" in each for each in twins[:3]] == [False, True, False]
    assert (await stage.rows())[1]["statusString"] == "READ"


@pytest.mark.parametrize(("switch", "texts"), [(True, ["API", "Ana"]), (False, ["Ana"])])
async def test_sent_events_for_the_api_are_a_switch(
    stage: Stage, switch: bool, texts: list[str]
) -> None:
    await stage.say(text="Hola")
    await until(lambda: len(stage.sink.bodies) == 1)
    stage.wati.change({"events": ["sessionMessageSent_v2"], "sent_events_for_api": switch})
    await stage.send("API")
    await stage.http.post(f"/_emulator/staff/{WA}/reply", json={**STAFF, "text": "Ana"})
    await until(lambda: len(stage.sink.bodies) == 1 + len(texts))
    assert sorted(each["text"] for each in stage.sink.bodies[1:]) == texts


async def test_bsuid_events_hide_the_number(stage: Stage) -> None:
    stage.wati.change({"bsuid": True})
    await stage.say(text="Hola")
    await until(lambda: bool(stage.sink.bodies))
    event = stage.sink.bodies[0]
    assert event["eventType"] == "message_bsuid"
    assert "waId" not in event
    sent = await stage.http.post(
        f"{API}/sendSessionMessage/{event['bsuid']}", params={"messageText": "Hola"}
    )
    assert sent.json()["ok"] is True


async def test_new_contacts_and_sample_callbacks(stage: Stage) -> None:
    stage.wati.change({"events": ["newContactMessageReceived"]})
    await stage.say(text="Hola")
    await stage.say(text="Otra")
    await stage.http.post("/_emulator/sample-callback")
    await until(lambda: len(stage.sink.bodies) == 2)
    first = next(b for b in stage.sink.bodies if b["eventType"] == "newContactMessageReceived")
    assert "text" not in first
    assert "message.Id" in [each["id"] for each in stage.sink.bodies]
