"""Dates, nights and numbers of guests in what a guest wrote, in Spanish and English.

`hotel_brain` asks it for a stay; it asks nobody. Simple forms only: ISO, 12/03[/2027],
"12 de marzo", "March 12th", "del 12 al 15 de marzo", "the 5th", "mañana", "3 noches", "two people".
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta


def _numbered(words: str, first: int = 1) -> dict[str, int]:
    return {word: first + index for index, word in enumerate(words.split())}


MONTHS = {
    **_numbered(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    ),
    **_numbered(
        "january february march april may june july august september october november december"
    ),
    **_numbered("jan feb mar apr may jun jul aug sep oct nov dec"),
    "setiembre": 9,
    "sept": 9,
}
NUMBERS = {
    **dict.fromkeys(("un", "una", "one", "a"), 1),
    **_numbered("dos tres cuatro cinco seis siete ocho nueve diez", 2),
    **_numbered("two three four five six seven eight nine ten", 2),
}
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_NUMBER = r"\d{1,2}|" + "|".join(sorted(NUMBERS, key=len, reverse=True))
_DAY = r"(\d{1,2})(?:st|nd|rd|th|º|ro)?"
_YEAR = r"(?:,?\s*(?:de\s+|del\s+)?(20\d\d))?"
_TO = r"\s*(?:al|a|to|till|until|through|hasta(?:\s+el)?|y|and|-|–)\s*(?:el\s+|the\s+)?"

_ISO = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_SLASHED = re.compile(r"\b(\d{1,2})[/.](\d{1,2})(?:[/.](20\d\d))?\b")
_RANGE_THEN_MONTH = re.compile(rf"\b{_DAY}{_TO}{_DAY}\s+(?:de\s+|of\s+)?({_MONTH})\b{_YEAR}")
_MONTH_THEN_RANGE = re.compile(rf"\b({_MONTH})\s+{_DAY}{_TO}{_DAY}\b(?!\s*({_MONTH})){_YEAR}")
_DAY_THEN_MONTH = re.compile(rf"\b{_DAY}\s+(?:de\s+|of\s+)?({_MONTH})\b{_YEAR}")
_MONTH_THEN_DAY = re.compile(rf"\b({_MONTH})\s+(?:the\s+)?{_DAY}\b{_YEAR}")
_ONLY_DAY = re.compile(
    r"\b(?:the\s+(\d{1,2})(?:st|nd|rd|th)|(?:el|del|al)\s+(\d{1,2}))\b(?!\s*(?:de\s+[a-z]|:|%))"
)
_RELATIVE = re.compile(
    r"\b(pasado mañana|mañana|hoy|esta noche|day after tomorrow|tomorrow|today|tonight)\b"
)
_OFFSETS = {"pasado mañana": 2, "day after tomorrow": 2, "mañana": 1, "tomorrow": 1}
_NIGHTS = re.compile(rf"\b({_NUMBER})\s+(?:noches?|nights?|days?|d[ií]as?)\b")
_PEOPLE = re.compile(
    rf"\b({_NUMBER})\s+(?:personas?|hu[eé]spedes|hu[eé]sped|adultos?|ni[nñ][oa]s?|people|"
    rf"persons?|guests?|"
    rf"adults?|child(?:ren)?|kids?|pax)\b"
)
_PARTY = re.compile(
    rf"\b(?:somos|para|seremos|vamos|we are|party of|for|residents of)\s+({_NUMBER})\b"
    rf"(?!\s*(?:noches?|nights?|days?|d[ií]as?|habitaci|rooms?|de\s|/|:|-|am\b|pm\b|hours?|"
    rf"horas?|{_MONTH}))"
)
# "por la mañana" and "mañana por la mañana" say when in a day, not which day.
_MORNING = re.compile(r"\b(?:por|en|de|a)\s+la\s+mañana\b")


@dataclass(frozen=True)
class Stay:
    """What is known of a wished stay; None is still to be asked."""

    check_in: date | None = None
    check_out: date | None = None
    guests: int | None = None

    @property
    def complete(self) -> bool:
        return None not in (self.check_in, self.check_out, self.guests)


def read_stay(messages: list[str], today: date) -> Stay:
    """The stay that `messages` (oldest first) describe; a later word replaces an earlier one."""
    dates: list[date] = []
    nights = guests = None
    for message in messages:
        text = _MORNING.sub(" ", message.lower())
        found = read_dates(text, today)
        if len(found) >= 2:
            dates = found[:2]
        elif found:
            dates = [*dates[:1], *found] if dates and found[0] > dates[0] else found
        nights = _count(_NIGHTS.search(text)) or nights
        guests = read_guests(text) or guests
    check_in = dates[0] if dates else None
    check_out = dates[1] if len(dates) > 1 else None
    if check_in and nights and not check_out:
        check_out = check_in + timedelta(days=nights)
    return Stay(check_in, check_out, guests)


def read_guests(text: str) -> int | None:
    """How many people `text` (lower case) speaks of: adults and children are added up."""
    people = sum(_number(word) for word in _PEOPLE.findall(text))
    return people or _count(_PARTY.search(text))


def read_dates(text: str, today: date) -> list[date]:
    """The days named in `text` (lower case), in order; a day without a year is a coming one."""
    found: list[tuple[int, date]] = []

    def take(at: int, year: str | None, month: int, day: str) -> None:
        if (named := _day(year, month, int(day), today)) is not None:
            found.append((at, named))

    def blank(match: re.Match[str]) -> str:
        return " " * len(match[0])

    for match in _ISO.finditer(text):
        take(match.start(), match[1], int(match[2]), match[3])
    text = _ISO.sub(blank, text)
    for match in _SLASHED.finditer(text):
        take(match.start(), match[3], int(match[2]), match[1])
    text = _SLASHED.sub(blank, text)
    for match in _RANGE_THEN_MONTH.finditer(text):
        take(match.start(), match[4], MONTHS[match[3]], match[1])
        take(match.start() + 1, match[4], MONTHS[match[3]], match[2])
    text = _RANGE_THEN_MONTH.sub(blank, text)
    for match in _DAY_THEN_MONTH.finditer(text):
        take(match.start(), match[3], MONTHS[match[2]], match[1])
    text = _DAY_THEN_MONTH.sub(blank, text)
    for match in _MONTH_THEN_RANGE.finditer(text):
        take(match.start(), match[5], MONTHS[match[1]], match[2])
        take(match.start() + 1, match[5], MONTHS[match[1]], match[3])
    text = _MONTH_THEN_RANGE.sub(blank, text)
    for match in _MONTH_THEN_DAY.finditer(text):
        take(match.start(), match[3], MONTHS[match[1]], match[2])
    text = _MONTH_THEN_DAY.sub(blank, text)
    for match in _ONLY_DAY.finditer(text):
        if (named := _coming(int(match[1] or match[2]), today)) is not None:
            found.append((match.start(), named))
    for match in _RELATIVE.finditer(text):
        found.append((match.start(), today + timedelta(days=_OFFSETS.get(match[1], 0))))
    return [named for _, named in sorted(found)]


def _day(year: str | None, month: int, day: int, today: date) -> date | None:
    try:
        if year:
            return date(int(year), month, day)
        named = date(today.year, month, day)
        return named if named >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def _coming(day: int, today: date) -> date | None:
    """The next day of a month with this number, today included; None when there is none soon."""
    for ahead in range(62):
        named = today + timedelta(days=ahead)
        if named.day == day:
            return named
    return None


def _count(match: re.Match[str] | None) -> int | None:
    return _number(match[1]) if match else None


def _number(word: str) -> int:
    return NUMBERS.get(word) or int(word)
