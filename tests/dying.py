"""A process that can be killed at any call to the outside, and a clock for it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.clocks import FakeClock


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Fuse:
    """Ends a process at its n-th call to the outside: before or after the call's effect. Nothing
    that a dying process still tries has an effect."""

    at: int | None = None
    after: bool = False
    calls: int = 0
    dead: bool = False
    called: list[str] = field(default_factory=list)

    async def call(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if self.dead:
            raise Killed
        self.calls += 1
        self.called.append(name)
        last = self.calls == self.at
        if last and not self.after:
            self.dead = True
            raise Killed
        result = await work()
        if last:
            self.dead = True
            raise Killed
        return result


class Wired:
    """Something outside whose calls the fuse counts. What a lease's keeper does comes at no certain
    moment and is not counted."""

    def __init__(self, inner: object, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found) or name in ("extend", "gives", "check"):
            return found

        async def called(*args: Any, **kwargs: Any) -> Any:
            return await self._fuse.call(name, partial(found, *args, **kwargs))

        return called


class WorkClock(FakeClock):
    """Time jumps over each wait of who works; who keeps a lease wakes as it passes."""

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name() == "lease":
            await super().sleep(seconds)
        else:
            self.slept.append(seconds)
            await self.advance(seconds)

    async def limit(self, seconds: float, work: Awaitable[Any]) -> Any:
        return await work
