"""How a turn ends: an answer, a halt at the gate, an apology. The stop between `answer.py` and the
outbox.

Where a person is needed, staff are told before the turn is closed: a process that dies in between
finds it open, ends it again, and the same key is told once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from watibot import telemetry
from watibot.escalations import EscalationCause
from watibot.hotel import Hotel
from watibot.instructions import Instructions
from watibot.ports import Clock, Desk, Finish
from watibot.rendering import bubbles as render
from watibot.service.escalate import Escalates
from watibot.service.gate import Halt
from watibot.service.own_words import apology, guest_language, said, unreadable
from watibot.service.rounds import handed_over
from watibot.service.walk import Answered, Walk
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.wording import history_text

log = telemetry.logger(__name__)

_HALTS = {
    EscalationCause.STOPPED: "Escribió la palabra con la que se detiene al asistente. Ya no se le "
    "contesta; lo que escriba queda a cargo de una persona.",
    EscalationCause.LIMITED: "Escribió más de lo que se le contesta a un huésped; por un rato no "
    "se le responde.",
    EscalationCause.HELD_BACK: "Se gastó el presupuesto del mes y el asistente ya no contesta "
    "(COSTS_HOLD_BACK). Se le dijo que una persona le contesta.",
}


class Endings:
    """Closes turns."""

    def __init__(
        self,
        desk: Desk,
        clock: Clock,
        hotel: Hotel,
        escalator: Escalates,
        patience: Patience,
        metrics: Metrics,
        ended: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._hotel = hotel
        self._escalator = escalator
        self._patience = patience
        self._metrics = metrics
        self._ended = ended

    async def finish(self, walk: Walk, instructions: Instructions, text: str) -> Answered:
        """`text` is empty when the model was not asked: nothing of the burst could be read."""
        turn = walk.turn
        item = None
        texts = render(text, turn.conversation.channel) if text else ()
        if line := unreadable(turn, self._hotel, walk.asker.reads):
            texts = (*texts, line)
            if not text:
                item = said(turn, line, self._clock.now())
        until = None
        if any(handed_over(step.item) for step in walk.steps):
            until = self._clock.now() + timedelta(hours=self._patience.takeover_hours)
        finish = Finish(texts, item, instructions.version, hand_over_until=until)
        return await self.end(walk, finish, "answered")

    async def halt(self, walk: Walk, instructions: Instructions, halt: Halt) -> Answered:
        turn = walk.turn
        if halt.tell:
            cause = EscalationCause(halt.outcome)
            await self.raise_(walk, f"{cause}:{turn.turn_id}", cause, _HALTS[cause])
        texts = (halt.text,) if halt.text else ()
        item = said(turn, halt.text, self._clock.now()) if texts else None
        return await self.end(walk, Finish(texts, item, instructions.version), halt.outcome)

    async def apologise(self, walk: Walk, instructions: Instructions, reason: str) -> Answered:
        turn, now = walk.turn, self._clock.now()
        text = apology(self._hotel, guest_language(turn, self._hotel), now)
        await self.raise_(
            walk,
            f"failed:{turn.turn_id}",
            EscalationCause.MODEL,
            f"Se le pidió disculpas y espera a una persona. {reason}",
        )
        finish = Finish((text,), said(turn, text, now), instructions.version, failed=reason)
        return await self.end(walk, finish, "failed")

    async def raise_(self, walk: Walk, key: str, cause: EscalationCause, reason: str) -> None:
        turn = walk.turn
        await self._escalator.raise_(
            key,
            cause,
            turn.conversation.conversation_id,
            reason,
            turn.turn_id,
            [history_text(message) for message in turn.messages],
        )

    async def end(self, walk: Walk, finish: Finish, outcome: str) -> Answered:
        turn = walk.turn
        finish = replace(finish, posted=walk.posted)
        bubbles = await self._desk.finish_turn(*walk.held, turn.turn_id, finish, self._clock.now())
        self._metrics.turns.labels(outcome).inc()
        log.info(
            f"turn.{outcome}",
            turn=turn.turn_id,
            conversation=turn.conversation.conversation_id,
            messages=len(turn.messages),
            steps=len(walk.steps),
            bubbles=len(bubbles),
            waited_ms=round(walk.waited * 1000),
            instructions=finish.instructions_version,
            by=walk.asker.name,
        )
        self._ended(turn.conversation.conversation_id)
        began = turn.opened_at if turn.progress.tries else None
        return Answered(bubbles=bubbles, waited=walk.waited, began=began)
