"""Passwords of the console, as hashes. `watibot user add` makes one, `doors.py` checks it.

argon2id with the least memory that OWASP's cheat sheet on password storage allows, because the
service is to fit into a small machine (https://cheatsheetseries.owasp.org).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10  # characters
LONGEST = 200


def hashed(password: str) -> str:
    """Takes some 30 ms, and 19 MiB while it does."""
    return _hasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Without a hash it is not, and that takes as long to say."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        right = _hasher().verify(password_hash or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return hashed("a password that nobody has")
