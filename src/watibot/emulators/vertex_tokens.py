"""What a prompt counts in tokens, and how much of it was seen lately (implicit caching).

`vertex_models` and `vertex_caches` hand it a checked body. Four characters of text are a token; an
image is 1,120, a page of a PDF 560, a second of audio (about 2 kB of Opus) 32. Long texts are cut
into blocks, and a prompt is cached as far as its blocks, from the first on, equal those of a prompt
of the last 24 hours: `context-cache-overview` of Google's documentation, with the block size a
guess.
"""

import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from watibot.emulators.kit import Clock
from watibot.emulators.vertex_schema import Json

BLOCK = 2048  # characters
CHARACTERS_A_TOKEN = 4
IMAGE, PAGE, SECOND = 1120, 560, 32
DAY = 86_400.0
REMEMBERED = 100_000  # blocks
PDF_PAGE = re.compile(rb"/Type\s*/Page\b")
BYTES_A_SECOND = {"audio/wav": 32_000, "audio/x-wav": 32_000, "audio/pcm": 32_000}


@dataclass(frozen=True)
class Block:
    """A piece of a prompt: `digest` names its content within this process."""

    digest: int
    tokens: int
    modality: str = "TEXT"


def blocks(body: Json) -> list[Block]:
    """The prompt in the order in which it is cached: instructions, tools, contents."""
    found: list[Block] = []
    for part in body.get("systemInstruction", {}).get("parts", []):
        found += _part(part)
    if tools := body.get("tools"):
        found += _text(json.dumps(tools))
    for content in body.get("contents", []):
        found.append(Block(hash(content.get("role")), 1))
        for part in content["parts"]:
            found += _part(part)
    return found


def count(found: list[Block]) -> dict[str, int]:
    """Tokens by modality."""
    totals: dict[str, int] = {}
    for block in found:
        totals[block.modality] = totals.get(block.modality, 0) + block.tokens
    return totals


def details(totals: dict[str, int]) -> list[Json]:
    return [{"modality": name, "tokenCount": tokens} for name, tokens in totals.items()]


def _part(part: Json) -> Iterator[Block]:
    blob = part.get("inlineData") or part.get("fileData")
    if blob is not None:
        modality, tokens = _media(blob)
        yield Block(hash(blob.get("data") or blob["fileUri"]), tokens, modality)
    elif set(part) == {"text"}:
        yield from _text(part["text"])
    else:
        yield from _text(json.dumps(part))


def _text(text: str) -> Iterator[Block]:
    for start in range(0, len(text), BLOCK):
        piece = text[start : start + BLOCK]
        yield Block(hash(piece), -(-len(piece) // CHARACTERS_A_TOKEN))


def _media(blob: Json) -> tuple[str, int]:
    kind, data = blob["mimeType"], blob.get("data", "")
    if kind.startswith("image/"):
        return "IMAGE", IMAGE
    if kind.startswith("audio/"):
        seconds = len(data) * 3 // 4 // BYTES_A_SECOND.get(kind, 2_000)
        return "AUDIO", SECOND * max(1, seconds)
    if kind == "application/pdf":
        return "DOCUMENT", PAGE * max(1, len(PDF_PAGE.findall(binascii.a2b_base64(data))))
    return "TEXT", max(1, len(data) * 3 // 4 // CHARACTERS_A_TOKEN)


class PrefixCache:
    """Remembers the beginnings of prompts for 24 virtual hours after their last use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[int, float] = OrderedDict()

    def seen(self, scope: str, found: list[Block]) -> list[Block]:
        """The longest beginning of `found` known in `scope`; afterwards all of `found` is known."""
        now, chain, known, unbroken = self._clock.time(), hash(scope), 0, True
        for block in found:
            chain = hash((chain, block.digest))
            unbroken = unbroken and self._until.get(chain, 0.0) > now
            known += unbroken
            self._until[chain] = now + DAY
            self._until.move_to_end(chain)
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)
        return found[:known]
