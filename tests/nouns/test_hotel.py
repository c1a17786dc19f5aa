"""The hotel file: what is read, and the one line that each mistake gives."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.invented import HOTEL, hotel
from watibot.errors import SettingsError
from watibot.hotel import day_in_words, load, moment_in_words
from watibot.texts import BUILT_IN


def test_reads_everything(tmp_path: Path) -> None:
    read = hotel(tmp_path)
    assert (read.id, read.name, read.zone.key) == (
        "posada-invento",
        "Posada Invento",
        "America/El_Salvador",
    )
    assert [str(span) for span in read.office.hours.saturday] == ["07:00-12:30", "13:30-22:00"]
    assert read.office.extra_closed_days == (date(2026, 12, 24),)
    assert read.desk_email == "rosa@invento.example"
    assert read.payment_accounts[0].number == "000-000-000001"
    assert read.texts.apology == "Disculpe."
    assert read.words.staff_resume == ("#bot",)
    assert (read.payments.deposit_percent, read.payments.tolerance) == (100, 0.5)
    assert (read.payments.days_back, read.payments.days_ahead) == (7, 1)
    assert read.booking.max_nights == 30


def test_the_shipped_sample_is_valid() -> None:
    with as_file(files("watibot") / "samples" / "hotel.toml") as path:
        assert load(path).desk_email is not None


def test_what_the_file_leaves_out_is_built_in(tmp_path: Path) -> None:
    read = hotel(tmp_path)
    spanish, english = read.texts_in("es"), read.texts_in("en")
    assert spanish == read.texts
    assert spanish.handed_over == BUILT_IN["es"].handed_over
    assert english.apology == BUILT_IN["en"].apology
    assert read.texts_in("fr") == read.texts
    assert spanish.stopped.endswith("escriba CONTINUAR / START.")
    assert "{" not in english.stopped


def test_own_texts_are_laid_over_those_that_are_built_in(tmp_path: Path) -> None:
    own = """
refused = "Eso no."

[texts.en]
apology = "Sorry."
unreadable = "I cannot open {kinds}."
waits_closed = "Closed until {when}."

[words]
guest_resume = ["SIGA"]

[payments]
deposit_percent = 50
days_back = 3
"""
    read = hotel(tmp_path, ('{kinds}."\n', f'{{kinds}}."\n{own}'))
    english = read.texts_in("en")
    assert (read.texts.refused, english.refused) == ("Eso no.", BUILT_IN["en"].refused)
    assert (read.texts.apology, english.apology) == ("Disculpe.", "Sorry.")
    assert english.waits_closed.format(when="x") == "Closed until x."
    assert english.stopped.endswith("write SIGA.")
    assert read.words.guest_stop == ("ALTO", "PARAR", "STOP")
    assert (read.payments.deposit_percent, read.payments.days_back) == (50, 3)


def test_a_language_that_is_not_built_in_falls_back_to_english(tmp_path: Path) -> None:
    read = hotel(tmp_path, ('["es", "en"]', '["fr", "es"]'))
    assert read.texts.apology == "Disculpe."  # as the file says
    assert read.texts.waits == BUILT_IN["en"].waits
    assert read.texts_in("es").waits == BUILT_IN["es"].waits


@pytest.mark.parametrize("language", BUILT_IN)
def test_what_is_built_in_can_be_filled_in(language: str) -> None:
    fields = {"unreadable": "{kinds}", "waits_closed": "{when}", "stopped": "{word}"}
    for name, text in asdict(BUILT_IN[language]).items():
        assert text.count("{") == (name in fields)
        assert fields.get(name, "") in text


MISTAKES = [
    ('monday = ["07:00-22:00"]', 'monday = ["7-22"]', "[office.hours] monday: found '7-22'"),
    ('monday = ["07:00-22:00"]', 'monday = ["22:00-07:00"]', "the start before the end"),
    ('monday = ["07:00-22:00"]', 'monday = ["07:00-25:00"]', "[office.hours] monday: found"),
    ('"13:30-22:00"', '"12:00-22:00"', "[office.hours] saturday: found"),
    ('monday = ["07:00-22:00"]', "", "hotel.toml [office.hours] monday: found nothing"),
    ("sunday = []", "sundays = []", "sundays: found an unknown key, expected did you mean sunday?"),
    ("max_nights", "max_nigth", "[booking] max_nigth: found an unknown key, expected did you mean"),
    ("[texts]", "[text]", "hotel.toml [text]: found an unknown key, expected did you mean texts?"),
    ('role = "manager"', 'rol = "manager"', "hotel.toml [[staff]] 2 rol: found an unknown key"),
    ('number = "000-000-000001"', "number = 1", "[[payment_accounts]] 1 number: found 1"),
    ("America/El_Salvador", "America/Suchitoto", "[hotel] time_zone: found 'America/Suchitoto'"),
    ('country = "SV"', 'country = "QQ"', "hotel.toml [hotel] country: found 'QQ'"),
    ("{kinds}", "{kind}", "[texts] unreadable: found"),
    ('name = "Posada Invento"', 'name = " "', "[hotel] name: found ' '"),
    ("[booking]", "[booking", "hotel.toml: found broken TOML"),
    ("[booking]", "[texts.en]\nunreadable = 'x'\n[booking]", "[texts.en] unreadable: found 'x'"),
    ("[booking]", "[texts.en]\nwaits_closed = '{when} {'\n[booking]", "[texts.en] waits_closed"),
    ("[booking]", "[texts.en]\nappology = 'x'\n[booking]", "did you mean apology?"),
    ("[booking]", "[texts.en]\nlimited = '{what}'\n[booking]", "limited: found '{what}'"),
    ("[booking]", "[texts.en]\nstopped = 'x'\n[booking]", "stopped: found 'x'"),
    ("[booking]", "[texts.de]\napology = 'x'\n[booking]", "[texts.de]: found a table for no"),
    ("[booking]", "[texts.es]\napology = 'x'\n[booking]", "the first language in [texts] itself"),
    ("[booking]", "[texts]\n[booking]", "hotel.toml: found broken TOML"),
    ('apology = "Disculpe."', "", "hotel.toml [texts] apology: found nothing"),
    ('apology = "Disculpe."', 'apology = ""', "[texts] apology: found ''"),
    ("[booking]", "[words]\nguest_stop = []\n[booking]", "[words] guest_stop: found []"),
    ("[booking]", "[words]\nguest_stop = ['start']\n[booking]", "hotel.toml [words]: found"),
    ("[booking]", "[words]\nguest_stops = ['x']\n[booking]", "did you mean guest_stop?"),
    ("[booking]", "[payments]\ntolerance = -1\n[booking]", "[payments] tolerance: found -1"),
    ("[booking]", "[payments]\ndeposit_percent = 0\n[booking]", "deposit_percent: found 0"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), MISTAKES)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        hotel(tmp_path, (old, new))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: found No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hotel.toml"
    path.write_bytes(HOTEL.replace("Rosa", "José").encode("latin-1"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(path)


def test_an_unknown_calendar_is_no_matter_where_holidays_do_not_count(tmp_path: Path) -> None:
    changes = (('country = "SV"', 'country = "QQ"'), ("holidays = true", "holidays = false"))
    read = hotel(tmp_path, *changes)
    assert read.holiday(date(2026, 12, 25)) is None


CLOSURES = [
    (date(2026, 11, 20), None),
    (date(2026, 12, 24), "día de cierre del hotel"),
    (date(2026, 12, 25), "Navidad"),
    (date(2027, 1, 1), "Año Nuevo"),
]


@pytest.mark.parametrize(("day", "reason"), CLOSURES)
def test_closures(tmp_path: Path, day: date, reason: str | None) -> None:
    read = hotel(tmp_path)
    assert read.closure(day) == reason
    assert bool(read.spans(day)) == (reason is None)


def test_a_holiday_has_hours_where_it_does_not_count(tmp_path: Path) -> None:
    read = hotel(tmp_path, ("holidays = true", "holidays = false"))
    assert read.holiday(date(2026, 12, 25)) == "Navidad"
    assert read.spans(date(2026, 12, 25))


def test_words() -> None:
    assert day_in_words(date(2026, 11, 22)) == "domingo 22 de noviembre de 2026"
    moment = datetime(2026, 3, 1, 7, 5, tzinfo=ZoneInfo("America/El_Salvador"))
    assert moment_in_words(moment) == "domingo 1 de marzo de 2026, 07:05"
