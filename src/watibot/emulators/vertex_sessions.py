"""Agent Engine Sessions in memory: sessions, their state and the rules for both.

Called through the table that `vertex.py` routes by; events are in `vertex_events`, operations in
`vertex_operations`. Rules and texts: Google's discovery document (revision 20261106) and the
errors that adk-python's issues quote (1386, 2727, 5714, 6683).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watibot.emulators.kit import Clock
from watibot.emulators.vertex_operations import Operations
from watibot.emulators.vertex_schema import (
    ApiError,
    Json,
    camel,
    read_duration,
    read_time,
    stamp,
    violation,
)
from watibot.emulators.vertex_wire import Call, Operation, Quotas, page

DAY = timedelta(days=1)
YEAR = timedelta(days=365)
# A client's "now + 24 h" is a little old when it arrives.
ARRIVAL = timedelta(minutes=5)
SESSION_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[\w-]{0,64}")
FILTER = re.compile(r'(display_name|user_id|labels\.[\w-]+)\s*=\s*"((?:[^"\\]|\\.)*)"')
MUTABLE = frozenset(["displayName", "labels", "sessionState", "ttl", "expireTime"])
LISTING = frozenset(["pageSize", "pageToken", "filter", "orderBy"])


@dataclass
class Session:
    """A session; `fields` are what the client may set, `events` lie in the order of `keys`."""

    name: str
    created: datetime
    updated: datetime
    expires: datetime
    fields: Json
    keys: list[tuple[datetime, int]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)

    def view(self) -> Json:
        """As the API shows it; a copy of the state, which events go on changing."""
        state = dict(self.fields["sessionState"])
        return {
            "name": self.name,
            "createTime": stamp(self.created),
            "updateTime": stamp(self.updated),
            "expireTime": stamp(self.expires),
            **{name: value for name, value in self.fields.items() if name != "sessionState"},
            **({"sessionState": state} if state else {}),
        }


@dataclass
class Engine:
    """One reasoning engine's sessions, also by user."""

    sessions: dict[str, Session] = field(default_factory=dict)
    by_user: dict[str, dict[str, Session]] = field(default_factory=lambda: defaultdict(dict))

    def drop(self, session_id: str) -> None:
        session = self.sessions.pop(session_id)
        del self.by_user[session.fields["userId"]][session_id]


class Sessions:
    """Every session of every project, location and engine; the path says which."""

    def __init__(self, clock: Clock, quotas: Quotas, operations: Operations) -> None:
        self._clock, self._quotas, self._operations = clock, quotas, operations
        self._engines: dict[str, Engine] = defaultdict(Engine)
        self._numbered = 0

    def table(self) -> list[Operation]:
        parent = "reasoningEngines/{engine}/sessions"
        one = parent + "/{session}"
        return [
            Operation("getSession", "GET", one, lambda call: self.find(call).view()),
            Operation("createSession", "POST", parent, self._create, frozenset(["sessionId"])),
            Operation("listSessions", "GET", parent, self._list, LISTING),
            Operation("patchSession", "PATCH", one, self._patch, frozenset(["updateMask"])),
            Operation("deleteSession", "DELETE", one, self._delete),
            Operation("compactSession", "POST", one + ":compact", self._compact),
        ]

    def all(self) -> Iterator[Session]:
        """Every session that has not expired."""
        now = self._clock.now()
        for engine in self._engines.values():
            yield from (each for each in engine.sessions.values() if each.expires > now)

    def find(self, call: Call) -> Session:
        """The session of the call's path; ApiError 400 for a bad id, 404 when there is none."""
        session_id = call.names["session"]
        _check_id(session_id)
        engine = self._engines.get(_engine(call))
        session = engine.sessions.get(session_id) if engine else None
        if engine is None or session is None or self._expired(engine, session, session_id):
            text = (
                f"Session (projectNumber: {call.names['project']}, reasoningEngineId: "
                f"{call.names['engine']}, sessionId: {session_id}) not found."
            )
            raise ApiError(404, text)
        return session

    def _expired(self, engine: Engine, session: Session, session_id: str) -> bool:
        if session.expires > self._clock.now():
            return False
        engine.drop(session_id)
        return True

    def _create(self, call: Call) -> Json:
        body = call.schema.read("Session", call.body, "session")
        now = self._clock.now()
        self._numbered += 1
        session_id = call.query.get("sessionId") or str(10**18 + self._numbered * 999_999_937)
        _check_id(session_id)
        if not body.get("userId"):
            raise violation("session.user_id", "Required field is not set.")
        if len(body["userId"]) > 128:
            raise violation("session.user_id", "User ID must not exceed 128 characters.")
        _check_labels(body)
        expires = _expiry(body, now) or now + YEAR
        self._quotas.take(call, "session_writes_per_minute", "Session Write Requests")
        engine = self._engines[_engine(call)]
        known = engine.sessions.get(session_id)
        name = f"{_engine(call)}/sessions/{session_id}"
        if known is not None and not self._expired(engine, known, session_id):
            raise ApiError(409, f"Session {name} already exists.")
        fields = {key: body[key] for key in ("displayName", "userId", "labels") if body.get(key)}
        fields["sessionState"] = dict(body.get("sessionState", {}))
        session = Session(name, now, now, expires, fields)
        engine.sessions[session_id] = engine.by_user[body["userId"]][session_id] = session
        response = {"@type": call.type_url("Session"), **session.view()}
        return self._operations.begin(call, name, "CreateSessionOperationMetadata", response)

    def _list(self, call: Call) -> Json:
        now = self._clock.now()
        wished = _read_filter(call.query.get("filter", ""))
        engine = self._engines.get(_engine(call), Engine())
        if "user_id" in wished:
            found = engine.by_user.get(wished["user_id"], {})
        else:
            found = engine.sessions
        sessions = [
            each for each in found.values() if each.expires > now and _matches(each, wished)
        ]
        order, _, direction = call.query.get("orderBy", "").strip().partition(" ")
        if order not in ("", "create_time", "update_time") or direction not in ("", "asc", "desc"):
            raise violation("order_by", f"Unsupported order: {call.query['orderBy']}")
        if order == "update_time":
            sessions.sort(key=lambda each: each.updated)
        if direction == "desc":
            sessions.reverse()
        answer = page(call, "sessions", sessions)
        return answer and {**answer, "sessions": [each.view() for each in answer["sessions"]]}

    def _patch(self, call: Call) -> Json:
        body = call.schema.read("Session", call.body, "session")
        session = self.find(call)
        mask = [camel(name.strip()) for name in call.query.get("updateMask", "").split(",") if name]
        named = mask or [name for name in body if name in MUTABLE]
        if refused := set(named) - MUTABLE:
            raise violation("update_mask", f"Field cannot be updated: {sorted(refused)[0]}.")
        _check_labels(body)
        now = self._clock.now()
        chosen = {name: body[name] for name in named if name in body}
        expires = _expiry(chosen, now)
        self._quotas.take(call, "session_writes_per_minute", "Session Write Requests")
        for name in named:
            if name not in ("ttl", "expireTime"):
                session.fields.pop(name, None)
                if name in body:
                    session.fields[name] = body[name]
        session.fields.setdefault("sessionState", {})
        session.updated, session.expires = now, expires or session.expires
        return session.view()

    def _delete(self, call: Call) -> Json:
        session = self.find(call)
        self._quotas.take(call, "session_writes_per_minute", "Session Write Requests")
        self._engines[_engine(call)].drop(call.names["session"])
        response: Json = {"@type": "type.googleapis.com/google.protobuf.Empty"}
        return self._operations.begin(call, session.name, "DeleteOperationMetadata", response)

    def _compact(self, call: Call) -> Json:
        call.schema.read("CompactSessionRequest", call.body)
        self.find(call)
        raise ApiError(501, "The emulator does not compact sessions.")


def _engine(call: Call) -> str:
    return f"{call.location}/reasoningEngines/{call.names['engine']}"


def _check_id(session_id: str) -> None:
    if not SESSION_ID.fullmatch(session_id):
        raise violation("name", "Invalid Session resource name.")


def _check_labels(body: Json) -> None:
    for key, value in body.get("labels", {}).items():
        for text in (key, value):
            if not LABEL.fullmatch(text) or text != text.lower():
                raise violation("session.labels", f"Invalid label: {text}")


def _expiry(body: Json, now: datetime) -> datetime | None:
    if "ttl" in body and "expireTime" in body:
        text = "Invalid value at 'session' (oneof), oneof field 'expiration' is already set."
        raise violation("session", text, text)
    if "ttl" in body:
        ttl = read_duration(body["ttl"])
        if ttl < DAY:
            raise violation("session.ttl", "The TTL must be at least 24 hours (86400s).")
        return now + ttl
    if "expireTime" in body:
        expires = read_time(body["expireTime"])
        if expires < now + DAY - ARRIVAL:
            raise violation("session.expire_time", "Must be at least 24 hours from now.")
        return expires
    return None


def _read_filter(text: str) -> dict[str, str]:
    wished = {}
    for clause in re.split(r"\s+AND\s+", text.strip()) if text.strip() else []:
        match = FILTER.fullmatch(clause.strip())
        if match is None:
            raise violation("filter", f"Invalid filter: {clause}")
        wished[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
    return wished


def _matches(session: Session, wished: dict[str, str]) -> bool:
    for name, value in wished.items():
        if name.startswith("labels."):
            actual = session.fields.get("labels", {}).get(name.removeprefix("labels."))
        else:
            actual = session.fields.get(camel(name))
        if actual != value:
            return False
    return True
