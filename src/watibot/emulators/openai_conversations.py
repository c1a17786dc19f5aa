"""The Conversations API of the OpenAI emulator: conversations and their items.

Called through the table that `openai.py` routes by; `openai_responses` answers in them. Nothing
lists the conversations, as with OpenAI.
"""

from dataclasses import dataclass, field

from watibot.emulators.openai_items import read_items, shown
from watibot.emulators.openai_wire import (
    ARRAY,
    OBJECT,
    ApiError,
    Call,
    Json,
    Operation,
    check_length,
    envelope,
    page,
    read_body,
)
from watibot.emulators.openai_world import World

MOST_ITEMS = 20
LISTING = frozenset(["limit", "order", "after", "include"])
INCLUDE = frozenset(["include"])
LOCKED = (
    "Another process is currently operating on this conversation. Please retry in a few seconds."
)


@dataclass(slots=True)
class Conversation:
    """A conversation, its items oldest first; `locked` while a response is made or by a test."""

    view: Json
    items: list[Json] = field(default_factory=list)
    locked: bool = False

    def check_free(self) -> None:
        """ApiError 400 while somebody else is at work on it."""
        if self.locked:
            raise ApiError(400, LOCKED, "conversation", "conversation_locked")


class Conversations:
    def __init__(self, world: World) -> None:
        self._world = world
        self.all: dict[str, Conversation] = {}

    def table(self) -> list[Operation]:
        one = "conversations/{conversation}"
        items, item = one + "/items", one + "/items/{item}"
        return [
            Operation("createConversation", "POST", "conversations", self._create),
            Operation("getConversation", "GET", one, lambda call: self._of(call).view),
            Operation("modifyConversation", "POST", one, self._modify),
            Operation("deleteConversation", "DELETE", one, self._delete),
            Operation("createItems", "POST", items, self._create_items, INCLUDE),
            Operation("listItems", "GET", items, self._items, LISTING),
            Operation("getItem", "GET", item, self._item, INCLUDE),
            Operation("deleteItem", "DELETE", item, self._delete_item),
        ]

    def find(self, conversation_id: str) -> Conversation:
        """ApiError 404 when there is none."""
        if conversation_id not in self.all:
            raise ApiError(404, f"Conversation with id '{conversation_id}' not found.")
        return self.all[conversation_id]

    def _of(self, call: Call) -> Conversation:
        return self.find(call.names["conversation"])

    def _create(self, call: Call) -> Json:
        found = read_body(call.body, {"items": ARRAY, "metadata": OBJECT})
        check_length(found.get("items", []), MOST_ITEMS, "items")
        items = read_items(found.get("items", []), self._world.new_id, "items")
        view: Json = {
            "id": self._world.new_id("conv_"),
            "object": "conversation",
            "created_at": self._world.now(),
            "metadata": found.get("metadata", {}),
        }
        self.all[view["id"]] = Conversation(view, items)
        return view

    def _modify(self, call: Call) -> Json:
        conversation = self._of(call)
        conversation.view.update(read_body(call.body, {"metadata": OBJECT}, ("metadata",)))
        return conversation.view

    def _delete(self, call: Call) -> Json:
        id_ = self._of(call).view["id"]
        del self.all[id_]
        return {"id": id_, "object": "conversation.deleted", "deleted": True}

    def _create_items(self, call: Call) -> Json:
        conversation = self._of(call)
        given = read_body(call.body, {"items": ARRAY}, ("items",))["items"]
        check_length(given, MOST_ITEMS, "items")
        items = read_items(given, self._world.new_id, "items")
        conversation.check_free()
        conversation.items.extend(items)
        return envelope([shown(item, _include(call)) for item in items])

    def _items(self, call: Call) -> Json:
        items = self._of(call).items
        return page(call, items, "item", lambda item: shown(item, _include(call)))

    def _item(self, call: Call) -> Json:
        return shown(self._find(call), _include(call))

    def _find(self, call: Call) -> Json:
        for item in self._of(call).items:
            if item["id"] == call.names["item"]:
                return item
        raise ApiError(404, f"Item with id '{call.names['item']}' not found.")

    def _delete_item(self, call: Call) -> Json:
        conversation = self._of(call)
        conversation.check_free()
        conversation.items.remove(self._find(call))
        return conversation.view


def _include(call: Call) -> list[str]:
    return call.query.get("include", [])
