"""What the phone shows: chats of both emulators in one form. Pure.

`phone.py` reads the control routes and hands in what they answer; the page's template is after it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

CHANNELS = {"whatsapp": "WhatsApp", "facebook": "Messenger", "instagram": "Instagram"}
ANSWER_SECONDS = 90  # after a guest's words it is likely for so long that somebody answers

Json = dict[str, Any]
Author = Literal["guest", "bot", "staff", "chatbot"]


@dataclass(frozen=True)
class Person:
    """A virtual guest. `held`: staff have the chat."""

    channel: str
    id: str
    name: str
    held: bool


@dataclass(frozen=True)
class Line:
    """One message. `at`: virtual epoch seconds. `media`: where its bytes are, `kind` what they are.
    `receipt`: a word's key, "" if nothing is known."""

    author: Author
    name: str
    text: str
    at: float
    kind: str
    media: str
    receipt: str


@dataclass(frozen=True)
class Chat:
    """A guest's messages, the oldest first. `typing`: an answer is probably on its way."""

    person: Person
    lines: tuple[Line, ...]
    typing: bool


def wati_person(found: Json) -> Person:
    return Person("whatsapp", found["waId"], found["name"], found["assignee"] != "Bot")


def manychat_people(found: Json, now: float) -> list[Person]:
    """One for each platform of the contact."""
    marks = {name.lower() for name in found["tags"]}
    marks |= {name.lower() for name, value in found["fields"].items() if value}
    paused = found["paused_until"] == -1 or found["paused_until"] > now
    held = "bot_off" in marks or paused
    return [
        Person(platform, found["subscriber_id"], found["name"], held)
        for platform in found["platforms"]
    ]


def chat(person: Person, said: list[Json], now: float) -> Chat:
    """The chat of what its emulator's control route lists."""
    if person.channel == "whatsapp":
        lines = tuple(_of_wati(each) for each in said)
    else:
        lines = tuple(_of_manychat(each) for each in said if each["platform"] == person.channel)
    last = lines[-1] if lines else None
    typing = (
        last is not None
        and last.author == "guest"
        and not person.held
        and now - last.at < ANSWER_SECONDS
    )
    return Chat(person, lines, typing)


def _of_wati(said: Json) -> Line:
    media = said["data"] if isinstance(said["data"], str) else ""
    return Line(
        author=said["from"],
        name=(said["operatorName"] or "") if said["from"] == "staff" else "",
        text=said["text"] or "",
        at=datetime.fromisoformat(said["at"]).timestamp(),
        kind=said["type"],
        media=f"whatsapp/{quote(media, safe='')}" if media else "",
        receipt=_receipt(said),
    )


def _receipt(said: Json) -> str:
    """Of the guest's words: whether the service took them. Of the hotel's: how far they came."""
    if said["from"] == "guest":
        return "taken" if said["delivered"] else "sent"
    return {"DELIVERED": "delivered", "READ": "read", "FAILED": "failed"}.get(
        str(said.get("status")), "sent"
    )


def _of_manychat(said: Json) -> Line:
    text, media = said["text"], ""
    if said["type"] != "text":
        words, _, link = text.rpartition(" ")
        text, media = words, (parse_qs(urlsplit(link).query).get("asset_id") or [""])[0]
    return Line(
        author=said["from"],
        name="",
        text=text,
        at=said["at"],
        kind=said["type"],
        media=f"manychat/{quote(media, safe='')}" if media else "",
        receipt=("taken" if said["delivered"] else "sent") if said["from"] == "guest" else "",
    )
