"""How long it takes to say who wrote each of 10,000 rows, with 10,000 messages that are known.

The floor is a look-up of the same rows in a dictionary of the same texts, which knows equal texts
only and neither time nor person.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.table import Line
from watibot.matching import Author, Row, RowKind, Said, match

MESSAGES = 10_000
BUDGET = 1.0  # seconds
TIMES = 3
START = datetime(2026, 1, 1, tzinfo=UTC)
OPERATORS = frozenset({"api", "bot", "system", "wati"})
WORDS = [
    "habitación",
    "doble",
    "vista",
    "al",
    "mar",
    "precio",
    "por",
    "noche",
    "desayuno",
    "incluido",
    "playa",
    "reserva",
    "mañana",
    "hotel",
    "gracias",
    "señora",
    "piscina",
    "el",
    "la",
    "de",
    "para",
    "con",
    "sin",
    "dos",
    "tres",
    "personas",
    "niños",
    "traslado",
    "aeropuerto",
    "cena",
    "llegada",
    "salida",
    "tarde",
    "temprano",
    "cama",
    "familia",
    "jardín",
    "suite",
    "oferta",
    "semana",
    "lunes",
    "viernes",
    "domingo",
]

History = tuple[list[Row], list[Said]]


async def measure(folder: Path) -> list[Line]:
    chance = random.Random(20261120)
    texts = [_text(chance) for _ in range(MESSAGES)]
    others = [_text(chance) for _ in range(MESSAGES)]
    close, far = 0.01, 3_000.0  # seconds between messages: all in one window, and a year
    histories: dict[str, History] = {
        "a year": _history(texts, texts, far),
        "a year, each text changed": _history([f"{text} ya" for text in texts], texts, far),
        "one window": _history(texts, texts, close),
        "one window, each text changed": _history([f"{text} ya" for text in texts], texts, close),
        "one window, none in common": _history(others, texts, close),
        "all equal": _history(["ok"] * MESSAGES, ["ok"] * MESSAGES, close),
    }
    took = {name: _seconds(_match, each) for name, each in histories.items()}
    floors = {name: _seconds(_look, each) for name, each in histories.items()}
    worst = max(took, key=lambda name: took[name])
    return [
        Line(
            f"Who wrote it, {MESSAGES:,} rows x {MESSAGES:,} messages: {worst}",
            f"{took[worst]:.2f} s",
            f"{floors[worst] * 1000:.0f} ms look-up of equal texts",
            took[worst] / floors[worst],
            f"<= {BUDGET:.0f} s",
            took[worst] <= BUDGET,
        ),
        *(
            Line(f"  {name}", f"{took[name]:.2f} s", f"{floors[name] * 1000:.0f} ms")
            for name in took
            if name != worst
        ),
    ]


def _text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=14))


def _history(rows: Sequence[str], ledger: Sequence[str], apart: float) -> History:
    times = [START + timedelta(seconds=apart * number) for number in range(MESSAGES)]
    late = timedelta(seconds=2)  # WATI has it a little later than we
    return (
        [
            Row(f"r{number}", RowKind.MESSAGE, times[number] + late, text, own=True)
            for number, text in enumerate(rows)
        ],
        [
            Said(Author.BOT, times[number], text, (f"watibot-{number}",))
            for number, text in enumerate(ledger)
        ],
    )


def _match(history: History) -> None:
    match(*history, OPERATORS)


def _look(history: History) -> None:
    rows, ledger = history
    known = {said.text: said for said in ledger}
    for row in rows:
        known.get(row.text)


def _seconds(work: Callable[[History], None], history: History) -> float:
    """The middle of a few runs."""

    def once() -> float:
        began = time.perf_counter()
        work(history)
        return time.perf_counter() - began

    return median(once() for _ in range(TIMES))
