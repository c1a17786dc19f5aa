"""The outside APIs in memory, each a process of its own: development, tests and `watibot emulate`.

`launch.py` reads the table below; nothing of the product is imported by anything in this folder.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watibot.emulators.kit import Clock, Emulator

Factory = Callable[["Clock", dict[str, object]], "Emulator"]

# The imports wait inside the functions so that starting one emulator does not load the others.


def _wati(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.wati import create

    return create(clock, options)


def _manychat(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.manychat import create

    return create(clock, options)


def _vertex(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.vertex import create

    return create(clock, options)


def _staff(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.staff_inbox import create

    return create(clock, options)


def _openai(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.openai import create

    return create(clock, options)


def _phone(clock: "Clock", options: dict[str, object]) -> "Emulator":
    from watibot.emulators.phone import create

    return create(clock, options)


EMULATORS: dict[str, Factory] = {
    "wati": _wati,
    "manychat": _manychat,
    "vertex": _vertex,
    "openai": _openai,
    "staff": _staff,
    "phone": _phone,
}
