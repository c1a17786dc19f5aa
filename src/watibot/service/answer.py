"""A turn, step by step, until its bubbles are in the outbox: between the worker's claim and
`deliver.py`.

Each step is recorded as it ends, so that a killed process goes on where it was: a model's step
before its tools run, the tools' results before the model is asked again. The session is not asked
for anything here; the local history is the working copy.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

from watibot import telemetry
from watibot.conversations import Conversation, held_by_staff
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel
from watibot.instructions import Instructions, InstructionsFile
from watibot.ports import Clock, Desk, Finish, StepRecord
from watibot.prompts import tool_results_content
from watibot.rendering import bubbles as render
from watibot.retries import GiveUp, Recover, RetryAt, after_failure, recovered
from watibot.service.alert import Alerts
from watibot.service.asking import Asked, Asker, Askers
from watibot.service.media import Downloads
from watibot.service.rounds import Rounds, handed_over
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.turns import Bubble, Progress, Step, Turn
from watibot.unreadable import only_unreadable, unreadable_kinds

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """`again_at`: the provider is waited for until then. Otherwise the bubbles are in the outbox.
    `waited` are real seconds that the model and the tools took."""

    bubbles: tuple[Bubble, ...] = ()
    again_at: datetime | None = None
    waited: float = 0.0


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
        instructions = await self._read_instructions()
        now = self._clock.now()
        if held_by_staff(opened.conversation, now):
            # Staff took over while the provider was waited for: nobody needs this answer any more.
            walk = self._walk(opened, now)
            return await self._end(walk, Finish((), None, instructions.version), "left_to_staff")
        turn = await self._with_media(opened)
        walk = self._walk(turn, self._clock.now())
        if only_unreadable(turn, walk.asker.reads):
            return await self._finish(walk, instructions, "")
        parts = await self._media_parts(turn)
        while True:
            try:
                text = await self._until_text(walk, instructions, parts)
            except ProviderError as error:
                self._metrics.provider_errors.labels(error.provider, error.cause).inc()
                if await self._goes_to_gemini(walk, error):
                    continue
                walk.progress = self._spent(walk)
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
                        await self._save(walk, decision.progress, drop_steps=False)
                        return Answered(again_at=decision.when, waited=walk.waited)
                    case Recover():
                        await self._recover(walk, decision.progress)
                    case GiveUp():
                        return await self._apologise(walk, instructions, decision.reason)
            else:
                return await self._finish(walk, instructions, text)

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
            kind = ItemKind.TOOL_CALL if answer.calls else ItemKind.ASSISTANT
            await self._record(walk, kind, answer.content, answer.text, asked)

    async def _ask(
        self, walk: Walk, instructions: Instructions, parts: dict[int, dict[str, Any]]
    ) -> Asked:
        left = self._patience.answer - self._spent(walk).active
        limit = min(self._patience.interaction, left)
        if limit <= 0:
            raise ProviderError("model", Cause.TIMEOUT, "the answer took too long")
        started = perf_counter()
        try:
            return await walk.asker.ask(walk.seen, instructions, parts, limit)
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
        spent = self._spent(walk)
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
            self._metrics.tokens.labels("prompt").inc(answer.usage.prompt)
            self._metrics.tokens.labels("cached").inc(answer.usage.cached)
            self._metrics.tokens.labels("output").inc(answer.usage.output)
            if effect:
                walk.turn = replace(walk.turn, effect_done=True)
            walk.posted.update(asked.posted)
        walk.steps.append(Step(len(walk.steps), item))
        await self._desk.record_step(*self._held(walk), walk.turn.turn_id, step)

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
            *self._held(walk), walk.turn.turn_id, progress, drop_steps=drop_steps
        )

    def _walk(self, turn: Turn, now: datetime) -> Walk:
        return Walk(turn, list(turn.steps), turn.progress, now, self._askers.of(turn))

    def _spent(self, walk: Walk) -> Progress:
        seconds = (self._clock.now() - walk.since).total_seconds()
        return replace(walk.progress, active=walk.progress.active + seconds)

    def _held(self, walk: Walk) -> tuple[str, int]:
        return walk.turn.conversation.conversation_id, walk.turn.conversation.fence

    async def _finish(self, walk: Walk, instructions: Instructions, text: str) -> Answered:
        """`text` is empty when the model was not asked: nothing of the burst could be read."""
        turn = walk.turn
        item = None
        texts = render(text, turn.conversation.channel) if text else ()
        if kinds := unreadable_kinds(turn, walk.asker.reads):
            line = self._hotel.texts.unreadable.format(kinds=", ".join(kinds))
            texts = (*texts, line)
            if not text:
                item = self._said(walk, line)
        until = None
        if any(handed_over(step.item) for step in walk.steps):
            until = self._clock.now() + timedelta(hours=self._patience.takeover_hours)
        finish = Finish(texts, item, instructions.version, hand_over_until=until)
        return await self._end(walk, finish, "answered")

    async def _apologise(self, walk: Walk, instructions: Instructions, reason: str) -> Answered:
        apology = self._hotel.texts.apology
        conversation = walk.turn.conversation
        finish = Finish(
            (apology,),
            self._said(walk, apology),
            instructions.version,
            failed=reason,
            notice=(
                "El asistente no pudo responder a un huésped",
                f"Conversación {conversation.conversation_id} ({conversation.channel}): se le "
                f"pidió disculpas y espera a una persona. Motivo: {reason}",
            ),
        )
        return await self._end(walk, finish, "failed")

    async def _end(self, walk: Walk, finish: Finish, outcome: str) -> Answered:
        turn = walk.turn
        finish = replace(finish, posted=walk.posted)
        bubbles = await self._desk.finish_turn(
            *self._held(walk), turn.turn_id, finish, self._clock.now()
        )
        if finish.notice:
            self._alerts.look()
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
        return Answered(bubbles=bubbles, waited=walk.waited)

    def _said(self, walk: Walk, text: str) -> HistoryItem:
        content = {"role": "model", "parts": [{"text": text}]}
        now = self._clock.now()
        return HistoryItem(uuid4().hex, ItemKind.ASSISTANT, now, text, content, walk.turn.turn_id)

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
