"""Downloads what guests send, and keeps it.

The service calls `HttpMediaSource.fetch` as soon as a message is stored, because links expire, and
puts the bytes into `DiskMediaFiles`, from which the prompt takes them. An address may stand in a
guest's own words: it is checked at every hop, and a token goes to WATI's host alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx2

from watibot import settings
from watibot.channels.hosts import place, trusted
from watibot.channels.http import bearer, failure, status_error
from watibot.channels.sniff import sniff
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.ports.outside import Clock, File
from watibot.turns import Media

_MOST_REDIRECTS = 3
_GONE = (403, 404, 410)  # Meta's CDN answers 403 to a signature that has expired


class HttpMediaSource:
    """Files from WATI and from Meta's CDN, never larger than the settings allow. `count` is called
    for each request to WATI."""

    def __init__(
        self,
        wati: settings.Wati,
        group: settings.Media,
        http: httpx2.AsyncClient,
        clock: Clock,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._group = group
        self._http = http
        self._clock = clock
        self._count = count
        self._wati_base = wati.base_url.rstrip("/")
        self._wati_place = place(self._wati_base)
        self._wati_token = bearer(wati.token.get_secret_value())

    async def fetch(self, channel: ChannelName, media: Media) -> File:
        try:
            return await self._clock.limit(self._group.timeout, self._fetch(channel, media.source))
        except (httpx2.RequestError, TimeoutError) as error:
            raise failure(_provider(channel), error) from None
        except (httpx2.InvalidURL, ValueError):
            raise _never(channel, "not an address") from None

    async def _fetch(self, channel: ChannelName, source: str) -> File:
        url = source if "://" in source else self._wati_url(channel, source)
        for _ in range(_MOST_REDIRECTS + 1):
            headers = self._headers(channel, url)
            if headers.keys() & self._wati_token.keys():
                self._count()
            async with self._http.stream("GET", url, headers=headers) as response:
                if not response.has_redirect_location:
                    return await self._take(channel, response)
                url = urljoin(url, response.headers["location"])
        raise _never(channel, "too many redirects")

    def _wati_url(self, channel: ChannelName, path: str) -> str:
        if channel is not ChannelName.WHATSAPP or not self._wati_base:
            raise _never(channel, "not an address")
        return f"{self._wati_base}/api/v1/getMedia?fileName={quote(path, safe='')}"

    def _headers(self, channel: ChannelName, url: str) -> Mapping[str, str]:
        """For one hop. Only WhatsApp's files come from WATI: another channel's guest who writes
        WATI's address must not be given what the token opens."""
        where = place(url)
        # A compressed file could unpack to far more than the connection carries.
        plain = {"accept-encoding": "identity"}
        if where is not None and where == self._wati_place and channel is ChannelName.WHATSAPP:
            return {**plain, **self._wati_token}
        if not trusted(where, self._group.extra_hosts):
            raise _never(channel, "host not allowed")
        return plain

    async def _take(self, channel: ChannelName, response: httpx2.Response) -> File:
        if response.status_code in _GONE:
            raise _never(channel, "link expired", response.status_code)
        if not response.is_success:
            raise status_error(_provider(channel), response, self._clock.now())
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._group.largest_bytes:
            raise _never(channel, "too large")
        data = bytearray()
        async for part in response.aiter_bytes():
            data += part
            if len(data) > self._group.largest_bytes:
                raise _never(channel, "too large")
        if not data:
            raise _never(channel, "empty file")
        return File(bytes(data), sniff(bytes(data)))


def _provider(channel: ChannelName) -> str:
    return f"{channel} media"


def _never(channel: ChannelName, detail: str, status: int | None = None) -> ProviderError:
    return ProviderError(_provider(channel), Cause.INVALID, detail, status=status)


_OURS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")


class DiskMediaFiles:
    """Files under one folder, named by the SHA-256 of their bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, file: File) -> str:
        return await asyncio.to_thread(self._put, file.data)

    async def get(self, path: str) -> bytes:
        """Raises OSError; also for a name that is none of ours, whatever a row says."""
        if not _OURS.fullmatch(path):
            raise FileNotFoundError(path[:80])
        return await asyncio.to_thread((self._folder / path).read_bytes)

    async def drop(self, path: str) -> None:
        """Deletes the file; one that is gone already is no error. Raises OSError."""
        await asyncio.to_thread((self._folder / path).unlink, missing_ok=True)

    def _put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        folder = self._folder / name[:2]
        path = f"{name[:2]}/{name}"
        if (self._folder / path).exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, self._folder / path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        # The new name is in the folder, which is a file of its own to the disk.
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
        return path
