"""A turn while it is walked through, between `answer.py`, which takes the steps, and `endings.py`.

What is written down of it is in the store; this is what one worker has in hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from watibot.service.asking import Asker
from watibot.turns import Bubble, Progress, Step, Turn


@dataclass(frozen=True, slots=True)
class Answered:
    """`again_at`: the provider is waited for until then. Otherwise the bubbles are in the outbox.
    `waited` are real seconds that the model and the tools took. `began`: when a turn was opened
    that was not answered at the first try."""

    bubbles: tuple[Bubble, ...] = ()
    again_at: datetime | None = None
    waited: float = 0.0
    began: datetime | None = None


@dataclass(slots=True)
class Walk:
    """What changes while a turn is walked through."""

    turn: Turn
    steps: list[Step]
    progress: Progress
    since: datetime  # when this stretch of work began, for `Progress.active`
    asker: Asker
    plain: bool = False  # after a recovery: recent history only, without signatures
    waited: float = 0.0
    model_seconds: float = 0.0  # of the last call
    posted: dict[str, str] = field(default_factory=dict)  # the burst's messages in the thread

    @property
    def seen(self) -> Turn:
        """The turn as the prompt is to show it."""
        progress = replace(self.progress, recoveries=1) if self.plain else self.progress
        return replace(self.turn, steps=tuple(self.steps), progress=progress)

    @property
    def held(self) -> tuple[str, int]:
        """The conversation and the fence under which it is held."""
        return self.turn.conversation.conversation_id, self.turn.conversation.fence

    def spent(self, now: datetime) -> Progress:
        """The progress with what this stretch of work has taken."""
        seconds = (now - self.since).total_seconds()
        return replace(self.progress, active=self.progress.active + seconds)
