"""A console that everybody can use: labels, headings, languages, contrast."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.flow.console_rig import ANA, ROSA, Desk, chat, desk
from watibot.web.console.frame import static

CSS = static("console.css").decode()


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


class Outline(HTMLParser):
    """What a page holds for who does not see it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.title = ""
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[tuple[str, dict[str, str | None]]] = []
        self.pointed: list[str] = []
        self._in: list[str] = []
        self.wrong: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = dict(attrs)
        self._in.append(tag)
        if tag == "html":
            self.language = had.get("lang")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if had.get("id"):
            self.ids.append(str(had["id"]))
        if tag == "label" and had.get("for"):
            self.labelled.add(str(had["for"]))
        for name in ("aria-labelledby", "aria-describedby"):
            if had.get(name):
                self.pointed.append(str(had[name]))
        if tag in ("select", "textarea") or (tag == "input" and had.get("type") != "hidden"):
            wrapped = "label" in self._in
            if not wrapped:
                self.fields.append((tag, had))
        if tag == "img" and not had.get("alt"):
            self.wrong.append("a picture without words")
        if tag in ("audio", "nav") and not had.get("aria-label"):
            self.wrong.append(f"{tag} without a name")

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["title"]:
            self.title += data


@pytest.mark.parametrize("language", ["es", "en"])
async def test_pages_can_be_read_aloud(front: Desk, language: str) -> None:
    await front.guest()
    await front.escalation()
    await front.proof()
    await front.file(b"OggS", "audio/ogg")
    await front.guest(guest=ANA, name="Ana Invento")
    await front.held(ROSA)
    ana = await front.signed_in("ana")
    titles = set()
    paths = ["/", "/escalations", "/payments", "/conversations", chat(ROSA), chat(ANA), "/log"]
    for path in [*paths, "/nowhere", "/sign-in"]:
        found = Outline((await ana.get(f"{path}?lang={language}")).text)
        assert found.language == language, path
        assert found.wrong == [], path
        titles.add(found.title)
        assert found.headings[0] == 1, path
        assert found.headings.count(1) == 1, path
        steps = zip(found.headings, found.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), (path, found.headings)
        assert len(found.ids) == len(set(found.ids)), path
        assert set(found.pointed) <= set(found.ids), path
        unnamed = [each for each in found.fields if each[1].get("id") not in found.labelled]
        assert unnamed == [], path
    assert len(titles) == len(paths) + 2


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", css))


def _light(colour: str) -> float:
    """Relative luminance (https://www.w3.org/TR/WCAG21/#dfn-relative-luminance)."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


GROUNDS = ("ground", "card", "guest", "bot", "staff", "note", "urgent")
PAIRS = [
    *[(ink, ground) for ink in ("text", "dim") for ground in GROUNDS],
    *[(ink, ground) for ink in ("link", "danger") for ground in ("ground", "card", "urgent")],
    *[(ink, ground) for ink in ("good", "warn") for ground in ("ground", "card")],
    ("on-act", "act"),
]


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_told_from_their_ground(dark: bool) -> None:
    before, after = CSS.split("@media (prefers-color-scheme: dark)")
    colours = _colours(before) | (_colours(after) if dark else {})
    assert len(colours) == 17
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}
    # What has the focus, and the edge of a field: https://www.w3.org/TR/WCAG21/#non-text-contrast
    for line in ("focus", "dim", "act"):
        assert contrast(colours[line], colours["card"]) >= 3, line
        assert contrast(colours[line], colours["ground"]) >= 3, line
    assert contrast("#fff", "#000") == 21


def test_the_focus_is_seen() -> None:
    assert re.search(r":focus-visible \{ outline: 3px solid var\(--focus\)", CSS)
    assert "outline: none" not in CSS
    assert "outline: 0" not in CSS
