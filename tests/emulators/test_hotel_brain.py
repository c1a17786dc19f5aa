"""The stand-in model: what it answers, what it calls, and what it reads as a date."""

from datetime import date
from typing import Any

import pytest

from watibot.emulators.hotel_brain import answer, signature
from watibot.emulators.hotel_dates import Stay, read_stay
from watibot.emulators.hotel_phrases import ANSWERS, SAYS

Json = dict[str, Any]
TODAY = date(2026, 11, 22)
MODEL = "gemini-3.8-flash"
STAY_SCHEMA = {
    "type": "object",
    "properties": {
        "check_in": {"type": "string"},
        "check_out": {"type": "string"},
        "guests": {"type": "integer"},
        "name": {"type": "string"},
        "notes": {"type": "string"},
    },
    "required": ["check_in", "check_out", "guests", "name"],
}
TOOLS = [
    {
        "functionDeclarations": [
            {"name": "check_office_status", "parametersJsonSchema": {"type": "object"}},
            {"name": "request_booking", "parametersJsonSchema": STAY_SCHEMA},
            {
                "name": "escalate_to_human",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"reason": {"type": "STRING"}},
                    "required": ["reason"],
                },
            },
        ]
    }
]


def user(*texts: str) -> Json:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def say(*contents: Json, **more: Any) -> Json:
    return answer({"model": MODEL, "contents": list(contents), **more}, TODAY)


def text_of(content: Json) -> str:
    return "".join(part["text"] for part in content["parts"])


def calls_of(content: Json) -> list[Json]:
    return [part["functionCall"] for part in content["parts"] if "functionCall" in part]


@pytest.mark.parametrize(
    ("guest", "expected"),
    [
        ("¿A qué hora es el desayuno?", ANSWERS["breakfast"]["es"]),
        ("What time is breakfast?", ANSWERS["breakfast"]["en"]),
        ("hola, ¿a qué hora es el check in?", ANSWERS["check_in"]["es"]),
        ("until what time is check-out?", ANSWERS["check_out"]["en"]),
        ("tienen wifi", ANSWERS["wifi"]["es"]),
        ("Do you have a pool?", ANSWERS["pool"]["en"]),
        ("¿hay parqueo?", ANSWERS["parking"]["es"]),
        ("can I bring my dog?", ANSWERS["pets"]["en"]),
        ("cuánto cuesta la noche", ANSWERS["prices"]["es"]),
        ("where is the hotel located?", ANSWERS["location"]["en"]),
        ("¿A qué cuenta bancaria hago la transferencia?", ANSWERS["payment"]["es"]),
        ("¿eres un bot?", ANSWERS["identity"]["es"]),
        ("are you a real person?", ANSWERS["identity"]["en"]),
        ("muchas gracias", SAYS["thanks"]["es"]),
        ("hello", SAYS["greeting"]["en"]),
        ("xyzzy", SAYS["fallback"]["es"]),
        ("¿hay alguien en la recepción?", SAYS["hours"]["es"]),
    ],
)
def test_answers_in_the_guests_language(guest: str, expected: str) -> None:
    assert text_of(say(user(guest))) == expected


def test_says_that_it_is_a_stand_in() -> None:
    assert "modelo de ensayo del emulador" in ANSWERS["identity"]["es"]


def test_answers_every_message_of_a_turn_once() -> None:
    first, second = ANSWERS["breakfast"]["es"], ANSWERS["pool"]["es"]
    together = say(user("hola", "¿a qué hora es el desayuno?"), user("¿tienen piscina? y desayuno"))
    assert text_of(together) == f"{first}\n\n{second}"


def test_notes_of_the_system_are_not_the_guests_words() -> None:
    assert text_of(say(user("[ask about breakfast]", "thanks"))) == SAYS["thanks"]["en"]


ROSA = '<personal nombre="Rosa" hora="martes 24 de noviembre de 2026, 14:05">{}</personal>'
LATE = "Con gusto le doy late check-out hasta las 2 p. m., sin costo."
BLOCK = """\
=== CONVERSACIONES CON AGENTES HUMANOS ===
El siguiente historial muestra conversaciones previas entre el cliente y agentes humanos...

--- Conversación 1 ---
Cliente: ¿me puedo quedar más?
Agente (Rosa): {}

=== FIN DEL HISTORIAL DE AGENTES ==="""


def test_people_are_told_apart_by_their_envelopes() -> None:
    note = (
        "[Ahora en el hotel: martes. Nombre del huésped en su perfil: <perfil>Breakfast</perfil>]"
    )
    held = user(ROSA.format("¿Y el desayuno? Le espero\nen la piscina"))
    burst = user(note, "<huesped>¿hay parqueo?\n[documento: wifi.pdf]</huesped>", "[wifi]")
    assert text_of(say(held, burst)) == ANSWERS["parking"]["es"]
    tapped = user(note, "<huesped>[botón elegido: Pool]</huesped>")
    assert text_of(say(tapped)) == ANSWERS["pool"]["en"]


@pytest.mark.parametrize("form", [ROSA, BLOCK])
@pytest.mark.parametrize(
    ("guest", "promise", "expected"),
    [
        ("¿A qué hora es la salida?", LATE, f"Como le dijo Rosa: «{LATE}»"),
        ("¿Hasta qué hora es el check-out?", LATE, f"Como le dijo Rosa: «{LATE}»"),
        ("What time is check-out?", LATE, f"As Rosa told you: “{LATE}”"),
        ("¿Cuánto cuesta la noche?", "Le dejo el precio en $50", "«Le dejo el precio en $50»"),
        ("¿Cuánto cuesta la noche?", LATE, ANSWERS["prices"]["es"]),
        ("¿Hasta qué hora es el check-out?", "La salida la veo luego", ANSWERS["check_out"]["es"]),
    ],
)
def test_a_colleagues_promise_is_repeated_when_the_guest_asks(
    form: str, guest: str, promise: str, expected: str
) -> None:
    earlier = [user("hola"), {"role": "model", "parts": [{"text": "¡Hola!"}]}]
    told = text_of(say(*earlier, user(form.format(promise)), user(guest)))
    assert told.endswith(expected)
    assert ("Rosa" in told) == ("Rosa" in expected or "$50" in expected)


def test_the_newest_promise_counts() -> None:
    old, new = ROSA.format("salida a las 12"), ROSA.format("mejor: salida a las 3")
    told = text_of(say(user(old), user(new), user("<huesped>¿y la salida?</huesped>")))
    assert told == "Como le dijo Rosa: «mejor: salida a las 3»"


def test_what_a_colleague_answered_is_not_answered_again() -> None:
    asked = user("<huesped>¿tienen wifi?</huesped>")
    told = say(asked, user(ROSA.format("Sí")), user("<huesped>¿y parqueo?</huesped>"))
    assert text_of(told) == ANSWERS["parking"]["es"]


def test_a_summary_keeps_promises() -> None:
    told = {"parts": [{"text": "# Resumen de una conversación\n\nUsted resume."}]}
    said = "\n".join(["<huesped>hola</huesped>", ROSA.format(LATE), "[Escriba ahora el resumen.]"])
    first = text_of(say(user(said), systemInstruction=told, tools=TOOLS))
    assert first.startswith(
        "Resumen de prueba: 1 mensajes del huésped.\nLo último que dijo: hola\n"
    )
    again = f"<resumen>{first}</resumen>\n<huesped>gracias</huesped>"
    second = text_of(say(user(again), systemInstruction=told))
    asked = text_of(
        say(user(f"<resumen>{second}</resumen>"), user("<huesped>¿la salida?</huesped>"))
    )
    assert asked == f"Como le dijo Rosa: «{LATE}»"


@pytest.mark.parametrize(
    ("blob", "expected"),
    [
        ({"mimeType": "image/jpeg", "data": "A" * 10924}, "Recibí su foto (image/jpeg, 8 KB)."),
        ({"mimeType": "audio/ogg", "data": "QUJD"}, "Recibí su nota de voz (audio/ogg, 3 B)."),
        ({"mimeType": "application/pdf", "data": "QUI="}, "(application/pdf, 2 B)."),
    ],
)
def test_names_type_and_size_of_media(blob: Json, expected: str) -> None:
    assert expected in text_of(say({"role": "user", "parts": [{"inlineData": blob}]}))


def test_calls_in_parallel_with_one_signature() -> None:
    asked = user("¿está abierta la recepción? Quiero hablar con una persona")
    content = say(asked, tools=TOOLS)
    office, escalation = calls_of(content)
    assert (office["name"], escalation["name"]) == ("check_office_status", "escalate_to_human")
    assert escalation["args"]["reason"]
    assert content["parts"][0]["thoughtSignature"] == signature(MODEL, office)
    assert "thoughtSignature" not in content["parts"][1]
    assert say(asked, tools=TOOLS) == content
    assert len({office["id"], escalation["id"]}) == 2


def test_words_the_results_of_its_calls() -> None:
    asked = user("¿Está abierta la recepción? ¿Y el desayuno?")
    called = say(asked, tools=TOOLS)
    call = calls_of(called)[0]
    response = {**call, "response": {"output": {"is_open": False}}}
    del response["args"]
    result = {"role": "user", "parts": [{"functionResponse": response}]}
    worded = text_of(say(asked, called, result, tools=TOOLS))
    assert worded == f"{ANSWERS['breakfast']['es']}\n\n{SAYS['closed']['es']}"


def test_asks_for_what_a_booking_lacks_and_then_books() -> None:
    wish = user("Quiero reservar del 12 al 15 de marzo")
    asked = say(wish, tools=TOOLS)
    assert text_of(asked) == "Para su reserva me falta el número de huéspedes."
    call = calls_of(say(wish, asked, user("dos personas, soy Ana Mora"), tools=TOOLS))[0]
    stay = {"check_in": "2027-03-12", "check_out": "2027-03-15", "guests": 2}
    assert call["args"] == {**stay, "name": "Ana Mora"}


def test_keeps_asking_beside_other_answers_until_the_guest_is_done() -> None:
    wish = user("Quiero reservar del 12 al 15 de marzo")
    asked = say(wish)
    pool = text_of(say(wish, asked, user("¿tienen piscina?")))
    assert pool == f"{ANSWERS['pool']['es']}\n\n{text_of(asked)}"
    assert text_of(say(wish, asked, user("no, gracias"))) == SAYS["thanks"]["es"]


def test_a_failed_tool_is_owned_up_to() -> None:
    wish = user("Book 2027-03-12 to 2027-03-15 for 2 guests please")
    called = say(wish, tools=TOOLS)
    call = calls_of(called)[0]
    failed = {"id": call["id"], "name": call["name"], "response": {"error": "An error occurred"}}
    result = {"role": "user", "parts": [{"functionResponse": failed}]}
    assert text_of(say(wish, called, result, tools=TOOLS)) == SAYS["failed"]["en"]


@pytest.mark.parametrize("guest", ["thanks", "¿está abierto?", "I want a refund", "2027-03-12"])
def test_mode_none_calls_nothing_and_is_never_empty(guest: str) -> None:
    config = {"functionCallingConfig": {"mode": "NONE"}}
    assert text_of(say(user(guest), tools=TOOLS, toolConfig=config))


def test_json_mode_fills_the_schema() -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}}
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert text_of(say(user("read this"), generationConfig=config)) == '{"amount": 0}'


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["2027-03-12 to 2027-03-15, 3 guests"], (date(2027, 3, 12), date(2027, 3, 15), 3)),
        (["del 12 al 15 de marzo para 2 personas"], (date(2027, 3, 12), date(2027, 3, 15), 2)),
        (["from March 12th until March 15th, 2 people"], (date(2027, 3, 12), date(2027, 3, 15), 2)),
        (["March 12-15"], (date(2027, 3, 12), date(2027, 3, 15), None)),
        (["12 de diciembre, 3 noches"], (date(2026, 12, 12), date(2026, 12, 15), None)),
        (["del 24/12 al 26/12/2026"], (date(2026, 12, 24), date(2026, 12, 26), None)),
        (["llego mañana por la mañana"], (date(2026, 11, 23), None, None)),
        (["check in on the 2nd", "out on the 5th"], (date(2026, 12, 2), date(2026, 12, 5), None)),
        (["Two people and checking in tomorrow"], (date(2026, 11, 23), None, 2)),
        (["2 adultos y 1 niño"], (None, None, 3)),
        (["I want 3 rooms at 7:30"], (None, None, None)),
        (["30 de febrero"], (None, None, None)),
    ],
)
def test_reads_a_stay(
    messages: list[str], expected: tuple[date | None, date | None, int | None]
) -> None:
    assert read_stay(messages, TODAY) == Stay(*expected)
