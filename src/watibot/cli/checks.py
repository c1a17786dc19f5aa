"""What `watibot doctor` looks at on this machine: settings' files, folder, database, clock, staff.

`doctor.py` is before it; `checks_outside.py` is its sister for what lies beyond the network. Every
check gives one `Finding` in plain words, without secrets and without anything of guests.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from watibot.errors import Cause, ProviderError, SettingsError, StoreError
from watibot.hotel import Hotel, moment_in_words
from watibot.instructions import InstructionsFile
from watibot.ports import Clock, Notifier
from watibot.settings import Settings
from watibot.storage import looks, schema
from watibot.storage.adopt import refuse_unadopted
from watibot.storage.lock import database_file


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `todo` mends what is not ok; beside `ok` it is worth knowing."""

    name: str
    ok: bool
    found: str
    todo: str = ""

    def line(self) -> str:
        words = f"{self.name}: {self.found}"
        return f"{words}. {self.todo}" if self.todo else words


# What a provider's failure is called, and what helps in general.
WORDS: Mapping[Cause, tuple[str, str]] = {
    Cause.UNREACHABLE: ("no connection", "Check the address, the name server and the firewall"),
    Cause.LOST: ("the connection broke", "Try again; if it stays, look for a proxy on the way"),
    Cause.TIMEOUT: ("no answer in time", "Try again; if it stays, check the network"),
    Cause.THROTTLED: ("too many requests", "Wait a minute and try again; look at the quota"),
    Cause.UNAVAILABLE: ("an error on the other side", "Try again; look at the provider's status"),
    Cause.UNAUTHORISED: ("access refused", "Check the token"),
    Cause.NOT_FOUND: ("not found", "Check the address"),
    Cause.EXISTS: ("it exists already", "Try again"),
    Cause.INVALID: ("the request was refused", "Read the reason given"),
    Cause.SIGNATURE: ("thought signatures were refused", "Try again"),
    Cause.BLOCKED: ("no answer was given", "Try again"),
}

# Tokens are counted by the model; for Spanish prose this is near enough.
_CHARACTERS_PER_TOKEN = 4
# Below it the provider's cache serves nothing of the prompt (docs/reference/providers.md).
_LEAST_CACHED_TOKENS = 4096
_LEAST_FREE = 1 << 30  # bytes
# This version was written after it: a clock before it was never set.
_WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
_SKEW = timedelta(minutes=2)


def failed(name: str, error: ProviderError, advice: Mapping[Cause, str]) -> Finding:
    """`advice`: what helps at this provider in particular."""
    found, general = WORDS[error.cause]
    status = f" (HTTP {error.status})" if error.status else ""
    detail = f": {error.detail}" if error.detail else ""
    return Finding(name, False, f"{found}{status}{detail}", advice.get(error.cause, general))


def wrong(name: str, error: SettingsError) -> Finding:
    """A mistake in a setting or in a file."""
    found = f"{error.variable}: found {error.found}"
    return Finding(name, False, found, f"Expected: {error.expected}")


def settings_read(env_file: Path) -> Finding:
    """Where the settings are from."""
    if env_file.is_file():
        return Finding("settings", True, f"read from {env_file} and the environment")
    return Finding("settings", True, f"read from the environment ({env_file} is not there)")


def instructions(settings: Settings, hotel: Hotel) -> Finding:
    """The file, as the service would read it."""
    name = "instructions"
    try:
        read = InstructionsFile(settings.service.instructions_file, hotel).current().instructions
    except SettingsError as error:
        return wrong(name, error)
    tokens = len(read.text) // _CHARACTERS_PER_TOKEN
    found = f"{read.text.count(chr(10))} lines, about {tokens:,} tokens, version {read.version}"
    if tokens < _LEAST_CACHED_TOKENS:
        least = f"Below {_LEAST_CACHED_TOKENS:,} tokens nothing is served from the model's cache"
        return Finding(name, True, found, least)
    return Finding(name, True, found)


def data_folder(settings: Settings) -> Finding:
    """Whether media and captures can be written, by writing."""
    name, folder = "data folder", settings.service.data_dir
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    todo = f"Make {folder} and give it to the user that runs the service (WATIBOT_DATA_DIR)"
    if not there.is_dir():
        return Finding(name, False, f"{there} is no folder", todo)
    if there != folder:
        can = os.access(there, os.W_OK)
        made = "not there yet, the service makes it" if can else f"not there, {there} is read-only"
        return Finding(name, can, f"{folder} is {made}", "" if can else todo)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"watibot doctor")
    except OSError as error:
        return Finding(name, False, f"{folder} cannot be written: {error.strerror}", todo)
    free = shutil.disk_usage(folder).free
    found = f"{folder} is writable, {free / _LEAST_FREE:,.1f} GiB free"
    if free < _LEAST_FREE:
        return Finding(name, False, found, "Make room: at least 1 GiB")
    return Finding(name, True, found)


def database(settings: Settings) -> Finding:
    """Reachable, its schema, its journal, and whether a service is at work on it."""
    name, url = "database", settings.service.database_url
    parsed = make_url(url)
    shown = parsed.render_as_string(hide_password=True)
    file = database_file(url)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(file if file.exists() else file.parent, os.W_OK):
                raise PermissionError("it may not be written")
        refuse_unadopted(url)
        state = looks.condition(url)
        if state.version is None:
            return Finding(name, True, f"{shown} has no tables yet, the service makes them")
        if state.version > schema.NEWEST:
            found = f"schema {state.version} is newer than this version's {schema.NEWEST}"
            return Finding(name, False, found, "Update watibot")
        if state.version < schema.NEWEST:
            found = f"schema {state.version}, this version's is {schema.NEWEST}"
            return Finding(name, True, found, "The service brings it up to date when it starts")
        runs = looks.service_runs(url)
    except SettingsError as error:
        return wrong(name, error)
    except OSError as error:
        todo = "Let the service's user write the file and its folder"
        return Finding(name, False, f"{shown} cannot be used: {error.strerror or error}", todo)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).split("\n")[0]
        if parsed.password:
            reason = reason.replace(str(parsed.password), "***")
        todo = "Check WATIBOT_DATABASE_URL, that the server runs and that the user may enter"
        return Finding(name, False, f"{shown} cannot be used: {reason}", todo)
    if state.journal not in (None, "WAL"):
        found = f"{shown}: journal mode {state.journal} instead of WAL"
        return Finding(name, False, found, "Put the file on a local disk, not on a network one")
    if state.now is not None and abs(state.now - datetime.now(UTC)) > _SKEW:
        found = f"{shown}: its clock and this machine's are more than 2 minutes apart"
        return Finding(name, False, found, "Let both machines set their clocks by the network")
    journal = ", WAL" if state.journal else ""
    at_work = "a service is at work on it" if runs else "no service is at work on it"
    return Finding(name, True, f"{shown}, schema {state.version}{journal}; {at_work}")


def clock(settings: Settings, hotel: Hotel, made: Clock) -> Finding:
    """Whether the time can be right. Beside Google's clock it is put only with `--live`."""
    name, now = "clock", made.now()
    todo = "Let the machine set its clock by the network (timedatectl set-ntp true)"
    shown = f"{moment_in_words(hotel.local(now))} in {hotel.zone.key}"
    if now < _WRITTEN:
        return Finding(name, False, f"{shown}, which is before this version was written", todo)
    url = settings.service.database_url
    try:
        with looks.looking(url, hotel.id) as tx:
            newest = looks.newest_receipt(tx)
    except (SettingsError, StoreError, SQLAlchemyError):
        newest = None  # the database's own line says why
    if newest is not None and newest > now + _SKEW:
        return Finding(name, False, f"{shown}, but a stored message came in later", todo)
    if settings.service.clock:
        speed = settings.service.clock.partition("@")[0]
        hint = "That is for rehearsals: take WATIBOT_CLOCK out for guests"
        return Finding(name, True, f"{shown}; time runs {speed} times faster", hint)
    return Finding(name, True, shown)


async def staff(settings: Settings, notifier: Notifier, live: bool) -> Finding:
    """Whether colleagues can be told; with `live` they are."""
    name = "staff notification"
    urls = [url.get_secret_value() for url in settings.staff.notify_urls]
    if not urls:
        todo = "Set STAFF_NOTIFY_URLS (mailto://, tgram://, json:// ... of apprise)"
        return Finding(name, False, "nobody would be told of bookings and escalations", todo)
    unknown = [str(place) for place, url in enumerate(urls, 1) if not await _understood(url)]
    if unknown:
        found = f"address {', '.join(unknown)} of {len(urls)} is not in a form that apprise knows"
        return Finding(name, False, found, "Compare STAFF_NOTIFY_URLS with apprise's wiki")
    if not live:
        return Finding(name, True, f"{len(urls)} addresses, not tried without --live")
    try:
        await notifier.tell("WatiBot", "Prueba de aviso: no hay nada que hacer.")
    except ProviderError as error:
        todo = "Check the addresses in STAFF_NOTIFY_URLS and their servers"
        return failed(name, error, {error.cause: todo})
    return Finding(name, True, "a test notice was sent: ask the colleagues whether it came")


async def _understood(url: str) -> bool:
    def added() -> bool:
        import apprise

        return bool(apprise.Apprise().add(url))

    return await asyncio.to_thread(added)
