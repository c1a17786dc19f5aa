"""What a measurement has found, and how it is shown: the last stop of `python -m bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One budget. `ok` is None for a line that explains another and has no budget of its own."""

    what: str
    measured: str
    floor: str = ""
    ratio: float | None = None
    budget: str = ""
    ok: bool | None = None


def show(console: Console, lines: Sequence[Line]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("What", "Measured", "Floor", "Ratio", "Budget", ""):
        table.add_column(
            heading, overflow="fold", justify="right" if heading == "Ratio" else "left"
        )
    for line in lines:
        verdict = "" if line.ok is None else "[green]ok[/]" if line.ok else "[bold red]NOT MET[/]"
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        table.add_row(line.what, line.measured, line.floor, ratio, line.budget, verdict)
    console.print(table)
