"""Generated pasts: what a hotel's bot of some years has behind it, thread by thread.

The demonstration, tests and the bench take them: the row of the old table, and the thread in export
form, which `openai_seeds` takes word for word. A past depends on seed and number alone, so that any
batch of them can be made again. The words are in `past_words`, the single objects in
`past_objects`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from watibot.emulators import past_words as words
from watibot.emulators.openai_wire import Json
from watibot.emulators.past_objects import Called, Chronicle

# Kinds of exchanges: how likely, how many messages, how many items (a tool call and its result are
# items too).
WEIGHTS: dict[str, tuple[int, int, int]] = {
    "plain": (100, 2, 2),
    "office": (14, 2, 4),
    "booking": (14, 2, 4),
    "person": (4, 2, 4),
    "burst": (16, 3, 3),
    "photo": (9, 2, 2),
    "link": (2, 2, 2),
    "document": (2, 2, 2),
    "policy": (4, 2, 2),
    "refused": (1, 2, 2),
    "failed": (2, 1, 1),
    "cancelled": (2, 1, 1),
    "expired": (1, 1, 1),
}
# Those whose number of items is certain.
COUNTED = ("plain", "office", "booking", "burst", "photo", "failed")
ROW_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Past:
    """`row`: the old table's values by column; `export`: thread, messages, runs with steps, files
    by id with their bytes in base64 under "content"."""

    row: Json
    export: Json


def pasts(
    count: int, seed: int, *, hotel_day: date, size: int | None = None, start: int = 0
) -> list[Past]:
    """`count` pasts from number `start` on, all of them over when `hotel_day` begins (UTC).

    `size` fixes the items of each (a message, a tool call and a tool result are one item each);
    otherwise 2 to 60 messages, mostly 6 to 30.
    """
    midnight = datetime(hotel_day.year, hotel_day.month, hotel_day.day, tzinfo=UTC)
    over = int(midnight.timestamp())
    return [_past(number, seed, over, size) for number in range(start, start + count)]


def _past(number: int, seed: int, over: int, size: int | None) -> Past:
    chance = Random(f"{seed}:{number}")
    english = chance.random() < 0.12
    kinds = _counted(chance, size) if size else _kinds(chance)
    gaps = [_gap(chance) for _ in kinds]
    # Nobody's exchange takes more than 40 seconds, see `Chronicle.pass_time`.
    ended = over - 60 - int(chance.triangular(0, 40, 1) * 86_400)
    begun = ended - sum(gaps) - 40 * len(kinds)
    story = Chronicle(chance, f"{seed:x}{number:08x}", begun)
    context_at = None
    for kind, gap in zip(kinds, gaps, strict=True):
        story.now += gap
        if kind == "staff":
            _staff(story)
            context_at = story.now
        else:
            EXCHANGES[kind](story, english)
        story.pass_time(20)
    wati, address = _address(chance, number)
    checked = None if context_at is None else datetime.fromtimestamp(context_at, UTC)
    row = {
        "wa_id": address,
        "thread_id": story.thread_id,
        "last_updated": _in_row(story.messages[-1]["created_at"]),
        "created_at": _in_row(begun),
        "history_imported": int(wati and chance.random() < 0.3),
        "agent_context_injected": int(checked is not None),
        "last_agent_context_check": checked and checked.replace(tzinfo=None).isoformat(),
    }
    return Past(row, story.export())


def _address(chance: Random, number: int) -> tuple[bool, str]:
    drawn = chance.random()
    if drawn < 0.8:
        return True, f"5037100{number:04d}"
    return False, f"fb:71{number:014d}" if drawn < 0.92 else f"ig:72{number:014d}"


def _in_row(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime(ROW_TIME)


def _gap(chance: Random) -> int:
    """Seconds between two exchanges: seldom days, mostly less than five minutes."""
    drawn = chance.random()
    if drawn < 0.05:
        return chance.randrange(86_400, 20 * 86_400)
    return chance.randrange(3600, 40_000) if drawn < 0.15 else chance.randrange(0, 300)


def _kinds(chance: Random) -> list[str]:
    drawn = chance.random()
    low, high = (2, 6) if drawn < 0.1 else (6, 31) if drawn < 0.9 else (31, 61)
    kinds = _fill(chance, chance.randrange(low, high), list(WEIGHTS), 1)
    if len(kinds) > 2 and chance.random() < 0.12:
        kinds[chance.randrange(1, len(kinds))] = "staff"
    return kinds


def _counted(chance: Random, size: int) -> list[str]:
    return _fill(chance, size, list(COUNTED), 2)


def _fill(chance: Random, room: int, kinds: list[str], measure: int) -> list[str]:
    """Exchanges that fill `room` exactly, measured in messages (1) or in items (2)."""
    weights = [WEIGHTS[kind][0] for kind in kinds]
    drawn = iter(chance.choices(kinds, weights, k=room))
    chosen: list[str] = []
    while room > 0:
        kind = next(drawn)
        if WEIGHTS[kind][measure] > room:
            kind = "plain" if room > 1 else "failed"
        if kind == "failed" and room == 1 and "plain" in chosen:
            chosen[chosen.index("plain")] = "burst"  # one more, and nothing has to fail
            break
        chosen.append(kind)
        room -= WEIGHTS[kind][measure]
    return chosen


def _plain(story: Chronicle, english: bool) -> None:
    said, answered = story.chance.choice(words.ENGLISH if english else words.SPANISH)
    story.guest(said)
    story.answer(answered)


def _burst(story: Chronicle, _: bool) -> None:
    """Messages of one second; two of them, so that it is three messages with the answer."""
    for text in story.chance.choice(words.BURSTS)[:2]:
        story.guest(text)
    story.answer(words.BURST_ANSWER)


def _office(story: Chronicle, _: bool) -> None:
    said, answered = words.OFFICE
    story.guest(said)
    result = {"open": True, "closes_at": "22:00"}
    story.answer(answered, [("check_office_status", {}, result)])


def _booking(story: Chronicle, _: bool) -> None:
    chance = story.chance
    arrival = datetime.fromtimestamp(story.now, UTC).date() + timedelta(chance.randrange(2, 90))
    told: Json = {
        "arrival": arrival.isoformat(),
        "departure": (arrival + timedelta(chance.randrange(1, 6))).isoformat(),
        "guests": chance.randrange(1, 6),
        "name": chance.choice(words.NAMES),
    }
    said, answered = words.BOOKING
    booked = {"booking_id": chance.randrange(1, 9999)}
    story.guest(said.format(**told))
    # What the tool was called before; such calls are in many a past and in no list of tools.
    name = "create_booking_request" if chance.random() < 0.3 else "request_booking"
    story.answer(answered.format(**told), [(name, told, booked)])


def _person(story: Chronicle, _: bool) -> None:
    """Two calls: side by side, or one after the other."""
    said, answered = words.PERSON
    story.guest(said)
    calls: list[Called] = [
        ("check_office_status", {}, {"open": False, "opens_at": "07:00"}),
        ("escalate_to_human", {"reason": "El huésped pide una persona."}, {"handed_over": True}),
    ]
    story.answer(answered, calls, together=story.chance.random() < 0.5)


def _photo(story: Chronicle, _: bool) -> None:
    said, answered = story.chance.choice(words.PHOTOS)
    story.guest_photo(said)
    story.answer(answered)


def _link(story: Chronicle, _: bool) -> None:
    said, answered = words.PHOTOS[2]
    story.guest_link(said)
    story.answer(answered)


def _document(story: Chronicle, _: bool) -> None:
    said, answered = words.DOCUMENT
    cited = story.guest_document(said)
    story.answer(answered, cited=cited)


def _policy(story: Chronicle, _: bool) -> None:
    said, answered = words.POLICY
    story.guest(said)
    story.answer(answered, cited=story.document("politicas.pdf"))


def _refused(story: Chronicle, _: bool) -> None:
    said, answered = words.REFUSED
    story.guest(said)
    story.refuse(answered)


def _failed(story: Chronicle, _: bool) -> None:
    story.guest(story.chance.choice(words.UNANSWERED))
    story.end_run("failed", last_error={"code": "server_error", "message": "Sorry, try again."})


def _cancelled(story: Chronicle, _: bool) -> None:
    story.guest(story.chance.choice(words.INTERRUPTED))
    story.end_run("cancelled")


def _expired(story: Chronicle, _: bool) -> None:
    """A call whose output nobody ever gave."""
    story.guest(words.OFFICE[0])
    story.end_run("expired", unanswered="check_office_status")


def _staff(story: Chronicle) -> None:
    """What people of the desk and the guest said, as the old bot put it into the thread."""
    lines = [
        "=== CONVERSACIONES CON AGENTES HUMANOS ===",
        "El siguiente historial muestra conversaciones previas entre el cliente y agentes "
        "humanos...",
        "",
    ]
    for number, (said, answered) in enumerate(
        story.chance.sample(words.DESK, story.chance.randrange(1, 4)), 1
    ):
        agent = story.chance.choice(words.STAFF)
        lines += [f"--- Conversación {number} ---", f"Cliente: {said}"]
        lines += [f"Agente ({agent}): {answered}", ""]
    story.guest("\n".join([*lines, "=== FIN DEL HISTORIAL DE AGENTES ==="]))


EXCHANGES: dict[str, Callable[[Chronicle, bool], None]] = {
    "plain": _plain,
    "office": _office,
    "booking": _booking,
    "person": _person,
    "burst": _burst,
    "photo": _photo,
    "link": _link,
    "document": _document,
    "policy": _policy,
    "refused": _refused,
    "failed": _failed,
    "cancelled": _cancelled,
    "expired": _expired,
}
