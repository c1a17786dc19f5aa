"""What was said before the hotel began with this service, once for each conversation.

`receive.py` tells of new conversations, the store of those whose past was not read to its end. In
the background, page by page from the newest, each page one commit, so that a restart goes on where
it was. What is as old as the conversation here, or younger, is for `look.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from watibot import matching, telemetry
from watibot.conversations import Conversation, Provider
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.matching import Author, Finding, RowKind, Said
from watibot.messages import ChannelName
from watibot.ports import ChatHistory, ChatPage, ChatRow, Clock, People
from watibot.service.look import Forgotten, never
from watibot.service.meter import Meter
from watibot.service.news import RETRIED, item_of, of_the_past
from watibot.service.pace import RARER
from watibot.settings import Wati
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

PAGE = 100
AT_ONCE = 20  # conversations of one round
ROUND_SECONDS = 300.0
AGAIN = timedelta(minutes=30)  # a conversation whose past could not be read
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Past:
    """Reads it. `chat` should take its places behind those who answer guests: nobody waits for the
    past. `forgotten`: when a guest was erased, of whom the provider still has the past."""

    def __init__(
        self,
        people: People,
        chat: ChatHistory,
        clock: Clock,
        meter: Meter,
        group: Wati,
        metrics: Metrics,
        forgotten: Forgotten = never,
    ) -> None:
        self._people = people
        self._chat = chat
        self._clock = clock
        self._meter = meter
        self._most = group.past_messages
        self._operators = frozenset(each.casefold() for each in group.bot_operators)
        self._metrics = metrics
        self._forgotten = forgotten
        self._poked = asyncio.Event()
        self._not_before: dict[str, datetime] = {}

    def new(self, conversation_id: str) -> None:
        """A conversation is new here: worth a look at once."""
        self._poked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._poked.clear()
            if self._most and await self.round():
                continue
            try:
                await self._clock.limit(ROUND_SECONDS, self._poked.wait())
            except TimeoutError:
                continue

    async def round(self) -> int:
        """Reads the past of those that lack it; how many are done now."""
        done = 0
        now = self._clock.now()
        self._not_before = {name: at for name, at in self._not_before.items() if at > now}
        limit = AT_ONCE + len(self._not_before)  # those that must wait are in the list too
        for conversation in await self._people.without_past(limit):
            if conversation.conversation_id in self._not_before or not _ours(conversation):
                continue
            # The past is worth a part of the month's calls, not the last of them.
            if self._meter.paused or self._meter.share >= RARER:
                break
            try:
                await self.read(conversation)
                done += 1
            except ProviderError as error:
                self._later(conversation)
                if error.cause is Cause.THROTTLED and error.retry_after:
                    self._meter.exhausted(error.retry_after)
                log.warning("past.not_read", cause=error.cause, status=error.status)
            except Exception as error:
                self._later(conversation)  # the others go on
                log.error("past.failed", exc_info=telemetry.without_values(error))
        return done

    def _later(self, conversation: Conversation) -> None:
        self._not_before[conversation.conversation_id] = self._clock.now() + AGAIN

    async def read(self, conversation: Conversation) -> int:
        """The whole of one conversation's past, or what is left of it; how many items were new.
        Raises ProviderError."""
        name = conversation.conversation_id
        everything = await self._people.known(name, _EVER, ())
        here = [one for one in everything if not _is_past(one)]
        began = min((one.at for one in here), default=self._clock.now())
        have, new, seen = len(everything) - len(here), 0, 0
        forgotten = await self._forgotten(name) or _EVER
        number: int | None = conversation.past_page or 1
        while number is not None:
            page = _since(await self._page(conversation, number), forgotten)
            items = _items(page, here, began, self._operators)[-max(1, self._most - have) :]
            have += len(items)
            seen += len(page.rows)
            number = None if page.last or not page.rows or have >= self._most else number + 1
            new += await self._people.take_in_past(name, items, number)
            self._metrics.past_pages.inc()
        log.info("past.read", conversation=name, rows=seen, new=new)
        return new

    async def _page(self, conversation: Conversation, number: int) -> ChatPage:
        try:
            return await self._chat.page(conversation.address, number, PAGE)
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:  # the provider has nothing of this guest
                return ChatPage((), last=True)
            raise


def _since(page: ChatPage, forgotten: datetime) -> ChatPage:
    """Without what was said before; behind that there is nothing."""
    rows = tuple(row for row in page.rows if row.row.at > forgotten)
    return page if len(rows) == len(page.rows) else ChatPage(rows, last=True)


def _ours(conversation: Conversation) -> bool:
    """A conversation that a migration carries brings its past itself."""
    return (
        conversation.channel is ChannelName.WHATSAPP
        and conversation.provider is Provider.VERTEX
        and conversation.thread_id is None
    )


def _is_past(said: Said) -> bool:
    return any(of_the_past(name) for name in said.ids)


def _items(
    page: ChatPage, here: Sequence[Said], began: datetime, operators: frozenset[str]
) -> list[HistoryItem]:
    """A page's messages from before `began`, the oldest first. A guest's that nobody answered may
    be the first one here, whose webhook is late: it is left to that, or to `look.py`."""
    findings = matching.match([row.row for row in page.rows], here, operators)
    pairs = sorted(zip(page.rows, findings, strict=True), key=lambda pair: pair[1].row.at)
    older = [(row, one) for row, one in pairs if one.known is None and one.row.at < began]
    answers = (one.row.at for _, one in older if one.author in (Author.BOT, Author.STAFF))
    late = max(began - RETRIED, max(answers, default=_EVER))
    return [
        item
        for row, finding in older
        if finding.author is not Author.GUEST or finding.row.at < late
        if (item := _item(row, finding)) is not None
    ]


def _item(row: ChatRow, finding: Finding) -> HistoryItem | None:
    if finding.row.kind is not RowKind.MESSAGE:
        return None
    match finding.author:
        case Author.GUEST:
            kind = ItemKind.GUEST
        case Author.BOT:
            kind = ItemKind.ASSISTANT
        case Author.STAFF:
            # The bot of before may bear no name; a person's message always does.
            named = finding.row.operator or finding.row.operator_email
            kind = ItemKind.STAFF if named else ItemKind.ASSISTANT
        case Author.CAMPAIGN | Author.NOBODY:
            return None
    return item_of(row, kind, past=True)
