"""Somebody at the console, as a browser sees it: pages, their forms, a cookie. No JavaScript.

`colleagues.py` writes to a guest with it, `reckoning.py` reads figures and hears what open pages
are told; `web/console` is after it. Forms are found by where they lead, and are sent with the
hidden fields that they came with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import httpx2

from watibot.cli.stage.processes import Stage, StageError
from watibot.ports.console import Role

BUTTONS = ("checkbox", "radio", "submit")
PASSWORD = "jacaranda-en-flor"


@dataclass
class Form:
    """A form of a page: where it leads, its fields with the values they came with."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """All forms of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", "")))
        elif tag in ("input", "textarea") and self.found and given.get("type") not in BUTTONS:
            self.found[-1].fields[given.get("name", "")] = given.get("value", "")


class Browser:
    """Signed in as one user of the demonstration's own database; reads English."""

    def __init__(self, service: str, user: str, role: Role) -> None:
        self.user = user
        self._role = role
        self._service = service
        self._http = httpx2.AsyncClient(
            trust_env=False,
            timeout=30,
            follow_redirects=True,
            headers={"accept-language": "en"},
        )

    async def sign_in(self, stage: Stage) -> None:
        """Makes the user with `watibot user add`, then signs in. Raises StageError."""
        words = ("user", "add", self.user, "--role", self._role.value, "--password-stdin")
        ended = await stage.command(*words, said=f"{PASSWORD}\n")
        if ended.status:
            raise StageError(f"watibot user add ended with {ended.status}\n{ended.errors}")
        page = await self._page("/console")
        form = next((form for form in page[1] if "password" in form.fields), None)
        if form is None:
            raise StageError(f"no form to sign in at {page[0]}")
        await self._send(page[0], form, {"name": self.user, "password": PASSWORD})

    async def read(self, path: str) -> str:
        """A page, or a file. Raises StageError."""
        return (await self._get(path)).text

    async def news(self) -> AsyncIterator[str]:
        """The topics of which open pages are told, as they are told. Raises StageError."""
        url = f"{self._service}/console/live"
        async with self._http.stream("GET", url, timeout=None) as answer:
            if not answer.is_success:
                raise StageError(f"GET /console/live: {answer.status_code}")
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    yield line.removeprefix("event: ")

    async def write(self, conversation_id: str, text: str) -> None:
        """Opens the conversation and writes to its guest. Raises StageError."""
        path = f"/console/conversations/{quote(conversation_id, safe='')}"
        url, forms = await self._page(path)
        form = next((each for each in forms if each.action.rstrip("/").endswith("write")), None)
        if form is None or "text" not in form.fields:
            raise StageError(f"no form to write at {url}")
        await self._send(url, form, {"text": text})

    async def close(self) -> None:
        await self._http.aclose()

    async def _page(self, path: str) -> tuple[str, list[Form]]:
        answer = await self._get(path)
        return str(answer.url), _Forms(answer.text).found

    async def _get(self, path: str) -> httpx2.Response:
        answer = await self._http.get(f"{self._service}{path}")
        if not answer.is_success:
            raise StageError(f"GET {path}: {answer.status_code}")
        return answer

    async def _send(self, url: str, form: Form, said: dict[str, str]) -> None:
        answer = await self._http.post(urljoin(url, form.action), data={**form.fields, **said})
        if not answer.is_success:
            raise StageError(f"POST {form.action}: {answer.status_code}")
