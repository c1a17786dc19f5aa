"""Tells staff, through whatever apprise knows: mail, Telegram, Teams, a plain webhook.

Called by `service/alert.py`; staff's answer comes back through the channel, not through here.
apprise is synchronous and takes 43 MB once imported, for a few notices a day: it lives in a process
of its own, for as long as one notice takes (0.7 s). The process reads its work from standard input,
because the addresses hold secrets, which a command line would show to every user of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence

from watibot.errors import Cause, ProviderError

_TIMEOUT = 60.0  # seconds; a mail server may take its time
_PROVIDER = "staff"


class AppriseNotifier:
    """`urls` are apprise URLs (https://github.com/caronc/apprise/wiki); each is tried once."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)

    async def tell(self, title: str, body: str) -> None:
        """Raises ProviderError UNAVAILABLE when none of the URLs took the message."""
        if not self._urls:
            raise ProviderError(_PROVIDER, Cause.UNAVAILABLE, "STAFF_NOTIFY_URLS names nobody")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        work = json.dumps({"urls": self._urls, "title": title, "body": body}).encode()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TIMEOUT):
                    await process.communicate(work)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            detail = f"none of {len(self._urls)} addresses took the message"
            raise ProviderError(_PROVIDER, Cause.UNAVAILABLE, detail)


def notify(urls: Sequence[str], title: str, body: str) -> bool:
    """Whether somebody was reached."""
    import apprise

    reached = False
    for url in urls:
        sender = apprise.Apprise()
        # apprise reads no markup from plain text, and a guest's name may look like markup.
        if sender.add(url):
            text = apprise.NotifyFormat.TEXT
            reached |= bool(sender.notify(title=title, body=body, body_format=text))
    return reached


if __name__ == "__main__":
    sys.exit(0 if notify(**json.load(sys.stdin)) else 1)
