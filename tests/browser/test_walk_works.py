"""Every deed by pressing what is on the page, in both languages; what came of it is seen outside.

After each there is no complaint of the browser's, and the page says that it was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, expect

from tests.browser.browsing import WIDE, Person
from tests.browser.morning import CARLOS, EVA, LUIS, MARTA, NOON, OLGA, PABLO, SARA, TOM
from tests.browser.stage import LIVELY, OWNER, Stage
from tests.flow.house import until
from watibot.web.console.words import say

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Hands:
    """A person who reads the pages in one language."""

    person: Person
    language: str

    def word(self, key: str) -> str:
        return say(key, self.language)

    async def open(self, path: str) -> None:
        self.person.complaints.clear()
        self.person.expected = lambda status: False
        await self.person.page.set_viewport_size(WIDE)
        await self.person.open(path, self.language)

    def within(self, guest: str) -> Locator:
        """The card of a queue that is about this guest."""
        return self.person.page.locator("li", has=self.person.page.get_by_text(guest))

    async def press(self, key: str, inside: Locator | None = None) -> None:
        place = inside if inside is not None else self.person.page.locator("main")
        await place.get_by_role("button", name=self.word(key), exact=True).click()

    async def fill(self, key: str, text: str, inside: Locator | None = None) -> None:
        place = inside if inside is not None else self.person.page.locator("main")
        await place.get_by_label(self.word(key), exact=True).fill(text)

    async def told(self, key: str = "said.done") -> None:
        await expect(self.person.page.locator("p.said")).to_have_text(self.word(key))
        assert self.person.complaints == []


@pytest.fixture(params=["es", "en"])
def hands(request: pytest.FixtureRequest, ana: Person, rosa: Person, hotel: Stage) -> Hands:
    """Rosa reads Spanish, Ana English."""
    hotel.at(NOON, LIVELY)
    return Hands(rosa if request.param == "es" else ana, request.param)


async def test_a_morning_at_the_desk(hotel: Stage, hands: Hands, ana: Person) -> None:
    """One after the other: the log at the end knows of all of it."""
    await _a_conversation_is_taken_and_given_back(hotel, hands)
    await _an_escalation_is_seen_to(hands)
    await _a_proof_is_decided(hotel, hands)
    await _an_amount_is_set(hands)
    await _the_log_says_who(hands, ana)


async def _a_conversation_is_taken_and_given_back(hotel: Stage, hands: Hands) -> None:
    number, name = (OLGA, "Olga Ensayo") if hands.language == "es" else (MARTA, "Marta Invento")
    page = hands.person.page
    await hands.open("/conversations")
    await hands.fill("search_words", number[-4:])
    await hands.press("search")
    await page.get_by_role("link", name=name).click()
    await hands.press("take")
    await hands.told()
    await expect(page.get_by_text(hands.word("staff_answers"))).to_be_visible()
    await hands.fill("message", f"De parte de recepción ({hands.language})")
    await hands.press("send")
    await hands.told()

    async def received() -> bool:
        return f"De parte de recepción ({hands.language})" in await hotel.house.bubbles(number)

    await until(received)
    await page.get_by_text(hands.word("note.write")).click()
    form = page.locator("form[action$='/note']")
    await hands.fill("note", "Llega tarde", form)
    await hands.press("save", form)
    await hands.told()
    await hands.fill("give_back.note", "Ya está resuelto")
    await hands.press("give_back")
    await hands.told()
    await expect(page.get_by_text(hands.word("assistant_answers"))).to_be_visible()
    bubbles = await hotel.house.bubbles(number)
    assert not [each for each in bubbles if "Llega tarde" in each or "resuelto" in each]


async def _an_escalation_is_seen_to(hands: Hands) -> None:
    name = "Diego Prueba" if hands.language == "es" else "Eva Prueba"
    await hands.open("/escalations")
    await hands.fill("optional_note", "La llamo yo", hands.within(name))
    await hands.press("acknowledge", hands.within(name))
    await hands.told()
    await expect(hands.within(name)).to_have_count(0)


async def _a_proof_is_decided(hotel: Stage, hands: Hands) -> None:
    accepts = hands.language == "es"
    number, name = (CARLOS, "Carlos Muestra") if accepts else (TOM, "Tom Sample")
    before = len(await hotel.house.bubbles(number))
    await hands.open("/payments")
    card = hands.within(name)
    await card.get_by_text(hands.word("read")).click()
    await hands.fill("optional_note", "Visto en el banco", card)
    await hands.press("accept" if accepts else "reject", card)
    await hands.told("said.told")
    await expect(hands.within(name)).to_have_count(0)
    told = await hotel.house.answered(number, before + 1)
    assert "Visto en el banco" not in told[-1]


async def _an_amount_is_set(hands: Hands) -> None:
    await hands.open(f"/conversations/{MARTA}")
    await hands.fill("amount_due", "125.00" if hands.language == "es" else "130.50")
    await hands.press("save", hands.person.page.locator("form[action*='/bookings/']"))
    await hands.told()
    amount = hands.person.page.get_by_label(hands.word("amount_due"))
    await expect(amount).to_have_value(re.compile("125|130"))


async def _the_log_says_who(hands: Hands, ana: Person) -> None:
    reader = Hands(ana, hands.language)
    await reader.open("/log")
    rows = ana.page.get_by_role("row")
    who = OWNER if hands.language == "en" else "rosa"
    for action in ("take", "write", "note", "give_back", "acknowledge", "set_amount"):
        seen = rows.filter(has_text=who).filter(has_text=reader.word(f"deed.{action}"))
        await expect(seen.first).to_be_visible()


@pytest.mark.parametrize(("language", "number"), [("es", PABLO), ("en", SARA)])
async def test_a_guest_is_given_their_data_and_erased(
    hotel: Stage, ana: Person, language: str, number: str
) -> None:
    hotel.at(NOON, LIVELY)
    hands = Hands(ana, language)
    await hands.open(f"/conversations/{number}")
    async with ana.page.expect_download() as loaded:
        await hands.press("export")
    name = (await loaded.value).suggested_filename
    assert name == "guest.zip"
    await ana.page.get_by_role("link", name=hands.word("erase.guest")).click()
    await hands.fill("erase.confirm", "Somebody Else")
    await hands.press("erase.do")
    await expect(ana.page.get_by_role("alert")).to_have_text(hands.word("said.not_the_guest"))
    assert await hotel.app.store.conversation(number) is not None
    await hands.fill("erase.confirm", number)
    await hands.press("erase.do")
    await hands.told("said.erasing")

    async def gone() -> bool:
        return await hotel.app.store.conversation(number) is None

    await until(gone)
    await hands.open("/erasures")
    assert number not in await ana.page.content()


async def test_out_and_in_again(hands: Hands, visitor: Person) -> None:
    guest = Hands(visitor, hands.language)
    await visitor.context.clear_cookies()
    visitor.complaints.clear()
    await visitor.sign_in(OWNER, hands.language)
    await guest.open("/payments")
    await visitor.page.get_by_role("button", name=guest.word("sign_out")).click()
    await visitor.page.wait_for_url("**/console/sign-in")
    await visitor.page.go_back()
    await visitor.page.reload()
    await expect(visitor.page.get_by_label(guest.word("password"))).to_be_visible()
    assert visitor.complaints == []


async def test_other_channels_can_be_opened_from_the_list(hands: Hands) -> None:
    for name, guest in (("Eva Prueba", f"fb%3A{EVA}"), ("Luis Ensayo", f"ig%3A{LUIS}")):
        await hands.open("/conversations")
        await hands.person.page.get_by_role("link", name=name).click()
        assert guest in hands.person.page.url
        assert hands.person.complaints == []
