"""An answer becomes the bubbles that its channel can carry. Pure.

`service/answer.py` calls `bubbles` when a turn ends and puts the result into the outbox. First the
Markdown that models write becomes what the channel shows, then the text is packed into bubbles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from watibot.messages import ChannelName

# Beyond this a bubble fills a phone's screen. Shorter paragraphs share one, because six bubbles of
# one line each ring six times; an answer that is longer than three such bubbles gets longer ones.
COMFORTABLE = 700

Size = Callable[[str], int]


def _utf16(text: str) -> int:
    """Code units of UTF-16: an emoji counts two, as in the providers' own languages."""
    return len(text.encode("utf-16-le")) // 2


def _utf8(text: str) -> int:
    return len(text.encode())


# WhatsApp 4096 and Messenger 2000 characters; Instagram 1000 bytes, of which integrations that work
# use 950 (docs/reference/providers.md).
LIMITS: dict[ChannelName, tuple[int, Size]] = {
    ChannelName.WHATSAPP: (4096, _utf16),
    ChannelName.FACEBOOK: (2000, _utf16),
    ChannelName.INSTAGRAM: (950, _utf8),
}


def bubbles(text: str, channel: ChannelName) -> tuple[str, ...]:
    """The answer as this channel's bubbles, in order, none empty and none over the limit."""
    limit, size = LIMITS[channel]
    shown = _shown(text, bold=channel is ChannelName.WHATSAPP)
    comfortable = min(limit, max(COMFORTABLE, -(-size(shown) // 3)))
    packed: list[str] = []
    for paragraph in re.split(r"\n\n+", shown):
        joint = f"{packed[-1]}\n\n{paragraph}" if packed else paragraph
        if packed and size(joint) <= comfortable:
            packed[-1] = joint
        else:
            packed.extend(_pieces(paragraph, limit, size))
    return tuple(piece for piece in packed if _visible(piece))


def _visible(text: str) -> bool:
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


# --- cutting ----------------------------------------------------------------------------------

_URL = r"(?:https?://|www\.)[^\s<>\"\[\]]+"
# From the beginning of a word only: a long word without an @ would take the square of its length.
_EMAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_NUMBER = r"\d+(?:[.,]\d+)*"
_SIGN = r"(?:[A-Z]{0,3}[$€£¥₡]|USD|EUR|GBP|MXN|GTQ|HNL|CRC)"
_CURRENCY = r"(?:USD|EUR|GBP|MXN|GTQ|HNL|CRC|d[óo]lar(?:es)?|euros?|dollars?|pesos|[$€£%])"
_PER = r"(?: (?:por|la|al|per|an?|each|each) [a-záéíóúñ]+| c/u)?"
_GAP = r"[ \u00a0\u202f]"
_PRICE = rf"{_SIGN}{_GAP}?{_NUMBER}{_PER}|{_NUMBER}{_GAP}?{_CURRENCY}(?!\w){_PER}"
_PHONE = rf"\+?\(?\d{{1,4}}\)?(?:(?:{_GAP}|{_GAP}?[.-]{_GAP}?)\(?\d{{2,4}}\)?){{1,5}}(?!\d)"
_CLOCK = rf"\d{{1,2}}(?::\d\d)?{_GAP}?[ap]\.?{_GAP}?m(?:\.|\b)"

# Spans with a blank in them that would be misread if a bubble ended there.
_WHOLE = re.compile(rf"(?<!\w)(?:{_PRICE}|{_CLOCK}|{_PHONE})", re.IGNORECASE)
_BLANK = re.compile(r"[^\S\u00a0\u202f]+")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]*_]*$")
_LINE, _SENTENCE, _WORD = 2, 1, 0


def _pieces(text: str, limit: int, size: Size) -> Iterator[str]:
    """The text cut at the best places so that every piece is within the limit."""
    while size(text) > limit:
        most = _prefix(text, limit, size)
        places = [(rank, at) for rank, at in _breaks(text, most)]
        cut = max(places)[1] if places else _between_graphemes(text, most)
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    if text:
        yield text


def _prefix(text: str, limit: int, size: Size) -> int:
    """How many characters from the beginning are within the limit, at most."""
    low, high = 0, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _breaks(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Where the text may be cut up to `most`, each with its rank: line, sentence, word."""
    whole = [match.span() for match in _WHOLE.finditer(text, 0, min(len(text), most + 80))]
    for blank in _BLANK.finditer(text, 1, min(len(text), most + 1)):
        at = blank.start()
        if at > most or any(start < at < end for start, end in whole):
            continue
        if "\n" in blank.group():
            yield _LINE, at
        elif _SENTENCE_END.search(text, max(0, at - 6), at):
            yield _SENTENCE, at
        else:
            yield _WORD, at


_ZWJ = "\u200d"


def _between_graphemes(text: str, most: int) -> int:
    """The last place up to `most` that leaves no emoji or accented letter in two halves."""
    at = most
    while at > 1 and _joined(text, at):
        at -= 1
    # One "letter" longer than a whole bubble is no letter anybody reads.
    return at if at > 1 else most


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and after `at` are one sign."""
    before, after = text[at - 1], text[at]
    if _ZWJ in (before, after) or unicodedata.category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True  # skin tones; the tags of a region's flag
    flags = 0
    while flags < at and _is_flag_letter(text[at - 1 - flags]):
        flags += 1
    return flags % 2 == 1 and _is_flag_letter(after)


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


# --- Markdown ---------------------------------------------------------------------------------

_LINK = re.compile(
    r"!?\[([^\]\n]*)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))+)>?(?:\s+\"[^\"\n]*\")?\s*\)"
)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)[\s#]*")
_RULE = re.compile(r"\s*(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*")
_STRONG = re.compile(r"(\*{2,3}|(?<!\w)__)(?=\S)([^\n]+?)(?<=\S)\1(?!\w)")
_ITALIC = re.compile(r"(?<!\w)([*_])(?=[^\s*_])([^\n*_]*)(?<=\S)\1(?!\w)")
_STRUCK = re.compile(r"~~(?=\S)([^\n]+?)(?<=\S)~~")
_CODE = re.compile(r"`+([^`\n]+)`+")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|>])")
# Addresses and escaped marks are taken out while emphasis is read, each as one character of a
# private plane, so that an underscore in a payment link stays where it is.
_FIRST, _LAST = 0xF0000, 0xFFFFD
_HELD = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")


def _shown(text: str, *, bold: bool) -> str:
    """What the channel's app is to show, paragraphs apart by one empty line. `bold`: asterisks
    around words make them bold (WhatsApp); elsewhere all text is plain."""
    lines = _HELD.sub("", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = [_line(line, bold=bold).rstrip() for line in _without_tables(lines)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(shown)).strip()


def _line(line: str, *, bold: bool) -> str:
    if line.lstrip().startswith("```") or _RULE.fullmatch(line):
        return ""
    heading = _HEADING.fullmatch(line)
    if heading:
        words = _inline(heading[1], bold=False)
        return f"*{words}*" if bold and words and not _HAS_ADDRESS.search(words) else words
    if not bold:
        line = re.sub(r"^\s*>\s?", "", line)
    return _inline(re.sub(r"^(\s*)[*+]\s+(?=\S)", r"\1- ", line), bold=bold)


_HAS_ADDRESS = re.compile(f"{_URL}|{_EMAIL}", re.IGNORECASE)


def _inline(line: str, *, bold: bool) -> str:
    """Emphasis, links and code within one line."""
    held: list[str] = []

    def keep(text: str) -> str:
        held.append(text)
        return chr(_FIRST + len(held) - 1)

    def hold(match: re.Match[str]) -> str:
        address = match.group()
        rest = re.search(r"[*_`~.,;:!?'”»]*$", address)
        end = rest.start() if rest else len(address)
        if address.count("(") < address.count(")") and address[:end].endswith(")"):
            end -= 1
        return keep(_ESCAPED.sub(r"\1", address[:end])) + address[end:]

    def strong(match: re.Match[str]) -> str:
        words = re.sub(r"[*]", "", match[2])
        # An asterisk right behind an address would become part of it where apps make it a link.
        return f"*{words}*" if bold and not _HELD.search(words) else words

    line = re.sub(r"<((?:https?://|mailto:)[^\s<>]+)>", r"\1", _LINK.sub(_link, line))
    line = _ESCAPED.sub(lambda match: keep(match[1]), _HAS_ADDRESS.sub(hold, line))
    line = _STRONG.sub(strong, _CODE.sub(r"\1", line))
    if not bold:
        line = _ITALIC.sub(r"\2", line)
    line = _STRUCK.sub(r"~\1~" if bold else r"\1", line)
    return _HELD.sub(lambda match: held[ord(match.group()) - _FIRST], line)


def _link(match: re.Match[str]) -> str:
    words = match[1].strip(" *_`")
    address = re.sub(r"^(?:mailto|tel):", "", match[2])
    bare = re.sub(r"^https?://(?:www\.)?|/$", "", address)
    if not words or re.sub(r"^https?://(?:www\.)?|/$", "", words) == bare:
        return address
    return f"{words}: {address}"


def _without_tables(lines: list[str]) -> Iterator[str]:
    """A table's rows become lines: `Doble: $65`, or `Doble: Precio $65, Personas 2`."""
    head: list[str] | None = None
    for index, line in enumerate(lines):
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if head is None and "|" in line and "|" in below and _TABLE_RULE.fullmatch(below):
            head = _cells(line)
        elif head is None or not line.strip() or "|" not in line:
            head = None
            yield line
        elif not _TABLE_RULE.fullmatch(line):
            yield _row(head, _cells(line))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(head: list[str], cells: list[str]) -> str:
    if len(cells) <= 2:
        return ": ".join(cell for cell in cells if cell)
    named = [
        f"{name} {cell}".strip()
        for name, cell in zip(head[1:] + [""] * len(cells), cells[1:], strict=False)
        if cell
    ]
    return f"{cells[0]}: {', '.join(named)}"
