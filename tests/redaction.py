"""An ear at every log line of every test: none may hold what a guest said or is called by.

`conftest.py` puts it on for the whole session. Lines go through the processors that the service
configures, with a key; libraries' lines are kept as the service keeps them. What is private is what
this very test's guests sent and were sent, as it passes the receiver and the deliverer, and every
invented number; of a service that is a process of its own, the numbers alone. A test that lets
something out fails at its end.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import structlog

from watibot import telemetry
from watibot.conversations import Conversation
from watibot.messages import Delivery, Inbound, StaffMessage
from watibot.service.deliver import Deliverer, Pause, Rest
from watibot.service.receive import Receiver
from watibot.turns import Bubble

KEY = "a-secret-for-tests-only"
# Invented phones, and names that WhatsApp gives to who has none to show. An id of ours is
# hexadecimal and may hold any digits.
NUMBERS = re.compile(r"(?<![0-9a-f])503\d{8}(?![0-9a-f])|\b[A-Z]{2}\.\d{10,}")
# Shorter words stand in our own lines too ("hola" is no secret, and neither is "Ana" in "manana").
SHORTEST = 6


@dataclass
class Ear:
    """Lines as the service would have written them, and what must not be in them."""

    lines: list[str] = field(default_factory=list)
    private: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        self.lines.append(line)

    def read(self, folder: Path) -> None:
        """What services wrote that were processes of their own."""
        for log in folder.rglob("*.log"):
            self.lines += log.read_text("utf-8", "replace").splitlines()

    def keep_private(self, words: Iterable[str | None]) -> None:
        for each in words:
            if each and len(each.strip()) >= SHORTEST:
                self.private.add(each.strip())
                # A line may show the beginning, or one sentence of several.
                self.private.update(
                    part.strip() for part in re.split(r"[\n.!?]", each) if len(part.strip()) >= 12
                )

    def leaks(self) -> list[str]:
        """The lines that hold something private."""
        wanted = [NUMBERS.pattern, *(rf"(?<!\w){re.escape(word)}(?!\w)" for word in self.private)]
        found = re.compile("|".join(wanted))
        return [line for line in self.lines if found.search(line)]

    def forget(self) -> None:
        self.lines.clear()
        self.private.clear()


EAR = Ear()


def _shown(line: str) -> None:
    """For who reads a failing test."""
    print(line, file=sys.stderr)  # noqa: T201


class _Logger:
    """Where structlog's lines end: here, and where they would have ended."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show

    def msg(self, line: str) -> None:
        EAR.hear(line)
        self._show(line)

    log = debug = info = warn = warning = error = critical = fatal = exception = msg


class _Libraries(logging.Handler):
    """Libraries' lines in the service's own form, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(telemetry.LIBRARIES_LEVEL)
        self.setFormatter(logging.Formatter(telemetry.LIBRARIES_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in telemetry.TALKATIVE:
            EAR.hear(self.format(record))


def put_on() -> Callable[[], None]:
    """From now on everything is heard; until what comes back is called."""
    taken, delivered, configured = Receiver.take, Deliverer.deliver, structlog.configure

    def configure(**given: Any) -> None:
        # A command in this process configures it too; a logger that keeps the first output it had
        # would go on writing to a file that its test has closed.
        factory = given.get("logger_factory")
        if factory is None:
            given["logger_factory"] = lambda *_: _Logger(_shown)
        else:
            given["logger_factory"] = lambda *args: _Logger(factory(*args).msg)
        configured(**given | {"cache_logger_on_first_use": False})

    libraries = _Libraries()

    async def take(self: Receiver, delivery: Delivery, raw: bytes, received_at: datetime) -> str:
        match delivery:
            case Inbound():
                EAR.keep_private([delivery.text, delivery.sender_name])
                EAR.keep_private([delivery.conversation_id, delivery.address])
            case StaffMessage():
                EAR.keep_private([delivery.text, delivery.conversation_id])
        return await taken(self, delivery, raw, received_at)

    async def deliver(
        self: Deliverer,
        conversation: Conversation,
        bubbles: Sequence[Bubble],
        leaving: Callable[[], None] = lambda: None,
    ) -> Rest | Pause:
        EAR.keep_private(bubble.text for bubble in bubbles)
        return await delivered(self, conversation, bubbles, leaving)

    def take_off() -> None:
        Receiver.take = taken  # type: ignore[method-assign]
        Deliverer.deliver = delivered  # type: ignore[method-assign]
        logging.getLogger().removeHandler(libraries)
        structlog.configure = configured
        structlog.reset_defaults()

    Receiver.take = take  # type: ignore[method-assign]
    Deliverer.deliver = deliver  # type: ignore[method-assign]
    logging.getLogger().addHandler(libraries)
    structlog.configure = cast(Any, configure)
    listen()
    return take_off


def listen() -> None:
    """Lines are as the service writes them, whatever the test before has configured."""
    structlog.configure(
        processors=telemetry.processors(KEY),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
