"""Folds the older half of a long conversation into a summary, after a turn and beside the way.

`answer.py` calls `look` when a turn has ended; `run` asks the model, one conversation at a time,
and the store keeps what comes of it for `prompts.py`. No guest waits for it, and none notices that
it failed: the newest items stay in the prompt as they were, and it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watibot import telemetry
from watibot.charges import Operation
from watibot.conversations import Conversation, Provider
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem
from watibot.hotel import Hotel
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion
from watibot.ports import Clock, Model, People, Records
from watibot.prompts import summary_request
from watibot.telemetry import Metrics
from watibot.windows import Sizes, may_begin, to_fold, tokens

log = telemetry.logger(__name__)

LIMIT_SECONDS = 120.0
AGAIN_AFTER = timedelta(minutes=10)
# Characters; 300 words have about 2,000.
LONGEST_SUMMARY = 6_000
# A turn rarely adds more: so many turns a conversation is not read again while it has room.
_TOKENS_A_TURN = 1_000
_ITEMS_A_TURN = 10
# Of history, read at once: a past that was taken in has some thousands.
_ALL_ITEMS = 10_000
_REMEMBERED = 10_000  # conversations


class Folder:
    """The summaries' way into the store. `past_wanted`: what a guest wrote at WhatsApp before this
    service came is being read, and belongs before what is folded."""

    def __init__(
        self,
        records: Records,
        people: People,
        model: Model,
        clock: Clock,
        hotel: Hotel,
        sizes: Sizes,
        metrics: Metrics,
        *,
        past_wanted: bool,
    ) -> None:
        self._records = records
        self._people = people
        self._model = model
        self._clock = clock
        self._hotel = hotel
        self._sizes = sizes
        self._metrics = metrics
        self._past_wanted = past_wanted
        self._wanted: dict[str, None] = {}
        self._room: dict[str, int] = {}  # turns until a conversation is read again
        self._not_before: dict[str, datetime] = {}
        self._new = asyncio.Event()

    def look(self, conversation_id: str) -> None:
        """A turn has ended here. Returns at once."""
        left = self._room.get(conversation_id, 0)
        if left > 0:
            self._room[conversation_id] = left - 1
            return
        again_at = self._not_before.get(conversation_id)
        if again_at is None or self._clock.now() >= again_at:
            self._wanted[conversation_id] = None
            self._new.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._new.wait()
            self._new.clear()
            while self._wanted:
                conversation_id = next(iter(self._wanted))
                del self._wanted[conversation_id]
                await self.fold(conversation_id)

    async def fold(self, conversation_id: str) -> bool:
        """Folds what is too much; whether anything was. A model that fails is no error here."""
        conversation = await self._records.conversation(conversation_id)
        if conversation is None or not _prompts(conversation, self._past_wanted):
            return False
        since = conversation.folded_until
        # The newest that a prompt may show tell whether there is enough; only then all are read.
        items = await self._items(conversation_id, self._sizes.items, since)
        if not to_fold(items, self._sizes):
            self._remember(conversation_id, items)
            return False
        items = await self._items(conversation_id, _ALL_ITEMS, since)
        older = items[: to_fold(items, self._sizes)]
        try:
            for part in _portions(older, self._sizes):
                conversation = await self._fold(conversation, part)
        except ProviderError as error:
            if len(self._not_before) >= _REMEMBERED:
                self._not_before.clear()
            self._not_before[conversation_id] = self._clock.now() + AGAIN_AFTER
            self._metrics.folds.labels("failed").inc()
            log.warning("history.not_folded", conversation=conversation_id, cause=error.cause)
            return False
        self._not_before.pop(conversation_id, None)
        self._metrics.folds.labels("folded").inc()
        log.info("history.folded", conversation=conversation_id, items=len(older))
        return bool(older)

    async def _fold(self, conversation: Conversation, items: Sequence[HistoryItem]) -> Conversation:
        request = summary_request(
            self._hotel, conversation.summary, items, LIMIT_SECONDS, self._sizes
        )
        occasion = Occasion(Operation.SUMMARY, conversation.conversation_id, conversation.channel)
        request = replace(request, occasion=occasion)
        try:
            answer = await self._clock.limit(LIMIT_SECONDS, self._model.generate(request))
        except TimeoutError:
            raise ProviderError("model", Cause.TIMEOUT, "no summary in time") from None
        summary = answer.text.strip()[:LONGEST_SUMMARY]
        if not summary or answer.calls:
            raise ProviderError("model", Cause.BLOCKED, "no summary")
        until = items[-1].at
        await self._people.fold(conversation.conversation_id, summary, until)
        return replace(conversation, summary=summary, folded_until=until)

    async def _items(
        self, conversation_id: str, newest: int, since: datetime | None
    ) -> list[HistoryItem]:
        items = await self._records.history(conversation_id, newest)
        return [item for item in items if since is None or item.at > since]

    def _remember(self, conversation_id: str, items: Sequence[HistoryItem]) -> None:
        if len(self._room) >= _REMEMBERED:
            self._room.clear()
        room = self._sizes.tokens - sum(tokens(item) for item in items)
        places = self._sizes.items * 9 // 10 - len(items)
        self._room[conversation_id] = max(0, min(room // _TOKENS_A_TURN, places // _ITEMS_A_TURN))


def _prompts(conversation: Conversation, past_wanted: bool) -> bool:
    """Whether prompts are built from this history, and all of its past is there: an assistant of
    OpenAI's has its thread, and what is still to be read belongs before what is folded."""
    if conversation.provider is Provider.OPENAI and conversation.thread_id is not None:
        return False
    has_past = past_wanted and conversation.channel is ChannelName.WHATSAPP
    read = conversation.history_imported or not has_past
    return read and conversation.past_page is None


def _portions(items: Sequence[HistoryItem], sizes: Sizes) -> list[Sequence[HistoryItem]]:
    """The items in portions that one request holds: about twice the room of a prompt each, and each
    begins with a person's words, because the next one may fail."""
    portions: list[Sequence[HistoryItem]] = []
    start, total = 0, 0
    for index, item in enumerate(items):
        count = tokens(item)
        if total + count > 2 * sizes.tokens and index > start and may_begin(items, index):
            portions.append(items[start:index])
            start, total = index, 0
        total += count
    if start < len(items):
        portions.append(items[start:])
    return portions
