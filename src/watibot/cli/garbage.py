"""Python's collector, told what a long-running command knows: `serve` and `migrate` call it once
everything is made."""

from __future__ import annotations

import gc

GARBAGE = (10_000, 20, 20)  # Python's own is 700: the work leaves no cycles to speak of


def settle() -> None:
    """What is there now stays for good: 100,000 objects of modules, which the collector would walk
    through again and again, for 40 us of each webhook."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
