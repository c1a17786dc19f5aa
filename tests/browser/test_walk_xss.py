"""What strangers wrote is text in a real browser: nothing of it is run, loaded or made a tag.

Guests' words, names and captions, a colleague's notes and what the model hands to tools all carry
the same words.
"""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.browsing import Person
from tests.browser.morning import NOON, Scene
from tests.browser.stage import PLAYING, Stage
from tests.browser.table import SHEETS

pytestmark = pytest.mark.asyncio(loop_scope="session")

MALLORY, NUMBER = "50370000199", "/conversations/50370000199"
EVIL = (
    "<script>alert('evil')</script><img src=x onerror=\"alert('evil')\">"
    "\"'><svg onload=alert('evil')><a href=\"javascript:alert('evil')\">evil</a>{{7*7}}"
)
# Elements that none of our pages has, and attributes that run something.
_MADE = """() => [...document.querySelectorAll("*")].filter(each =>
    each.outerHTML.includes("evil") && (
      ["SCRIPT", "SVG", "IFRAME", "OBJECT"].includes(each.tagName.toUpperCase())
      || [...each.attributes].some(one => one.name.startsWith("on"))
      || (each.getAttribute("href") || "").toLowerCase().startsWith("javascript:")
      || (each.tagName === "IMG" && !each.src.includes("/console/")))
  ).map(each => each.outerHTML.slice(0, 200))"""


async def test_nothing_of_it_is_run(hotel: Stage, ana: Person) -> None:
    hotel.at(NOON, PLAYING)
    await hotel.house.guest(MALLORY, EVIL)
    said = Scene("18:00", MALLORY, {"text": f"Quiero hablar con una persona. {EVIL}"})
    await hotel.play(said)
    sent = {"media": "pdf", "file_name": f"{EVIL}.pdf", "caption": EVIL}
    await hotel.house.says(MALLORY, **sent)
    await hotel.house.quiet()
    page = ana.page
    await ana.open(NUMBER, "es")
    await page.get_by_label("Mensaje", exact=True).fill(EVIL)
    await page.get_by_role("button", name="Enviar").click()
    await page.get_by_text("Dejar una nota").click()
    await page.locator("form[action$='/note'] textarea").fill(EVIL)
    await page.locator("form[action$='/note'] button").click()
    await expect(page.locator("p.said")).to_be_visible()
    ana.complaints.clear()
    ana.expected = lambda status: True
    for path in [*(sheet.path for sheet in SHEETS if sheet.who != "visitor"), NUMBER]:
        await ana.open(path, "es")
        assert await page.evaluate(_MADE) == [], path
        assert ana.complaints == [], path
    # It was there to be read, and as it was written.
    await expect(page.get_by_text("<script>alert('evil')</script>").first).to_be_visible()
    await expect(page.get_by_text("{{7*7}}").first).to_be_visible()
