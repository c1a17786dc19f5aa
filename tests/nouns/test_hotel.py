"""The hotel file: what is read, and the one line that each mistake gives."""

from __future__ import annotations

from datetime import date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.invented import HOTEL, hotel
from watibot.errors import SettingsError
from watibot.hotel import day_in_words, load, moment_in_words


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
    assert read.texts.handed_over is None
    assert read.booking.max_nights == 30


def test_the_shipped_sample_is_valid() -> None:
    with as_file(files("watibot") / "samples" / "hotel.toml") as path:
        assert load(path).desk_email is not None


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
