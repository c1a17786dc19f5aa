"""One call of the Vertex emulator on its way from `vertex.py` to the resource that answers it.

`Call` is a request after routing; `Operation` is a line of the routing table that each resource
(`vertex_sessions`, `vertex_models`, `vertex_caches`) gives to `vertex.py`. Quotas and pages, which
all of them have, are here too.
"""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from watibot.emulators.kit import Clock
from watibot.emulators.limits import Bucket
from watibot.emulators.vertex_schema import ApiError, Json, Schema, camel, schema

MINUTE = 60.0
MAX_PAGE = 100


@dataclass(frozen=True)
class Call:
    """A request: API version, the path's names, the query in camelCase, the body as it came."""

    version: str
    names: dict[str, str]
    query: dict[str, str]
    body: Any

    @property
    def schema(self) -> Schema:
        return schema(self.version)

    @property
    def location(self) -> str:
        """ "projects/{project}/locations/{location}"."""
        return f"projects/{self.names['project']}/locations/{self.names['location']}"

    def type_url(self, name: str) -> str:
        return f"type.googleapis.com/google.cloud.aiplatform.{self.version}.{name}"


@dataclass(frozen=True)
class Operation:
    """A line of the routing table. `path` follows "projects/{project}/locations/{location}/"."""

    name: str
    method: str
    path: str
    handle: Callable[[Call], Json]
    query: frozenset[str] = frozenset()

    def pattern(self) -> re.Pattern[str]:
        text = "/(?P<version>v1|v1beta1)/projects/{project}/locations/{location}/" + self.path
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", text))


class Quotas:
    """Calls a minute, per project and location, in a sliding minute of virtual time."""

    def __init__(self, clock: Clock, settings: dict[str, object]) -> None:
        self._settings = settings
        self._buckets: dict[tuple[str, str], Bucket] = defaultdict(lambda: Bucket(clock))
        self.throttled = 0

    def take(
        self, call: Call, setting: str, metric: str, details: list[Json] | None = None
    ) -> None:
        """Counts a call; ApiError 429 when the setting's number (0: no limit) is used up."""
        limit = cast(int, self._settings[setting])
        if self._buckets[call.location, setting].take(limit, MINUTE):
            return
        self.throttled += 1
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {"consumer": f"projects/{call.names['project']}", "quota_metric": metric},
        }
        text = (
            f"Quota exceeded for quota metric '{metric}' and limit "
            f"'{metric} per minute per region' of service 'aiplatform.googleapis.com'"
        )
        raise ApiError(429, text, [info, *(details or [])])


def page_size(call: Call) -> int:
    """The wished page size: 100 when absent, and never more."""
    try:
        wished = int(call.query.get("pageSize", 0))
    except ValueError:
        raise ApiError(400, "Invalid value for pageSize.") from None
    if wished < 0:
        raise ApiError(400, "Page size must not be negative.")
    return min(wished or MAX_PAGE, MAX_PAGE)


def write_token(call: Call, position: list[Any]) -> str:
    """A page token: where the next page begins, good only for the same question."""
    return base64.urlsafe_b64encode(json.dumps([_question(call), position]).encode()).decode()


def read_token(call: Call) -> list[Any] | None:
    """The position in the call's page token, None when it has none; ApiError 400 when foreign."""
    token = call.query.get("pageToken")
    if not token:
        return None
    try:
        question, position = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise ApiError(400, "Invalid page token.") from None
    if question != _question(call):
        raise ApiError(400, "The page token belongs to another list request.")
    return list(position)


def page(call: Call, key: str, items: Sequence[Any]) -> Json:
    """The page of `items` that the call asks for, with `nextPageToken` when more follow."""
    start = (read_token(call) or [0])[0]
    end = start + page_size(call)
    answer: Json = {key: list(items[start:end])} if items else {}
    return {**answer, "nextPageToken": write_token(call, [end])} if end < len(items) else answer


def _question(call: Call) -> list[str]:
    return [call.query.get("filter", ""), call.query.get("orderBy", "")]


def query_names(raw: list[tuple[str, str]]) -> dict[str, str]:
    return {camel(name): value for name, value in raw}
