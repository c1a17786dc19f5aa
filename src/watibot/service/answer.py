"""A turn, step by step, until its bubbles are in the outbox: between the worker's claim and
`deliver.py`.

Each step is recorded as it ends, so that a killed process goes on where it was: a model's step
before its tools run, the tools' results before the model is asked again. The session is not asked
for anything here; the local history is the working copy. What goes along with a turn (the gate
before it, the guard after it, looks at the provider's chat, folding) is handed in as `Along`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from watibot import telemetry
from watibot.conversations import Conversation, held_by_staff
from watibot.errors import Cause, ProviderError
from watibot.escalations import EscalationCause
from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel
from watibot.instructions import Instructions, InstructionsFile
from watibot.ports import Clock, Desk, Finish, StepRecord
from watibot.prompts import tool_results_content
from watibot.retries import GiveUp, Recover, RetryAt, after_failure, recovered
from watibot.service.alert import Alerts
from watibot.service.asking import Asked, Askers
from watibot.service.endings import Endings
from watibot.service.escalate import Escalates
from watibot.service.gate import Halt
from watibot.service.media import Downloads
from watibot.service.own_words import broken_down, guest_language, said
from watibot.service.rounds import Rounds
from watibot.service.walk import Answered, Walk
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.turns import Progress, Step, Turn
from watibot.unreadable import only_unreadable

log = telemetry.logger(__name__)


async def _lets_in(turn: Turn) -> Halt | None:
    return None


@dataclass(frozen=True, slots=True)
class Along:
    """What goes along with a turn. `gate`: why the model is not asked, if it is not. `leak`: why an
    answer must not leave under these instructions, if so. `looks` begins to read the provider's
    chat, `ended` hears of each conversation whose turn is closed; neither is waited for."""

    gate: Callable[[Turn], Awaitable[Halt | None]] = _lets_in
    leak: Callable[[str, Instructions, Turn], str | None] = lambda text, instructions, turn: None
    looks: Callable[[Conversation], None] = lambda conversation: None
    ended: Callable[[str], None] = lambda conversation_id: None


class Answerer:
    """Asks the model until it has an answer, or gives up in words."""

    def __init__(
        self,
        desk: Desk,
        askers: Askers,
        clock: Clock,
        hotel: Hotel,
        instructions: InstructionsFile,
        rounds: Rounds,
        downloads: Downloads,
        alerts: Alerts,
        patience: Patience,
        history_items: int,
        metrics: Metrics,
        escalator: Escalates,
        along: Along | None = None,
    ) -> None:
        self._desk = desk
        self._askers = askers
        self._clock = clock
        self._hotel = hotel
        self._instructions = instructions
        self._rounds = rounds
        self._downloads = downloads
        self._alerts = alerts
        self._patience = patience
        self._history_items = history_items
        self._metrics = metrics
        self._along = along or Along()
        self._endings = Endings(
            desk,
            clock,
            hotel,
            escalator,
            patience,
            metrics,
            self._along.ended,
        )

    async def answer(self, conversation: Conversation) -> Answered:
        """Opens or resumes the conversation's turn and walks it. Raises LostLease."""
        opened = await self._desk.open_turn(
            conversation.conversation_id,
            conversation.fence,
            self._clock.now(),
            self._history_items,
            self._patience.restarts,
        )
        if opened is None:
            return Answered()
        self._along.looks(opened.conversation)
        instructions = await self._read_instructions()
        now = self._clock.now()
        if held_by_staff(opened.conversation, now):
            # Staff took over while the provider was waited for: nobody needs this answer any more.
            walk = self._walk(opened, now)
            return await self._endings.end(
                walk, Finish((), None, instructions.version), "left_to_staff"
            )
        halt = None if opened.steps else await self._along.gate(opened)
        if halt is not None:
            return await self._endings.halt(self._walk(opened, now), instructions, halt)
        if opened.conversation.stopped_at is not None:
            # A colleague silenced the assistant while the provider was waited for.
            walk = self._walk(opened, now)
            return await self._endings.end(walk, Finish((), None, instructions.version), "stopped")
        turn = await self._with_media(opened)
        walk = self._walk(turn, self._clock.now())
        if only_unreadable(turn, walk.asker.reads):
            return await self._endings.finish(walk, instructions, "")
        parts = await self._media_parts(turn)
        while True:
            try:
                text = await self._until_text(walk, instructions, parts)
            except ProviderError as error:
                self._metrics.failed(error.provider, error.cause)
                if await self._goes_to_gemini(walk, error):
                    continue
                walk.progress = walk.spent(self._clock.now())
                decision = after_failure(
                    error, walk.progress, self._patience, self._clock.now(), random.random()
                )
                log.warning(
                    "turn.failed_step",
                    turn=turn.turn_id,
                    cause=error.cause,
                    status=error.status,
                    tries=walk.progress.tries + 1,
                    decision=type(decision).__name__,
                )
                match decision:
                    case RetryAt():
                        self._metrics.retries.labels("model").inc()
                        await self._save(walk, decision.progress, drop_steps=False)
                        return Answered(again_at=decision.when, waited=walk.waited)
                    case Recover():
                        await self._recover(walk, decision.progress)
                    case GiveUp():
                        return await self._endings.apologise(walk, instructions, decision.reason)
            else:
                return await self._endings.finish(walk, instructions, text)

    async def _until_text(
        self, walk: Walk, instructions: Instructions, parts: dict[int, dict[str, Any]]
    ) -> str:
        while True:
            last = walk.steps[-1].item if walk.steps else None
            if last is not None and last.kind is ItemKind.TOOL_CALL:
                await self._run_tools(walk, last)
                continue
            if last is not None and last.kind is ItemKind.ASSISTANT:
                return last.text
            if len(walk.steps) >= 2 * self._patience.rounds:
                raise ProviderError("model", Cause.BLOCKED, "too many rounds of tool calls")
            asked = await self._ask(walk, instructions, parts)
            answer = asked.answer
            if not answer.calls and not answer.text.strip():
                raise ProviderError("model", Cause.BLOCKED, f"empty, {answer.finish_reason}")
            if answer.calls:
                kind, content, text = ItemKind.TOOL_CALL, answer.content, answer.text
            else:
                kind = ItemKind.ASSISTANT
                content, text = await self._guarded(walk, instructions, asked)
            await self._record(walk, kind, content, text, asked)

    async def _guarded(
        self, walk: Walk, instructions: Instructions, asked: Asked
    ) -> tuple[dict[str, Any], str]:
        """The answer, or a refusal in its place: what must not leave is not remembered either."""
        answer = asked.answer
        why = self._along.leak(answer.text, instructions, walk.turn)
        if why is None:
            return answer.content, answer.text
        turn = walk.turn
        self._metrics.leaks.inc()
        log.error("answer.leaks", turn=turn.turn_id, why=why)
        await self._endings.raise_(
            walk,
            f"leak:{turn.turn_id}",
            EscalationCause.LEAK,
            f"La respuesta llevaba algo interno ({why}); el huésped leyó una negativa amable en su "
            "lugar.",
        )
        refused = self._hotel.texts_in(guest_language(turn, self._hotel)).refused
        return said(turn, refused, self._clock.now()).content or {}, refused

    async def _ask(
        self, walk: Walk, instructions: Instructions, parts: dict[int, dict[str, Any]]
    ) -> Asked:
        left = self._patience.answer - walk.spent(self._clock.now()).active
        limit = min(self._patience.interaction, left)
        if limit <= 0:
            raise ProviderError("model", Cause.TIMEOUT, "the answer took too long")
        started = perf_counter()
        try:
            with self._metrics.passing("model", asked=walk.asker.name) as passage:
                asked = await walk.asker.ask(walk.seen, instructions, parts, limit)
                answer = asked.answer
                passage.tell(
                    model=answer.model,
                    input_tokens=answer.usage.prompt,
                    output_tokens=answer.usage.output,
                    cached_tokens=answer.usage.cached,
                    finish_reasons=(answer.finish_reason,),
                )
            return asked
        finally:
            walk.model_seconds = perf_counter() - started
            walk.waited += walk.model_seconds

    async def _goes_to_gemini(self, walk: Walk, error: ProviderError) -> bool:
        """Whether the thread is not to be had and the turn, of which nothing is recorded yet, is
        answered from the local history instead. Staff are told once a day."""
        gemini = self._askers.gemini
        gone = error.cause in (Cause.GONE, Cause.NOT_FOUND)
        if not gone or walk.steps or walk.asker is gemini:
            return False
        conversation = walk.turn.conversation
        log.warning("openai.gone", turn=walk.turn.turn_id, cause=error.cause, status=error.status)
        await self._alerts.add(
            f"openai:{conversation.conversation_id}:{self._clock.now():%Y-%m-%d}",
            "openai",
            "El asistente de OpenAI ya no responde: contesta Gemini",
            f"Conversación {conversation.conversation_id} ({conversation.channel}): su hilo de "
            f"OpenAI no se pudo usar ({error}). Gemini responde con lo que se sabe aquí; conviene "
            "migrarla.",
            conversation.conversation_id,
        )
        walk.asker = gemini
        return True

    async def _run_tools(self, walk: Walk, asked: HistoryItem) -> None:
        started = perf_counter()
        results = await self._rounds.run(walk.seen)
        walk.waited += perf_counter() - started
        # Before the results are kept: from then on nobody looks at them again.
        for name, error in broken_down(results, self._rounds.effects).items():
            await self._endings.raise_(
                walk,
                f"tool:{walk.turn.turn_id}:{name}",
                EscalationCause.TOOL,
                f"El asistente quiso hacerlo por el huésped y no pudo ({name}): {error}",
            )
        content = tool_results_content(results)
        await self._record(walk, ItemKind.TOOL_RESULT, content, "", None, asked)

    async def _record(
        self,
        walk: Walk,
        kind: ItemKind,
        content: dict[str, Any],
        text: str,
        asked: Asked | None,
        beside: HistoryItem | None = None,
    ) -> None:
        """`beside`: the item whose place in OpenAI's thread this one shares."""
        spent = walk.spent(self._clock.now())
        walk.progress = recovered(spent) if asked is not None else spent
        walk.since = self._clock.now()
        place = asked or beside
        item = HistoryItem(
            uuid4().hex,
            kind,
            walk.since,
            text,
            content,
            walk.turn.turn_id,
            source_id=place.source_id if place else None,
            origin=place.origin if place else None,
        )
        step = StepRecord(item=item, progress=walk.progress)
        if asked is not None:
            answer = asked.answer
            # Noted before the tools run: from here on the turn may have done something.
            effects = self._rounds.effects
            effect = asked.lasting or any(call.name in effects for call in answer.calls)
            step = replace(
                step,
                usage=answer.usage,
                model=answer.model,
                seconds=walk.model_seconds,
                effect=effect,
            )
            if effect:
                walk.turn = replace(walk.turn, effect_done=True)
            walk.posted.update(asked.posted)
        walk.steps.append(Step(len(walk.steps), item))
        await self._desk.record_step(*walk.held, walk.turn.turn_id, step)

    async def _recover(self, walk: Walk, progress: Progress) -> None:
        keep = walk.turn.effect_done
        await self._save(walk, progress, drop_steps=not keep)
        if not keep:
            walk.steps.clear()
        walk.plain = True
        log.warning("turn.recovering", turn=walk.turn.turn_id, recoveries=progress.recoveries)

    async def _save(self, walk: Walk, progress: Progress, *, drop_steps: bool) -> None:
        walk.progress = progress
        walk.since = self._clock.now()
        await self._desk.save_progress(
            *walk.held, walk.turn.turn_id, progress, drop_steps=drop_steps
        )

    def _walk(self, turn: Turn, now: datetime) -> Walk:
        return Walk(turn, list(turn.steps), turn.progress, now, self._askers.of(turn))

    async def _read_instructions(self) -> Instructions:
        reading = self._instructions.current()
        if reading.problem:
            log.error("instructions.refused", problem=reading.problem)
            await self._alerts.add(
                f"instructions:{reading.problem}:{self._clock.now():%Y-%m-%dT%H:%M}",
                "instructions",
                "Las instrucciones nuevas no se pueden usar",
                f"{reading.problem}. Sigue en uso la última versión buena "
                f"({reading.instructions.version}).",
            )
        return reading.instructions

    async def _with_media(self, turn: Turn) -> Turn:
        messages = []
        for message in turn.messages:
            media = await self._downloads.settled(turn.conversation.channel, message.media)
            messages.append(replace(message, media=media))
        return replace(turn, messages=tuple(messages))

    async def _media_parts(self, turn: Turn) -> dict[int, dict[str, Any]]:
        parts = {}
        for message in turn.messages:
            for media in message.media:
                part = await self._downloads.part(media)
                if part is not None:
                    parts[media.media_id] = part
        return parts
