"""Reads chats in turn, for plans on which no webhook tells of them.

Started by `wiring.py` when WATI_POLL_SECONDS is set. Chats with recent traffic are read first and
most often (`pace.py`), within the provider's rate and the month's calls; what is new in a chat goes
the way of `look.py`, and the guest's messages that of a webhook's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from watibot import telemetry
from watibot.conversations import Conversation, Owner
from watibot.errors import ProviderError
from watibot.messages import ChannelName
from watibot.ports import Clock, Contact, ContactList, People
from watibot.service.look import Looker, Why
from watibot.service.meter import Meter
from watibot.service.pace import Chat, next_chat
from watibot.settings import Wati

log = telemetry.logger(__name__)

RECENT = timedelta(days=7)
ALL_CONTACTS = timedelta(hours=1)  # how often the whole list is read, and not its beginning alone
MOST_PAGES = 50
LEAST_READS = 3  # chats of one round, however slow: then the list of contacts is due again
LONGEST_PAUSE = 3600.0  # between two calls, in seconds
# By day twice as much goes on as on average.
_SHARE_OF_SPACING = 0.5
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Poller:
    """Reads contacts and chats, round after round."""

    def __init__(
        self,
        people: People,
        contacts: ContactList,
        looker: Looker,
        meter: Meter,
        clock: Clock,
        group: Wati,
        hotel_id: str,
    ) -> None:
        self._people = people
        self._contacts = contacts
        self._looker = looker
        self._meter = meter
        self._clock = clock
        self._every = timedelta(seconds=group.poll_seconds)
        self._hotel_id = hotel_id
        self._known: dict[str, Contact] = {}
        self._read_at: dict[str, datetime] = {}
        self._all_read_at: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began = self._clock.now()
            await self.round()
            took = self._clock.now() - began
            await self._clock.sleep(max(1.0, (self._every - took).total_seconds()))

    async def round(self) -> None:
        """The list of contacts, then the chats whose time has come."""
        began = self._clock.now()
        if self._meter.paused:
            return
        try:
            await self._list()
        except ProviderError as error:
            log.warning("contacts.not_read", cause=error.cause, status=error.status)
        recent = await self._people.recent(ChannelName.WHATSAPP, began - RECENT)
        here = {each.address: each for each in recent}
        reads = 0
        while reads < LEAST_READS or self._clock.now() - began < self._every:
            chat = next_chat(self._chats(here), self._clock.now(), self._every)
            if chat is None or self._meter.paused:
                return
            await self._look(chat.key, here)
            reads += 1

    async def _list(self) -> None:
        """New contacts stand on the first pages, or anywhere: all pages are read now and then."""
        now = self._clock.now()
        whole = self._all_read_at is None or now - self._all_read_at >= ALL_CONTACTS
        seen: set[str] = set()
        for number in range(1, MOST_PAGES + 1):
            page = {each.address: each for each in await self._contacts.page(number)}
            fresh = page.keys() - seen
            moved = any(self._known.get(address) != it for address, it in page.items())
            seen |= fresh
            self._known |= page
            await self._pause()
            if not fresh or not (whole or moved):
                break
        if whole:
            self._all_read_at = now

    async def _pause(self) -> None:
        """After a call, so that the month's last until its end."""
        seconds = self._meter.spacing().total_seconds() * _SHARE_OF_SPACING
        await self._clock.sleep(min(seconds, LONGEST_PAUSE))

    def _chats(self, here: Mapping[str, Conversation]) -> list[Chat]:
        chats = []
        for address in {*self._known, *here}:
            contact, conversation = self._known.get(address), here.get(address)
            times = [contact.changed_at if contact else None]
            read = [self._read_at.get(address)]
            if conversation is not None:
                times.append(conversation.last_guest_at)
                read.append(conversation.checked_at)
            chats.append(Chat(address, _newest(times), _newest(read)))
        return chats

    async def _look(self, address: str, here: Mapping[str, Conversation]) -> None:
        self._read_at[address] = self._clock.now()
        conversation = here.get(address)
        try:
            await self._looker.look(
                conversation or self._stranger(address), Why.POLL, here=conversation is not None
            )
        except ProviderError as error:
            log.warning("chat.not_looked", cause=error.cause, status=error.status, why=Why.POLL)
        await self._pause()

    def _stranger(self, address: str) -> Conversation:
        """A chat that this service has not heard of yet, as far as a look needs it."""
        contact = self._known.get(address)
        return Conversation(
            hotel_id=self._hotel_id,
            conversation_id=address,
            channel=ChannelName.WHATSAPP,
            address=address,
            guest_name=contact.name if contact else None,
            owner=Owner.BOT,
            staff_until=None,
            handover_turn_id=None,
            last_guest_at=_NEVER,
            session_id=None,
            session_generation=0,
            fence=0,
        )


def _newest(times: list[datetime | None]) -> datetime | None:
    return max((each for each in times if each is not None), default=None)
