"""What `watibot doctor` asks of WATI, ManyChat and Google.

`doctor.py` is before it; the adapters that `wiring_outside.py` makes are after it. Without `--live`
nothing is changed and nothing is charged: contacts are listed, a token is fetched, a session that
does not exist is looked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from watibot import costs
from watibot.cli.checks import Finding, failed
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.hotel import Hotel
from watibot.messages import ChannelName
from watibot.ports import Channel, Clock, Model, ModelRequest, SessionEvent
from watibot.providers.google_auth import Tokens
from watibot.providers.sessions import VertexSessions
from watibot.settings import Settings, Vertex
from watibot.wiring_outside import Outside

USER = "watibot-doctor"
_SKEW = timedelta(minutes=2)

_WATI = {
    Cause.UNAUTHORISED: "Copy the token again from WATI's API page into WATI_TOKEN",
    Cause.NOT_FOUND: "Check WATI_BASE_URL: it ends with the tenant's number, without /api",
    Cause.UNREACHABLE: "Check the host in WATI_BASE_URL, the name server and the firewall",
}
_MANYCHAT = {
    Cause.UNAUTHORISED: "Copy the token again from ManyChat's settings into MANYCHAT_TOKEN",
    Cause.INVALID: "Copy the token again from ManyChat's settings into MANYCHAT_TOKEN",
    Cause.UNREACHABLE: "Check MANYCHAT_BASE_URL, the name server and the firewall",
}
_GOOGLE = {
    Cause.UNAUTHORISED: "Point GOOGLE_APPLICATION_CREDENTIALS to a service account's file that the "
    "service may read, or run `gcloud auth application-default login`",
}
_RIGHTS = "Give the service account the role Vertex AI User (roles/aiplatform.user) in the project"

# What the code relies on and nobody here has seen a live API do.
UNPROVEN = (
    "WATI: the fields inside sendSessionMessage's `message` (a bubble's ids)",
    "WATI: whether a media message's `text` is the caption or the file's name, and full URLs in it",
    "WATI: the bodies of location, contacts, order and catalog messages",
    "WATI: webhooks that come as a list or under `events`",
    "ManyChat: that of a contact on both channels the newer interaction names the channel",
    "ManyChat: the hosts of Messenger's files",
    "ManyChat: whether a reply in Live Chat pauses automations, and that API sends go out anyway",
    "Gemini: that voice notes (Opus in Ogg) are understood as audio/ogg",
    "Sessions: how large an event may be, and how many events a session holds",
)


async def wati(
    settings: Settings, hotel: Hotel, channels: Mapping[ChannelName, Channel]
) -> Finding:
    name, channel = "WATI", channels.get(ChannelName.WHATSAPP)
    if channel is None:
        return Finding(name, True, "off, because WATI_BASE_URL is empty")
    try:
        found = await channel.check()
    except ProviderError as error:
        return failed(name, error, _WATI)
    desk = hotel.desk_email
    if desk is None:
        todo = "Nobody in the hotel file has the role desk and an e-mail: no chat is assigned"
        return Finding(name, True, found, todo)
    if desk.casefold() in {each.casefold() for each in settings.wati.bot_operators}:
        todo = "Take it out of WATI_BOT_OPERATORS"
        return Finding(name, False, f"{found}, but the desk's e-mail counts as the bot's", todo)
    return Finding(name, True, f"{found}; chats are assigned to the desk")


async def manychat(channels: Mapping[ChannelName, Channel]) -> Finding:
    name, channel = "ManyChat", channels.get(ChannelName.FACEBOOK)
    if channel is None:
        return Finding(name, True, "off, because MANYCHAT_TOKEN is empty")
    try:
        return Finding(name, True, await channel.check())
    except ProviderError as error:
        return failed(name, error, _MANYCHAT)


async def google(out: Outside) -> Finding:
    """Fetches a token, as the first turn would."""
    try:
        await out.gemini.warm_up()
    except ProviderError as error:
        return failed("Google credentials", error, _GOOGLE)
    return Finding("Google credentials", True, "a token was given")


async def model(settings: Settings, port: Model, clock: Clock, live: bool) -> Finding:
    """With `live` the smallest question there is."""
    vertex = settings.vertex
    name, where = "model", f"{vertex.model} at {vertex.model_location}"
    if not live:
        return Finding(name, True, f"{where}, not tried without --live (a fraction of a cent)")
    question = {"role": "user", "parts": [{"text": "Responda solo: hola"}]}
    begun = time.monotonic()
    try:
        answer = await port.generate(ModelRequest("Responda con una palabra.", (question,)))
    except ProviderError as error:
        advice = {
            Cause.NOT_FOUND: "Check VERTEX_MODEL and VERTEX_MODEL_LOCATION: newer models are "
            "served at global, us and eu only",
            Cause.UNAUTHORISED: _RIGHTS,
        }
        return failed(name, error, advice)
    seconds = time.monotonic() - begun
    prices = costs.load(settings.costs.prices_file)
    cost = prices.cost(answer.usage, vertex.model, clock.now().date(), vertex.model_location)
    if cost is None:
        todo = "Its price is not known here: its costs will not be counted"
        return Finding(name, True, f"{where} answered in {seconds:.1f} s", todo)
    return Finding(name, True, f"{where} answered in {seconds:.1f} s for ${cost / 1e6:.6f}")


class WatchedSessions(VertexSessions):
    """Remembers the 400 that operations of sessions with our own ids were answered with in April
    2026 (github.com/google/adk-python, pull 5129); the client itself copes with it in silence."""

    operation_refused = False

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            return await super()._request(method, path, params, body)
        except ProviderError as error:
            if "/operations/" in path and error.cause is Cause.INVALID:
                self.operation_refused = True
            raise


def watched(vertex: Vertex, clock: Clock) -> WatchedSessions:
    """`close` it."""
    return WatchedSessions(
        vertex,
        clock,
        Tokens(file=vertex.credentials_file),
        appends=LocalQuota(vertex.appends_per_minute, clock),
        writes=LocalQuota(vertex.session_writes_per_minute, clock),
    )


async def sessions(
    vertex: Vertex, client: WatchedSessions, clock: Clock, live: bool
) -> list[Finding]:
    """With `live` a session is made, written to, read and deleted; its time of creation is put
    beside this machine's."""
    name, where = "sessions", f"engine {vertex.engine_id} at {vertex.sessions_location}"
    session_id = f"doctor-{uuid4().hex}"
    try:
        if not live:
            await client.exists(session_id)
            await client.list_sessions(USER)  # 404 here means that the engine is not there
            return [Finding(name, True, f"{where} answers")]
        return await _tried(where, client, session_id, clock)
    except ProviderError as error:
        advice = {
            Cause.NOT_FOUND: "Check VERTEX_ENGINE_ID, VERTEX_SESSIONS_LOCATION and VERTEX_PROJECT",
            Cause.UNAUTHORISED: _RIGHTS,
        }
        return [failed(name, error, advice)]


async def _tried(
    where: str, client: WatchedSessions, session_id: str, clock: Clock
) -> list[Finding]:
    before = clock.now()
    await client.create(session_id, USER)
    after = clock.now()
    try:
        made = datetime.fromisoformat((await client.get(session_id))["createTime"])
        for number in (1, 2):
            await client.append(session_id, _event(number, after))
        read = [event.event_id for event in await client.newest(session_id, 2)]
    finally:
        await client.delete(session_id)
    skew = max(before - made, made - after, timedelta())
    refused = "once an operation was refused with 400 though its work was done, which is handled"
    todo = refused.capitalize() if client.operation_refused else ""
    if read == ["doctor-2", "doctor-1"]:
        found = f"{where}: made, written, read newest first, deleted"
        written = Finding("sessions", True, found, todo)
    else:
        found = f"{where}: events came back as {read}, not newest first"
        written = Finding("sessions", False, found, "The recovery after a crash relies on it")
    return [written, _beside_google(skew)]


def _beside_google(skew: timedelta) -> Finding:
    if skew > _SKEW:
        found = f"this machine's clock is {skew.total_seconds():.0f} s from Google's"
        todo = "Let the machine set its clock by the network (timedatectl set-ntp true)"
        return Finding("clock", False, found, todo)
    return Finding("clock", True, "agrees with Google's")


def _event(number: int, at: datetime) -> SessionEvent:
    return SessionEvent(
        event_id=f"doctor-{number}",
        author="user",
        invocation_id="doctor",
        timestamp=at + timedelta(milliseconds=number),
        content={"role": "user", "parts": [{"text": "watibot doctor"}]},
    )
