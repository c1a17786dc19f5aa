"""The console's figures beside the journals', one by one. Pure.

`reckoning.py` reads the pages and the journals, `webpage.py` and `books.py` what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watibot.cli.stage.books import Books
from watibot.cli.stage.webpage import WebPage
from watibot.web.console.words import say

_OF_THE_MODEL = ("answer", "summary", "receipt")


@dataclass(frozen=True, slots=True)
class Figure:
    """`console`: by the place where it stands. Money is in micro-dollars."""

    name: str
    journals: int
    console: Mapping[str, int]
    is_money: bool = False

    @property
    def ok(self) -> bool:
        return all(each == self.journals for each in self.console.values())


@dataclass(frozen=True, slots=True)
class Shown:
    """What the owner was given: the pages of the day and of money, the file of charges, and the
    document of `watibot costs --json`."""

    today: WebPage
    money: WebPage
    charges: Sequence[Mapping[str, str]]
    costs: Mapping[str, Any]


def figures(found: Books, shown: Shown) -> list[Figure]:
    """Traffic as the day's page has it, then what was used, then what it cost."""
    return [*_said(found, shown.today), *_used(found, shown), *_cost(found, shown)]


def guests_messages(today: WebPage) -> int:
    """How many the day's page tells of."""
    return today.cell(_word("traffic"), _word("total"), _word("from_guests"))


def _said(found: Books, today: WebPage) -> list[Figure]:
    def row(name: str, of: str, column: str, journals: int) -> Figure:
        cell = today.cell(_word("traffic"), _word(of), _word(column))
        return Figure(name, journals, {"today": cell})

    def tile(name: str, key: str, words: str, journals: int) -> Figure:
        return Figure(name, journals, {"today": today.number(_word(key), words)})

    channels = [
        row(f"{column} {_word(channel)}", channel, key, counts[channel])
        for column, key, counts in (
            ("conversations,", "conversations", found.guests),
            ("guests' messages,", "from_guests", found.messages),
        )
        for channel in counts
    ]
    return [
        *channels,
        row("answers", "total", "from_assistant", found.answers),
        row("words of staff", "total", "from_staff", found.by_staff),
        tile("guests waiting for a person", "escalations", "", found.waiting),
        tile("tool calls", "tool_success", _word("tool_success.of"), found.tools),
    ]


def _used(found: Books, shown: Shown) -> list[Figure]:
    total, days = shown.costs["total"], _word("by_day")
    operations = {each["key"]: each["quantity"] for each in shown.costs["by"]["operation"]}
    tokens_in, tokens_out = (
        shown.money.column(days, _word(key)) for key in ("tokens_in", "tokens_out")
    )
    calls = shown.money.number(_word("each.call"), f"{_word('of.call')}:")

    def filed(column: str, *operations: str) -> int:
        return sum(int(each[column]) for each in shown.charges if each["operation"] in operations)

    def figure(name: str, journals: int, column: str, costs: int, **more: int) -> Figure:
        return Figure(
            name, journals, {**more, "file": filed(column, *_OF_THE_MODEL), "costs": costs}
        )

    asked, served = "prompt_tokens", "cached_tokens"
    return [
        figure("calls of the model", found.calls, "quantity", shown.costs["calls"], money=calls),
        figure("tokens in", found.prompt, asked, total[asked], money=tokens_in),
        figure("  of these from a cache", found.cached, served, total[served]),
        figure(
            "tokens out", found.output, "output_tokens", total["output_tokens"], money=tokens_out
        ),
        Figure(
            "session events",
            found.events,
            {"file": filed("quantity", "event"), "costs": operations.get("event", 0)},
        ),
        Figure("requests to WATI", found.requests, {"file": filed("quantity", "call")}),
    ]


def _cost(found: Books, shown: Shown) -> list[Figure]:
    filed = [each["micro_dollars"] for each in shown.charges]
    places = {
        "today": shown.today.number(_word("cost_today")),
        "money": shown.money.number(_word("cost_month")),
        "file": sum(int(each) for each in filed if each),
        "costs": shown.costs["total"]["micros"],
    }
    return [
        Figure("cost", found.micros, places, is_money=True),
        Figure("charges without a price", 0, {"file": sum(not each for each in filed)}),
    ]


def _word(key: str) -> str:
    return say(key, "en")
