"""The staff's inbox: takes the notices that the service sends through apprise's `json://` form.

Started by `launch.py`; the service's notifier is before it, the journal (kind "notice") after it.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Clock, Emulator, read_json


class StaffInbox(Emulator):
    """`POST /notify` with `{"version","title","message","type","attachments"}`."""

    def __init__(self, clock: Clock, options: dict[str, object]) -> None:
        super().__init__("staff", clock, {}, options)

    def routes(self) -> list[BaseRoute]:
        async def notify(request: Request) -> Response:
            return await self.guarded("notify", request, self._take)

        return [Route("/notify", notify, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        try:
            notice = await read_json(request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self.journal.add(
            "notice",
            version=notice.get("version"),
            title=notice.get("title"),
            message=notice.get("message"),
            type=notice.get("type"),
            attachments=len(notice.get("attachments") or []),
        )
        return JSONResponse({"status": "ok"})

    def summary(self) -> dict[str, object]:
        return {"notices": len(self.journal.since(kind="notice"))}


def create(clock: Clock, options: dict[str, object]) -> Emulator:
    return StaffInbox(clock, options)
