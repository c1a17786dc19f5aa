"""Looks after guests who wait while staff hold their chats: it may have been given back.

Started by `wiring.py`. A guest writes, a colleague assigns the chat to the bot again, and no
webhook tells: without this loop the guest would wait until they write once more. What it finds goes
the way of `look.py`. A guest who waits costs 57 looks at most (11 in the first hour after their
words, then two an hour while the reply window is open), all of them together 240 an hour, and none
once 80 % of the month's calls are used. A look is one call, rarely more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from watibot.conversations import REPLY_WINDOW, Conversation, held_by_staff, window_open
from watibot.matching import Author
from watibot.messages import ChannelName
from watibot.ports import Clock, People
from watibot.service.look import Looker
from watibot.service.meter import Meter
from watibot.service.pace import RARER

ROUND_SECONDS = 60.0
AT_ONCE = 4  # looks of one round
OFTEN, RARELY = timedelta(minutes=5), timedelta(minutes=30)
# Whoever gives a chat back does it when they have read the guest's last words.
SOON = timedelta(hours=1)


def due(conversation: Conversation, looked_at: datetime, now: datetime) -> bool:
    """Whether a chat that staff hold is worth a look, should its guest wait."""
    if not held_by_staff(conversation, now) or conversation.stopped_at is not None:
        return False
    every = OFTEN if now - conversation.last_guest_at < SOON else RARELY
    since = max(conversation.last_guest_at, looked_at)
    return window_open(conversation, now) and now - since >= every


class LookBack:
    """Looks, round after round. `channels` are those whose chats can be read."""

    def __init__(
        self,
        people: People,
        channels: Iterable[ChannelName],
        looker: Looker,
        meter: Meter,
        clock: Clock,
    ) -> None:
        self._people = people
        self._channels = tuple(channels)
        self._looker = looker
        self._meter = meter
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.round()
            await self._clock.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Those first that were not looked at for the longest time."""
        if self._meter.share >= RARER:
            return
        now, left = self._clock.now(), AT_ONCE
        for one in sorted(await self._held(now), key=self._looker.looked_at):
            if left and not await self._answered(one):
                self._looker.back(one)
                left -= 1

    async def _held(self, now: datetime) -> list[Conversation]:
        return [
            one
            for channel in self._channels
            for one in await self._people.recent(channel, now - REPLY_WINDOW)
            if due(one, self._looker.looked_at(one), now)
        ]

    async def _answered(self, conversation: Conversation) -> bool:
        """Whether the bot or a colleague said something after the guest's last words."""
        last = conversation.last_guest_at
        said = await self._people.known(conversation.conversation_id, last, ())
        return any(one.author is not Author.GUEST and one.at >= last for one in said)
