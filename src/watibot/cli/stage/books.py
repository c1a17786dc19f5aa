"""What a morning came to and what it cost, from the emulators' journals alone. Pure.

`reckoning.py` holds the console to it. The sums are made here a second time, of what the providers
themselves say they served, and share no code with `costs.py`: of the product there is only the
price list.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any

from watibot.cli.stage.guests import Guest
from watibot.cli.stage.journals import Entry, Event, address_of, calls_of, hands_over, is_text
from watibot.messages import ChannelName

_LONG = 200_000  # tokens of a prompt


@dataclass(frozen=True, slots=True)
class Tariff:
    """`models`: rows of the price list, US dollars for a million tokens, which are micro-dollars
    for one. `event`: micro-dollars for an event of a session."""

    models: Sequence[Mapping[str, Any]]
    event: Decimal

    def row(self, model: str, on: date) -> Mapping[str, Any]:
        """The newest price that has begun. Raises LookupError without one."""
        begun = {
            each.get("from", date.min): each
            for each in self.models
            if each["model"] == model and each.get("from", date.min) <= on
        }
        if not begun:
            raise LookupError(f"no price of {model}")
        return begun[max(begun)]


@dataclass(frozen=True, slots=True)
class Journals:
    """Of the channels everything, of Vertex AI the exchanges with their bodies."""

    wati: Sequence[Entry]
    manychat: Sequence[Entry]
    vertex: Sequence[Entry]

    def before(self, moment: datetime) -> Journals:
        """What had happened by then."""
        early = (
            [each for each in entries if datetime.fromisoformat(each["at"]) < moment]
            for entries in (self.wati, self.manychat, self.vertex)
        )
        return Journals(*early)


def _each_channel() -> dict[ChannelName, int]:
    return dict.fromkeys(ChannelName, 0)


@dataclass(slots=True)
class Books:
    """Counts of a morning. By channel: `guests` who wrote, and their `messages`. `answers` and
    `by_staff` are words in the sessions of these guests, `waiting` are those whom the model gave to
    a person that has not written yet, `tools` the calls that it made. Tokens are those of `calls`
    of the model; `requests` are WATI's."""

    guests: dict[ChannelName, int] = field(default_factory=_each_channel)
    messages: dict[ChannelName, int] = field(default_factory=_each_channel)
    answers: int = 0
    by_staff: int = 0
    waiting: int = 0
    tools: int = 0
    calls: int = 0
    prompt: int = 0
    cached: int = 0
    output: int = 0
    events: int = 0
    requests: int = 0
    micros: int = 0


def tariff() -> Tariff:
    """The price list that comes with this version."""
    text = files("watibot.providers").joinpath("prices.toml").read_text("utf-8")
    listed = tomllib.loads(text, parse_float=Decimal)
    return Tariff(listed["price"], listed["sessions"]["thousand_events"] * 1000)


def books(journals: Journals, prices: Tariff) -> Books:
    """Raises LookupError for a model without a price."""
    found = Books(requests=sum(each["kind"] == "request" for each in journals.wati))
    wrote = set()
    for entry in (*journals.wati, *journals.manychat):
        if entry["kind"] == "guest":
            guest = writer(entry)
            found.messages[guest.channel] += 1
            found.guests[guest.channel] += guest not in wrote
            wrote.add(guest)
    served = [each for each in journals.vertex if each["status"] == 200]
    for each in served:
        _charge(found, each, prices)
    sessions = _sessions(served)
    for guest in wrote:
        _read(found, sessions.get(guest.conversation_id, []))
    return found


def writer(entry: Entry, name: str = "") -> Guest:
    """Who wrote, by an entry of kind "guest"."""
    channel = ChannelName.WHATSAPP if "waId" in entry else ChannelName(entry["platform"])
    return Guest(name, channel, address_of(entry))


def _charge(found: Books, each: Entry, prices: Tariff) -> None:
    # What keeping an explicit cache costs is charged when its hour is over, and no morning is so
    # long.
    match each["operation"]:
        case "appendEvent":
            found.events += 1
            found.micros += _whole(prices.event)
        case "createCache":
            kept = each["response"]["usageMetadata"]["totalTokenCount"]
            found.micros += cost({"promptTokenCount": kept}, each, prices)
        case "generateContent":
            counted = each["response"]["usageMetadata"]
            found.calls += 1
            found.prompt += counted["promptTokenCount"]
            found.cached += counted.get("cachedContentTokenCount", 0)
            found.output += _said(counted)
            found.micros += cost(counted, each, prices)
            found.tools += sum(
                len(calls_of(candidate)) for candidate in each["response"]["candidates"]
            )


def cost(counted: Mapping[str, Any], each: Entry, prices: Tariff) -> int:
    """Micro-dollars of one call, from `usageMetadata`; model and location are in its path, or in
    the request for an explicit cache."""
    words = f"{each['path']}/{each['request'].get('model', '')}".split("/")
    model = words[words.index("models") + 1].partition(":")[0]
    location = words[words.index("locations") + 1]
    row = prices.row(model, datetime.fromisoformat(each["at"]).date())
    prompt, cached = counted["promptTokenCount"], counted.get("cachedContentTokenCount", 0)
    rates = row.get("long", row) if prompt > _LONG else row
    sound = _sound(counted, "promptTokensDetails")
    old_sound = _sound(counted, "cacheTokensDetails")
    amount = (
        (prompt - cached - sound + old_sound) * rates["input"]
        + (sound - old_sound) * rates.get("audio", rates["input"])
        + (cached - old_sound) * rates["cached"]
        + old_sound * rates.get("cached_audio", rates["cached"])
        + _said(counted) * rates["output"]
    )
    return _whole(amount * (1 if location == "global" else row.get("elsewhere", 1)))


def _said(counted: Mapping[str, Any]) -> int:
    tokens: int = counted.get("candidatesTokenCount", 0) + counted.get("thoughtsTokenCount", 0)
    return tokens


def _sound(counted: Mapping[str, Any], details: str) -> int:
    return sum(
        each["tokenCount"] for each in counted.get(details, ()) if each["modality"] == "AUDIO"
    )


def _whole(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _sessions(served: Sequence[Entry]) -> dict[str, list[Event]]:
    """The events of each conversation, as they were appended."""
    owners: dict[str, str] = {}
    events: dict[str, list[Event]] = {}
    for each in served:
        if each["operation"] == "createSession":
            owners[each["query"]["sessionId"]] = each["request"]["userId"]
        elif each["operation"] == "appendEvent":
            session = each["path"].rpartition("/")[2].partition(":")[0]
            events.setdefault(owners[session], []).append(each["request"])
    return events


def _read(found: Books, events: Sequence[Event]) -> None:
    waits = False
    for event in events:
        if event["author"] == "staff":
            found.by_staff += 1
            waits = False
        elif event["author"] == "watibot" and is_text(event):
            found.answers += 1
        elif hands_over([event]):
            waits = True
    found.waiting += waits
