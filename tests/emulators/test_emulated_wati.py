"""The WATI emulator keeps the rules of WATI's API: one table per rule, over HTTP."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.emulators.wati_stage import API, SEND, STAFF, WA, Json, Stage, open_stage
from tests.emulators.webhook_sink import until


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "body"),
    [
        ("POST", SEND, {"Authorization": "Bearer wrong"}, 401, ""),
        ("POST", SEND, {"Authorization": ""}, 401, ""),
        ("POST", SEND, {"User-Agent": "Python-urllib/3.11"}, 403, None),
        ("GET", SEND, {}, 405, None),
        ("GET", f"/300100/api/ext/v3/conversations/{WA}/messages", {}, 404, None),
        ("GET", f"{API}/getMedia?fileName=data/images/none.jpg", {}, 404, None),
    ],
)
async def test_the_door(
    stage: Stage, method: str, path: str, headers: dict[str, str], status: int, body: str | None
) -> None:
    answer = await stage.http.request(method, path, headers=headers)
    assert answer.status_code == status
    assert body is None or answer.text == body


@pytest.mark.parametrize(
    ("path", "method", "setting", "limit"),
    [
        (f"{API}/getMessages/{WA}", "GET", "reads_per_10s", 10),
        (f"{API}/getContacts", "GET", "reads_per_10s", 10),
        (f"{API}/addContact/{WA}", "POST", "reads_per_10s", 10),
        (SEND, "POST", "sends_per_10s", 3),
    ],
)
async def test_buckets(stage: Stage, path: str, method: str, setting: str, limit: int) -> None:
    # A clock at real speed: at fifty times the bucket would leak during the test.
    stage.wati.clock.speed = 1
    stage.wati.change({setting: limit})
    statuses = [(await stage.http.request(method, path)).status_code for _ in range(limit + 1)]
    assert statuses == [200] * limit + [429]
    assert (await stage.http.request(method, path)).text == ""


async def test_the_month_is_counted(stage: Stage) -> None:
    stage.wati.change({"monthly_limit": 2})
    statuses = [(await stage.http.post(SEND)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    ("at_offset", "answer"),
    [
        (
            24 * 3600 + 60,
            {"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"},
        ),
        (23 * 3600, None),
    ],
)
async def test_the_window(stage: Stage, at_offset: int, answer: Json | None) -> None:
    await stage.say(text="Hola", at_offset=at_offset)
    sent = await stage.send()
    assert sent["ok"] is True if answer is None else sent == answer


@pytest.mark.parametrize(
    ("target", "text", "answer"),
    [
        ("50379999999", "Hola", {"result": False, "info": "Invalid contact"}),
        (WA, "", {"result": False, "info": "messageText is required"}),
        (
            WA,
            "á" * 4097,
            {"ok": False, "result": "messageText is longer than 4096 characters"},
        ),
    ],
)
async def test_refused_sends(stage: Stage, target: str, text: str, answer: Json) -> None:
    await stage.say(text="Hola")
    path = f"{API}/sendSessionMessage/{target}"
    sent = await stage.http.post(path, data={"messageText": text})
    assert (sent.status_code, sent.json()) == (200, answer)
    assert stage.wati.journal.since(kind="bubble") == []


TEXT = "a+b & c#d 100%25 ñ\nsegunda línea"


@pytest.mark.parametrize(
    "how",
    [
        {"params": {"messageText": TEXT}},
        {"data": {"messageText": TEXT}},
        {"files": {"messageText": (None, TEXT)}},
        {"params": {"messageText": TEXT, "unknown": "1"}},
    ],
    ids=["query", "form", "multipart", "unknown field"],
)
async def test_text_is_decoded_once(stage: Stage, how: Json) -> None:
    await stage.say(text="Hola")
    assert (await stage.http.post(SEND, **how)).json()["ok"] is True
    assert [each["text"] for each in stage.wati.journal.since(kind="bubble")] == [TEXT]


async def test_a_json_body_is_not_read(stage: Stage) -> None:
    await stage.say(text="Hola")
    sent = await stage.http.post(SEND, json={"messageText": "Hola"})
    assert sent.json()["info"] == "messageText is required"


@pytest.mark.parametrize(
    ("shape", "keys", "id_key"),
    [
        ("full", {"ok", "result", "message"}, "id"),
        ("ok", {"ok", "message"}, "id"),
        ("result_true", {"result"}, None),
        ("result_success", {"result", "message"}, "whatsappMessageId"),
        ("no_id", {"ok", "result"}, None),
    ],
)
async def test_success_shapes(stage: Stage, shape: str, keys: set[str], id_key: str | None) -> None:
    stage.wati.change({"success_shape": shape})
    await stage.say(text="Hola")
    sent = await stage.send()
    assert set(sent) == keys
    assert id_key is None or sent["message"][id_key]


@pytest.mark.parametrize(("echo", "shown"), [(True, "watibot-1"), (False, None)])
async def test_local_message_id_is_echoed(stage: Stage, echo: bool, shown: str | None) -> None:
    stage.wati.change({"echo_local_message_id": echo})
    await stage.say(text="Hola")
    sent = await stage.send(localMessageId="watibot-1")
    assert sent["message"]["localMessageId"] == shown
    assert (await stage.rows())[0]["localMessageId"] == shown


@pytest.mark.parametrize(
    ("sends", "doubled", "repeated"),
    [
        ([("a", "1"), ("a", "1")], 1, 0),
        ([("a", "1"), ("a", "2")], 0, 1),
        ([("a", "1"), ("b", "2")], 0, 0),
    ],
)
async def test_doubled_bubbles_are_counted(
    stage: Stage, sends: list[tuple[str, str]], doubled: int, repeated: int
) -> None:
    await stage.say(text="Hola")
    for text, id_ in sends:
        await stage.send(text, localMessageId=id_)
    summary = (await stage.http.get("/_emulator/summary")).json()
    assert (summary["doubled"], summary["repeated_text"]) == (doubled, repeated)
    assert summary["bubbles"] == 2


async def test_staff_leave_ticket_and_message_rows(stage: Stage) -> None:
    stage.wati.change({"events": ["sessionMessageSent_v2"]})
    await stage.say(text="Hola")
    for act, body in [
        ("assign", STAFF),
        ("reply", {**STAFF, "text": "Soy Ana"}),
        ("release", STAFF),
        ("resolve", STAFF),
    ]:
        answer = await stage.http.post(f"/_emulator/staff/{WA}/{act}", json=body)
        assert answer.status_code == 201, act
    rows = await stage.rows()
    kinds = [(each["eventType"], each["type"], each.get("assignee")) for each in rows]
    assert kinds == [
        ("ticket", 2, None),
        ("ticket", 1, "Bot"),
        ("message", "text", None),
        ("ticket", 1, "ana@hotel.example"),
        ("ticket", 1, "Bot"),
        ("message", "text", None),
        ("ticket", 0, None),
    ]
    assert (rows[2]["operatorName"], rows[2]["localMessageId"]) == ("Ana", None)
    await until(lambda: bool(stage.sink.bodies))
    assert stage.sink.bodies[0]["operatorEmail"] == "ana@hotel.example"
    again = await stage.say(text="¿Siguen ahí?")
    assert again["ticketId"] != rows[0]["ticketId"]
    lines = (await stage.http.get(f"/_emulator/guests/{WA}/messages")).json()
    assert [each["from"] for each in lines] == ["guest", "staff", "guest"]


@pytest.mark.parametrize(
    ("email", "number", "result"),
    [
        ("desk@hotel.example", WA, True),
        ("nobody@hotel.example", WA, False),
        ("desk@hotel.example", "50379999999", False),
    ],
)
async def test_assign_operator(stage: Stage, email: str, number: str, result: bool) -> None:
    await stage.say(text="Hola")
    answer = await stage.http.post(
        f"{API}/assignOperator", params={"email": email, "whatsappNumber": number}
    )
    assert answer.json()["result"] is result
    assert ((await stage.rows())[0].get("assignee") == email) is result


@pytest.mark.parametrize(
    ("number", "size", "texts"),
    [(1, 2, ["d", "c"]), (2, 2, ["b", None]), (3, 2, ["a", None]), (4, 2, [])],
)
async def test_get_messages_pages(
    stage: Stage, number: int, size: int, texts: list[str | None]
) -> None:
    for age, text in zip((400, 300, 200, 100), "abcd", strict=True):
        await stage.say(text=text, at_offset=age)
    rows = await stage.rows(pageNumber=number, pageSize=size)
    assert [each.get("text") for each in rows] == texts


async def test_total_misleads_and_new_rows_lag(stage: Stage) -> None:
    await stage.say(text="Hola")
    page = (await stage.http.get(f"{API}/getMessages/{WA}")).json()
    assert (page["messages"]["total"], len(page["messages"]["items"])) == (1, 3)
    stage.wati.change({"lag_seconds": 1000})
    assert await stage.rows() == []


async def test_files_buttons_and_templates_leave_rows(stage: Stage) -> None:
    await stage.say(text="Hola")
    sent = await stage.http.post(
        f"{API}/sendSessionFile/{WA}",
        params={"caption": "Mapa"},
        files={"file": ("mapa.png", b"\x89PNG", "image/png")},
    )
    assert sent.json()["message"]["data"].startswith("data/images/")
    whom = {"whatsappNumber": WA}
    body = {"body": "¿Confirma?", "buttons": [{"text": "Sí"}]}
    path = f"{API}/sendInteractiveButtonsMessage"
    assert (await stage.http.post(path, params=whom, json=body)).json()["ok"] is True
    template = {
        "template_name": "welcome",
        "broadcast_name": "w",
        "parameters": [{"name": "name", "value": "Ana"}],
    }
    for version, key in (("v1", "validWhatsAppNumber"), ("v2", "receivers")):
        path = f"/300100/api/{version}/sendTemplateMessage"
        assert key in (await stage.http.post(path, params=whom, json=template)).json()
    kinds = [each["eventType"] for each in await stage.rows()]
    assert kinds[:4] == ["broadcastMessage", "broadcastMessage", "message", "message"]


async def test_rotated_tokens_replace_the_old(stage: Stage) -> None:
    token = (await stage.http.post(f"{API}/rotateToken")).json()["token"]
    assert (await stage.http.get(f"{API}/getContacts")).status_code == 401
    fresh = {"Authorization": f"Bearer {token}"}
    assert (await stage.http.get(f"{API}/getContacts", headers=fresh)).status_code == 200


async def test_a_dropped_send_still_arrived(stage: Stage) -> None:
    await stage.say(text="Hola")
    fault = {"operation": "sendSessionMessage", "times": 1, "drop": "after"}
    await stage.http.post("/_emulator/faults", content=json.dumps(fault).encode())
    with pytest.raises(httpx2.RemoteProtocolError):
        await stage.send("Buenas", localMessageId="watibot-9")
    assert (await stage.rows())[0]["localMessageId"] == "watibot-9"
