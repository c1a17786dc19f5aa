"""A room of the console: some pages and deeds that belong together, with who may call them.

`routes.py` gives each its address and puts the doors before it; `wiring_console.py` makes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from watibot.ports.console import Role
from watibot.web.console.frame import Visit

Inside = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Way:
    """An address below /console. `roles`: who may call it, everybody who is signed in if empty. A
    deed is a POST that carries the form's own proof."""

    path: str
    endpoint: Inside
    roles: tuple[Role, ...] = ()
    deed: bool = False


class Room(Protocol):
    """What `routes.py` asks of each."""

    def ways(self) -> Sequence[Way]: ...


def page(path: str, endpoint: Inside, *roles: Role) -> Way:
    return Way(path, endpoint, roles)


def deed(path: str, endpoint: Inside, *roles: Role) -> Way:
    return Way(path, endpoint, roles, deed=True)
