"""What staff read of a dead end, and when they read it again."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.invented import NOON, conversation, hotel
from watibot.escalations import TITLES, EscalationCause, console_page, next_repeat, notice
from watibot.messages import ChannelName

REPEATS = [
    (1, 8, 15),
    (8, 8, 15),
    (9, 8, None),
    (1, 1, 15),
    (2, 1, None),
    (1, 0, None),
]


@pytest.mark.parametrize(("told", "repeats", "minutes"), REPEATS)
def test_when_it_is_told_again(told: int, repeats: int, minutes: int | None) -> None:
    expected: datetime | None = NOON + timedelta(minutes=minutes) if minutes else None
    assert next_repeat(told, NOON, 15, repeats) == expected


def test_each_cause_has_a_title() -> None:
    assert set(TITLES) == set(EscalationCause)


PAGES = [
    ("https://bot.hotel.example", "50370000001", "/console/conversations/50370000001"),
    ("https://bot.hotel.example/", "fb:710001", "/console/conversations/fb%3A710001"),
    ("https://bot.hotel.example", "a/../b?c", "/console/conversations/a%2F..%2Fb%3Fc"),
]


@pytest.mark.parametrize(("url", "name", "path"), PAGES)
def test_the_link_to_the_console(url: str, name: str, path: str) -> None:
    assert console_page(url, name) == f"https://bot.hotel.example{path}"


def test_without_a_public_url_there_is_no_link() -> None:
    assert console_page("", "50370000001") is None


def test_a_notice_holds_what_a_colleague_needs(tmp_path: Path) -> None:
    told = notice(
        hotel(tmp_path),
        EscalationCause.ANGRY,
        "no hay agua caliente",
        NOON - timedelta(minutes=15),
        conversation(chat_url="https://inbox.example/1"),
        "Huésped: sigo sin agua",
        "https://bot.hotel.example/console/conversations/1",
        1,
        8,
        NOON,
    )
    assert told.title == "Un huésped molesto necesita a una persona (whatsapp)"
    assert told.body == (
        "Motivo: no hay agua caliente\n"
        "Huésped: Ana (whatsapp, 50370000001)\n"
        "Chat: https://inbox.example/1\n"
        "Consola: https://bot.hotel.example/console/conversations/1\n"
        "Desde: viernes 20 de noviembre de 2026, 11:45\n"
        "\n"
        "Conversación reciente:\n"
        "Huésped: sigo sin agua"
    )
    assert told.at == NOON


NUMBERS = [
    (1, 8, "Piden", (), ("aviso", "último")),
    (2, 8, "2.º aviso: Piden", ("Van 2 avisos",), ("último",)),
    (9, 8, "9.º aviso: Piden", ("Van 9 avisos", "último aviso"), ()),
    (1, 0, "Piden", (), ("aviso", "último")),
]


@pytest.mark.parametrize(("number", "repeats", "title", "said", "unsaid"), NUMBERS)
def test_how_often_it_was_told(
    tmp_path: Path,
    number: int,
    repeats: int,
    title: str,
    said: tuple[str, ...],
    unsaid: tuple[str, ...],
) -> None:
    facts = (hotel(tmp_path), EscalationCause.GUEST_WISH, "x", NOON)
    facebook = conversation(channel=ChannelName.FACEBOOK, address="710001", guest_name=None)
    told = notice(*facts, facebook, "", None, number, repeats, NOON)
    assert told.title.startswith(title)
    assert told.title.endswith("(facebook)")
    assert all(words in told.body for words in said)
    assert not any(words in told.body for words in (*unsaid, "Chat:", "Consola:", "reciente"))
    assert "sin nombre (facebook, 710001)" in told.body


def test_a_conversation_that_is_not_known_is_no_obstacle(tmp_path: Path) -> None:
    told = notice(hotel(tmp_path), EscalationCause.TOOL, "x", NOON, None, "", None, 1, 8, NOON)
    assert told.title == TITLES[EscalationCause.TOOL]
