"""People at WATI: what colleagues and WATI's own automation do in the inbox, and a guest's past."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tests.emulators.wati_stage import API, STAFF, WA, Json, Stage, open_stage
from tests.emulators.webhook_sink import until

OUT = ["sessionMessageSent", "sessionMessageSent_v2"]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        yield opened


async def act(stage: Stage, name: str, /, **spec: object) -> Json:
    answer = await stage.http.post(f"/_emulator/staff/{WA}/{name}", json={**STAFF, **spec})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def entries(stage: Stage, *kinds: str) -> list[tuple[object, ...]]:
    found = stage.wati.journal.since()
    return [(each["kind"], each.get("text")) for each in found if each["kind"] in kinds]


@pytest.mark.parametrize(
    ("first", "tickets"), [(None, 1), ("assign", 1)], ids=["by the answer", "before"]
)
async def test_who_answers_is_given_the_chat_just_before(
    stage: Stage, first: str | None, tickets: int
) -> None:
    await stage.say(text="Hola", at_offset=60)
    if first:
        await act(stage, first)
    await act(stage, "reply", text="Soy Ana")
    rows = await stage.rows()
    assert [each["eventType"] for each in rows[:2]] == ["message", "ticket"]
    assert sum(each.get("assignee") == STAFF["email"] for each in rows) == tickets
    if not first:
        said, given = (datetime.fromisoformat(each["created"]) for each in rows[:2])
        assert 0.1 < (said - given).total_seconds() < 0.2
    assert entries(stage, "assigned", "staff") == [("assigned", None), ("staff", "Soy Ana")]


async def test_each_act_is_in_the_journal_with_its_time(stage: Stage) -> None:
    await stage.say(text="Hola")
    await act(stage, "reply", text="Soy Ana")
    await act(stage, "reply", text="¿En qué le ayudo?")
    await act(stage, "release")
    await act(stage, "assign", email="b@hotel.example", name="Berta")
    await stage.http.post(f"/_emulator/staff/{WA}/resolve", json={})
    found = stage.wati.journal.since()
    mine = [each for each in found if each["kind"] in ("assigned", "staff", "released")]
    kinds = [each["kind"] for each in mine]
    assert kinds == ["assigned", "staff", "staff", "released", "assigned", "released"]
    assert [each["email"] for each in mine][:5] == [STAFF["email"]] * 4 + ["b@hotel.example"]
    times = [datetime.fromisoformat(str(each["at"])) for each in mine]
    assert times == sorted(times)


async def test_nobody_writes_by_hand_once_the_window_is_closed(stage: Stage) -> None:
    await stage.say(text="Hola", at_offset=25 * 3600)
    answer = await stage.http.post(f"/_emulator/staff/{WA}/reply", json={"text": "¿Sigue ahí?"})
    assert answer.status_code == 400
    await act(stage, "template", text="Le escribimos de nuevo")


@pytest.mark.parametrize(
    ("name", "spec"),
    [("fax", {}), ("reply", {"colour": 1}), ("reply", {}), ("edit", {"text": "x"})],
)
async def test_what_nobody_can_do(stage: Stage, name: str, spec: Json) -> None:
    await stage.say(text="Hola")
    answer = await stage.http.post(f"/_emulator/staff/{WA}/{name}", json=spec)
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    ("spec", "type_", "text"),
    [
        ({"media": "photo", "caption": "El mapa"}, "image", "El mapa"),
        ({"media": "photo"}, "image", None),
        ({"media": "voice"}, "voice", None),
        ({"media": "pdf", "file_name": "factura.pdf"}, "document", "factura.pdf"),
    ],
)
async def test_a_person_sends_a_file(stage: Stage, spec: Json, type_: str, text: str) -> None:
    stage.wati.change({"events": OUT})
    await stage.say(text="Hola")
    await act(stage, "reply", **spec)
    await until(lambda: len(stage.sink.bodies) == 2)
    row = (await stage.rows())[0]
    for shown in (row, *stage.sink.bodies):
        assert (shown["type"], shown["text"], shown["owner"]) == (type_, text, True)
    media = await stage.http.get(f"{API}/getMedia", params={"fileName": row["data"]})
    assert media.status_code == 200


async def test_an_edit_changes_the_words_alone(stage: Stage) -> None:
    stage.wati.change({"events": OUT})
    await stage.say(text="Hola")
    said = await act(stage, "reply", text="A las tres")
    await until(lambda: len(stage.sink.bodies) == 2)
    await act(stage, "edit", id=said["id"], text="A las dos")
    row = (await stage.rows())[0]
    assert (row["id"], row["text"]) == (said["id"], "A las dos")
    assert entries(stage, "edited") == [("edited", "A las dos")]
    assert stage.wati.webhooks.waiting == 0


async def test_a_reaction_is_told_twice_and_never_read(stage: Stage) -> None:
    stage.wati.change({"events": [*OUT, "sentMessageREAD_v2"]})
    said = await stage.say(text="Llegamos a las tres")
    await act(stage, "react", text="👍")
    await until(lambda: len(stage.sink.bodies) == 2 and stage.wati.webhooks.waiting == 0)
    assert [each["eventType"] for each in stage.sink.bodies] == OUT
    event = stage.sink.bodies[1]
    assert (event["type"], event["owner"], event["text"]) == ("reaction", True, "👍")
    assert event["replyContextId"] == said["whatsappMessageId"]
    assert entries(stage, "assigned", "staff") == []


async def test_a_flow_of_watis_own_answers(stage: Stage) -> None:
    stage.wati.change({"events": [*OUT, "chatbotTriggered"]})
    said = await stage.say(text="Hola")
    await stage.http.post(f"/_emulator/staff/{WA}/chatbot", json={"text": "Bienvenida"})
    await until(lambda: len(stage.sink.bodies) == 3)
    by_type = {each["eventType"]: each for each in stage.sink.bodies}
    assert by_type["sessionMessageSent_v2"]["chatbotTriggeredEventId"]
    assert by_type["sessionMessageSent_v2"]["operatorName"] == "Bot"
    assert by_type["chatbotTriggered"]["text"] == said["text"]
    assert by_type["chatbotTriggered"]["chatbotId"]
    row = (await stage.rows())[0]
    assert (row["operatorName"], row["localMessageId"], row["owner"]) == ("Bot", None, True)
    lines = (await stage.http.get(f"/_emulator/guests/{WA}/messages")).json()
    assert [each["from"] for each in lines] == ["guest", "chatbot"]


@pytest.mark.parametrize(("name", "person"), [("template", STAFF["email"]), ("broadcast", None)])
async def test_templates_are_rows_and_events_of_their_own(
    stage: Stage, name: str, person: str | None
) -> None:
    twins = ["templateMessageSent", "templateMessageSent_v2"]
    stage.wati.change({"events": [*twins, "sentMessageREAD_v2"]})
    await stage.say(text="Hola")
    spec = {"template": "promo", "text": "Tres noches por dos"}
    sent = await stage.http.post(
        f"/_emulator/staff/{WA}/{name}", json=spec | (STAFF if person else {})
    )
    assert sent.status_code == 201, sent.text
    await until(lambda: len(stage.sink.bodies) == 3)
    assert [each["eventType"] for each in stage.sink.bodies] == [*twins, "sentMessageREAD_v2"]
    event = stage.sink.bodies[1]
    assert (event["type"], event["templateName"], event["operatorEmail"]) == (
        *("template", "promo"),
        person,
    )
    row = (await stage.rows())[0]
    assert (row["eventType"], row["finalText"]) == ("broadcastMessage", "Tres noches por dos")
    assert '"promo"' in row["eventDescription"]
    assert "owner" not in row


@pytest.mark.parametrize(
    ("spec", "bodies"),
    [
        ({}, 2),
        ({"duplicates": 2}, 6),
        ({"duplicates": 1, "parallel": True}, 4),
        ({"delay": 10}, 2),
        ({"lost": True}, 0),
    ],
)
async def test_what_colleagues_wrote_arrives_late_twice_or_never(
    stage: Stage, spec: Json, bodies: int
) -> None:
    stage.wati.change({"events": OUT})
    await stage.say(text="Hola")
    said = await act(stage, "reply", text="Soy Ana", **spec)
    await until(lambda: stage.wati.webhooks.waiting == 0)
    assert [each["id"] for each in stage.sink.bodies] == [said["id"]] * bodies
    assert (await stage.rows())[0]["text"] == "Soy Ana"


async def test_a_lost_message_is_in_the_history_only(stage: Stage) -> None:
    await stage.say(text="¿Hay alguien?", lost=True)
    await stage.say(text="Hola")
    await until(lambda: stage.wati.summary()["received"] == 1)
    summary = stage.wati.summary()
    assert (summary["lost"], summary["undelivered"], summary["messages"]) == (1, 0, 2)
    assert len([each for each in await stage.rows() if each["eventType"] == "message"]) == 2


async def test_a_plan_without_webhooks(stage: Stage) -> None:
    stage.wati.change({"webhooks": False, "events": [*OUT, "message"]})
    await stage.say(text="Hola")
    await stage.send("Buenas", localMessageId="watibot-1")
    await act(stage, "reply", text="Soy Ana")
    await until(lambda: stage.wati.webhooks.waiting == 0)
    assert stage.sink.bodies == []
    assert len(await stage.rows()) == 6


@pytest.mark.parametrize(
    ("name", "email"),
    [("API", "api@hotel.example"), (None, None), ("Rosa Menjívar", "rosa@hotel.example")],
)
async def test_whose_name_the_api_bears(stage: Stage, name: str | None, email: str | None) -> None:
    stage.wati.change({"api_name": name, "api_email": email, "events": OUT})
    await stage.say(text="Hola")
    await stage.send("Buenas", localMessageId="watibot-1")
    await until(lambda: len(stage.sink.bodies) == 2)
    assert (await stage.rows())[0]["operatorName"] == name
    event = stage.sink.bodies[1]
    assert (event["operatorName"], event["operatorEmail"]) == (name, email)
    lines = (await stage.http.get(f"/_emulator/guests/{WA}/messages")).json()
    assert lines[-1]["from"] == "bot"


@pytest.mark.parametrize("by_change", [False, True])
async def test_contacts_by_change(stage: Stage, by_change: bool) -> None:
    stage.wati.change({"contacts_by_change": by_change})
    for number in ("1", "2"):
        await stage.http.post("/_emulator/guests", json={"waId": number, "name": number})
        await stage.http.post(f"/_emulator/guests/{number}/messages", json={"text": "Hola"})
    found = (await stage.http.get(f"{API}/getContacts")).json()["contact_list"]
    assert [each["wAid"] for each in found] == (["2", "1"] if by_change else ["1", "2"])
    assert ["lastUpdated" in each for each in found] == [by_change] * 2


async def test_the_months_end(stage: Stage) -> None:
    stage.wati.change({"monthly_limit": 1})
    await stage.http.get(f"{API}/getContacts")
    answer = await stage.http.get(f"{API}/getContacts")
    assert (answer.status_code, answer.json()["info"]) == (429, "API usage limit exceeded")


@pytest.mark.parametrize("messages", [1, 40, 260])
async def test_a_past(stage: Stage, messages: int) -> None:
    await stage.http.post("/_emulator/guests", json={"waId": WA, "name": "Ana Example"})
    path = f"/_emulator/guests/{WA}/past"
    spec = {"messages": messages, "days": 60, "ends": 3600}
    counts = (await stage.http.post(path, json=spec)).json()
    assert counts["guest"] + counts["staff"] + counts["bot"] == messages
    await stage.say(text="Hola de nuevo")
    stage.wati.change({"reads_per_10s": 0})
    rows: list[Json] = []
    number = 1
    while page := await stage.rows(pageNumber=number, pageSize=50):
        rows += page
        number += 1
    assert len(rows) == sum(counts.values()) + 3
    times = [each["created"] for each in rows]
    assert times == sorted(times, reverse=True)
    assert len({each["id"] for each in rows}) == len(rows)
    assert stage.wati.summary()["messages"] == 1, "the past is no guest's message of today"
    if messages == 260:
        kinds = {(each["eventType"], each.get("type")) for each in rows}
        wanted = {
            ("message", "text"),
            ("message", "image"),
            ("ticket", 1),
            ("broadcastMessage", None),
        }
        assert wanted <= kinds
        assert {"Bot", "Rosa Menjívar"} <= {each.get("operatorName") for each in rows}


@pytest.mark.parametrize("spec", [{"messages": 0}, {"messages": 100, "days": 0.5}, {"x": 1}])
async def test_no_such_past(stage: Stage, spec: Json) -> None:
    await stage.http.post("/_emulator/guests", json={"waId": WA, "name": "Ana Example"})
    answer = await stage.http.post(f"/_emulator/guests/{WA}/past", json=spec)
    assert answer.status_code == 400


async def test_a_bubble_says_when_it_set_out(stage: Stage) -> None:
    await stage.say(text="Hola")
    stage.wati.change({"latency_ms": 500})
    await stage.send("Buenas")
    bubble = stage.wati.journal.since(kind="bubble")[0]
    arrived, done = (datetime.fromisoformat(str(bubble[each])) for each in ("arrived", "at"))
    assert (done - arrived).total_seconds() >= 0.5
