"""Meta's CDN as guests' photos and voice notes arrive through ManyChat: a URL inside the text.

`manychat_guests.py` publishes, the service's media download reads. Served without a token; the
URL has no extension, the declared type may be wrong, and the link expires.
"""

import secrets
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from watibot.emulators.kit import Emulator
from watibot.emulators.samples import Sample


class Cdn:
    """Files by `asset_id`; settings `cdn_base`, `media_seconds` (0 keeps) and `media_type`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._assets: dict[str, tuple[Sample, str, float]] = {}

    def publish(self, sample: Sample) -> str:
        """The URL under which the sample can be fetched from now on."""
        asset, signature = str(secrets.randbelow(10**16)), secrets.token_hex(48)
        self._assets[asset] = (sample, signature, self._emulator.clock.time())
        base = self._emulator.settings["cdn_base"]
        return f"{base}/ig_messaging_cdn/?asset_id={asset}&signature={signature}"

    def asset(self, number: str) -> Sample | None:
        """A published file, whatever its link is worth by now."""
        return self._assets.get(number, (None, "", 0.0))[0]

    def routes(self) -> list[BaseRoute]:
        async def media(request: Request) -> Response:
            return await self._emulator.guarded("media", request, self._media)

        return [Route("/ig_messaging_cdn/", media)]

    async def _media(self, request: Request) -> Response:
        query = request.query_params
        sample, signature, published = self._assets.get(query.get("asset_id", ""), (None, "", 0.0))
        if sample is None or query.get("signature") != signature:
            return Response("URL signature mismatch", 403)
        lasts = cast(float, self._emulator.settings["media_seconds"])
        if lasts and self._emulator.clock.time() - published >= lasts:
            return Response("URL signature expired", 404)
        declared = cast(str, self._emulator.settings["media_type"]) or sample.content_type
        return Response(sample.read(), 200, {"content-type": declared})
