"""How the phone's pages are answered: the door before them, the template, languages, headers.

`phone.py` hands in what to show.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import httpx2
from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from watibot.emulators.phone_chats import CHANNELS
from watibot.emulators.phone_words import WORDS
from watibot.emulators.samples import SAMPLES

HOSTS = {"127.0.0.1", "localhost"}
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
STATIC = {
    "phone.css": "text/css; charset=utf-8",
    "phone.js": "text/javascript; charset=utf-8",
    "phone.svg": "image/svg+xml",
}
LANGUAGES = ("es", "en")

Page = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """It was not taken; why, in words."""


def own(page: Page) -> Page:
    """Only for this machine's own browser, at one of our own pages; a refusal is told in words."""

    async def answer(request: Request) -> Response:
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in HOSTS:
            return Response("this page is for 127.0.0.1 only", 403, HEADERS)
        if _foreign(request, host):
            return Response("asked for by a foreign page", 403, HEADERS)
        try:
            return await page(request)
        except (Refused, httpx2.HTTPError) as error:
            if "application/json" in request.headers.get("accept", ""):
                return JSONResponse({"error": str(error)}, 400, HEADERS)
            return shown("wrong", request, 400, error=str(error))

    return answer


def static(name: str) -> Page:
    async def answer(_: Request) -> Response:
        return Response(_file(name), 200, HEADERS, STATIC[name])

    return answer


def _foreign(request: Request, host: str) -> bool:
    """Whether a page of somebody else's makes the browser ask. A link to the first page may."""
    if request.method == "GET" and request.url.path == "/":
        return False
    fetched = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return fetched or request.headers.get("origin") not in (None, f"http://{host}")


@cache
def _file(name: str) -> bytes:
    return files("watibot.emulators").joinpath("data", name).read_bytes()


@cache
def _templates() -> Environment:
    made = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    made.globals["channels"] = CHANNELS
    made.globals["samples"] = SAMPLES
    return made


def shown(part: str, request: Request, status: int = 200, **values: Any) -> Response:
    """`part`: page, chat (what is looked for again and again) or wrong."""
    language = _language(request)

    def word(key: str) -> str:
        return WORDS[key][LANGUAGES.index(language)]

    asked = dict(request.query_params)
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    text = (
        _templates()
        .from_string(_file("phone.html.j2").decode())
        .render(
            values,
            part=part,
            t=word,
            language=language,
            other=other,
            switch="/?" + urlencode({**asked, "lang": other}),
        )
    )
    response = Response(text, status, HEADERS, "text/html; charset=utf-8")
    response.set_cookie("lang", language, samesite="strict", httponly=True)
    return response


def _language(request: Request) -> str:
    for found in (request.query_params.get("lang"), request.cookies.get("lang")):
        if found in LANGUAGES:
            return found
    accepted = request.headers.get("accept-language", "es")[:2].lower()
    return accepted if accepted in LANGUAGES else "es"


def back(request: Request, channel: str, guest: str) -> Response:
    """To the chat again; a script is told where that is."""
    where = "/?" + urlencode({"channel": channel, "guest": guest})
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"to": where}, 201, HEADERS)
    return RedirectResponse(where, 303, HEADERS)
