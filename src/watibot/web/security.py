"""Who may knock: the secret that a webhook carries, and how large it may be.

Neither WATI nor ManyChat signs what it sends (docs/reference/providers.md), so a secret in the URL
(`?token=`) or in the header `X-Watibot-Secret` is the proof. It is compared in constant time.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs

LARGEST_BODY = 1024 * 1024
HEADER = b"x-watibot-secret"


def proven(secret: bytes, query_string: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the request carries the secret."""
    given = b""
    for name, value in headers:
        if name == HEADER:
            given = value
            break
    if not given and query_string:
        if hmac.compare_digest(query_string, b"token=" + secret):  # as nearly every webhook comes
            return True
        given = parse_qs(query_string).get(b"token", [b""])[0]
    return hmac.compare_digest(given, secret)
