"""Staff take, write and give back in whatever order, crashes included: nobody talks over them, and
what they left unanswered is answered, once.

The machine of `test_ledger.py` with more of what people do, the mirror, and its own account of who
holds the conversation.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from itertools import count, takewhile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from tests.contract.stores import GUEST, at
from tests.property.test_ledger import Ledger
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName, Takeover
from watibot.storage.columns import moment
from watibot.turns import Bubble, Turn

_PEOPLE = (ItemKind.GUEST, ItemKind.STAFF)


class Account:
    """Who holds the conversation, by the newest word."""

    def __init__(self) -> None:
        self.staff = False
        self.until: datetime | None = None
        self.word_at: datetime | None = None
        self.handover: str | None = None

    def held(self, now: datetime) -> bool:
        return self.staff and (self.until is None or now < self.until)

    def take(self, when: datetime, until: datetime | None) -> None:
        if self.held(when) and until is not None:
            until = None if self.until is None else max(until, self.until)
        self.staff, self.until = True, until
        self.word_at = when if self.word_at is None else max(when, self.word_at)

    def older(self, when: datetime) -> bool:
        return self.word_at is not None and when < self.word_at


class HeldByStaff(Ledger):
    """`given`: which guest messages each turn had when it was opened last. `written`: when a
    colleague wrote what webhooks told of, late or not."""

    def __init__(self) -> None:
        self.account = Account()
        self.given: dict[str, set[str]] = {}
        self.written: list[datetime] = []
        self.numbers = count()
        super().__init__()

    # --- staff ---

    @rule(
        held=st.booleans(),
        late=st.sampled_from([0, 0, 3]),
        hours=st.sampled_from([None, 20.0, 90.0]),
    )
    def staff_take_over(self, held: bool, late: int, hours: float | None) -> None:
        when = at(self.seconds - late)
        until = None if hours is None else at(self.seconds + hours)
        older = self.account.older(when)
        stood = self.account.staff if not held else self.account.held(when)
        there = held or self.run(self.store.conversation(GUEST)) is not None
        made = self._hold(held, when, until)
        if older or not there:
            assert not made
            return
        assert made is (stood is not held)
        if held:
            self.account.take(when, until)
        else:
            self._given_back(when)

    @rule(late=st.sampled_from([0, 0, 3]))
    def staff_write(self, late: int) -> None:
        when = at(self.seconds - late)
        if not self._write(late):
            return
        self.written.append(when)
        if self.account.staff or not self.account.older(when):
            self.account.take(when, at(self.seconds + 20))
            self.account.handover = None

    @rule()
    def staff_write_in_the_console(self) -> None:
        number = next(self.numbers)
        until = at(self.seconds + 20)
        item = HistoryItem(f"c{number}", ItemKind.STAFF, at(self.seconds), "de la consola")
        says = self.run(self.store.people.staff_says(GUEST, item, ["de la consola"], until))
        if says is not None:
            self.account.take(at(self.seconds), until)
            self.account.handover = None

    @rule()
    def takeovers_expire(self) -> None:
        now = at(self.seconds)
        expired = self.run(self.store.people.expired(now))
        assert bool(expired) is (self.account.staff and not self.account.held(now))
        if expired and not self.account.older(now):
            self._hold(False, now, None)
            self._given_back(now)

    @rule()
    def something_was_said_elsewhere(self) -> None:
        item = HistoryItem(f"e{next(self.numbers)}", ItemKind.STAFF, at(self.seconds), "ya está")
        self.run(self.store.people.take_in(GUEST, [item], at(self.seconds)))

    @rule(done=st.booleans())
    def mirror(self, done: bool) -> None:
        job = self.run(self.store.mirror_job(GUEST, 2))
        if job is not None and done:
            self.run(self.store.mirror_done(GUEST, [item.item_id for item in job.items]))

    def _hold(self, held: bool, when: datetime, until: datetime | None) -> bool:
        takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held)
        return self.run(self.store.people.hold(takeover, when, until)).changed

    def _given_back(self, when: datetime) -> None:
        self.account.staff, self.account.until, self.account.handover = False, None, None
        self.account.word_at = when

    # --- the worker ---

    @precondition(lambda self: self.fence is None)
    @rule()
    def claim(self) -> None:
        """A takeover that has ended by itself is over once there is work."""
        self._lapse(self.run(self.store.due()))
        super().claim()

    def _lapse(self, due: list[tuple[str, datetime]]) -> None:
        now, until = at(self.seconds), self.account.until
        if self.account.staff and until is not None and until <= now and due and due[0][1] <= now:
            self._given_back(max(filter(None, (until, self.account.word_at))))

    @precondition(lambda self: self.turn is not None)
    @rule(count=st.integers(0, 3), ending=st.sampled_from(["", "", "failed", "handover"]))
    def finish_turn(self, count: int, ending: str) -> None:
        assert self.turn is not None
        turn_id = self.turn.turn_id
        stale = self._stale(turn_id)
        super().finish_turn(count, ending)
        if ending == "handover":
            wrote = self.account.held(at(self.seconds)) and stale
            self.account.take(at(self.seconds), at(self.seconds + 20))
            self.account.word_at = at(self.seconds)
            self.account.handover = None if wrote else turn_id

    @precondition(lambda self: self.bubbles)
    @rule(write=st.booleans())
    def permit(self, write: bool) -> None:
        bubble = self.bubbles[0]
        before = set(self.on_the_way)
        super().permit(write)
        if bubble.bubble_id in self.on_the_way - before:
            self._allowed(bubble)

    def _allowed(self, bubble: Bubble) -> None:
        own = bubble.turn_id.startswith("staff-") or bubble.turn_id == self.account.handover
        assert own or not self.account.held(at(self.seconds))

    async def _open(self, fence: int) -> Turn | None:
        turn = await super()._open(fence)
        if turn is not None:
            texts = [message.text for message in turn.messages]
            assert len(texts) == len(set(texts))
            self.given[turn.turn_id] = set(texts)
            past = {item.item_id for item in turn.history}
            assert not past & {message.item_id for message in turn.messages}
        return turn

    def _stale(self, turn_id: str) -> bool:
        with closing(sqlite3.connect(self.path)) as books:
            row = books.execute("SELECT stale FROM turns WHERE turn_id = ?", (turn_id,)).fetchone()
        return bool(row[0])

    # --- what must hold ---

    @invariant()
    def who_holds_it_is_known(self) -> None:
        conversation = self.run(self.store.conversation(GUEST))
        if conversation is not None:
            assert (conversation.owner == "staff", conversation.staff_until) == (
                self.account.staff,
                self.account.until,
            )

    async def _finish_everything(self) -> None:
        """In the end they give everything back, and nobody is left without an answer: of what is
        the last word, everything was said before a colleague's."""
        await super()._finish_everything()
        for held in (True, False):
            self.seconds += 1
            takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held)
            await self.store.people.hold(takeover, at(self.seconds), None)
        await super()._finish_everything()
        items = await self.store.history(GUEST, 10_000)
        here = [item for item in items if item.kind is ItemKind.STAFF and item.origin is None]
        answered_at = max([*self.written, *(item.at for item in here)], default=at(-100))
        left = takewhile(lambda item: item.kind in _PEOPLE, reversed(items))
        asked = {item.item_id for item in left if item.kind is ItemKind.GUEST}
        with closing(sqlite3.connect(self.path)) as books:
            said = books.execute("SELECT item_id, min(provider_time, received_at) FROM messages")
            late = [when for item_id, when in said if item_id in asked]
        assert all(moment(when) < answered_at for when in late)

    def _balance(self) -> None:
        super()._balance()
        with closing(sqlite3.connect(self.path)) as books:
            answered = books.execute(
                "SELECT DISTINCT turn_id FROM bubbles WHERE state IN ('sent', 'unknown')"
            ).fetchall()
        answers = Counter(text for (turn,) in answered for text in self.given.get(turn, ()))
        assert all(number == 1 for number in answers.values()), answers


def test_nobody_talks_over_staff_and_nobody_is_forgotten(sqlite_template: Path) -> None:
    class Here(HeldByStaff):
        template = sqlite_template

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
