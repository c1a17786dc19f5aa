"""The promises of what a migration leaves: sources of threads, a thread server, an assistant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelAnswer, Occasion
from watibot.ports.outside import Clock
from watibot.threads import Post, Problem, RawThread, ThreadRef, Words, items_in
from watibot.toolcalls import Tool, ToolResult
from watibot.translation.posts import posts_of

_LOOKED_AT = 100  # messages; one page
_TRIES = 2
DOUBT_PAUSE = 20.0  # seconds: by then a message whose answer was lost has arrived, or never will


class ThreadSource(Protocol):
    """Where pasts can be read. Reads nothing until asked, changes nothing."""

    name: str  # "archive", "assistants", "conversations", "wati"

    async def check(self) -> str:
        """One line about what was reached. Raises ProviderError; GONE when the API is no more."""

    async def thread_ids(self) -> frozenset[str] | None:
        """All ids that it has; None where it cannot list them."""

    async def gives(self, ref: ThreadRef) -> bool:
        """Whether this is the kind of conversation that it may have; asks nobody."""

    async def read(self, ref: ThreadRef) -> RawThread:
        """All of it. Raises ProviderError: NOT_FOUND for this one thread, GONE for all."""

    async def file(self, file_id: str) -> bytes | None:
        """A file's bytes, or None where they cannot be had."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that has not ended. `expires_at`: from then on it counts as expired."""

    run_id: str
    status: str
    expires_at: datetime | None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Threads(Protocol):
    """An Assistants-v2-compatible server's threads, to be written to. Writes are never repeated:
    after LOST or TIMEOUT read `newest` first. Messages that we add carry our item ids."""

    async def newest(self, thread_id: str, count: int) -> list[dict[str, Any]]:
        """The last `count` messages as they came, the newest first."""

    async def add(self, thread_id: str, role: str, text: str, *item_ids: str) -> str:
        """The new message's id. `role`: user or assistant. `item_ids`: whose words these are; they
        go into its metadata. Raises ProviderError: BUSY while a run is active, NOT_FOUND, GONE."""

    async def active_run(self, thread_id: str) -> ActiveRun | None:
        """The newest run, if it has not ended."""

    async def cancel(self, thread_id: str, run_id: str) -> None:
        """Asks for its end, which may take a while; one that has ended is no error."""


async def put_words(
    threads: Threads,
    thread_id: str,
    words: Sequence[Words],
    clock: Clock,
    add: Callable[[Post], Awaitable[str]] | None = None,
) -> dict[str, str]:
    """Adds what the thread does not have yet, in order; by item id, the message ids of all of them:
    items that are told in one block have the same.

    `add` puts one message there and gives its id; without it `threads.add` does, which leaves
    images out. Raises ProviderError; another call goes on where this one ended.
    """

    async def plain(post: Post) -> str:
        return await threads.add(thread_id, post.role, post.text, *post.item_ids)

    add = add or plain
    there = await items_there(threads, thread_id, words)
    tries = _TRIES
    while posts := posts_of(each for each in words if each.item_id not in there):
        post = posts[0]
        try:
            there |= dict.fromkeys(post.item_ids, await add(post))
        except ProviderError as error:
            if error.cause not in (Cause.LOST, Cause.TIMEOUT):
                raise
            await clock.sleep(DOUBT_PAUSE)
            # What has come may be an earlier call's, of which fewer words were known.
            there |= await items_there(threads, thread_id, words)
            tries -= 1
            if post.item_ids[0] not in there and not tries:
                raise
        if post.item_ids[0] in there:
            tries = _TRIES
    return {each.item_id: there[each.item_id] for each in words}


async def items_there(threads: Threads, thread_id: str, words: Sequence[Words]) -> dict[str, str]:
    """By item id, the ids of those of the newest messages that we added."""
    if not words:
        return {}
    messages = await threads.newest(thread_id, max(_LOOKED_AT, 2 * len(words)))
    return {item_id: str(message["id"]) for message in messages for item_id in items_in(message)}


@dataclass(frozen=True, slots=True)
class AssistantRequest:
    """One step of an answer by the assistant.

    First step: `words` are posted, those not in the thread yet, and a run is begun (or this turn's
    own run found again). Later steps: `run_id` and `results` of its tool calls. `note` goes behind
    the instructions of this run alone. `occasion`: see `modelcalls.Occasion`.
    """

    thread_id: str
    turn_id: str
    words: tuple[Words, ...]
    instructions: str
    note: str
    tools: tuple[Tool, ...]
    run_id: str | None = None
    results: tuple[ToolResult, ...] = ()
    timeout: float = 180.0
    occasion: Occasion = field(default_factory=Occasion)


@dataclass(frozen=True, slots=True)
class AssistantAnswer:
    """`answer.content` is in Vertex' form; `run_id` and `sources` (ids of the thread's messages or
    steps) go into the item's origin. `posted`: the thread's message id of each of the words."""

    answer: ModelAnswer
    run_id: str
    sources: tuple[str, ...]
    posted: Mapping[str, str]


class Assistant(Protocol):
    """OpenAI's assistant, or what stands where it stood."""

    async def answer(self, request: AssistantRequest) -> AssistantAnswer:
        """Until the run asks for tools or ends, for at most `request.timeout` seconds. Raises
        ProviderError; GONE when the API is no more, NOT_FOUND when the thread is not there."""


class Archive(ThreadSource, Protocol):
    """Where exported threads are kept; a source itself, named "archive"."""

    async def put(self, raw: RawThread, exported_at: datetime) -> object:
        """Keeps it, in the place of an earlier export of the same thread."""

    async def verify(self) -> list[Problem]:
        """Reads every file and compares it with its checksum."""

    async def put_file(self, file_id: str, data: bytes) -> None:
        """Keeps a file's bytes; `file` gives them back."""
