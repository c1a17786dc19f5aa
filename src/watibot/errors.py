"""One tree of errors: whose fault it is, when to try again, and what a person may read of it.

An expected outcome is a value, not an error: a bubble that may not be sent because the reply window
is closed is `ports.Refused`. What is raised here leaves the ordinary way. `str(error)` never holds
a guest's words or number, so that it may be logged, counted and shown to staff as it is.
"""

from __future__ import annotations

from enum import StrEnum


class WatiBotError(Exception):
    """Root of everything that this project raises on purpose."""


class SettingsError(WatiBotError):
    """A setting is missing or wrong. One line: the variable, what was found, what is expected."""

    def __init__(self, variable: str, found: str, expected: str) -> None:
        super().__init__(f"{variable}: found {found}, expected {expected}")
        self.variable = variable
        self.found = found
        self.expected = expected


class StoreError(WatiBotError):
    """The store cannot be opened now: the database is away, the folder is read-only. One line; to
    be tried again, which a wrong setting is not."""


class Cause(StrEnum):
    """What went wrong at a provider, in the words that decide what happens next."""

    UNREACHABLE = "unreachable"  # no connection was made: the request did not arrive
    LOST = "lost"  # the connection broke after the request had left: it may have arrived
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"  # 5xx
    UNAUTHORISED = "unauthorised"  # 401, 403
    NOT_FOUND = "not_found"
    EXISTS = "exists"
    INVALID = "invalid"  # 4xx: the same request will be refused again
    SIGNATURE = "signature"  # Gemini refuses the thought signatures that were sent back
    BUSY = "busy"  # a run is active on the thread: nothing was done
    GONE = "gone"  # the whole API is not there any more, whichever thread is asked for
    BLOCKED = "blocked"  # the model gave no answer: safety, recitation, an empty candidate


TRANSIENT = frozenset(
    {
        Cause.UNREACHABLE,
        Cause.LOST,
        Cause.TIMEOUT,
        Cause.THROTTLED,
        Cause.UNAVAILABLE,
        Cause.BUSY,
    }
)


class ProviderError(WatiBotError):
    """A provider failed. `retry_after` is in seconds, where the provider named a time."""

    def __init__(
        self,
        provider: str,
        cause: Cause,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        where = f"{provider} {cause}" + (f" (HTTP {status})" if status else "")
        super().__init__(f"{where}: {detail}" if detail else where)
        self.provider = provider
        self.cause = cause
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.cause in TRANSIENT


class LostLease(WatiBotError):
    """Another worker holds the conversation now: what this one still wanted to write is void."""


class UnreadablePayload(WatiBotError):
    """A webhook's body cannot be understood: it is kept in quarantine with this reason."""
