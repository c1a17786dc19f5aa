"""Words that silence the assistant, and those that wake it. Pure.

`service/gate.py` asks here before the model is asked, and when a guest or a colleague has written.
The words are the hotel's (`[words]` in its file).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from watibot.messages import MessageKind
from watibot.turns import GuestMessage


class Words(Protocol):
    """The hotel's words. Case, accents and marks around them do not matter."""

    @property
    def guest_stop(self) -> tuple[str, ...]: ...
    @property
    def guest_resume(self) -> tuple[str, ...]: ...
    @property
    def staff_stop(self) -> tuple[str, ...]: ...
    @property
    def staff_resume(self) -> tuple[str, ...]: ...


class Wish(StrEnum):
    """What somebody asked of the assistant with one word."""

    STOP = "stop"
    RESUME = "resume"


def guest_wish(text: str, words: Words) -> Wish | None:
    """A guest's message that is such a word and nothing else."""
    return _wish(text, words.guest_stop, words.guest_resume)


def staff_wish(text: str, words: Words) -> Wish | None:
    """A colleague's."""
    return _wish(text, words.staff_stop, words.staff_resume)


def burst_wish(messages: Sequence[GuestMessage], words: Words) -> Wish | None:
    """What a burst asks for: the last of its messages decides, because whoever says "stop" after
    something else means the stop. "Stop" under a picture is no wish."""
    if not messages or messages[-1].media:
        return None
    if messages[-1].kind not in (MessageKind.TEXT, MessageKind.REPLY):
        return None
    return guest_wish(messages[-1].text, words)


def _wish(text: str, stop: Sequence[str], resume: Sequence[str]) -> Wish | None:
    said = _bare(text)
    if not said:
        return None
    if said in {_bare(word) for word in stop}:
        return Wish.STOP
    return Wish.RESUME if said in {_bare(word) for word in resume} else None


def _bare(text: str) -> str:
    """`¡Alto!` is `alto`; `#Pausa ` is `#pausa`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.sub(r"^[^\w#]+|[^\w#]+$", "", letters)
