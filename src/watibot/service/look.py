"""A look at a chat in the provider's own history: what colleagues wrote or took, what was lost.

`answer.py` begins one when a turn opens, beside the model and never waited for; `receive.py` when a
guest writes while staff hold the conversation; `look_back.py` while such a guest waits; `poll.py`
where no webhook tells. One that comes too soon waits for its time (`spaced.py`). What comes of it
(`news.py`) goes to the store, which is asked before every bubble.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from watibot import matching, telemetry
from watibot.conversations import Conversation, Owner, held_by_staff
from watibot.errors import Cause, ProviderError
from watibot.history import ItemKind
from watibot.matching import NEAR, Finding, RowKind, Said
from watibot.messages import ChannelName, Inbound, Takeover
from watibot.ports import ChatHistory, ChatRow, Clock, People
from watibot.service.meter import Meter
from watibot.service.news import RETRIED, News, Rules, Word, judge, names_of
from watibot.service.pace import BURST, Rhythm, before_burst, gap_passed, rhythm
from watibot.service.spaced import Spaced
from watibot.settings import Wati
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

PAGE = 50
MOST_PAGES = 5
MOST_TRIES = 5
# Of a chat that is not known here at all, what is older than this was not for us.
FRESH = timedelta(hours=1)
PAUSE_SECONDS = 600.0
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

Receive = Callable[[Inbound, bytes, datetime], Awaitable[object]]
Wake = Callable[[str, datetime], None]
SeenTo = Callable[[ChannelName, str, str | None, datetime, str], Awaitable[object]]
Forgotten = Callable[[str], Awaitable[datetime | None]]


async def never(conversation_id: str) -> datetime | None:
    """Nobody was forgotten."""
    return None


class Why(StrEnum):
    """What a look is for."""

    TURN = "turn"  # a turn opens
    HELD = "held"  # the guest writes while staff hold the conversation
    BACK = "back"  # the guest waits, and somebody may have given it back since
    POLL = "poll"  # nobody else tells


# The shortest time between two looks at one chat, in seconds.
_SPACING = {Why.TURN: 20.0, Why.HELD: 60.0, Why.BACK: 60.0, Why.POLL: 0.0}


@dataclass(frozen=True, slots=True)
class _Wish:
    conversation: Conversation
    why: Why
    tries: int = 0


def _merged(older: _Wish, newer: _Wish) -> _Wish:
    """A turn's look may turn out not to be worth it; that of a guest who waits always is."""
    return newer if newer.why is not Why.TURN else _Wish(newer.conversation, older.why)


class Looker:
    """Looks, at most one at a time for one conversation. `receive` takes a guest's message that no
    webhook brought (`Receiver.take`); `seen_to` hears that a colleague wrote to the guest.
    `forgotten`: when a guest was erased, of whom the provider still has what was said before."""

    def __init__(
        self,
        people: People,
        chats: Mapping[ChannelName, ChatHistory],
        clock: Clock,
        meter: Meter,
        group: Wati,
        takeover_hours: float,
        receive: Receive,
        wake: Wake,
        seen_to: SeenTo,
        metrics: Metrics,
        forgotten: Forgotten = never,
    ) -> None:
        self._people = people
        self._chats = chats
        self._clock = clock
        self._meter = meter
        self._wanted = group.look
        self._gap = timedelta(minutes=group.min_gap_minutes)
        self._operators = frozenset(each.casefold() for each in group.bot_operators)
        self._polls = group.poll_seconds > 0
        self._takeover = timedelta(hours=takeover_hours)
        self._receive = receive
        self._wake = wake
        self._seen_to = seen_to
        self._metrics = metrics
        self._forgotten = forgotten
        self._spaced = Spaced(clock, self._in_background, _merged)

    def start(self, conversation: Conversation) -> None:
        """A turn opens. In the background, if it is worth it."""
        self._start(conversation, Why.TURN)

    def held(self, conversation: Conversation) -> None:
        """The guest writes while staff hold the conversation. In the background."""
        self._start(conversation, Why.HELD)

    def back(self, conversation: Conversation) -> None:
        """Staff hold the conversation, its guest waits, and it may have been given back. In the
        background."""
        self._start(conversation, Why.BACK)

    def looked_at(self, conversation: Conversation) -> datetime:
        """When the chat was last looked at, or that was last tried; long ago if never."""
        begun = self._spaced.begun(conversation.conversation_id)
        return max(begun or _EVER, conversation.checked_at or _EVER)

    async def stop(self) -> None:
        await self._spaced.stop()

    def _start(self, conversation: Conversation, why: Why) -> None:
        name = conversation.conversation_id
        if conversation.channel not in self._chats or not self._may(conversation, why):
            return
        if why is Why.TURN and (self._spaced.runs(name) or self._no_gap(name)):
            return
        self._spaced.want(name, _Wish(conversation, why), _SPACING[why])

    def _no_gap(self, name: str) -> bool:
        """Whether a turn is asked for too soon for a gap to have passed."""
        begun = self._spaced.begun(name)
        if begun is None or self._rhythm() is not Rhythm.GAP:
            return False
        return (self._clock.now() - begun).total_seconds() < _SPACING[Why.TURN]

    def _rhythm(self) -> Rhythm:
        return rhythm(self._wanted, self._meter.share)

    def _may(self, conversation: Conversation, why: Why) -> bool:
        if self._meter.paused:
            return False
        match self._rhythm():
            case Rhythm.NONE:
                return False
            case Rhythm.HELD:
                return why is Why.HELD or held_by_staff(conversation, self._clock.now())
            case Rhythm.TURN | Rhythm.GAP:
                return True

    async def _in_background(self, name: str, wish: _Wish) -> None:
        conversation, why = wish.conversation, wish.why
        if not self._may(conversation, why):
            return  # no longer: it has waited
        try:
            if (
                why is Why.TURN
                and self._rhythm() is Rhythm.GAP
                and not await self._gap_passed(conversation)
            ):
                return
            await self.look(conversation, why)
        except ProviderError as error:
            log.warning("chat.not_looked", cause=error.cause, status=error.status, why=why)
            if error.transient and why is not Why.TURN and wish.tries < MOST_TRIES:
                # The guest waits, and nobody else may bring it up again for long.
                self._spaced.want(name, replace(wish, tries=wish.tries + 1), _SPACING[why])
        except Exception as error:
            log.error("chat.look_failed", exc_info=telemetry.without_values(error))

    async def _gap_passed(self, conversation: Conversation) -> bool:
        now = self._clock.now()
        since = now - self._gap - BURST
        said = await self._people.known(conversation.conversation_id, since, ())
        return gap_passed(
            before_burst(said), conversation.checked_at, conversation.last_guest_at, now, self._gap
        )

    async def look(self, conversation: Conversation, why: Why, *, here: bool = True) -> News:
        """Reads, compares, and does what comes out; what that was. `here`: the conversation has
        rows of its own in the store. Raises ProviderError."""
        now = self._clock.now()
        try:
            found, said = await self._read(conversation)
        except ProviderError as error:
            if error.cause is Cause.NOT_FOUND:
                found, said = [], []  # the provider has nothing of this guest
            else:
                self._metrics.looks.labels(why, "failed").inc()
                if error.cause is Cause.THROTTLED and (error.retry_after or 0) >= PAUSE_SECONDS:
                    self._meter.exhausted(error.retry_after or PAUSE_SECONDS)
                raise
        began = await self._began(conversation, found, said) if here else None
        forgotten = await self._forgotten(conversation.conversation_id)
        rules = Rules(
            now,
            max(began or now - FRESH, forgotten or _EVER),
            self._takeover,
            self._operators,
            told_by_webhook=not self._polls,
        )
        # Whose chat it was before a guest was erased is no reason to know them again.
        since = _EVER if here else forgotten or _EVER
        assigned = matching.assignment(
            [finding.row for _, finding in found if finding.row.at > since]
        )
        news = judge(found, assigned, said, rules)
        await self._act(conversation, news, now, here=here)
        outcome = "news" if news.messages or news.items else "nothing"
        self._metrics.looks.labels(why, outcome).inc()
        log.info(
            "chat.looked",
            conversation=conversation.conversation_id,
            why=why,
            rows=len(found),
            lost=len(news.messages),
            new=len(news.items),
        )
        return news

    async def _read(
        self, conversation: Conversation
    ) -> tuple[list[tuple[ChatRow, Finding]], list[Said]]:
        """Rows and whose they are: the newest page, and older ones while all on a page is new."""
        rows: dict[str, ChatRow] = {}
        found: list[tuple[ChatRow, Finding]] = []
        said: list[Said] = []
        chat = self._chats[conversation.channel]
        for number in range(1, MOST_PAGES + 1):
            page = await chat.page(conversation.address, number, PAGE)
            fresh = [row for row in page.rows if row.row.row_id not in rows]
            if not fresh:
                break
            rows.update((row.row.row_id, row) for row in fresh)
            oldest = min(row.row.at for row in rows.values())
            all_rows = list(rows.values())
            said = await self._people.known(
                conversation.conversation_id, oldest - NEAR, _ids(all_rows)
            )
            findings = matching.match([row.row for row in all_rows], said, self._operators)
            found = list(zip(all_rows, findings, strict=True))
            passed = conversation.checked_at is not None and oldest < conversation.checked_at
            if page.last or passed or any(one.known for one in findings[-len(fresh) :]):
                break
        return found, said

    async def _began(
        self,
        conversation: Conversation,
        found: Sequence[tuple[ChatRow, Finding]],
        said: Sequence[Said],
    ) -> datetime | None:
        """When the conversation began here: what is older is the past's business, but for what a
        late webhook may bring."""
        first = min((one.at for one in said), default=None)
        older = [
            finding
            for _, finding in found
            if finding.row.kind is RowKind.MESSAGE and not finding.known
            if first is None or finding.row.at < first
        ]
        if older:  # either from before, or the talk here goes back further than these rows
            everything = await self._people.known(conversation.conversation_id, _EVER, ())
            first = min((one.at for one in everything), default=None)
        return None if first is None else first - RETRIED

    async def _act(
        self, conversation: Conversation, news: News, now: datetime, *, here: bool
    ) -> None:
        """In this order: the guest's question stands before a colleague's words, and a word that
        takes the conversation is kept before the rows that said so become known."""
        name = conversation.conversation_id
        for row in news.messages:
            if row.message is not None:
                message = replace(row.message, conversation_id=name, address=conversation.address)
                await self._receive(message, row.raw, now)
        word = news.word
        if word is not None and word.held:
            await self._hold(conversation, word)
        if here or news.messages or (word is not None and word.held):
            await self._people.take_in(name, news.items, now)
        staff = [item for item in news.items if item.kind is ItemKind.STAFF]
        if staff:
            last = staff[-1]
            await self._seen_to(
                conversation.channel, name, last.author, last.at, "escribió al huésped"
            )
        # Most chats say "Bot" all their life: only who is held can be given back.
        if word is not None and not word.held and conversation.owner is Owner.STAFF:
            await self._hold(conversation, word)

    async def _hold(self, conversation: Conversation, word: Word) -> None:
        takeover = Takeover(
            conversation.channel,
            conversation.conversation_id,
            conversation.address,
            word.held,
            by=word.by,
        )
        # A provider's clock that is ahead would outdo what is said here meanwhile.
        at = min(word.at, self._clock.now())
        holding = await self._people.hold(takeover, at, word.until)
        if holding.changed:
            outcome = "took" if word.held else "gave_back"
            self._metrics.takeovers.labels("chat", outcome).inc()
            log.info(f"staff.{outcome}", conversation=holding.conversation_id, seen="chat")
        if holding.due_at is not None:
            self._wake(holding.conversation_id, holding.due_at)


def _ids(rows: Sequence[ChatRow]) -> list[str]:
    """Everything by which a row may be known here."""
    return [
        name
        for row in rows
        for name in (row.row.row_id, row.row.provider_id, row.row.local_id, *names_of(row))
        if name
    ]
