"""What the service says in a turn by itself, in the guest's language. Pure.

`answer.py` uses it where the model's words are missing or may not leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import uuid4

from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel
from watibot.languages import language_of
from watibot.office import status, when_people_answer
from watibot.toolcalls import ToolResult
from watibot.turns import Turn
from watibot.unreadable import Reads, unreadable_kinds

# How `tools/toolkit.py` and `rounds.py` begin what they tell the model of a tool that broke down;
# a refusal (wrong dates, say) is an ordinary answer and begins otherwise.
BROKE_DOWN = "An error occurred while executing tool"


def guest_language(turn: Turn, hotel: Hotel) -> str:
    """In which of the hotel's languages this guest is answered."""
    before = [item.text for item in turn.history if item.kind is ItemKind.GUEST]
    return language_of([*before, *(message.text for message in turn.messages)], hotel.languages)


def texts_of(hotel: Hotel) -> Callable[[str, Turn], str]:
    """Looks one of the hotel's texts up by its name, in the language of a turn's guest."""

    def text(name: str, turn: Turn) -> str:
        words: str = getattr(hotel.texts_in(guest_language(turn, hotel)), name)
        return words

    return text


def apology(hotel: Hotel, language: str, now: datetime) -> str:
    """That nobody could answer, and when people are back if nobody is there."""
    words = hotel.texts_in(language).apology
    if status(hotel, now).open:
        return words
    return f"{words} {when_people_answer(hotel, now, language)}"


def unreadable(turn: Turn, hotel: Hotel, reads: Reads) -> str | None:
    """What is said of files that the model is not shown; None if it is shown all."""
    language = guest_language(turn, hotel)
    kinds = unreadable_kinds(turn, reads, language)
    return hotel.texts_in(language).unreadable.format(kinds=", ".join(kinds)) if kinds else None


def said(turn: Turn, text: str, at: datetime) -> HistoryItem:
    """It as an item of the history."""
    content = {"role": "model", "parts": [{"text": text}]}
    return HistoryItem(uuid4().hex, ItemKind.ASSISTANT, at, text, content, turn.turn_id)


def broken_down(results: Iterable[ToolResult], effects: frozenset[str]) -> dict[str, str]:
    """By tool, why one with an effect did not do it."""
    return {
        result.call.name: str(result.response.get("error"))
        for result in results
        if result.call.name in effects
        and str(result.response.get("error", "")).startswith(BROKE_DOWN)
    }
