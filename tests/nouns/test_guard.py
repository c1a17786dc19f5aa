"""What must not leave, and that honest answers do."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date
from pathlib import Path

import pytest

from watibot import samples_folder
from watibot.emulators.hotel_brain import answer
from watibot.emulators.hotel_phrases import ANSWERS, SAYS
from watibot.envelopes import TOLD
from watibot.guard import leak
from watibot.hotel import load
from watibot.instructions import compose

SAMPLE = (samples_folder() / "instrucciones.md").read_text()
INSTRUCTIONS = compose(SAMPLE, load(samples_folder() / "hotel.toml")).text
DIALOGUES = Path(__file__).parents[2].parent / "shared" / "data" / "dialogues-hotel.jsonl.gz"
MARKS, CALL, NAME = "the service's own marks", "the form of a tool call", "a tool's name"
LINES, PASSAGE, NOTE = (
    "lines of the instructions",
    "a passage of the instructions",
    "a note among staff",
)
RULE = "Nunca diga que una habitación está disponible, reservada o confirmada. Usted registra la"

LEAKS: list[tuple[str, str]] = [
    ("<huesped>hola</huesped>", MARKS),
    ("Me llegó así: ‹personal nombre=Rosa", MARKS),
    ("< / RESUMEN >", MARKS),
    ("[Ahora en el hotel: viernes 20 de noviembre", MARKS),
    ("<!-- interno -->", MARKS),
    ('{"functionCall": {"name": "x"}}', CALL),
    ("```tool_code\nprint(1)```", CALL),
    ("default_api.book()", CALL),
    ("My system_instruction says", CALL),
    ("Voy a usar request_booking ahora", NAME),
    ("I call `Check_Office_Status`.", NAME),
    (f"Mis reglas: «{RULE} solicitud»", PASSAGE),
    (f"MIS REGLAS:\n\n* {RULE.upper()}\n* solicitud", PASSAGE),
    (RULE.replace("ó", "o").replace("á", "a").replace(" ", "  ") + " solicitud", PASSAGE),
    ("Dice: " + TOLD.split("\n\n")[2].split(".")[0], PASSAGE),
    ("1. Quién es usted\n2. La voz de la casa\n3. Idiomas", LINES),
    ("## 2. La voz de la casa\n\n## 3. Idiomas\n\n## 4. Lo que nunca se hace\n", LINES),
]


@pytest.mark.parametrize(("text", "reason"), LEAKS)
def test_what_must_not_leave(text: str, reason: str) -> None:
    assert leak(text, INSTRUCTIONS) == reason


PASSES = [
    "Con gusto le ayudo.",
    "Eso es parte de cómo trabajamos por dentro, pero con gusto le ayudo con su estadía.",
    "Quiero ayudarle con esto; le pido que nos tratemos con respeto.",
    "Permítame consultarlo con recepción.",
    "Tenemos desayuno, restaurante El Portal, piscina, wifi y otros servicios.",
    "Escríbanos a reservas@casajacaranda.example o en https://casajacaranda.example.",
    "Se aceptan hasta treinta noches, doce personas y un año de anticipación.",
    "La red se llama casa_jacaranda_patio.",
    "El personal de recepción le atiende; el huésped recibe un resumen.",
    "2 < 3, y le mando un corazón <3",
    "Banco Torogoz de Ejemplo, cuenta corriente en USD, número 000-000-000001, a nombre de Casa "
    "Jacaranda, S.A. de C.V.",
    "",
]


@pytest.mark.parametrize("text", PASSES)
def test_what_may_leave(text: str) -> None:
    assert leak(text, INSTRUCTIONS) is None


def test_whatever_guests_may_know_may_be_told_word_for_word() -> None:
    public = re.sub(r"<!-- interno -->.*?<!-- /interno -->", "", INSTRUCTIONS, flags=re.S)
    paragraphs = [
        text
        for text in re.split(r"\n\s*\n", public)
        if text.strip() and not re.search(r"^#|[a-z]_[a-z]", text, re.M)
    ]
    assert len(paragraphs) > 150
    assert [text for text in paragraphs if leak(text, INSTRUCTIONS)] == []


def test_internal_parts_are_there_and_none_of_them_may_be_told() -> None:
    internal = re.findall(r"<!-- interno -->(.*?)<!-- /interno -->", INSTRUCTIONS, flags=re.S)
    assert len(internal) > 5
    long = [line for part in internal for line in part.splitlines() if len(line) > 120]
    assert len(long) > 30
    assert [line for line in long if leak(line, INSTRUCTIONS) is None] == []


def test_a_part_that_nobody_closed_does_not_swallow_the_facts() -> None:
    told = INSTRUCTIONS.replace("<!-- /interno -->", "")
    account = INSTRUCTIONS.splitlines()[-1]
    assert "a nombre de" in account
    assert leak(account, told) is None


def test_names_and_notes_that_the_caller_knows() -> None:
    note = "No le diga que la habitación 4 tiene goteras; cámbielo si se queja."
    assert leak("analyze_payment_proof", "Sea amable.") is None
    assert leak("Uso ANALYZE_payment_proof", "x", names=["analyze_payment_proof"]) == NAME
    told = "Rosa anotó: no le diga que la habitación 4 tiene goteras; cámbielo si se queja"
    assert leak(told, INSTRUCTIONS, notes=[note]) == NOTE
    assert leak("Le cambiamos la habitación 4.", INSTRUCTIONS, notes=[note, "ok"]) is None


def test_the_stand_ins_answers_pass() -> None:
    told = [
        phrase[language] for phrase in (*ANSWERS.values(), *SAYS.values()) for language in phrase
    ]
    assert [text for text in told if leak(text, INSTRUCTIONS)] == []


@pytest.mark.skipif(not DIALOGUES.exists(), reason="the recorded dialogues are not here")
def test_recorded_dialogues_pass() -> None:
    alarms = 0
    with gzip.open(DIALOGUES, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(150), lines, strict=False):
            for turn in json.loads(line)["turns"]:
                said = turn["text"]
                asked = {"contents": [{"role": "user", "parts": [{"text": said}]}]}
                told = answer(asked, date(2026, 11, 22))["parts"][0]["text"]
                alarms += (
                    leak(told, INSTRUCTIONS) is not None or leak(said, INSTRUCTIONS) is not None
                )
    assert alarms == 0
