"""A session's events: appended one by one, listed by the client's time stamps.

`vertex_sessions` finds the session; this appends to it and reads from it. Appending is not
idempotent, as with Google: events with the same id of the client's own are kept twice and counted.
"""

import re
from bisect import bisect_left, bisect_right, insort_right
from datetime import UTC, datetime

from watibot.emulators.kit import Clock
from watibot.emulators.vertex_schema import Json, read_time, violation
from watibot.emulators.vertex_sessions import LISTING, Session, Sessions
from watibot.emulators.vertex_wire import (
    Call,
    Operation,
    Quotas,
    page_size,
    read_token,
    write_token,
)

FILTER = re.compile(r'timestamp\s*(>=|<=|>|<|=)\s*"([^"]+)"')
LAST = 2**62
Key = tuple[datetime, int]


class Events:
    """`appended` and `doubled` count since the start."""

    def __init__(self, clock: Clock, quotas: Quotas, sessions: Sessions) -> None:
        self._clock, self._quotas, self._sessions = clock, quotas, sessions
        self.appended = self.doubled = 0

    def table(self) -> list[Operation]:
        one = "reasoningEngines/{engine}/sessions/{session}"
        return [
            Operation("appendEvent", "POST", one + ":appendEvent", self._append),
            Operation("listEvents", "GET", one + "/events", self._list, LISTING),
        ]

    def _append(self, call: Call) -> Json:
        event = call.schema.read("SessionEvent", call.body, "event")
        for name, field in REQUIRED.items():
            if not event.get(field):
                raise violation(f"event.{name}", "Required field is not set.")
        role = event.get("content", {}).get("role")
        if role not in (None, "user", "model"):
            text = "Please use a valid role: user, model."
            raise violation("event.content.role", text, text)
        session = self._sessions.find(call)
        self._quotas.take(call, "append_events_per_minute", "Session Event Append Requests")
        self.appended += 1
        number = 10**18 + self.appended * 999_999_929
        stored: Json = {**event, "name": f"{session.name}/events/{number}"}
        key = (read_time(event["timestamp"]), self.appended)
        session.events.insert(bisect_right(session.keys, key), stored)
        insort_right(session.keys, key)
        mark = own_id(event)
        if mark is not None:
            self.doubled += mark in session.marks
            session.marks.add(mark)
        session.fields["sessionState"].update(event.get("actions", {}).get("stateDelta", {}))
        session.updated = self._clock.now()
        return {}

    def _list(self, call: Call) -> Json:
        session = self._sessions.find(call)
        low, high = _range(session, call.query.get("filter", ""))
        order = " ".join(call.query.get("orderBy", "").split())
        if order not in ("", "timestamp", "timestamp asc", "timestamp desc"):
            raise violation("order_by", f"Unsupported order: {order}")
        newest_first, size, token = order.endswith("desc"), page_size(call), read_token(call)
        # A token names an event, not a number, so that events that arrive between pages do no harm.
        last = (datetime.fromisoformat(token[0]), token[1]) if token else None
        if newest_first:
            high = min(high, bisect_left(session.keys, last)) if last else high
            chosen = range(high - 1, max(low, high - size) - 1, -1)
        else:
            low = max(low, bisect_right(session.keys, last)) if last else low
            chosen = range(low, min(high, low + size))
        if not chosen:
            return {}
        answer: Json = {"sessionEvents": [session.events[index] for index in chosen]}
        if high - low > len(chosen):
            moment, number = session.keys[chosen[-1]]
            answer["nextPageToken"] = write_token(call, [moment.isoformat(), number])
        return answer


REQUIRED = {"author": "author", "invocation_id": "invocationId", "timestamp": "timestamp"}


def own_id(event: Json) -> str | None:
    """The client's own id of an event: `rawEvent.id` or `eventMetadata.customMetadata.event_id`."""
    metadata = event.get("eventMetadata", {}).get("customMetadata", {})
    mark = event.get("rawEvent", {}).get("id") or metadata.get("event_id")
    return None if mark is None else str(mark)


def _range(session: Session, text: str) -> tuple[int, int]:
    """The slice of the session's events that a filter such as `timestamp>="..."` leaves."""
    low, high = 0, len(session.keys)
    for clause in re.split(r"\s+AND\s+", text.strip()) if text.strip() else []:
        match = FILTER.fullmatch(clause.strip())
        try:
            moment = read_time(match[2]).astimezone(UTC) if match else None
        except ValueError:
            moment = None
        if match is None or moment is None:
            raise violation("filter", f"Invalid filter: {clause}")
        before, after = (bisect_left(session.keys, (moment, number)) for number in (0, LAST))
        if match[1] in (">=", "="):
            low = max(low, before)
        if match[1] in ("<=", "="):
            high = min(high, after)
        if match[1] == ">":
            low = max(low, after)
        if match[1] == "<":
            high = min(high, before)
    return low, max(low, high)
