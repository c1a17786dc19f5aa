"""What the service says by itself, and which failures of tools a person must hear of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.invented import guest_message, hotel, item, turn
from watibot.history import ItemKind
from watibot.service.own_words import broken_down, guest_language, texts_of, unreadable
from watibot.toolcalls import ToolCall, ToolResult
from watibot.turns import Media, MediaState

EFFECTS = frozenset({"request_booking"})
RESULTS = [
    ("request_booking", {"booking_id": 1}, False),
    ("request_booking", {"error": "The arrival is in the past"}, False),  # the guest is asked
    (
        "request_booking",
        {"error": "An error occurred while executing tool request_booking: x"},
        True,
    ),
    ("check_office_status", {"error": "An error occurred while executing tool x: y"}, False),
]


@pytest.mark.parametrize(("name", "response", "told"), RESULTS)
def test_only_what_broke_down_and_should_have_been_done(
    name: str, response: dict[str, object], told: bool
) -> None:
    results = [ToolResult(ToolCall(name, {}), response)]
    assert list(broken_down(results, EFFECTS)) == ([name] if told else [])


def test_the_language_is_that_of_the_whole_talk(tmp_path: Path) -> None:
    before = (
        item(1, ItemKind.GUEST, "Do you have a double room for tonight?"),
        item(2, ItemKind.ASSISTANT, "Sí, con gusto. ¿Para cuántas personas?"),
        item(3, ItemKind.STAFF, "Hola, soy Rosa, ¿en qué le ayudo?"),
    )
    asked = turn(guest_message("ok 2"), history=before)
    assert guest_language(asked, hotel(tmp_path)) == "en"
    assert texts_of(hotel(tmp_path))("resumed", asked) == "I am back. How can I help you?"


def test_files_that_nobody_reads_are_named_in_the_guest_s_language(tmp_path: Path) -> None:
    video = Media(1, "video", "x", MediaState.FAILED)
    own = hotel(tmp_path)
    spanish = turn(guest_message("mire esto por favor", video))
    english = turn(guest_message("look at this please", video))
    assert unreadable(spanish, own, lambda mime, size: False) == "No puedo abrir el video."
    assert "I cannot open the video" in (unreadable(english, own, lambda mime, size: False) or "")
    assert unreadable(turn(guest_message("hola")), own, lambda mime, size: False) is None
