"""Which hosts guests' files may come from. Pure.

`manychat_payloads.py` takes the addresses of such files out of a text; `media.py` asks again before
it downloads anything, because an address in a guest's text may lead anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Where Meta keeps what guests of Messenger and Instagram send (docs/reference/providers.md).
META = ("fbsbx.com", "cdninstagram.com", "fbcdn.net")

# No user part, no backslash, no brackets: parsers disagree about those, and an attacker chooses.
_URL = re.compile(r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,5}))?(?=[/?#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads. `port` is the scheme's own one where the URL names none."""

    scheme: str
    host: str
    port: int


def place(url: str) -> Place | None:
    """None for what is no plain http(s) URL."""
    found = _URL.match(url)
    if found is None:
        return None
    scheme = found[1].lower()
    return Place(scheme, found[2].lower(), int(found[3] or (443 if scheme == "https" else 80)))


def trusted(where: Place | None, extra_hosts: Iterable[str]) -> bool:
    """Whether files may be taken from here: Meta's own hosts by https, or one named in the settings
    (`name` with any port, or `name:port`)."""
    if where is None:
        return False
    if where.scheme == "https" and where.port == 443 and under(where.host, META):
        return True
    named = {host.lower() for host in extra_hosts}
    return where.host in named or f"{where.host}:{where.port}" in named


def under(host: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of the domains or lies below one."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
