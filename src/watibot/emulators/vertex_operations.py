"""Long-running operations of sessions: what create and delete answer, and what polling shows.

`vertex_sessions` begins them; clients poll them. An operation is done after `lro_pending_polls`
polls (setting); its work was done at once. With `lro_custom_id_400` polling under a session id that
is no number is refused, as seen in April 2026 (google/adk-python, pull request 5129).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from watibot.emulators.kit import Clock
from watibot.emulators.vertex_schema import ApiError, Json, stamp
from watibot.emulators.vertex_wire import Call, Operation, page

KEPT = 50_000  # sessions whose operations are remembered


@dataclass
class Running:
    """One operation; `polls` is how many more answers say "not done"."""

    view: Json
    response: Json
    polls: int


class Operations:
    def __init__(self, clock: Clock, settings: dict[str, object]) -> None:
        self._clock, self._settings = clock, settings
        self._begun = 0
        self._all: OrderedDict[str, dict[str, Running]] = OrderedDict()

    def table(self) -> list[Operation]:
        parent = "reasoningEngines/{engine}/sessions/{session}/operations"
        one = parent + "/{operation}"
        listing = frozenset(["filter", "pageSize", "pageToken", "returnPartialSuccess"])
        return [
            Operation("getOperation", "GET", one, self._get),
            Operation("deleteOperation", "DELETE", one, self._delete),
            Operation("listOperations", "GET", parent, self._list, listing),
            Operation("cancelOperation", "POST", one + ":cancel", self._cancel),
            Operation("waitOperation", "POST", one + ":wait", self._wait, frozenset(["timeout"])),
        ]

    def begin(self, call: Call, session: str, metadata: str, response: Json) -> Json:
        """A new operation of the session named `session`, as the call that began it answers it."""
        self._begun += 1
        number = str(10**17 + self._begun * 7_919_000_003)
        now = stamp(self._clock.now())
        view: Json = {
            "name": f"{session}/operations/{number}",
            "metadata": {
                "@type": call.type_url(metadata),
                "genericMetadata": {"createTime": now, "updateTime": now},
            },
        }
        polls = cast(int, self._settings["lro_pending_polls"])
        self._all.setdefault(session, {})[number] = Running(view, response, polls)
        if len(self._all) > KEPT:
            self._all.popitem(last=False)
        return view

    def _get(self, call: Call) -> Json:
        if self._settings["lro_custom_id_400"] and not call.names["session"].isdigit():
            text = (
                'Since the idType "sessions" is not a documented LRO Parent ID, it must be numeric.'
            )
            raise ApiError(400, text)
        running = self._find(call)
        if running.polls > 0:
            running.polls -= 1
            return running.view
        return {**running.view, "done": True, "response": running.response}

    def _wait(self, call: Call) -> Json:
        self._find(call).polls = 0
        return self._get(call)

    def _list(self, call: Call) -> Json:
        running = self._all.get(_session(call), {}).values()
        return page(
            call,
            "operations",
            [
                each.view if each.polls else {**each.view, "done": True, "response": each.response}
                for each in running
            ],
        )

    def _cancel(self, call: Call) -> Json:
        self._find(call)
        return {}

    def _delete(self, call: Call) -> Json:
        self._find(call)
        del self._all[_session(call)][call.names["operation"]]
        return {}

    def _find(self, call: Call) -> Running:
        running = self._all.get(_session(call), {}).get(call.names["operation"])
        if running is None:
            raise ApiError(404, f"Operation {call.names['operation']} not found.")
        return running


def _session(call: Call) -> str:
    names = call.names
    return f"{call.location}/reasoningEngines/{names['engine']}/sessions/{names['session']}"
