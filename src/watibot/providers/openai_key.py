"""The key that a request to OpenAI, or to a server like it, carries.

`openai_http.py` asks before each request and says when the key was refused. A command that prints
tokens is the way for servers whose tokens live for an hour (Azure AI Foundry through `az`).
"""

from __future__ import annotations

import asyncio
import re
import shlex

from watibot.errors import Cause, ProviderError
from watibot.settings import OpenAI

PROVIDER = "openai"
_LONGEST = 60.0  # seconds
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Key:
    """An API key from the settings, or a token from a command."""

    def __init__(self, settings: OpenAI) -> None:
        self._auth = settings.auth
        self._command = settings.key_command
        self._value = "" if self._command else _bare(settings.api_key.get_secret_value())
        self._one_at_a_time = asyncio.Lock()

    async def current(self) -> str:
        """The key; "" where there is none. Raises ProviderError UNAUTHORISED when the command gives
        none."""
        if self._command and not self._value:
            await self.renewed("")
        return self._value

    async def renewed(self, refused: str) -> str:
        """Another key than the refused one; "" where there is no other. Raises as `current`."""
        if not self._command:
            return ""
        async with self._one_at_a_time:
            # Many requests are refused at once when a token ends: the first of them fetches.
            if self._value == refused:
                self._value = await _printed(self._command)
        return self._value

    def header(self, key: str) -> dict[str, str]:
        """How a request carries it."""
        if not key:
            return {}
        return {"api-key": key} if self._auth == "api-key" else {"authorization": f"Bearer {key}"}


async def _printed(command: str) -> str:
    """What the command prints. Its words are never shown: the token may be among them."""
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        raise _failed(f"cannot be started ({type(error).__name__})") from None
    try:
        # Real time on purpose, also in rehearsals: the command knows no other.
        async with asyncio.timeout(_LONGEST):
            printed, _ = await process.communicate()
    except TimeoutError:
        raise _failed(f"printed nothing in {_LONGEST:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise _failed(f"ended with status {process.returncode}")
    token = _bare(printed.decode(errors="replace"))
    if not _TOKEN.fullmatch(token):
        raise _failed("printed something that is no token" if token else "printed nothing")
    return token


def _failed(what: str) -> ProviderError:
    return ProviderError(PROVIDER, Cause.UNAUTHORISED, f"OPENAI_KEY_COMMAND {what}")


def _bare(key: str) -> str:
    """People paste the token with the word before it."""
    return re.sub(r"^\s*bearer\s+", "", key, flags=re.IGNORECASE).strip()
