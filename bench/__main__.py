"""`python -m bench`, also `make bench`: every budget beside its floor, in one run of a few minutes.

Status 1 when a budget is not met. A name as argument runs that measurement alone. With
BENCH_FULL=1 the migration is measured at its full size, which takes some minutes more.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench import acknowledge, matching, migration, start, turns
from bench.table import Line, show

QUIET = 0.5  # load of a machine that has nothing else to do
MEASUREMENTS = {
    "start": start.measure,
    "acknowledge": acknowledge.measure,
    "turns": turns.measure,
    "matching": matching.measure,
    "migration": migration.measure,
}


async def run(names: list[str], console: Console) -> list[Line]:
    lines: list[Line] = []
    for name in names:
        with (
            tempfile.TemporaryDirectory(prefix="watibot-bench-") as folder,
            console.status(f"measuring: {name}"),
        ):
            lines += await MEASUREMENTS[name](Path(folder))
    return lines


def main() -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    began, busy = time.monotonic(), os.getloadavg()[0]
    wanted = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := set(wanted) - set(MEASUREMENTS):
        sys.exit(f"no measurement {sorted(unknown)}; there are {list(MEASUREMENTS)}")
    lines = asyncio.run(run(wanted, console))
    show(console, lines)
    console.print(
        f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores, load before {busy:.1f}"
    )
    if busy > QUIET:
        console.print("Something else is running here: times are too long and rates too low.")
    sys.exit(any(line.ok is False for line in lines))


if __name__ == "__main__":
    main()
