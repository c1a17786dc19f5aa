"""A page of the console as somebody reads it: the figures under their headings. Pure.

`reckoning.py` compares what `browser.py` was given. An amount is read in whole micro-dollars, which
the page has beside its rounded dollars.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser

_HEADINGS = ("h1", "h2", "h3")
_PIECES = (*_HEADINGS, "p", "dt", "dd", "th", "td")
_NUMBER = re.compile(r"\d[\d,]*")


@dataclass(slots=True)
class WebPage:
    """`tiles`: the lines under each tile's heading. `tables`: the body's cells and the foot's, by
    the heading above the table, by row, by column."""

    tiles: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tables: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def number(self, tile: str, words: str = "") -> int:
        """The first number of the tile's first line that has these words; -1 if there is none."""
        lines = [line for line in self.tiles.get(tile, ()) if words in line]
        return _number(lines[0]) if lines else -1

    def cell(self, table: str, row: str, column: str) -> int:
        """The number in a cell; -1 without the row or the column."""
        return _number(self.tables.get(table, {}).get(row, {}).get(column, ""))

    def column(self, table: str, column: str) -> int:
        """The sum of a column; -1 without the table."""
        rows = self.tables.get(table)
        return -1 if rows is None else sum(_number(row.get(column, "")) for row in rows.values())


def read(html: str) -> WebPage:
    """What stands on a page."""
    return _Reader(html).page


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.page = WebPage()
        self._heading = self._tile = ""
        self._in_tiles = self._in_data = False
        self._words: list[str] | None = None
        self._columns: list[str] = []
        self._row: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "ul":
            self._in_tiles = "tiles" in given.get("class", "").split()
        elif tag == "table":
            self._columns = []
            self.page.tables[self._heading] = {}
        elif tag == "tr":
            self._row = []
        elif tag in _PIECES:
            self._words = []
        elif tag == "data" and self._words is not None:
            self._words.append(given.get("value", ""))
            self._in_data = True

    def handle_data(self, data: str) -> None:
        if self._words is not None and not self._in_data:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "ul":
            self._in_tiles = False
        elif tag == "data":
            self._in_data = False
        elif tag == "tr":
            self._end_row()
        elif tag in _PIECES and self._words is not None:
            self._end_piece(tag, " ".join("".join(self._words).split()))
            self._words = None

    def _end_piece(self, tag: str, words: str) -> None:
        if tag in ("th", "td"):
            self._row.append(words)
        elif not self._in_tiles and tag in _HEADINGS:
            self._heading = words
        elif self._in_tiles and tag in _HEADINGS:
            self._tile = words
        elif self._in_tiles:
            self.page.tiles[self._tile].append(words)

    def _end_row(self) -> None:
        if not self._columns:
            self._columns = self._row
        elif self._row:
            cells = dict(zip(self._columns[1:], self._row[1:], strict=False))
            self.page.tables[self._heading][self._row[0]] = cells


def _number(words: str) -> int:
    found = _NUMBER.search(words)
    return int(found[0].replace(",", "")) if found else -1
