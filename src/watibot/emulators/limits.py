"""A rate limit over a sliding window of virtual time; asked by the WATI and ManyChat emulators."""

from collections import deque

from watibot.emulators.kit import Clock


class Bucket:
    """At most `limit` calls in any `seconds`; a limit of 0 is no limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: deque[float] = deque()

    def take(self, limit: int, seconds: float) -> bool:
        """Whether this call still fits; one that does not is not counted."""
        if limit == 0:
            return True
        now = self._clock.time()
        while self._taken and self._taken[0] <= now - seconds:
            self._taken.popleft()
        if len(self._taken) >= limit:
            return False
        self._taken.append(now)
        return True
