"""What ten guests with a past write while their conversations are carried over. Data only.

`moving.py` lets them speak. Every message is one that waits for its answer; a guest says nothing
twice, so that the words tell the messages apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from watibot.cli.stage.past import Former
from watibot.messages import ChannelName


class Act(StrEnum):
    """When a guest writes, in order."""

    PLAN = "plan"
    RUN = "run"
    RAN = "between run and verify"
    CUTOVER = "cutover"
    GEMINI = "after the cutover"
    ROLLBACK = "rollback"
    BACK = "after the rollback"


@dataclass(frozen=True, slots=True)
class Line:
    """`words` as the emulators' guests take them, `pause` virtual seconds into the act or after the
    guest's last answer."""

    act: Act
    words: Mapping[str, Any]
    pause: float = 2.0


@dataclass(frozen=True, slots=True)
class Writer:
    """A guest who writes meanwhile. `goes_back`: among those who are rolled back."""

    former: Former
    lines: tuple[Line, ...]
    goes_back: bool


def _line(act: Act, text: str, pause: float = 2.0, **more: Any) -> Line:
    return Line(act, {"text": text, **more}, pause)


_WHATSAPP, _FACEBOOK, _INSTAGRAM = ChannelName
SCRIPT: tuple[tuple[str, ChannelName, bool, tuple[Line, ...]], ...] = (
    (
        "Marta Escobar",
        _WHATSAPP,
        True,
        (
            _line(Act.PLAN, "Buenos días, ¿a qué hora es el check-in?"),
            _line(Act.RAN, "¿Y tienen parqueo?", 0),
            _line(Act.GEMINI, "Otra cosa: ¿aceptan mascotas?"),
            _line(Act.BACK, "¿A qué hora sirven el desayuno?"),
        ),
    ),
    (
        "Jorge Alvarenga",
        _WHATSAPP,
        True,
        (
            _line(Act.RUN, "¿Hay alguien en la recepción ahora?", 4),
            _line(Act.GEMINI, "¿Tienen piscina para los niños?", 4),
            _line(Act.ROLLBACK, "¿Cómo puedo pagar?", 1),
            _line(Act.BACK, "¿Y dónde queda el hotel?", 5),
        ),
    ),
    (
        "Ricardo Peña",
        _WHATSAPP,
        False,
        (
            _line(Act.RUN, "¿Hay lugar para este carro en el parqueo?", 22, media="photo"),
            _line(Act.CUTOVER, "¿A qué hora es el check-out?", 6),
            _line(Act.GEMINI, "¿Hay alguien en la recepción ahora?", 3),
        ),
    ),
    (
        "Silvia Portillo",
        _WHATSAPP,
        False,
        (
            _line(Act.RUN, "¿Tienen servicio de lavandería?", 38),
            _line(Act.CUTOVER, "¿A qué hora sirven el desayuno?", 14),
            _line(Act.BACK, "¿Aceptan mascotas?", 3),
        ),
    ),
    (
        "Nelson Aguilar",
        _WHATSAPP,
        False,
        (
            _line(Act.RUN, "¿Y dónde queda el hotel?", 46),
            _line(Act.CUTOVER, "¿Tienen parqueo?", 1),
            _line(Act.ROLLBACK, "¿Hay wifi en las habitaciones?", 0),
        ),
    ),
    (
        "Karla Benítez",
        _WHATSAPP,
        False,
        (
            _line(Act.PLAN, "¿Cómo puedo pagar?", 6),
            _line(Act.CUTOVER, "¿Tienen piscina?", 22),
        ),
    ),
    (
        "Óscar Guardado",
        _FACEBOOK,
        True,
        (
            _line(Act.RUN, "¿Qué tipos de habitación tienen?", 16),
            # Nothing after the rollback: what was said has gone back by then, or never does.
            _line(Act.GEMINI, "¿Hay wifi en las habitaciones?", 2),
        ),
    ),
    (
        "Patricia Rauda",
        _FACEBOOK,
        False,
        (
            _line(Act.RUN, "¿Tienen piscina para los niños?", 30),
            _line(Act.CUTOVER, "¿A qué hora es el check-in?", 10),
            _line(Act.BACK, "¿Tienen parqueo?", 4),
        ),
    ),
    (
        "Gabriela Nuila",
        _INSTAGRAM,
        False,
        (
            _line(Act.RUN, "¿Aceptan mascotas?", 9),
            _line(Act.CUTOVER, "¿Dónde queda el hotel?", 18),
        ),
    ),
    (
        "Ernesto Zelaya",
        _INSTAGRAM,
        False,
        (
            _line(Act.PLAN, "¿Y cuánto cuesta la familiar?", 3),
            _line(Act.GEMINI, "¿A qué hora sirven el desayuno?", 5),
        ),
    ),
)


def writers(formers: Sequence[Former]) -> list[Writer]:
    """Those who write, with names: the first of each channel whom nobody owes an answer. With what
    is left unanswered, the assistant would answer an old question too."""
    left = {
        channel: iter([each for each in formers if each.answered and each.guest.channel is channel])
        for channel in ChannelName
    }
    found = []
    for name, channel, goes_back, lines in SCRIPT:
        former = next(left[channel])
        named = replace(former, guest=replace(former.guest, name=name))
        found.append(Writer(named, lines, goes_back))
    return found


def cohort(formers: Sequence[Former], writers: Sequence[Writer], count: int) -> list[str]:
    """The conversations that are rolled back: some of those who write, and others."""
    chosen = [writer.former for writer in writers if writer.goes_back]
    speak = {writer.former.thread_id for writer in writers}
    others = [former for former in formers if former.thread_id not in speak]
    step = max(1, len(others) // count)
    chosen += others[::step][: count - len(chosen)]
    return [former.guest.conversation_id for former in chosen]
