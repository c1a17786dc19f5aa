"""Whatever happens in whatever order, crashes included, a migration loses and doubles nothing.

The machine plays guests, staff, OpenAI, Gemini, the application before this one, and an operator
who types any verb at any time, while processes die and providers fail. At the end a patient
operator finishes the migration, goes back and comes again, and both sides must have everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.balance import in_history, in_thread
from tests.dying import Killed
from tests.migrating import VERBS, Stage
from watibot.conversations import Provider
from watibot.errors import Cause, ProviderError
from watibot.migration.crew import Mark, Outcome, Stopped
from watibot.ports.migrations import State

T = TypeVar("T")
GUESTS = ("50370000001", "50370000002")
CAUSES = (Cause.LOST, Cause.TIMEOUT, Cause.UNAVAILABLE, Cause.THROTTLED)
SOURCE = ("read", "newest", "add", "active_run")
SESSIONS = ("create", "append", "newest", "events")
guests = st.sampled_from(GUESTS)
verbs = st.sampled_from(sorted(VERBS))


class Migration(RuleBasedStateMachine):
    """`torn`: conversations whose pointer may have flipped without the ledger, in a crash."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stage = Stage(Path(self.folder.name), self.template)
        self.torn: set[str] = set()
        self.run(self.stage.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(messages=st.integers(0, 4), tools=st.booleans())
    def begin(self, messages: int, tools: bool) -> None:
        for number, guest in enumerate(GUESTS):
            self.run(self.stage.settled(guest, messages + number, tools=tools))

    # --- people and who answers them ---

    @rule(guest=guests, answered=st.booleans(), tools=st.booleans(), deliver=st.booleans())
    def guest_writes(self, guest: str, answered: bool, tools: bool, deliver: bool) -> None:
        self.run(self.stage.guest(guest))
        if answered:
            self.is_answered(guest, tools, deliver)

    @rule(guest=guests, tools=st.booleans(), deliver=st.booleans())
    def is_answered(self, guest: str, tools: bool, deliver: bool) -> None:
        openai = self.run(self.stage.conversation(guest)).provider is Provider.OPENAI
        if not (openai and self.stage.threads.gone):
            self.run(self.stage.answer(guest, tools=tools, deliver=deliver))

    @rule(guest=guests, author=st.sampled_from(["Rosa", None]))
    def staff_write(self, guest: str, author: str | None) -> None:
        self.run(self.stage.staff(guest, author))

    @rule(guest=guests, role=st.sampled_from(["user", "assistant"]), tools=st.booleans())
    def the_old_application_writes(self, guest: str, role: str, tools: bool) -> None:
        self.run(self.stage.clock.advance(2))
        now = int(self.stage.clock.time())
        self.stage.post(guest, role, tools=tools and role == "assistant", at=now)

    @rule(hours=st.sampled_from([0.01, 1, 30]))
    def time_passes(self, hours: float) -> None:
        self.run(self.stage.clock.advance(hours * 3600))

    @rule()
    def the_mirror_works(self) -> None:
        self.run(self.stage.live_mirror())

    # --- the operator ---

    @rule(verb=verbs)
    def verb_is_typed(self, verb: str) -> None:
        for outcome in self._verb(verb):
            guest, move = outcome.move.conversation_id, outcome.move
            if not move.problem and move.state in (State.CUT_OVER, State.ROLLED_BACK):
                self.torn.discard(guest)
            openai = self.run(self.stage.conversation(guest)).provider is Provider.OPENAI
            proven = verb == "verify" and outcome.mark is Mark.SAME and openai
            if proven and not self.run(self.stage.store.unmoved(guest)):
                assert self.run(self.stage.faults(guest)) == []

    @rule()
    def all_goes_well(self) -> None:
        for verb in ("run", "verify", "cutover"):
            self.verb_is_typed(verb)

    @rule(verb=verbs, call=st.integers(1, 40), after=st.booleans())
    def killed_in_a_verb(self, verb: str, call: int, after: bool) -> None:
        fuse = self.stage.here.fuse
        fuse.at, fuse.after = fuse.calls + call, after
        try:
            self._verb(verb)
        except Killed:
            self.torn.update(GUESTS)
        self.run(self._again())

    @rule(call=st.integers(1, 8), after=st.booleans())
    def killed_in_the_mirror(self, call: int, after: bool) -> None:
        fuse = self.stage.here.fuse
        fuse.at, fuse.after = fuse.calls + call, after
        with contextlib.suppress(Killed):
            self.run(self.stage.live_mirror())
        self.run(self._again())

    @rule(
        verb=verbs,
        method=st.sampled_from(SOURCE + SESSIONS),
        cause=st.sampled_from(CAUSES),
        arrived=st.booleans(),
        times=st.sampled_from([1, 2, 9]),
    )
    def a_provider_fails(
        self, verb: str, method: str, cause: Cause, arrived: bool, times: int
    ) -> None:
        for outside in (self.stage.threads, self.stage.sessions):
            if method in (SOURCE if outside is self.stage.threads else SESSIONS):
                for _ in range(times):
                    outside.fail(method, ProviderError("outside", cause), arrived=arrived)
        self._verb(verb)
        self._heal()

    @rule()
    def the_source_goes(self) -> None:
        self.stage.threads.gone = True

    @precondition(lambda self: self.stage.threads.gone)
    @rule()
    def the_source_is_back(self) -> None:
        self.stage.threads.gone = False

    def _verb(self, verb: str) -> list[Outcome]:
        try:
            return self.run(self.stage.verb(verb))
        except Stopped:
            assert self.stage.threads.gone
            return []

    def _heal(self) -> None:
        self.stage.threads._failures.clear()
        self.stage.sessions._failures.clear()

    async def _again(self) -> None:
        await self.stage.clock.advance(61)
        await self.stage.restart()

    # --- what must hold ---

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for guest in self.stage.said:
            assert self.run(self.stage.faults(guest, moved=False)) == []

    @invariant()
    def ledger_and_pointer_agree(self) -> None:
        for guest in self.stage.said:
            state = self.run(self.stage.move(guest)).state
            provider = self.run(self.stage.conversation(guest)).provider
            if guest not in self.torn:
                assert (state is State.CUT_OVER) == (provider is Provider.VERTEX), state
            elif provider is Provider.VERTEX:
                assert state not in (State.PENDING, State.MISSING, State.ROLLED_BACK)

    def teardown(self) -> None:
        try:
            if self.stage.said:
                self.run(self._finish())
        finally:
            self.run(self.stage.stop())
            self.runner.close()
            self.folder.cleanup()

    async def _finish(self) -> None:
        """An operator who meets no trouble any more."""
        stage = self.stage
        stage.threads.gone = False
        self._heal()
        await stage.clock.advance(61)
        for guest in GUESTS:
            while await stage.answer(guest):
                pass
        await stage.live_mirror()
        for verb in ("run", "verify", "cutover"):  # a thread may have grown after its cutover
            await stage.verb(verb)
        for _ in range(2):
            await stage.verbs("rollback")
            await stage.live_mirror()
            await stage.verbs("run", "verify", "cutover")
            for guest in GUESTS:
                assert (await stage.move(guest)).state is State.CUT_OVER
                assert (await stage.conversation(guest)).provider is Provider.VERTEX
                faults = await stage.faults(guest)
                assert not faults, faults
                assert sorted(in_thread(stage, guest)) == sorted(await in_history(stage, guest))


def test_a_migration_loses_and_doubles_nothing(sqlite_template: Path) -> None:
    class Here(Migration):
        template = sqlite_template

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
