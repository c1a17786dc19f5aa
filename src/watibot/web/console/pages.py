"""The console's pages: what waits, queues, chats, one chat, the log.

`routes.py` gives them their addresses; `frame.py` shows them. They read and change nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from watibot.conversations import REPLY_WINDOW, Conversation, held_by_staff, window_open
from watibot.escalations import Escalation, EscalationCause
from watibot.messages import ChannelName
from watibot.payments import ProofState
from watibot.ports.charges import Charges, Sum
from watibot.ports.console import Answer, ChatState, Console, Guest, Role, Wanted
from watibot.ports.escalations import Escalations
from watibot.ports.outside import Clock
from watibot.ports.proofs import Proof, Proofs
from watibot.service.desk import LONGEST_NOTE, LONGEST_TEXT
from watibot.web.console.files import HEARD, SHOWN
from watibot.web.console.frame import Frame, Visit
from watibot.web.console.rooms import Way, page
from watibot.web.console.transcript import Line, lines

AT_HOME = 5  # of each queue
IN_QUEUE = 50
FOUND = 50
LINES = 100  # history items on one page
TURNS = 1_000  # whose cost is added up on a conversation's page
LOGGED = 200
NOTHING: Mapping[str, str] = {}

_USUAL = frozenset({ChatState.ANSWERED, ChatState.CLOSED, ChatState.MIGRATED})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Conversations(Protocol):
    """The store, as far as it is needed here."""

    async def conversation(self, conversation_id: str) -> Conversation | None: ...


class Pages:
    """Answers to GET."""

    def __init__(
        self,
        conversations: Conversations,
        escalations: Escalations,
        proofs: Proofs,
        rows: Console,
        charges: Charges,
        frame: Frame,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._conversations = conversations
        self._escalations = escalations
        self._proofs = proofs
        self._rows = rows
        self._charges = charges
        self._frame = frame
        self._clock = clock
        self._zone = zone

    def ways(self) -> Sequence[Way]:
        return (
            page("/", self.home),
            page("/escalations", self.escalations),
            page("/payments", self.payments),
            page("/conversations", self.conversations),
            page("/log", self.log, Role.OWNER),
            # Last: the name of a conversation is whatever is left of the address.
            page("/conversations/{conversation_id:path}", self.conversation),
        )

    async def home(self, visit: Visit) -> Response:
        """What waits for a person."""
        escalations = _urgent_first(await self._escalations.open_ones(IN_QUEUE))
        proofs = await self._proofs.waiting(IN_QUEUE)
        held = await self._rows.held(self._clock.now(), IN_QUEUE)
        return await self._frame.show(
            visit.request,
            "home.html",
            visit,
            escalations=escalations,
            proofs=proofs,
            held=held,
            since=await self._rows.held_since([each.conversation_id for each in held]),
            guests=await self._guests(escalations[:AT_HOME], proofs[:AT_HOME]),
            most=AT_HOME,
            in_queue=IN_QUEUE,
        )

    async def escalations(self, visit: Visit) -> Response:
        """Open ones, emergencies first and then the oldest."""
        found = _urgent_first(await self._escalations.open_ones(IN_QUEUE))
        return await self._frame.show(
            visit.request,
            "escalations.html",
            visit,
            escalations=found,
            guests=await self._guests(found, ()),
            longest_note=LONGEST_NOTE,
        )

    async def payments(self, visit: Visit) -> Response:
        """Proofs that wait, the oldest first."""
        found = await self._proofs.waiting(IN_QUEUE)
        return await self._frame.show(
            visit.request,
            "payments.html",
            visit,
            proofs=found,
            guests=await self._guests((), found),
            pictures=SHOWN,
            longest_note=LONGEST_NOTE,
        )

    async def conversations(self, visit: Visit) -> Response:
        """A search, and without words those that wrote last, so many on a page."""
        asked = visit.request.query_params
        holder = asked.get("holder", "")
        after = _moment(asked.get("after"))
        wanted = Wanted(
            words=asked.get("q", "").strip()[:80],
            channel=next((each for each in ChannelName if each == asked.get("channel")), None),
            staff={"staff": True, "assistant": False}.get(holder),
            state=next((each for each in ChatState if each == asked.get("state")), None),
            after=None if after is None else (after, asked.get("after_id", "")),
        )
        now = self._clock.now()
        found = await self._rows.find(wanted, now, FOUND + 1)
        last = found[FOUND - 1].conversation if len(found) > FOUND else None
        chosen = {
            "q": wanted.words,
            "channel": wanted.channel or "",
            "holder": holder if wanted.staff is not None else "",
            "state": wanted.state or "",
        }
        return await self._frame.show(
            visit.request,
            "conversations.html",
            visit,
            found=[
                (each.conversation, held_by_staff(each.conversation, now), _told(each.states))
                for each in found[:FOUND]
            ],
            older=None if last is None else urlencode(_chosen(chosen) | _after(last)),
            first=None if after is None else urlencode(_chosen(chosen)),
            channels=list(ChannelName),
            states=list(ChatState),
            chosen=chosen,
        )

    async def conversation(
        self, visit: Visit, typed: Mapping[str, str] = NOTHING, status: int = 200
    ) -> Response:
        """One chat, as the guest sees it and a little more. `typed`: what a form that was refused
        held, by the form's name."""
        conversation_id = visit.request.path_params["conversation_id"]
        found = await self._conversations.conversation(conversation_id)
        if found is None:
            return await self._frame.wrong(visit.request, 404, visit)
        before = _moment(visit.request.query_params.get("before"))
        said = await self._rows.transcript(conversation_id, before, LINES)
        answers = await self._rows.answers(conversation_id, TURNS)
        costs = await self._charges.of_turns({*said.answers, *answers.turn_ids})
        part = visit.request.query_params.get("part") == "transcript"
        now = self._clock.now()
        escalations = await self._escalations.of(conversation_id)
        since = await self._rows.held_since([conversation_id])
        return await self._frame.show(
            visit.request,
            "transcript.html" if part else "conversation.html",
            visit,
            status,
            one=found,
            typed=typed,
            since=since.get(conversation_id),
            held=held_by_staff(found, now),
            window_open=window_open(found, now),
            window_until=found.last_guest_at + REPLY_WINDOW,
            chat_url=found.chat_url if _is_web(found.chat_url) else None,
            days=self._by_day(lines(said)),
            older=_micros(said.older),
            is_newest=before is None,
            answers=answers,
            costs=costs,
            cost=_together(costs[each] for each in answers.turn_ids if each in costs),
            unpriced=any(each not in costs for each in answers.turn_ids),
            seconds=_seconds,
            owner=visit.user.role is Role.OWNER,
            escalations=[each for each in escalations if each.acknowledged_at is None],
            proofs=[
                each
                for each in await self._proofs.proofs_of(conversation_id)
                if each.state is not ProofState.NONE
            ],
            bookings=await self._proofs.bookings_of(conversation_id),
            pictures=SHOWN,
            sounds=HEARD,
            once=token_hex(12),
            longest_text=LONGEST_TEXT,
            longest_note=LONGEST_NOTE,
        )

    async def log(self, visit: Visit) -> Response:
        """Who did what, for the owner."""
        entries = await self._rows.entries(LOGGED)
        return await self._frame.show(visit.request, "log.html", visit, entries=entries)

    async def _guests(
        self, escalations: Sequence[Escalation], proofs: Sequence[Proof]
    ) -> dict[str, Guest]:
        ids = {each.conversation_id for each in escalations}
        ids |= {each.conversation_id for each in proofs}
        return await self._rows.guests(ids)

    def _by_day(self, said: list[Line]) -> list[tuple[datetime, list[Line]]]:
        """The lines of each of the hotel's days, under its first moment."""
        groups = itertools.groupby(said, key=lambda line: line.at.astimezone(self._zone).date())
        days = [list(group) for _, group in groups]
        return [(day[0].at, day) for day in days]


def _told(states: Collection[ChatState]) -> list[ChatState]:
    """Those that a list shows of a conversation: what is as it should be is not told."""
    return [each for each in ChatState if each in states and each not in _USUAL]


def _chosen(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _after(last: Conversation) -> dict[str, str]:
    return {"after": str(_micros(last.last_guest_at)), "after_id": last.conversation_id}


def _together(costs: Iterable[Sum]) -> Sum:
    found = list(costs)
    return Sum(
        micros=sum(each.micros for each in found),
        unknown=sum(each.unknown for each in found),
        charges=sum(each.charges for each in found),
    )


def _seconds(answer: Answer) -> float | None:
    """From the end of the burst to the end of the turn."""
    ended = answer.finished_at
    return None if ended is None else (ended - answer.opened_at).total_seconds()


def _urgent_first(found: list[Escalation]) -> list[Escalation]:
    return sorted(found, key=lambda each: each.cause is not EscalationCause.EMERGENCY)


def _is_web(address: str | None) -> bool:
    """Not `javascript:`: a provider's word is put into a link here."""
    return address is not None and re.match(r"https?://", address, re.IGNORECASE) is not None


def _moment(text: str | None) -> datetime | None:
    """A time in an address, as microseconds since the epoch."""
    if text is None or not re.fullmatch(r"[0-9]{1,16}", text):
        return None
    return _EPOCH + timedelta(microseconds=int(text))


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
