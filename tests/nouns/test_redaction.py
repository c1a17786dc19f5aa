"""The ear hears what leaks, and nothing else; `conftest.py` lets the test fail then."""

from __future__ import annotations

import logging

import pytest

from tests.redaction import EAR, Ear
from watibot import telemetry

WORDS = "Quisiera la suite con vista. Soy alérgica al polen y a los gatos."


@pytest.mark.parametrize(
    ("line", "leaks"),
    [
        ("turn.answered 50370000001", True),
        ("turn.answered 50370009999x", True),
        ("known as SV.13491208655302741", True),
        ('{"why": "Quisiera la suite con vista"}', True),
        ('{"why": "Soy alérgica al polen y a los gatos"}', True),
        (f"all of it: {WORDS}", True),
        ("asked for by Eva Prueba", True),
        ('{"turn": "a3f1", "conversation": "0c5b8d2e11aa"}', False),
        ("the suite is free", False),
    ],
)
def test_what_leaks(line: str, leaks: bool) -> None:
    ear = Ear()
    ear.keep_private([WORDS, "Eva Prueba", None, "  "])
    ear.hear(line)
    assert ear.leaks() == ([line] if leaks else [])


def test_it_hears_our_lines_and_libraries_as_the_service_writes_them() -> None:
    EAR.forget()
    log = telemetry.logger("test")
    log.info("turn.answered", conversation="50370000001", text="Hola, ¿hay piscina?", bubbles=2)
    logging.getLogger("somebody").warning("asked for %s", "50370000001")
    logging.getLogger("httpx2").warning("POST /50370000001")
    ours, libraries = EAR.lines
    assert '"bubbles": 2' in ours
    assert libraries == "somebody WARNING"
    assert EAR.leaks() == []


def test_it_hears_what_a_careless_line_would_let_out() -> None:
    telemetry.logger("test").info("turn.answered", guest="50370000001")
    try:
        raise ValueError("50370000001 wrote this")
    except ValueError:
        logging.getLogger("somebody").exception("it failed")
    assert len(EAR.leaks()) == 2
    EAR.forget()
