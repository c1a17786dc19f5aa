"""A rate that is kept below a provider's quota. Pure: the caller waits.

A token bucket: `reserve` always books the next free place and says how long to wait for it, so that
callers are served in the order in which they came.
"""

from __future__ import annotations


class Rate:
    """`per_minute` requests, `burst` of them at once. Times are seconds of one clock."""

    def __init__(self, per_minute: float, burst: float | None = None) -> None:
        if per_minute <= 0:
            raise ValueError("a rate needs more than 0 requests a minute")
        self._interval = 60.0 / per_minute
        # One second's worth by default: a burst on top of a full minute would pass a quota that is
        # counted per minute.
        self._slack = self._interval * ((burst or max(1.0, per_minute / 60.0)) - 1.0)
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        """Books a place; the seconds to wait until it."""
        start = max(self._next, now - self._slack)
        self._next = start + self._interval
        return max(0.0, start - now)

    def hold(self, until: float) -> None:
        """No place before `until`: the provider asked for a pause."""
        self._next = max(self._next, until)
