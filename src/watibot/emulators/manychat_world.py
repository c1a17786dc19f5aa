"""What ManyChat knows: contacts on Messenger and Instagram, their tags, fields and last words.

Changed by the API routes (`manychat.py`), the virtual guests (`manychat_guests.py`) and staff
(`manychat_staff.py`); its views are the bodies that ManyChat sends and answers. Shapes follow the
Full Contact Data of ManyChat's Dynamic Block reference and the answers of its API clients.
"""

import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from watibot.emulators.kit import Clock

PAGE_ID = "145778989612199"
PLATFORMS = ("facebook", "instagram")
FOREVER = float("inf")


@dataclass
class Line:
    """One message, either way; `at` is virtual epoch seconds. `lost`: no request tells of it."""

    id: str
    platform: str
    author: Literal["guest", "bot", "staff"]
    type: str
    text: str
    at: float
    delivered: bool = False
    lost: bool = False


@dataclass
class Contact:
    """A person on one or both platforms; `last` holds the last interaction of each.
    `paused_until`: automations rest until then, virtual epoch seconds."""

    id: str
    name: str
    language: str
    page_scoped_id: str
    ig_id: int
    subscribed: float
    last: dict[str, float | None]
    last_input_text: str | None = None
    paused_until: float = 0.0
    tags: list[str] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    held: list[Line] = field(default_factory=list)


class World:
    """Everything of one page."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.contacts: dict[str, Contact] = {}
        self.tag_ids: dict[str, int] = {}
        self.field_ids: dict[str, int] = {}
        # Ids must not repeat from one run to the next: a service may keep its store.
        self._ids = itertools.count(int(time.time() * 1000) % 10**10 * 1000)

    def new_id(self) -> int:
        return next(self._ids)

    def add(self, name: str, language: str, platforms: list[str], id_: str | None) -> Contact:
        """The contact of this id with these platforms added, or a new one."""
        contact = self.contacts.get(id_ or "")
        if contact is None:
            contact = Contact(
                id=id_ or str(self.new_id()),
                name=name,
                language=language,
                page_scoped_id=str(self.new_id()),
                ig_id=17841400000000000 + self.new_id(),
                subscribed=self.clock.time(),
                last={},
            )
            self.contacts[contact.id] = contact
        for platform in platforms:
            contact.last.setdefault(platform, None)
        return contact

    def renew(self, contact: Contact) -> None:
        """The contact was deleted and came back: a new id, the same person underneath."""
        del self.contacts[contact.id]
        contact.id = str(self.new_id())
        contact.tags, contact.fields = [], {}
        self.contacts[contact.id] = contact

    def tag(self, contact: Contact, name: str, *, on: bool) -> None:
        """Applies a tag, or removes it."""
        contact.tags = [each for each in contact.tags if each != name] + ([name] if on else [])
        self.tag_id(name)

    def set_field(self, contact: Contact, name: str, value: object) -> None:
        """Sets a custom field; None clears it."""
        self.field_id(name)
        if value is None:
            contact.fields.pop(name, None)
        else:
            contact.fields[name] = value

    def tag_id(self, name: str) -> int:
        return self.tag_ids.setdefault(name, 1500 + len(self.tag_ids))

    def field_id(self, name: str) -> int:
        return self.field_ids.setdefault(name, 40 + len(self.field_ids))


def full_contact_data(contact: Contact) -> dict[str, Any]:
    """Full Contact Data; `custom_fields` is an object here and an array in getInfo."""
    first, _, last = contact.name.partition(" ")
    on_instagram = "instagram" in contact.last
    seen_facebook = _moment(contact.last.get("facebook"))
    seen_instagram = _moment(contact.last.get("instagram"))
    return {
        "id": contact.id,
        "key": f"user:{contact.id}",
        "page_id": PAGE_ID,
        "user_refs": [],
        "status": "active",
        "first_name": first,
        "last_name": last,
        "name": contact.name,
        "gender": None,
        "profile_pic": None,
        "locale": f"{contact.language}_{contact.language.upper()}",
        "language": {"es": "Spanish", "en": "English"}.get(contact.language, contact.language),
        "timezone": "UTC-06",
        "live_chat_url": f"https://app.manychat.com/fb{PAGE_ID}/chat/{contact.id}",
        "last_input_text": contact.last_input_text,
        "optin_phone": False,
        "phone": None,
        "optin_email": False,
        "email": None,
        "subscribed": _moment(contact.subscribed),
        "last_interaction": seen_facebook,
        "ig_last_interaction": seen_instagram,
        "last_seen": seen_facebook,
        "ig_last_seen": seen_instagram,
        "is_followup_enabled": True,
        "ig_username": first.lower() if on_instagram else None,
        "ig_id": contact.ig_id if on_instagram else None,
        "whatsapp_phone": None,
        "optin_whatsapp": False,
        "phone_country_code": None,
        "last_growth_tool": None,
        "custom_fields": dict(contact.fields),
    }


def info(world: World, contact: Contact) -> dict[str, Any]:
    """The `data` of getInfo."""
    return {
        **full_contact_data(contact),
        "custom_fields": [
            {
                "id": world.field_id(name),
                "name": name,
                "type": _field_type(value),
                "description": "",
                "value": value,
            }
            for name, value in contact.fields.items()
        ],
        "tags": [{"id": world.tag_id(name), "name": name} for name in contact.tags],
    }


def _field_type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
