"""Whatever happens in whatever order, crashes included, nothing is lost, doubled or stranded.

The machine plays a guest, one worker, staff and a provider against a store on disk. At the end a
patient worker finishes what is left, and the books must balance.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.contract.stores import (
    DEBOUNCE,
    GUEST,
    HISTORY,
    LEASE,
    RESTARTS,
    at,
    finish,
    inbound,
    words,
)
from watibot.errors import LostLease
from watibot.history import ItemKind
from watibot.messages import ChannelName, Receipt, ReceiptState, StaffMessage, Takeover
from watibot.ports.store import Permit, StepRecord
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.turns import Bubble, BubbleState, Progress, Turn

T = TypeVar("T")
S = BubbleState


class Ledger(RuleBasedStateMachine):
    """One conversation; `fence` is None while no worker holds it."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        shutil.copy(self.template, self.path)
        self.runner = asyncio.Runner()
        self.seconds = 0.0
        self.heard: list[str] = []
        self.former_fence = 0
        self.on_the_way: set[str] = set()  # permitted, and not known to have failed
        self._start()

    def _start(self) -> None:
        self.store: SqlStore = self.run(storage.open(f"sqlite:///{self.path}", "posada"))
        self.run(self.store.break_leases(at(self.seconds)))
        self._let_go()

    def _let_go(self) -> None:
        self.fence: int | None = None
        self.turn: Turn | None = None
        self.bubbles: list[Bubble] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @property
    def held(self) -> int:
        assert self.fence is not None
        return self.fence

    # --- the guest, staff, time ---

    @rule(count=st.integers(1, 3), late=st.integers(0, 5))
    def guest_writes(self, count: int, late: int) -> None:
        texts = [f"m{len(self.heard) + number}" for number in range(count)]
        self.heard += texts

        async def receive() -> None:
            messages = [inbound(text, self.seconds - late) for text in texts]
            await asyncio.gather(
                *(self.store.receive(m, b"", at(self.seconds), DEBOUNCE) for m in messages * 2)
            )

        self.run(receive())

    @rule(seconds=st.sampled_from([0.5, 5.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.seconds += seconds

    @rule(held=st.booleans(), late=st.integers(0, 5))
    def staff_take_over(self, held: bool, late: int) -> None:
        takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held)
        until = at(self.seconds + 20)
        self.run(self.store.people.hold(takeover, at(self.seconds - late), until))

    @rule(late=st.integers(0, 5))
    def staff_write(self, late: int) -> None:
        self._write(late)

    def _write(self, late: int) -> bool:
        sent = self.seconds - late
        message = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, f"s{sent}", at(sent), "Rosa")
        until = at(self.seconds + 20)
        return self.run(self.store.staff_message(message, at(self.seconds), until))

    # --- the worker ---

    @precondition(lambda self: self.fence is None)
    @rule()
    def claim(self) -> None:
        now = at(self.seconds)
        claim = self.run(self.store.claim(GUEST, now, now + LEASE))
        if claim is not None:
            assert claim.conversation.fence > self.former_fence
            assert claim.open or claim.bubbles
            self.fence = claim.conversation.fence
            self.bubbles = list(claim.bubbles)

    @precondition(lambda self: self.fence is not None and not self.bubbles)
    @rule()
    def open_turn(self) -> None:
        self.turn = self.run(self._open(self.held))

    @precondition(lambda self: not self.bubbles)
    @rule(count=st.integers(1, 3), write=st.booleans())
    def answer(self, count: int, write: bool) -> None:
        """A turn without trouble, so that bubbles and what comes after them are reached often."""
        if write:
            self.guest_writes(1, 0)
        if self.fence is None:
            self.seconds += 30
            self.claim()
        if self.fence is not None and not self.bubbles:
            self.open_turn()
        if self.turn is not None:
            self.finish_turn(count, "")

    @precondition(lambda self: self.turn is not None)
    @rule(effect=st.booleans())
    def step(self, effect: bool) -> None:
        assert self.turn is not None
        record = StepRecord(words("{}", ItemKind.TOOL_RESULT), Progress(), effect=effect)
        self.run(self.store.record_step(GUEST, self.held, self.turn.turn_id, record))

    @precondition(lambda self: self.turn is not None)
    @rule(drop=st.booleans())
    def step_fails(self, drop: bool) -> None:
        assert self.turn is not None
        self.run(self.store.save_progress(GUEST, self.held, self.turn.turn_id, Progress(1), drop))

    @precondition(lambda self: self.turn is not None)
    @rule(count=st.integers(0, 3), ending=st.sampled_from(["", "", "failed", "handover"]))
    def finish_turn(self, count: int, ending: str) -> None:
        assert self.turn is not None
        done = finish(
            *(f"b{number}" for number in range(count)),
            failed="gemini timeout" if ending == "failed" else None,
            hand_over_until=at(self.seconds + 20) if ending == "handover" else None,
        )
        turn_id = self.turn.turn_id
        made = self.run(self.store.finish_turn(GUEST, self.held, turn_id, done, at(self.seconds)))
        self.bubbles = list(made)
        self.turn = None

    @precondition(lambda self: self.bubbles)
    @rule(write=st.booleans())
    def permit(self, write: bool) -> None:
        if write:
            self.guest_writes(1, 0)
        bubble = self.bubbles[0]
        permit = self.run(
            self.store.permit(GUEST, self.held, bubble.bubble_id, at(self.seconds), RESTARTS)
        )
        if permit is Permit.GO:
            assert bubble.bubble_id not in self.on_the_way
            self.on_the_way.add(bubble.bubble_id)
        elif permit is Permit.SUPERSEDED:
            self.run(self.store.restart_turn(GUEST, self.held, bubble.turn_id))
            self.bubbles = []
        elif bubble.bubble_id not in self.on_the_way:
            self.bubbles.pop(0)

    @precondition(lambda self: self.bubbles and self.bubbles[0].bubble_id in self.on_the_way)
    @rule(state=st.sampled_from([S.SENT, S.WAITING, S.REFUSED, S.UNKNOWN]))
    def bubble_done(self, state: BubbleState) -> None:
        bubble_id = self.bubbles[0].bubble_id
        self.run(self.store.bubble_done(GUEST, self.held, bubble_id, state, at(self.seconds)))
        if state is S.WAITING:
            self.on_the_way.discard(bubble_id)
        else:
            self.bubbles.pop(0)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), state=st.sampled_from(ReceiptState))
    def receipt_comes(self, data: st.DataObject, state: ReceiptState) -> None:
        bubble_id = data.draw(st.sampled_from(sorted(self.on_the_way)))
        receipt = Receipt(ChannelName.WHATSAPP, state, at(self.seconds), bubble_id)
        found = self.run(self.store.receipt(receipt))
        assert found is not None
        assert found.state in (S.SENT, S.REFUSED)

    @precondition(lambda self: self.fence is not None)
    @rule(wait=st.sampled_from([None, 10.0]))
    def release(self, wait: float | None) -> None:
        again_at = None if wait is None else at(self.seconds + wait)
        self.run(self.store.release(GUEST, self.held, again_at))
        self._let_go()

    @precondition(lambda self: self.fence is not None)
    @rule()
    def lease_runs_out(self) -> None:
        self.seconds += LEASE.total_seconds()
        self.former_fence = self.held
        self._let_go()

    @precondition(lambda self: self.fence is not None and self.former_fence)
    @rule()
    def the_former_worker_writes(self) -> None:
        with pytest.raises(LostLease):
            self.run(self.store.release(GUEST, self.former_fence))

    @rule()
    def crash(self) -> None:
        self.run(self.store.close())
        self._start()

    # --- what must hold ---

    @invariant()
    def nothing_is_stranded(self) -> None:
        counts = self.run(self.store.counts())
        work = ("messages_waiting", "turns_running", "bubbles_waiting", "bubbles_sending")
        if any(counts[name] for name in work):
            assert [name for name, _ in self.run(self.store.due())] == [GUEST]
        assert counts["turns_running"] <= 1

    @invariant()
    def history_rises(self) -> None:
        items = self.run(self.store.history(GUEST, 10_000))
        times = [item.at for item in items]
        assert times == sorted(set(times))

    def teardown(self) -> None:
        try:
            if self.fence is not None:
                self.run(self.store.release(GUEST, self.fence))
            self.run(self._finish_everything())
            self._balance()
        finally:
            self.run(self.store.close())
            self.runner.close()
            self.folder.cleanup()

    async def _finish_everything(self) -> None:
        """A worker who meets no trouble any more."""
        for _ in range(20):
            due = await self.store.due()
            if not due:
                return
            self.seconds = max(self.seconds, (due[0][1] - at(0)).total_seconds()) + 1
            now = at(self.seconds)
            claim = await self.store.claim(GUEST, now, now + LEASE)
            if claim is None:
                continue
            fence = claim.conversation.fence
            for bubble in claim.bubbles:
                await self._deliver(fence, bubble)
            turn = await self._open(fence)
            if turn is not None:
                await self.store.finish_turn(GUEST, fence, turn.turn_id, finish("fin"), now)
            await self.store.release(GUEST, fence)
        raise AssertionError("the work does not end")

    async def _open(self, fence: int) -> Turn | None:
        return await self.store.open_turn(GUEST, fence, at(self.seconds), HISTORY, RESTARTS)

    async def _deliver(self, fence: int, bubble: Bubble) -> None:
        now = at(self.seconds)
        if bubble.state is S.WAITING:
            permit = await self.store.permit(GUEST, fence, bubble.bubble_id, now, RESTARTS)
            if permit is Permit.SUPERSEDED:
                await self.store.restart_turn(GUEST, fence, bubble.turn_id)
            if permit is not Permit.GO:
                return
            assert bubble.bubble_id not in self.on_the_way
        await self.store.bubble_done(GUEST, fence, bubble.bubble_id, S.SENT, now)

    def _balance(self) -> None:
        with closing(sqlite3.connect(self.path)) as books:
            messages = books.execute(
                "SELECT m.text, CASE WHEN m.state = 'with_staff' THEN 'staff' "
                "ELSE m.state || ' ' || t.state END "
                "FROM messages m LEFT JOIN turns t ON t.turn_id = m.turn_id"
            ).fetchall()
            said = books.execute("SELECT text FROM history WHERE kind = 'guest'").fetchall()
            held = books.execute("SELECT count(*) FROM history WHERE mirror = 'held'").fetchone()
        assert sorted(text for text, _ in messages) == sorted(self.heard)
        assert {end for _, end in messages} <= {"staff", "done answered", "done failed"}
        assert sorted(text for (text,) in said) == sorted(self.heard)
        assert held == (0,)


def test_the_books_balance(sqlite_template: Path) -> None:
    class Here(Ledger):
        template = sqlite_template

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=35,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
