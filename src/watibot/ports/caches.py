"""The promises on explicit caches: the provider's, the store's, and what the model's adapter asks.

`service/caching.py` decides; `providers/caches.py` carries it out at the provider, and
`storage/caches.py` remembers what may still be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watibot.modelcalls import ModelRequest, Usage
from watibot.toolcalls import Tool


@dataclass(frozen=True, slots=True)
class Beginning:
    """What all calls of a hotel begin with, and a cache holds."""

    instructions: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """An explicit cache. `name` is the provider's; `version` is a digest of what is in it and for
    which model; `tokens` as the provider counted them."""

    name: str
    version: str
    tokens: int
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A cache that the provider has just written."""

    name: str
    tokens: int
    expires_at: datetime


class CacheServer(Protocol):
    """The provider's caches for one model at one place. All raise ProviderError."""

    @property
    def model(self) -> str: ...

    @property
    def location(self) -> str: ...

    async def count(self, beginning: Beginning) -> int:
        """Its tokens."""

    async def make(self, beginning: Beginning, title: str, ttl: timedelta) -> Made:
        """Raises INVALID where it is too small, or the model has no explicit caches."""

    async def renew(self, name: str, ttl: timedelta) -> datetime:
        """The new end. Raises NOT_FOUND or UNAUTHORISED for one that is gone."""

    async def delete(self, name: str) -> None:
        """One that is gone already is no error."""

    async def names(self, title: str) -> list[str]:
        """Those with this title."""


class Caches(Protocol):
    """What the store knows of a hotel's caches: those that may still be there."""

    async def caches(self) -> Sequence[Cache]:
        """The oldest first."""

    async def put(self, cache: Cache) -> None:
        """New, or with another end."""

    async def remove(self, name: str) -> None: ...


class CacheKeeper(Protocol):
    """Who knows at once, for each call of the model, whether there is a cache for it."""

    def name_for(self, request: ModelRequest) -> str | None:
        """The cache that holds the request's instructions and tools."""

    def answered(self, request: ModelRequest, usage: Usage, *, explicit: bool) -> None:
        """The model has answered; `explicit`: from that cache."""

    def lost(self, name: str) -> None:
        """The provider refused a call that named it, and took the same call without it."""
