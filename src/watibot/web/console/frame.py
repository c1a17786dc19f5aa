"""How every page of the console is answered: templates, times, languages, and strict headers.

The rooms and `doors.py` hand in what to show. Everything is escaped where it is put into a page,
and the Content-Security-Policy lets no script run but the files of `static/`, whatever slipped
through. Pages work without them; they make them livelier (`live.py`) and draw charts of tables.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from watibot.costs import dollars
from watibot.payments import money
from watibot.ports.console import User
from watibot.ports.outside import Clock
from watibot.web.console.words import LANGUAGES, MONTHS, REFUSALS, preferred, say

if TYPE_CHECKING:
    from jinja2 import Environment

BASE = "/console"
LANGUAGE_COOKIE = "watibot_lang"
_HERE = Path(__file__).parent
_A_YEAR = 365 * 24 * 3600
# Files beside the pages, and what they are.
STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "vendor/htmx.min.js": "text/javascript; charset=utf-8",
    "vendor/uplot.min.css": "text/css; charset=utf-8",
    "vendor/uplot.min.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in. `form` is a POST's; its token was right."""

    request: Request
    user: User
    csrf: str
    form: Mapping[str, str] = field(default_factory=dict)


async def _nothing_waits() -> Mapping[str, int]:
    return {}


class Frame:
    """Makes responses. `secure`: cookies are for https only. `phone_url`: the emulators' phone, ""
    for none. `waiting` counts what waits for people, by the page on which it does."""

    def __init__(
        self,
        hotel_name: str,
        zone: ZoneInfo,
        clock: Clock,
        secure: bool,
        phone_url: str = "",
        waiting: Callable[[], Awaitable[Mapping[str, int]]] = _nothing_waits,
    ) -> None:
        self._hotel_name = hotel_name
        self._zone = zone
        self._clock = clock
        self._secure = secure
        self._phone_url = phone_url
        self._waiting = waiting

    async def show(
        self,
        request: Request,
        template: str,
        visit: Visit | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        """A page in the reader's language. Rendered in a thread, because the first time a template
        is compiled, and webhooks do not wait for that."""
        language = language_of(request)
        # The page that says what failed must not fail of the same.
        counted = visit is not None and status < 500
        values |= {
            "t": lambda key: say(key, language),
            "when": lambda moment: self._when(moment, language),
            "ago": lambda moment: _ago((self._clock.now() - moment).total_seconds(), language),
            "day": lambda moment: self._day(moment, language),
            "clock": lambda moment: f"{moment.astimezone(self._zone):%H:%M}",
            "language": language,
            "other": next(each for each in LANGUAGES if each != language),
            "user": visit.user if visit else None,
            "csrf": visit.csrf if visit else "",
            "hotel_name": self._hotel_name,
            "path": request.scope["path"],
            "here": _with(request, said=None),
            "said": _said(request),
            "refusals": REFUSALS,
            "waiting_in": await self._waiting() if counted else {},
            "phone_url": self._phone_url,
            "switch": _with(request, lang=next(each for each in LANGUAGES if each != language)),
        }
        page = await asyncio.to_thread(
            lambda: self._templates.get_template(template).render(values)
        )
        response = Response(page, status, HEADERS, "text/html; charset=utf-8")
        if request.query_params.get("lang") in LANGUAGES:
            self.keep(request, response, LANGUAGE_COOKIE, language, _A_YEAR)
        return response

    def keep(
        self, request: Request, response: Response, name: str, value: str, seconds: int | None
    ) -> None:
        """Sets a cookie that scripts do not see; without `seconds` until the browser is closed."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=BASE,
            secure=self._secure or request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )

    async def wrong(self, request: Request, status: int, visit: Visit | None = None) -> Response:
        """The page for 403, 404 or 500."""
        return await self.show(request, "wrong.html", visit, status, error=f"error.{status}")

    @cached_property
    def _templates(self) -> Environment:
        # Imported with the first page: most processes never show one.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        made = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        made.filters["id"] = lambda name: quote(name, safe="")
        made.filters["money"] = lambda due: money(due.amount_due, due.currency)
        made.globals["money"] = money
        made.filters["dollars"] = money_of
        made.globals["base"] = BASE
        made.globals["asset"] = asset
        return made

    def _when(self, moment: datetime, language: str) -> str:
        local, today = moment.astimezone(self._zone), self._clock.now().astimezone(self._zone)
        if local.date() == today.date():
            return f"{local:%H:%M}"
        return f"{self._day(moment, language)}, {local:%H:%M}"

    def _day(self, moment: datetime, language: str) -> str:
        local, today = moment.astimezone(self._zone), self._clock.now().astimezone(self._zone)
        month = MONTHS[LANGUAGES.index(language)][local.month - 1]
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {month}{year}"


@lru_cache(maxsize=len(STATIC))
def static(name: str) -> bytes:
    """A file beside the pages."""
    return (_HERE / "static" / name).read_bytes()


@lru_cache(maxsize=len(STATIC))
def zipped(name: str) -> bytes:
    """The same for a browser that takes gzip."""
    return gzip.compress(static(name), mtime=0)


@lru_cache(maxsize=len(STATIC))
def asset(name: str) -> str:
    """The file's address, another one when it has changed: browsers keep it for a year."""
    return f"{BASE}/static/{name}?v={hashlib.sha256(static(name)).hexdigest()[:8]}"


def money_of(micros: int) -> str:
    """`$1,234.56`; below a dollar three figures: `$0.0123`, `$0.000004`."""
    places = 2
    while 0 < abs(micros) < 10 ** (8 - places) and places < 6:
        places += 1
    whole, _, rest = dollars(abs(micros), places).partition(".")
    return f"{'-' if micros < 0 else ''}{whole}.{rest.rstrip('0').ljust(2, '0')}"


def language_of(request: Request) -> str:
    """What the address asks for, what was chosen before, what the browser prefers."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return preferred(request.headers.get("accept-language", ""))


def back_to(path: str, said: str | None = None) -> Response:
    """After a form: the page again, with a word on what came of it. Only to pages of the console,
    whatever the form said."""
    safe = path if is_ours(path) else f"{BASE}/"
    if said is not None:
        safe += ("&" if "?" in safe else "?") + urlencode({"said": said})
    return RedirectResponse(safe, 303, HEADERS)


def is_ours(path: str) -> bool:
    """Whether it is a path of the console, and nothing that a browser takes for another host."""
    return (path == BASE or path.startswith(f"{BASE}/")) and path.isprintable()


def _said(request: Request) -> str | None:
    """The key of what came of the form before, if it is one of ours."""
    key = f"said.{request.query_params.get('said', '')}"
    return key if say(key, "en") != key else None


def _with(request: Request, **changes: str | None) -> str:
    """This page's address with other parameters."""
    kept = {
        name: value
        for name, value in {**dict(request.query_params), "said": None, **changes}.items()
        if value is not None
    }
    path = quote(request.scope["path"], safe="/:@")
    return f"{path}?{urlencode(kept)}" if kept else path


def _ago(seconds: float, language: str) -> str:
    minutes = max(int(seconds // 60), 0)
    if minutes < 60:
        amount = f"{minutes} min"
    elif minutes < 48 * 60:
        amount = f"{minutes // 60} h"
    else:
        days = minutes // (24 * 60)
        amount = f"{days} días" if language == "es" else f"{days} days"
    return f"hace {amount}" if language == "es" else f"{amount} ago"
