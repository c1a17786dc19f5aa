"""Requests to a channel's provider: their failures as `ProviderError`, and those as outcomes.

`wati.py`, `manychat.py` and `media.py` use it; beneath it is one `httpx2.AsyncClient` per channel.
Which failures leave a doubt is decided here, once: a request that never left may be repeated, one
that left and was not answered may have arrived.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from watibot.errors import Cause, ProviderError
from watibot.ports.outside import Clock, Later, Outcome, Quota, Refused, Unknown
from watibot.quotas import Rate

# WATI's front (Cloudflare) answers 403 to the names of bare libraries (seen once, not documented).
USER_AGENT = "WatiBot/0.1"
_LATER_UNREACHABLE, _LATER_THROTTLED, _LATER_UNAUTHORISED = 5.0, 10.0, 60.0


def new_client(timeout: float, tls: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """A client for one channel. `timeout` is in seconds, for each wait; redirects are not followed,
    because a token could leave with them, and no proxy settings are taken from the environment."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout, connect=min(timeout, 5.0)),
        headers={"user-agent": USER_AGENT},
        trust_env=False,
        verify=tls or True,
        # Between two answers to guests a minute may pass; a handshake each time would cost them.
        limits=httpx2.Limits(keepalive_expiry=60.0),
    )


# Places for requests: this process's own, or those that it shares with others on the same store.
Places = Rate | Quota


class Line:
    """The way to one provider: its address, its token, one client."""

    def __init__(
        self,
        provider: str,
        http: httpx2.AsyncClient,
        clock: Clock,
        base: str,
        token: str,
        timeout: float,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        """`base` is what stands before every path; `timeout` limits one request as a whole, in
        seconds. `count` is called for every request, for a provider that counts them."""
        self._provider = provider
        self._http = http
        self._clock = clock
        self._base = base
        self._headers = bearer(token)
        self._timeout = timeout
        self._count = count

    async def ask(
        self, places: Places, method: str, path: str, body: Any = None
    ) -> httpx2.Response:
        """The answer, read in full, whatever its status; waits for its place first. Raises
        ProviderError UNREACHABLE, LOST or TIMEOUT."""
        if isinstance(places, Rate):
            await self._clock.sleep(places.reserve(self._clock.time()))
        else:
            await places.place()
        self._count()
        request = self._http.request(method, self._base + path, headers=self._headers, json=body)
        try:
            response = await self._clock.limit(self._timeout, request)
        except (httpx2.RequestError, TimeoutError) as error:
            raise failure(self._provider, error) from None
        if response.status_code == 429:
            pause = self.error(response).retry_after or 1.0
            if isinstance(places, Rate):
                places.hold(self._clock.time() + pause)
            else:
                await places.hold(pause)
        return response

    def error(self, response: httpx2.Response) -> ProviderError:
        """The error that a status other than 2xx is."""
        return status_error(self._provider, response, self._clock.now())


def failure(provider: str, error: httpx2.RequestError | TimeoutError) -> ProviderError:
    """A request that got no answer. The error's own words are left out: they may hold the URL."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        cause = Cause.UNREACHABLE
    elif isinstance(error, httpx2.TimeoutException | TimeoutError):
        cause = Cause.TIMEOUT
    else:
        cause = Cause.LOST
    return ProviderError(provider, cause, type(error).__name__)


def status_error(provider: str, response: httpx2.Response, now: datetime) -> ProviderError:
    """The error that a status other than 2xx is."""
    status = response.status_code
    if status in (401, 403):
        cause = Cause.UNAUTHORISED
    elif status == 404:
        cause = Cause.NOT_FOUND
    elif status == 429:
        cause = Cause.THROTTLED
    else:
        cause = Cause.UNAVAILABLE if status >= 500 else Cause.INVALID
    wait = retry_after(response.headers.get("retry-after"), now)
    return ProviderError(provider, cause, status=status, retry_after=wait)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds out of a Retry-After header, which is a number or a date (RFC 9110 10.2.3)."""
    if not value:
        return None
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value.strip()):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


def outcome(error: ProviderError) -> Outcome:
    """What a failed send means for its bubble."""
    match error.cause:
        case Cause.UNREACHABLE:
            return Later(_LATER_UNREACHABLE, error.cause)
        case Cause.THROTTLED:
            wait = _LATER_THROTTLED if error.retry_after is None else error.retry_after
            return Later(wait, error.cause)
        case Cause.UNAUTHORISED:
            # Not the guest's fault: the answer waits until the operator has mended the token.
            return Later(_LATER_UNAUTHORISED, error.cause)
        case Cause.LOST | Cause.TIMEOUT | Cause.UNAVAILABLE:
            return Unknown(error.cause)
        case _:
            return Refused(f"HTTP {error.status}")


def tells(response: httpx2.Response) -> bool:
    """Whether the body, and not the status alone, says what became of the request."""
    return response.status_code < 500 and response.status_code not in (401, 403, 429)


def answered(response: httpx2.Response) -> dict[str, Any]:
    """The answer's JSON object; {} for anything else."""
    try:
        value = json.loads(response.content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def bearer(token: str) -> dict[str, str]:
    """People paste the token with the word before it."""
    bare = re.sub(r"^\s*bearer\s+", "", token, flags=re.IGNORECASE).strip()
    return {"authorization": f"Bearer {bare}"}


def reason(words: str) -> str:
    """A provider's words for staff and logs: short, without digits and addresses."""
    clean = re.sub(r"\S*@\S*|\d+", "", words)
    return re.sub(r"\s+", " ", clean).strip()[:80] or "refused"
