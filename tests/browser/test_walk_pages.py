"""Every page in a real browser: languages, light and dark, wide and narrow, keyboard, and axe.

Every pair of two of these meets once, in four views instead of eight.
With SCREENS=1 in the environment the pictures in docs/screens/ are made anew first.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import ViewportSize
from starlette.routing import Mount, Route

from tests.browser.browsing import PHONE, WIDE, Person
from tests.browser.morning import NOON
from tests.browser.stage import HELD, LIVELY, Stage
from tests.browser.table import FILES, SHEETS, Sheet

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
LARGEST = 150_000  # bytes of a picture
TALLEST = 1800  # pixels; what is further down looks the same
LOOKS: list[tuple[str, Any, ViewportSize]] = [
    ("es", "light", WIDE),
    ("es", "dark", PHONE),
    ("en", "light", PHONE),
    ("en", "dark", WIDE),
]

People = dict[str, Person]


@pytest.fixture
def people(ana: Person, rosa: Person, visitor: Person) -> People:
    return {"ana": ana, "rosa": rosa, "visitor": visitor}


async def _look(person: Person, sheet: Sheet, language: str) -> None:
    person.complaints.clear()
    person.expected = lambda status: status == sheet.status
    await person.open(sheet.path, language)


@pytest.mark.skipif(not os.environ.get("SCREENS"), reason="pictures are made when wanted")
@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
async def test_pictures(hotel: Stage, people: People, sheet: Sheet) -> None:
    hotel.at(NOON, HELD)
    person = people[sheet.who]
    await person.page.emulate_media(color_scheme="light")
    await person.page.set_viewport_size(WIDE)
    for language in ("es", "en"):
        await _look(person, sheet, language)
        await person.page.wait_for_timeout(150)  # charts are drawn after the page has come
        taken = Image.open(io.BytesIO(await person.page.screenshot(full_page=True)))
        seen = taken.crop((0, 0, taken.width, min(taken.height, TALLEST)))
        few = seen.convert("RGB").quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        SCREENS.mkdir(exist_ok=True)
        path = SCREENS / f"{sheet.name}-{language}.png"
        few.save(path, optimize=True)
        assert path.stat().st_size < LARGEST, path.name


async def test_no_page_is_missing_here(hotel: Stage) -> None:
    mount = next(route for route in hotel.app.web.router.routes if isinstance(route, Mount))
    ways = {
        route.path
        for route in mount.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }
    pages = {way for way in ways if not way.startswith(FILES)}
    assert {sheet.leads for sheet in SHEETS} - {"-"} == pages


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
async def test_a_page_in_every_light(hotel: Stage, people: People, sheet: Sheet) -> None:
    hotel.at(NOON, LIVELY)
    person = people[sheet.who]
    for language, scheme, size in LOOKS:
        page, seen = person.page, f"{language} {scheme} {size['width']}"
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size(size)
        await _look(person, sheet, language)
        assert await page.get_attribute("html", "lang") == language
        assert await person.violations() == [], seen
        # Reading at this width takes no scrolling to the side.
        assert await page.evaluate(_OVERFLOW) == [], seen
        assert person.complaints == [], seen


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
async def test_a_page_by_keyboard(people: People, sheet: Sheet) -> None:
    person = people[sheet.who]
    page = person.page
    await page.set_viewport_size(WIDE)
    await page.emulate_media(color_scheme="light")
    await _look(person, Sheet(sheet.name, sheet.path.partition("#")[0], who=sheet.who), "es")
    await page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    assert await skip.evaluate("each => each === document.activeElement")
    box = await skip.bounding_box()
    assert box is not None
    assert box["y"] >= 0, "the skip link is not seen when it has the focus"
    wanted = int(await page.evaluate(_REACHABLE))
    unseen = []
    for _ in range(2 * wanted + 20):  # a player of sound has stops of its own
        found = await page.evaluate(_FOCUSED)
        if found is None:
            break
        if not found["seen"]:
            unseen.append(found["what"])
        await page.keyboard.press("Tab")
    assert unseen == []
    assert await page.evaluate(_MISSED) == []
    await _look(person, sheet, "es")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    inside = "document.activeElement.closest('main') !== null"
    assert await page.evaluate(
        f"document.querySelectorAll('main a[href], main button').length == 0 || {inside}"
    )


# What stands out to the right of the screen, unless it scrolls within a box of its own.
_OVERFLOW = """() => {
  const root = document.scrollingElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > root.clientWidth + 1)
    .map(each => each.tagName + "." + each.className).slice(0, 8);
}"""
_CONTROLS = """
  const controls = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
    .filter(each => !each.disabled && each.checkVisibility({visibilityProperty: true})
      && !(each.type === "radio" && !each.checked));
"""
_REACHABLE = f"() => {{ {_CONTROLS} return controls.length; }}"
_MISSED = f"""() => {{ {_CONTROLS}
  return controls.filter(each => !each.dataset.reached).map(each => each.outerHTML.slice(0, 120));
}}"""
_FOCUSED = """() => {
  const each = document.activeElement;
  if (!each || each === document.body) return null;
  const style = getComputedStyle(each);
  each.dataset.reached = "yes";
  return {
    what: each.outerHTML.slice(0, 120),
    seen: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
      || each.tagName === "AUDIO",
  };
}"""
