"""A person at the console in a real browser, and an ear for what the browser complains about.

`conftest.py` makes them; the tests beside it look at pages and press what is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, Page, Request, Response, ViewportSize

from tests.browser.stage import PASSWORD, Stage
from watibot.web.console.words import say

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=360, height=740)
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
    # It would fetch the style sheets again, which the pages' own policy forbids.
    "preload": False,
}
_AXE = Axe()


def installed() -> str | None:
    """A browser's program."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@dataclass
class Person:
    """Somebody with a browser. `complaints`: errors and warnings of the console, requests that
    failed, answers from 400 on, dialogs."""

    stage: Stage
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: Callable[[int], bool] = lambda status: False

    @classmethod
    async def at(cls, stage: Stage, context: BrowserContext) -> Person:
        made = cls(stage, context, await context.new_page())
        made.page.on("console", lambda said: made._said(said.type, said.text))
        made.page.on("pageerror", lambda error: made.complaints.append(f"error: {error}"))
        made.page.on("requestfailed", made._failed)
        made.page.on("response", made._answered)
        made.page.on("dialog", lambda dialog: made.complaints.append(f"dialog: {dialog.message}"))
        return made

    async def open(self, path: str, language: str | None = None) -> Page:
        """A page of the console, loaded. {before} and {after}: versions of the instructions."""
        before, after = self.stage.versions
        path = path.replace("{before}", before).replace("{after}", after)
        if language:
            address, mark, rest = path.partition("#")
            path = f"{address}{'&' if '?' in address else '?'}lang={language}{mark}{rest}"
        await self.page.goto(f"{self.stage.console}{path}", wait_until="load")
        return self.page

    async def sign_in(self, name: str, language: str = "es") -> None:
        page = await self.open("/sign-in", language)
        await page.get_by_label(say("name", language)).fill(name)
        await page.get_by_label(say("password", language)).fill(PASSWORD)
        await page.get_by_role("button", name=say("sign_in", language)).click()
        await page.wait_for_url(f"{self.stage.console}/")

    async def violations(self) -> list[str]:
        """What axe finds against WCAG 2.1 A and AA: the rule, its words, the first places."""
        found: dict[str, Any] = (await _AXE.run(self.page, options=_RULES)).response
        return [
            f"{each['id']}: {each['help']} | "
            + " | ".join(f"{node['target']} {node['html'][:150]}" for node in each["nodes"][:3])
            for each in found["violations"]
        ]

    def _said(self, kind: str, text: str) -> None:
        # The browser tells of an answer from 400 on once more by itself.
        if kind in ("error", "warning") and "status of" not in text:
            self.complaints.append(f"{kind}: {text}")

    def _failed(self, request: Request) -> None:
        # So ends what was under way when the page was left.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and not self.expected(response.status):
            self.complaints.append(f"{response.status}: {response.url}")
