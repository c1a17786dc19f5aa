"""What a guest who waits is told about the hours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.invented import hotel
from watibot.office import when_in_words, when_people_answer

ZONE = ZoneInfo("America/El_Salvador")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


# It is Friday, 2026-11-20, 05:00.
WORDS = [
    ("2026-11-20T07:00", "es", "hoy a las 7:00"),
    ("2026-11-20T13:30", "es", "hoy a las 13:30"),
    ("2026-11-20T01:05", "es", "hoy a la 1:05"),
    ("2026-11-21T00:00", "es", "mañana a las 0:00"),
    ("2026-11-22T07:00", "es", "el domingo 22 de noviembre a las 7:00"),
    ("2026-12-01T09:15", "es", "el martes 1 de diciembre a las 9:15"),
    ("2027-01-02T07:00", "es", "el sábado 2 de enero a las 7:00"),
    ("2026-11-20T07:00", "en", "today at 7:00 a.m."),
    ("2026-11-20T13:30", "en", "today at 1:30 p.m."),
    ("2026-11-20T12:00", "en", "today at 12:00 p.m."),
    ("2026-11-21T00:30", "en", "tomorrow at 12:30 a.m."),
    ("2026-11-23T07:00", "en", "on Monday, November 23, at 7:00 a.m."),
    ("2026-11-20T07:00", "fr", "20/11/2026 07:00"),
]


@pytest.mark.parametrize(("moment", "language", "words"), WORDS)
def test_a_time_to_come(moment: str, language: str, words: str) -> None:
    assert when_in_words(at(moment), at("2026-11-20T05:00"), language) == words


WAITING = [
    ("2026-11-20T12:00", "es", "en cuanto pueda"),
    ("2026-11-20T06:59", "es", "Abre hoy a las 7:00,"),
    ("2026-11-20T23:30", "es", "Abre mañana a las 7:00,"),
    ("2026-11-21T12:45", "es", "Abre hoy a las 13:30,"),  # the break
    ("2026-11-21T23:00", "es", "Abre el lunes 23 de noviembre a las 7:00,"),  # a closed Sunday
    ("2026-12-23T23:00", "en", "It opens on Saturday, December 26, at 7:00 a.m.,"),  # Christmas
    ("2026-11-20T12:00", "en", "as soon as possible"),
    ("2026-11-21T23:30", "en", "It opens on Monday, November 23, at 7:00 a.m.,"),
]


@pytest.mark.parametrize(("now", "language", "words"), WAITING)
def test_who_waits_is_told_the_truth(tmp_path: Path, now: str, language: str, words: str) -> None:
    told = when_people_answer(hotel(tmp_path), at(now).astimezone(UTC), language)
    assert words in told
    assert "{" not in told


def test_an_office_that_never_opens_promises_no_time(tmp_path: Path) -> None:
    never = [(f'{day} = ["07:00-22:00"]', f"{day} = []") for day in DAYS]
    closed = hotel(tmp_path, *never, ('saturday = ["07:00-12:30", "13:30-22:00"]', "saturday = []"))
    assert when_people_answer(closed, at("2026-11-20T12:00"), "en").endswith("possible.")


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
