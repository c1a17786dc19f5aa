"""Access tokens for Google: the machine's own credentials, refreshed before they run out.

`gemini.py` and `sessions.py` ask here before each request and share one set of credentials.
`google-auth` is synchronous and slow to import (0.25 s), so that all of it happens in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from watibot.errors import Cause, ProviderError
from watibot.providers.google_errors import readable

_PROVIDER = "google"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# google-auth itself calls a token expired 3:45 before its end: being earlier than that keeps
# google-genai, which looks for itself, from ever refreshing.
_EARLY = timedelta(minutes=5)
_TIMEOUT = 10.0  # seconds; the end of the service may have to wait for it


class Tokens:
    """Where tokens come from: `credentials`, a `file`, or Application Default Credentials:
    GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server (google.auth.default)."""

    def __init__(self, credentials: Any = None, file: Path | None = None) -> None:
        self._credentials = credentials
        self._file = file
        self._one_at_a_time = asyncio.Lock()

    async def credentials(self) -> Any:
        """google.auth credentials whose token is good for some minutes yet. Raises ProviderError:
        UNAUTHORISED when there are none or they are refused, else a transient cause."""
        if not self._fresh():
            async with self._one_at_a_time:
                if not self._fresh():
                    self._credentials = await asyncio.to_thread(
                        _refreshed, self._credentials, self._file
                    )
        return self._credentials

    async def headers(self) -> dict[str, str]:
        """What a request to Google carries. Raises as `credentials` does."""
        credentials = await self.credentials()
        headers = {"authorization": f"Bearer {credentials.token}"}
        if credentials.quota_project_id:
            headers["x-goog-user-project"] = credentials.quota_project_id
        return headers

    def _fresh(self) -> bool:
        if self._credentials is None or not self._credentials.token:
            return False
        # Real time on purpose, also in rehearsals: the expiry was reckoned by google-auth in it.
        expiry = self._credentials.expiry
        return expiry is None or expiry.replace(tzinfo=UTC) - datetime.now(UTC) > _EARLY


def _refreshed(credentials: Any, file: Path | None) -> Any:
    import google.auth
    import google.auth.exceptions as failures

    try:
        if credentials is None:
            credentials, _ = (
                google.auth.load_credentials_from_file(file, scopes=_SCOPES)  # type: ignore[no-untyped-call]
                if file
                else google.auth.default(scopes=_SCOPES)
            )
        if not credentials.token or credentials.expiry is not None:
            credentials.refresh(_request)
    except failures.TransportError as error:
        raise ProviderError(_PROVIDER, Cause.UNREACHABLE, type(error).__name__) from error
    except failures.GoogleAuthError as error:
        cause = Cause.UNAVAILABLE if error.retryable else Cause.UNAUTHORISED
        detail = readable(str(error.args[0])) if error.args else type(error).__name__
        raise ProviderError(_PROVIDER, cause, detail) from error
    return credentials


@dataclass(frozen=True, slots=True)
class _Response:
    """`google.auth.transport.Response`."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _request(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: Any,
) -> _Response:
    """`google.auth.transport.Request`, over the HTTP library that is there anyway: google-auth's
    own needs `requests`, which costs 5 MB of memory for one call an hour."""
    import google.auth.exceptions as failures

    try:
        answer = httpx2.request(
            method, url, content=body, headers=headers, timeout=min(timeout or _TIMEOUT, _TIMEOUT)
        )
    except httpx2.HTTPError as error:
        raise failures.TransportError(type(error).__name__) from error  # type: ignore[no-untyped-call]
    return _Response(answer.status_code, answer.headers, answer.content)
