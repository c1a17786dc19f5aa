"""Assistants of the OpenAI emulator: instructions, model and tools under an id.

Called through the table that `openai.py` routes by; a run takes from here what it does not bring.
One exists from the start, with the tools of a hotel.
"""

from typing import Any

from watibot.emulators.openai_wire import (
    ANY,
    ARRAY,
    DECIMAL,
    LISTING,
    OBJECT,
    STRING,
    Call,
    Json,
    Operation,
    check_choice,
    no_such,
    page,
    read_body,
)
from watibot.emulators.openai_world import World

SHAPE = {
    **dict.fromkeys(("model", "name", "description", "instructions", "reasoning_effort"), STRING),
    "tools": ARRAY,
    **dict.fromkeys(("tool_resources", "metadata"), OBJECT),
    **dict.fromkeys(("temperature", "top_p"), DECIMAL),
    "response_format": ANY,
}
TOOLS = ("code_interpreter", "file_search", "function")


def _function(name: str, description: str, properties: Json) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": {**function, "strict": False}}


HOTEL_TOOLS = [
    _function("check_office_status", "Whether the reservations office is open now.", {}),
    _function(
        "request_booking",
        "Writes down a booking request for the desk.",
        {
            "arrival": {"type": "string", "format": "date"},
            "departure": {"type": "string", "format": "date"},
            "guests": {"type": "integer"},
            "name": {"type": "string"},
        },
    ),
    _function("escalate_to_human", "Hands the chat to a person.", {"reason": {"type": "string"}}),
]


class Assistants:
    def __init__(self, world: World, first: str) -> None:
        self._world = world
        self._all: dict[str, Json] = {}
        body = {"model": "gpt-4o", "name": "Hotel", "tools": HOTEL_TOOLS}
        self._make(first, {**body, "instructions": "Answer the hotel's guests."})

    def table(self) -> list[Operation]:
        one = "assistants/{assistant}"
        return [
            Operation("listAssistants", "GET", "assistants", self._list, LISTING),
            Operation("createAssistant", "POST", "assistants", self._create),
            Operation("getAssistant", "GET", one, self._get),
            Operation("modifyAssistant", "POST", one, self._modify),
            Operation("deleteAssistant", "DELETE", one, self._delete),
        ]

    def find(self, assistant_id: str) -> Json:
        """ApiError 404 when there is none."""
        if assistant_id not in self._all:
            raise no_such("assistant", assistant_id)
        return self._all[assistant_id]

    def _make(self, id_: str, found: Json) -> Json:
        self._all[id_] = {
            "id": id_,
            "object": "assistant",
            "created_at": self._world.now(),
            "name": None,
            "description": None,
            "instructions": None,
            "tools": [],
            "tool_resources": {},
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
            "response_format": "auto",
            **found,
        }
        return self._all[id_]

    def _list(self, call: Call) -> Json:
        return page(call, list(self._all.values()), "assistant", lambda view: view)

    def _create(self, call: Call) -> Json:
        found = read_body(call.body, SHAPE, ("model",))
        check_tools(found.get("tools", []))
        return self._make(self._world.new_id("asst_"), found)

    def _get(self, call: Call) -> Json:
        return self.find(call.names["assistant"])

    def _modify(self, call: Call) -> Json:
        view = self._get(call)
        found = read_body(call.body, SHAPE)
        check_tools(found.get("tools", []))
        view.update(found)
        return view

    def _delete(self, call: Call) -> Json:
        del self._all[self._get(call)["id"]]
        return {"id": call.names["assistant"], "object": "assistant.deleted", "deleted": True}


def check_tools(tools: list[Any]) -> None:
    """ApiError 400 for a tool of an unknown type or a function without a name."""
    for index, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        check_choice(kind, TOOLS, f"tools[{index}].type")
        if kind == "function":
            shape = {"name": STRING, "description": STRING, "parameters": OBJECT, "strict": ANY}
            read_body(tool.get("function"), shape, ("name",), f"tools[{index}].function")
