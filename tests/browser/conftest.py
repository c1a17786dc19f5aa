"""One hotel and one browser for all tests of this folder, in one loop.

The browser is the system's own; without one these tests are skipped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.browsing import BROWSERS, WIDE, Person, installed
from tests.browser.stage import DESK, OWNER, Stage, stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hotel(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    with pytest.MonkeyPatch.context() as environment:
        async with stage(tmp_path_factory.mktemp("hotel"), environment) as made:
            # Read by now; the other tests of this process have environments of their own.
            environment.undo()
            yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = installed()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        await made.close()


async def _person(hotel: Stage, browser: Browser, name: str) -> Person:
    context = await browser.new_context(viewport=WIDE, locale="es-SV", reduced_motion="reduce")
    context.set_default_timeout(8000)
    made = await Person.at(hotel, context)
    if name:
        await made.sign_in(name)
    return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ana(browser: Browser, hotel: Stage) -> AsyncIterator[Person]:
    """The owner."""
    made = await _person(hotel, browser, OWNER)
    yield made
    await made.context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rosa(browser: Browser, hotel: Stage) -> AsyncIterator[Person]:
    """She works at the desk."""
    made = await _person(hotel, browser, DESK)
    yield made
    await made.context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def visitor(browser: Browser, hotel: Stage) -> AsyncIterator[Person]:
    """Nobody has signed in here."""
    made = await _person(hotel, browser, "")
    yield made
    await made.context.close()
