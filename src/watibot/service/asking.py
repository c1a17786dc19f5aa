"""How a turn's next step is asked for: of Gemini, or of OpenAI's assistant until the cutover.

`answer.py` walks the turn and asks here, whoever answers; `providers/gemini.py` and
`providers/openai_assistant.py` are behind the two ports. Who answers is decided once per turn, and
by the turn itself once a step of it is recorded.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from watibot.charges import Operation
from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.hotel import Hotel
from watibot.instructions import Instructions
from watibot.mediatypes import readable
from watibot.modelcalls import ModelAnswer, Occasion
from watibot.ports import Assistant, AssistantRequest, Clock, Migrations, Model
from watibot.prompts import build, note
from watibot.thread_words import guest_words, words_of
from watibot.threads import Words
from watibot.toolcalls import Tool, ToolCall, ToolResult
from watibot.turns import GuestMessage, Turn
from watibot.windows import Sizes
from watibot.wording import history_text

Parts = Mapping[int, dict[str, Any]]  # by media id: the `inlineData` part of each readable file

# What assistants see (https://developers.openai.com/api/docs/guides/images-vision), and channels
# deliver. Voice notes and documents they do not take in a message.
_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A step as it came. `origin`, `source_id`: where it is in OpenAI's thread. `posted`: by item
    id, the thread's ids of the burst's messages. `lasting`: it cannot be taken back."""

    answer: ModelAnswer
    origin: dict[str, Any] | None = None
    source_id: str | None = None
    posted: Mapping[str, str] = field(default_factory=dict)
    lasting: bool = False


class Asker(Protocol):
    """Whoever answers a turn."""

    name: str

    def reads(self, mime: str, size: int) -> bool:
        """Whether it can be given such a file."""

    async def ask(
        self, turn: Turn, instructions: Instructions, parts: Parts, limit: float
    ) -> Asked:
        """The turn's next step, within `limit` seconds. Raises ProviderError, and LostLease."""


class AskGemini:
    """From the local history alone."""

    name = "gemini"

    def __init__(
        self,
        model: Model,
        clock: Clock,
        hotel: Hotel,
        tools: Sequence[Tool],
        sizes: Sizes,
    ) -> None:
        self._model = model
        self._clock = clock
        self._hotel = hotel
        self._tools = tuple(tools)
        self._sizes = sizes

    def reads(self, mime: str, size: int) -> bool:
        return readable(mime, size)

    async def ask(
        self, turn: Turn, instructions: Instructions, parts: Parts, limit: float
    ) -> Asked:
        now = self._clock.now()
        request = build(
            instructions, self._hotel, turn, parts, now, self._tools, limit, self._sizes
        )
        request = replace(request, occasion=_occasion(turn, Operation.ANSWER))
        try:
            return Asked(await self._clock.limit(limit, self._model.generate(request)))
        except TimeoutError:
            raise ProviderError("model", Cause.TIMEOUT, f"no answer in {limit:.0f} s") from None


class AskOpenAI:
    """In the conversation's thread, after everything that was said and is not in it yet."""

    name = "openai"

    def __init__(
        self,
        assistant: Assistant | None,
        store: Migrations,
        clock: Clock,
        hotel: Hotel,
        tools: Sequence[Tool],
    ) -> None:
        self._assistant = assistant
        self._store = store
        self._clock = clock
        self._hotel = hotel
        self._tools = tuple(tools)

    @property
    def is_there(self) -> bool:
        return self._assistant is not None

    def reads(self, mime: str, size: int) -> bool:
        return mime in _PICTURES and readable(mime, size)

    async def ask(
        self, turn: Turn, instructions: Instructions, parts: Parts, limit: float
    ) -> Asked:
        conversation = turn.conversation
        if self._assistant is None or conversation.thread_id is None:
            # The turn began with it, and the settings have changed since.
            raise ProviderError(self.name, Cause.GONE, "there is no assistant any more")
        missing: tuple[Words, ...] = ()
        burst: tuple[Words, ...] = ()
        if not turn.steps:
            # What staff left unanswered may be history already.
            asked = {message.item_id for message in turn.messages}
            lacking = await self._store.lacking(conversation.conversation_id)
            missing = words_of(item for item in lacking if item.item_id not in asked)
            burst = tuple(self._words(message, parts) for message in turn.messages)
        found = await self._assistant.answer(
            AssistantRequest(
                thread_id=conversation.thread_id,
                turn_id=turn.turn_id,
                words=missing + burst,
                instructions=instructions.text,
                note=note(self._hotel, turn, self._clock.now()),
                tools=self._tools,
                run_id=_last_run(turn),
                results=_results(turn),
                timeout=limit,
                occasion=_occasion(turn, Operation.RUN),
            )
        )
        brought = {words.item_id: found.posted[words.item_id] for words in missing}
        if brought:
            await self._store.posted(conversation.conversation_id, conversation.fence, brought)
        origin = {"source": "assistants", "sources": list(found.sources), "run": found.run_id}
        return Asked(
            answer=found.answer,
            origin=origin,
            source_id=found.sources[0] if found.sources else None,
            posted={each: id_ for each, id_ in found.posted.items() if each not in brought},
            lasting=True,
        )

    def _words(self, message: GuestMessage, parts: Parts) -> Words:
        pictures = []
        for media in message.media:
            given = parts.get(media.media_id)
            if given is not None and self.reads(media.mime or "", media.size or 0):
                data = base64.b64decode(given["inlineData"]["data"])
                pictures.append((given["inlineData"]["mimeType"], data))
        # A line stands for each file, pictures too: the thread then reads as the history does.
        return guest_words(message.item_id, history_text(message), pictures)


class Askers:
    """Who answers which turn."""

    def __init__(self, gemini: AskGemini, openai: AskOpenAI) -> None:
        self.gemini = gemini
        self._openai = openai

    def of(self, turn: Turn) -> Asker:
        """Unknown and migrated conversations are Vertex' from the store on; so is one without a
        thread, and every one while there is no assistant."""
        if turn.steps:
            begun = any(run_of(step.item) is not None for step in turn.steps)
            return self._openai if begun else self.gemini
        conversation = turn.conversation
        ours = conversation.provider is Provider.OPENAI and conversation.thread_id is not None
        return self._openai if ours and self._openai.is_there else self.gemini


def run_of(item: HistoryItem) -> str | None:
    """The run that a step belongs to; None for one of Gemini's."""
    run = (item.origin or {}).get("run")
    return run if isinstance(run, str) else None


def _occasion(turn: Turn, operation: Operation) -> Occasion:
    conversation = turn.conversation
    return Occasion(operation, conversation.conversation_id, conversation.channel, turn.turn_id)


def _last_run(turn: Turn) -> str | None:
    return run_of(turn.steps[-1].item) if turn.steps else None


def _results(turn: Turn) -> tuple[ToolResult, ...]:
    """Those of the last round, for the run that asked for them."""
    if not turn.steps or turn.steps[-1].item.kind is not ItemKind.TOOL_RESULT:
        return ()
    parts = (turn.steps[-1].item.content or {}).get("parts", [])
    given = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return tuple(
        ToolResult(ToolCall(one["name"], {}, one.get("id")), one["response"]) for one in given
    )
