"""Who may come in: signing in and out, sessions, and the proof that a form is the console's own.

`routes.py` puts `Doors.inside` before every page and every deed. The browser has a random token,
the store its hash; a form carries an HMAC of the token, which another site cannot know. What was
tried is counted in the audit log, by name and overall.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from watibot.ports.console import Console, Entry, Role
from watibot.ports.outside import Clock
from watibot.web.console import passwords
from watibot.web.console.frame import BASE, HEADERS, Frame, Visit, back_to, is_ours
from watibot.web.console.rooms import Inside

SESSION_COOKIE = "watibot_desk"
VISIT_COOKIE = "watibot_visit"  # of somebody who has not signed in yet
IDLE = timedelta(hours=12)
# Within this time so many wrong passwords for one name, and so many in all.
WINDOW = timedelta(minutes=15)
TRIES_BY_NAME = 5
TRIES = 50
_LARGEST_FORM = 64 * 1024
_SIGN_IN = f"{BASE}/sign-in"

Endpoint = Callable[[Request], Awaitable[Response]]


class Doors:
    """Signing in and out, and the way to what is inside."""

    def __init__(self, rows: Console, frame: Frame, clock: Clock) -> None:
        self._rows = rows
        self._frame = frame
        self._clock = clock
        # One at a time: a password costs memory, and two that are tried at once would both be
        # counted too late.
        self._checking = asyncio.Lock()

    def inside(self, endpoint: Inside, *roles: Role) -> Endpoint:
        """For who is signed in, in one of these roles (in any, if none is named). A form must be
        our own."""

        async def enter(request: Request) -> Response:
            token = request.cookies.get(SESSION_COOKIE, "")
            user = None
            if token:
                user = await self._rows.signed_in(token_hash(token), self._clock.now(), IDLE)
            if user is None:
                return _to_sign_in(request)
            visit = Visit(request, user, _proof(token, "form"))
            if request.method == "POST":
                form = await _form(request)
                if form is None or not _same(form.get("csrf", ""), visit.csrf):
                    return await self._frame.wrong(request, 403, visit)
                visit = Visit(request, user, visit.csrf, form)
            if roles and user.role not in roles:
                return await self._frame.wrong(request, 403, visit)
            return await endpoint(visit)

        return enter

    async def show_sign_in(self, request: Request) -> Response:
        """The form."""
        return await self._sign_in_page(request)

    async def sign_in(self, request: Request) -> Response:
        """The form, filled in. Who it is not is not told, nor whether there is such a name."""
        form = await _form(request)
        visit = request.cookies.get(VISIT_COOKIE, "")
        if form is None or not visit or not _same(form.get("csrf", ""), _proof(visit, "sign_in")):
            return await self._sign_in_page(request, 403, "sign_in.old")
        name = form.get("name", "").strip().lower()
        password = form.get("password", "")
        async with self._checking:
            problem = await self._check(name, password)
        if problem is not None:
            status = 429 if problem == "sign_in.throttled" else 401
            return await self._sign_in_page(request, status, problem, name[:40])
        token = token_urlsafe(32)
        now = self._clock.now()
        await self._rows.sign_in(token_hash(token), name, now, now - IDLE)
        await self._rows.note(Entry(now, name, "sign_in"))
        target = form.get("next", "")
        response = back_to(target if is_ours(target) else f"{BASE}/")
        self._frame.keep(request, response, SESSION_COOKIE, token, None)
        response.delete_cookie(VISIT_COOKIE, BASE)
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """The session ends, here and in the store."""
        await self._rows.sign_out(token_hash(visit.request.cookies[SESSION_COOKIE]))
        await self._rows.note(Entry(self._clock.now(), visit.user.user_name, "sign_out"))
        response = RedirectResponse(_SIGN_IN, 303, HEADERS)
        response.delete_cookie(SESSION_COOKIE, BASE)
        return response

    async def _check(self, name: str, password: str) -> str | None:
        """None if it is right, else the word to say."""
        now = self._clock.now()
        user = await self._rows.user(name)
        # A password that was typed in the wrong field does not stay in the log.
        counted = name if user is not None else f"? {token_hash(name)[:16]}"
        since = now - WINDOW
        if (
            await self._rows.tried("sign_in.refused", since, counted) >= TRIES_BY_NAME
            or await self._rows.tried("sign_in.refused", since) >= TRIES
        ):
            return "sign_in.throttled"
        known = user.password_hash if user is not None and user.disabled_at is None else None
        long = len(password) > passwords.LONGEST
        right = await asyncio.to_thread(passwords.matches, None if long else known, password)
        if right:
            return None
        await self._rows.note(Entry(now, counted, "sign_in.refused"))
        return "sign_in.refused"

    async def _sign_in_page(
        self, request: Request, status: int = 200, problem: str | None = None, name: str = ""
    ) -> Response:
        visit = request.cookies.get(VISIT_COOKIE) or token_urlsafe(16)
        target = request.query_params.get("next", "")
        response = await self._frame.show(
            request,
            "sign_in.html",
            None,
            status,
            problem=problem,
            name=name,
            next=target if is_ours(target) else "",
            proof=_proof(visit, "sign_in"),
        )
        self._frame.keep(request, response, VISIT_COOKIE, visit, None)
        return response


def _to_sign_in(request: Request) -> Response:
    address = _SIGN_IN
    if request.method == "GET":
        wanted = request.scope["path"]
        if request.url.query:
            wanted += f"?{request.url.query}"
        address += f"?next={quote(wanted, safe='')}"
    return RedirectResponse(address, 303, HEADERS)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields, each once; None for what is too large."""
    size = 0
    chunks = []
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_FORM:
            return None
        chunks.append(chunk)
    try:
        text = b"".join(chunks).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50, errors="replace")
    except ValueError:
        return None
    return dict(pairs)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _proof(token: str, purpose: str) -> str:
    """What a form carries."""
    return hmac.new(token.encode("utf-8", "replace"), purpose.encode(), "sha256").hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
