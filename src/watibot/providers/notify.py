"""Tells staff, through whatever apprise knows: mail, Telegram, Teams, a plain webhook.

Called by `service/alert.py`; staff's answer comes back through the channel, not through here.
apprise is synchronous and slow to import (0.2 s), so that it is imported and used in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from watibot.errors import Cause, ProviderError


class AppriseNotifier:
    """`urls` are apprise URLs (https://github.com/caronc/apprise/wiki); each is tried once."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)

    async def tell(self, title: str, body: str) -> None:
        """Raises ProviderError UNAVAILABLE when none of the URLs took the message."""
        reached = await asyncio.gather(
            *(asyncio.to_thread(_notify, url, title, body) for url in self._urls)
        )
        if not any(reached):
            detail = f"none of {len(self._urls)} addresses took the message"
            raise ProviderError("staff", Cause.UNAVAILABLE, detail)


def _notify(url: str, title: str, body: str) -> bool:
    import apprise

    sender = apprise.Apprise()
    # apprise reads no markup from plain text, and a guest's name may look like markup.
    return sender.add(url) and bool(
        sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    )
