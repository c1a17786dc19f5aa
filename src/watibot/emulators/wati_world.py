"""What WATI knows: guests, their conversations, tickets and media.

Changed by the API routes (`wati.py`), the virtual guests (`wati_guests.py`) and staff
(`wati_staff.py`); read by `wati_views.py`. Field names and rules follow WATI's webhook and
getMessages references.
"""

import base64
import itertools
import secrets
from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from watibot.emulators.kit import Clock
from watibot.emulators.samples import Sample

BOT = "Bot"
# A captured history shows the chat given to the person this much before the person's first words.
ASSIGNED_BEFORE = 0.16


@dataclass(frozen=True)
class Operator:
    """A seat in WATI: a person, the API's own user, or WATI's chatbot (without an e-mail)."""

    email: str | None
    name: str | None
    id: str
    is_api: bool = False


@dataclass
class Message:
    """A row of a conversation, either way. `created` and `recorded` are virtual epoch seconds:
    when it was said, and when WATI wrote it down (a late message has been said earlier). `past`:
    from before the hotel had webhooks; `lost`: no webhook tells of it."""

    id: str
    wamid: str
    ticket_id: str
    owner: bool
    type: str
    text: str | None
    data: object | None
    created: float
    recorded: float
    operator: Operator | None = None
    local_message_id: str | None = None
    reply_to: str = ""
    status: str = "SENT"
    extra: dict[str, Any] = field(default_factory=dict)
    delivered: bool = False
    past: bool = False
    lost: bool = False


@dataclass
class Event:
    """A ticket row (`type` 0 opened, 1 assigned, 2 other) or, without a type, a broadcast row."""

    id: str
    ticket_id: str
    created: float
    recorded: float
    description: str
    type: Literal[0, 1, 2] | None
    actor: str | None = None
    assignee: str | None = None
    text: str | None = None


@dataclass
class Guest:
    """A contact and the conversation with it; `assignee` is "Bot" or an operator's e-mail."""

    wa_id: str
    name: str
    language: str
    contact_id: str
    conversation_id: str
    bsuid: str
    username: str
    added: float
    assignee: str = BOT
    operator: Operator | None = None
    ticket_id: str | None = None
    last_guest_at: float | None = None
    rows: list[Message | Event] = field(default_factory=list)
    held: list[Message] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    def messages(self) -> list[Message]:
        """Oldest first."""
        return [row for row in self.rows if isinstance(row, Message)]

    def quoted(self, reply_to: str) -> str:
        """The wamid that "last" (the hotel's) or "last_guest" stands for; another one is itself."""
        if reply_to not in ("last", "last_guest"):
            return reply_to
        by_hotel = reply_to == "last"
        return next((m.wamid for m in reversed(self.messages()) if m.owner is by_hotel), "")

    def changed(self) -> float:
        """When something last happened here, virtual epoch seconds."""
        return self.rows[-1].created if self.rows else self.added


@dataclass(frozen=True)
class Medium:
    """Stored bytes; `stored` is virtual epoch seconds."""

    content: bytes
    content_type: str
    stored: float


class World:
    """Everything of one tenant."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.guests: dict[str, Guest] = {}
        self.operators: dict[str, Operator] = {}
        self.media: dict[str, Medium] = {}
        self._aliases: dict[str, Guest] = {}
        self._process = secrets.token_hex(5)
        self._counter = itertools.count(1)
        self.chatbot = Operator(None, BOT, self.new_id())

    def new_id(self, at: float | None = None) -> str:
        """24 hexadecimal digits, as MongoDB makes them: seconds, process, counter."""
        seconds = int(self.clock.time() if at is None else at)
        return f"{seconds:08x}{self._process}{next(self._counter):06x}"

    def new_wamid(self) -> str:
        return "wamid." + base64.b64encode(f"HBgM{self.new_id()}".encode()).decode()

    def add_guest(self, wa_id: str, name: str, language: str = "es") -> Guest:
        """The guest of this number, new or as known."""
        if wa_id in self.guests:
            return self.guests[wa_id]
        guest = Guest(
            wa_id=wa_id,
            name=name,
            language=language,
            contact_id=self.new_id(),
            conversation_id=self.new_id(),
            bsuid=f"SV.{int(self.new_id(), 16) % 10**17:017d}",
            username=f"@{name.lower().replace(' ', '.')}",
            added=self.clock.time(),
        )
        self.guests[wa_id] = guest
        for alias in (wa_id, guest.contact_id, guest.conversation_id, guest.bsuid):
            self._aliases[alias] = guest
        return guest

    def find(self, target: str) -> Guest | None:
        """A guest by number, contact id, conversation id or bsuid."""
        return self._aliases.get(target.removeprefix("+"))

    def operator(self, email: str, name: str) -> Operator:
        """The seat of this e-mail, new or as known."""
        return self.operators.setdefault(email, Operator(email, name, self.new_id()))

    def window_open(self, guest: Guest, seconds: float) -> bool:
        """Whether the guest wrote within the last `seconds`."""
        last = guest.last_guest_at
        return last is not None and self.clock.time() - last < seconds

    def guest_says(self, guest: Guest, created: float, **fields: Any) -> Message:
        """A message from the guest, on a new ticket if none is open."""
        is_new = guest.ticket_id is None
        if is_new:
            guest.ticket_id = self.new_id()
            opened = f"The chat has been initialized by contact {guest.name} ({guest.wa_id})"
            self._ticket(guest, opened, 0, None, None, created)
        message = self._message(guest, owner=False, created=created, **fields)
        if is_new:
            self._assigned_to_bot(guest, BOT, created)
        guest.last_guest_at = max(created, guest.last_guest_at or 0.0)
        return message

    def hotel_says(self, guest: Guest, operator: Operator, **fields: Any) -> Message:
        """A message from the API or from a person in WATI's inbox."""
        now = self.clock.time()
        return self._message(guest, owner=True, created=now, operator=operator, **fields)

    def broadcast(self, guest: Guest, template: str, text: str) -> Event:
        """A template message, which needs no open window."""
        now = self.clock.time()
        said = f'Broadcast message with using "{template}" template was received'
        row = Event(self.new_id(), guest.ticket_id or "", now, now, said, None, text=text)
        self.insert(guest, row)
        return row

    def assign(
        self, guest: Guest, operator: Operator | None, actor: str | None, at: float | None = None
    ) -> None:
        """Gives the chat to a person, or back to "Bot"; WATI writes a ticket row either way. `at`:
        virtual epoch seconds, None is now."""
        guest.operator = operator
        if operator is None:
            guest.assignee = BOT
            self._assigned_to_bot(guest, actor, at)
            return
        guest.assignee = operator.email or BOT
        text = (
            f"Chat is now assigned to {operator.email}. "
            "Automation will not work unless it's assigned back to Bot"
        )
        self._ticket(guest, text, 1, actor, operator.email, at)

    def resolve(self, guest: Guest, actor: str | None) -> None:
        """Closes the ticket; the guest's next message opens a new one, with the bot."""
        self._ticket(guest, f"The ticket has been resolved by {actor}", 2, actor, None)
        guest.ticket_id, guest.operator, guest.assignee = None, None, BOT

    def store_sample(self, sample: Sample) -> str:
        return self.store(sample.read(), sample.content_type, sample.folder, sample.extension)

    def store(self, content: bytes, content_type: str, folder: str, extension: str) -> str:
        """Keeps a file; its name is what `data` carries and getMedia takes."""
        hexes = secrets.token_hex(16)
        uuid = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))
        name = f"data/{folder}/{uuid}.{extension}"
        self.media[name] = Medium(content, content_type, self.clock.time())
        return name

    def _message(self, guest: Guest, created: float, **fields: Any) -> Message:
        message = Message(
            id=self.new_id(),
            wamid=self.new_wamid(),
            ticket_id=guest.ticket_id or "",
            created=created,
            recorded=self.clock.time(),
            **fields,
        )
        self.insert(guest, message)
        return message

    def _assigned_to_bot(
        self, guest: Guest, actor: str | None, created: float | None = None
    ) -> None:
        text = f"The ticket has been assigned to Bot by {actor}"
        self._ticket(guest, text, 1, actor, BOT, created)

    def _ticket(
        self,
        guest: Guest,
        description: str,
        type_: Literal[0, 1, 2],
        actor: str | None,
        assignee: str | None,
        created: float | None = None,
    ) -> None:
        now = self.clock.time()
        said = now if created is None else created
        ticket = guest.ticket_id or ""
        row = Event(self.new_id(), ticket, said, now, description, type_, actor, assignee)
        self.insert(guest, row)

    def insert(self, guest: Guest, row: Message | Event) -> None:
        """Puts a row where its time belongs."""
        insort(guest.rows, row, key=lambda each: each.created)


def iso(seconds: float, digits: int) -> str:
    """Epoch seconds as ISO with `digits` of a second and Z (7 in webhooks, 3 in getMessages)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    fraction = f"{moment.microsecond:06d}0"[:digits]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
