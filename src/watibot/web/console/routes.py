"""The console's addresses, each with who may call it. `web/app.py` mounts what `console` gives.

Pages are in `pages.py`, forms in `deeds.py`; before both stands `doors.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from watibot import telemetry
from watibot.ports.console import Console, Role
from watibot.ports.escalations import Escalations
from watibot.ports.outside import Clock, MediaFiles
from watibot.ports.proofs import Proofs
from watibot.web.console.deeds import Deeds, Desk
from watibot.web.console.doors import Doors, Endpoint, Inside
from watibot.web.console.files import Files
from watibot.web.console.frame import BASE, HEADERS, Frame, static
from watibot.web.console.pages import Conversations, Pages

log = telemetry.logger(__name__)

_LARGEST_NUMBER = 2**63 - 1  # of a row


def console(
    desk: Desk,
    conversations: Conversations,
    escalations: Escalations,
    proofs: Proofs,
    rows: Console,
    files: MediaFiles,
    clock: Clock,
    hotel_name: str,
    zone: ZoneInfo,
    public_url: str,
) -> Mount:
    """Everything under /console. Cookies are for https only if `public_url` is."""
    frame = Frame(hotel_name, zone, clock, public_url.startswith("https://"))
    doors = Doors(rows, frame, clock)
    pages = Pages(conversations, escalations, proofs, rows, frame, clock, zone)
    deeds = Deeds(desk, frame, pages.conversation)

    def page(path: str, endpoint: Inside, *roles: Role) -> Route:
        return Route(path, _guarded(doors.inside(endpoint, *roles), frame), methods=["GET"])

    def deed(path: str, endpoint: Inside) -> Route:
        return Route(path, _guarded(doors.inside(endpoint), frame), methods=["POST"])

    one = "/conversations/{conversation_id:path}"
    routes = [
        Route("/static/console.css", _static("console.css", "text/css; charset=utf-8")),
        Route("/static/icon.svg", _static("icon.svg", "image/svg+xml")),
        Route("/sign-in", _guarded(doors.show_sign_in, frame), methods=["GET"]),
        Route("/sign-in", _guarded(doors.sign_in, frame), methods=["POST"]),
        deed("/sign-out", doors.sign_out),
        page("/", pages.home),
        page("/escalations", pages.escalations),
        deed("/escalations/{number:int}/acknowledge", deeds.acknowledge),
        page("/payments", pages.payments),
        deed("/payments/{number:int}/decide", deeds.decide),
        deed("/bookings/{number:int}/amount", deeds.set_amount),
        page("/conversations", pages.conversations),
        deed(f"{one}/take", deeds.take),
        deed(f"{one}/give-back", deeds.give_back),
        deed(f"{one}/write", deeds.write),
        deed(f"{one}/note", deeds.note),
        page(one, pages.conversation),
        page("/media/{media_id:int}", Files(rows, files, frame).media),
        page("/log", pages.log, Role.OWNER),
    ]
    return Mount(
        BASE,
        Starlette(routes=routes, exception_handlers={HTTPException: _nowhere(frame)}),
    )


def _static(name: str, media_type: str) -> Endpoint:
    async def answer(_: Request) -> Response:
        headers = {**HEADERS, "cache-control": "public, max-age=86400"}
        return Response(static(name), 200, headers, media_type)

    return answer


def _guarded(endpoint: Endpoint, frame: Frame) -> Endpoint:
    """A failure is a page and a line in the log, which does not quote what the error quotes."""

    async def answer(request: Request) -> Response:
        numbers = [each for each in request.path_params.values() if isinstance(each, int)]
        if any(number > _LARGEST_NUMBER for number in numbers):
            return await frame.wrong(request, 404)
        try:
            return await endpoint(request)
        except Exception as error:
            log.error("console.failed", exc_info=telemetry.without_values(error))
            return await frame.wrong(request, 500)

    return answer


def _nowhere(frame: Frame) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return await frame.wrong(request, 404)

    return answer
