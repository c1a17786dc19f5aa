"""How commands print rows: a table for people, JSON for machines. `inspect.py` is before it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 240  # columns where there is no terminal to ask


def rows(title: str, found: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """One table; times as the hotel's clocks show them."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    if not found:
        console.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in found[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(Text(_cell(value, zone)) for value in row.values()))
    console.print(table)


def as_json(value: Any) -> None:
    """Indented JSON; times in ISO 8601, UTC."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _cell(value: Any, zone: ZoneInfo) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list):
        return "\n".join(", ".join(str(part) for part in each.values() if part) for each in value)
    return str(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
