"""What guests send as files: downloaded once, at receipt, because their links expire.

Started by `receive.py`, awaited by `answer.py` if the turn is due before the file is there.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from watibot import telemetry
from watibot.errors import ProviderError
from watibot.mediatypes import readable
from watibot.messages import ChannelName
from watibot.ports import Clock, MediaFiles, MediaSource, Records
from watibot.turns import Media, MediaState

log = telemetry.logger(__name__)

AT_ONCE = 8
TRIES = 3
PAUSE_SECONDS = 2.0


class Downloads:
    """One task per file, a few at once."""

    def __init__(
        self, source: MediaSource, files: MediaFiles, records: Records, clock: Clock
    ) -> None:
        self._source = source
        self._files = files
        self._records = records
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[int, asyncio.Task[Media]] = {}

    def start(self, channel: ChannelName, media: Iterable[Media]) -> None:
        """Begins in the background."""
        for one in media:
            if one.media_id not in self._tasks:
                task = asyncio.create_task(self._fetch(channel, one))
                self._tasks[one.media_id] = task
                task.add_done_callback(partial(self._forget, one.media_id))

    def _forget(self, media_id: int, _: asyncio.Task[Media]) -> None:
        self._tasks.pop(media_id, None)

    async def resume(self) -> None:
        """After a start: what the last process did not finish."""
        for channel, media in await self._records.pending_media():
            self.start(channel, [media])

    async def settled(self, channel: ChannelName, media: tuple[Media, ...]) -> tuple[Media, ...]:
        """The same files, none of them pending any more."""
        self.start(channel, [one for one in media if one.state is MediaState.PENDING])
        return tuple(
            [
                await self._tasks[one.media_id] if one.media_id in self._tasks else one
                for one in media
            ]
        )

    async def part(self, media: Media) -> dict[str, Any] | None:
        """The file as a content part, or None if the model cannot read it."""
        if media.state is not MediaState.READY or not media.path:
            return None
        if not media.mime or not readable(media.mime, media.size or 0):
            return None
        data = await self._files.get(media.path)
        encoded = await asyncio.to_thread(base64.b64encode, data)
        return {"inlineData": {"mimeType": media.mime, "data": encoded.decode("ascii")}}

    async def stop(self) -> None:
        """What is under way is fetched again after the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, channel: ChannelName, media: Media) -> Media:
        async with self._slots:
            done = await self._try(channel, media)
        await self._records.media_done(done)
        log.info("media.settled", state=done.state, mime=done.mime, size=done.size)
        return done

    async def _try(self, channel: ChannelName, media: Media) -> Media:
        for attempt in range(1, TRIES + 1):
            try:
                file = await self._source.fetch(channel, media)
            except ProviderError as error:
                if not error.transient or attempt == TRIES:
                    return replace(media, state=MediaState.FAILED, failure=str(error))
                await self._clock.sleep(PAUSE_SECONDS * attempt)
            else:
                path = await self._files.put(file)
                return replace(
                    media,
                    state=MediaState.READY,
                    mime=file.mime,
                    size=len(file.data),
                    path=path,
                )
        raise AssertionError("unreachable")
