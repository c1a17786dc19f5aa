"""The console's addresses: every room's ways behind the doors. `web/app.py` mounts `console`.

`wiring_console.py` makes the rooms; who may come in is `doors.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from watibot import telemetry
from watibot.web.console.doors import Doors, Endpoint
from watibot.web.console.frame import BASE, HEADERS, STATIC, Frame, static, zipped
from watibot.web.console.rooms import Room, deed

log = telemetry.logger(__name__)

_LARGEST_NUMBER = 2**63 - 1  # of a row


def console(rooms: Sequence[Room], doors: Doors, frame: Frame) -> Mount:
    """Everything under /console."""
    routes = [
        *(Route(f"/static/{name}", _static(name), methods=["GET"]) for name in STATIC),
        Route("/sign-in", _guarded(doors.show_sign_in, frame), methods=["GET"]),
        Route("/sign-in", _guarded(doors.sign_in, frame), methods=["POST"]),
    ]
    for way in (deed("/sign-out", doors.sign_out), *(way for room in rooms for way in room.ways())):
        inside = _guarded(doors.inside(way.endpoint, *way.roles), frame)
        routes.append(Route(way.path, inside, methods=["POST" if way.deed else "GET"]))
    return Mount(
        BASE,
        Starlette(routes=routes, exception_handlers={HTTPException: _nowhere(frame)}),
    )


def _static(name: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        headers = {
            **HEADERS,
            "cache-control": "public, max-age=31536000, immutable",  # pages name the version
            "vary": "accept-encoding",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(static(name), 200, headers, STATIC[name])
        return Response(zipped(name), 200, {**headers, "content-encoding": "gzip"}, STATIC[name])

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
