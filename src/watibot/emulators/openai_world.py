"""What the OpenAI emulator keeps: threads with messages and runs, all as the JSON that clients get.

The resources (`openai_threads`, `openai_runs`, ...) change it; `openai_seeds.py` fills it.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from watibot.emulators.kit import Clock, Journal
from watibot.emulators.openai_wire import Json, no_such

ACTIVE = frozenset(["queued", "in_progress", "requires_action", "cancelling"])
OWN_ITEM = "watibot_item"


@dataclass(slots=True, eq=False)
class Run:
    """A run; `turn` changes whenever what was planned for it is no longer to happen. A `stuck` one
    goes on only when it is told; `deaf` ones do not end when they are cancelled either."""

    thread_id: str
    view: Json
    steps: list[Json]
    turn: int = 0
    stuck: bool = False
    deaf: bool = False

    @property
    def id(self) -> str:
        return str(self.view["id"])

    @property
    def status(self) -> str:
        return str(self.view["status"])

    @property
    def active(self) -> bool:
        return self.view["status"] in ACTIVE


@dataclass(slots=True)
class Thread:
    """A thread, its messages and runs oldest first, its files' ids, the callers' own item ids."""

    view: Json
    messages: list[Json] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    own_items: set[str] = field(default_factory=set)

    def active_run(self) -> Run | None:
        return next((run for run in reversed(self.runs) if run.active), None)


class World:
    """All threads; `doubled` counts messages whose own item id their thread had already."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock, self.journal = clock, journal
        self.threads: dict[str, Thread] = {}
        self.doubled = 0
        self._made: Counter[str] = Counter()

    def now(self) -> int:
        """Virtual epoch seconds, whole ones, as in every `created_at`."""
        return int(self.clock.time())

    def new_id(self, prefix: str) -> str:
        """ "thread_" and 24 characters, say; the same ones in every process."""
        self._made[prefix] += 1
        named = f"{prefix}{self._made[prefix]}".encode()
        return prefix + hashlib.blake2b(named, digest_size=12).hexdigest()

    def thread(self, thread_id: str) -> Thread:
        """ApiError 404 when there is none."""
        thread = self.threads.get(thread_id)
        if thread is None:
            raise no_such("thread", thread_id)
        return thread

    def add_message(self, thread: Thread, message: Json) -> None:
        """Puts a finished message at the end of its thread."""
        thread.messages.append(message)
        item = self.count_item(thread, message)
        self.journal.add(
            "message_created",
            thread=thread.view["id"],
            id=message["id"],
            role=message["role"],
            item=item,
            run=message["run_id"],
            text=text_of(message),
        )

    def count_item(self, thread: Thread, message: Json) -> str | None:
        """The caller's own item ids of a message, each seen for the first or another time."""
        metadata = message.get("metadata") or {}
        items = " ".join(metadata[key] for key in metadata if key.startswith(OWN_ITEM)).split()
        self.doubled += sum(item in thread.own_items for item in items)
        thread.own_items.update(items)
        return " ".join(items) or None


def text_of(message: Json) -> str:
    parts = message.get("content") or []
    return "\n".join(part["text"]["value"] for part in parts if part.get("type") == "text")
