"""The Responses API of the OpenAI emulator: one call, one answer, with or without a conversation.

Called through the table that `openai.py` routes by. The conversation is locked while the answer is
made (`run_ms`); `openai_brain` says what the answer is.
"""

from typing import Any, cast

from watibot.emulators.openai_brain import ask, count_tokens, item_contents
from watibot.emulators.openai_conversations import Conversation, Conversations
from watibot.emulators.openai_files import Files
from watibot.emulators.openai_items import check_pairs, message_item, output_text, read_items
from watibot.emulators.openai_wire import (
    ANY,
    ARRAY,
    BOOLEAN,
    DECIMAL,
    INTEGER,
    OBJECT,
    STRING,
    ApiError,
    Call,
    Json,
    Operation,
    check_choice,
    read_body,
)
from watibot.emulators.openai_world import World

SHAPE = {
    **dict.fromkeys(("model", "instructions", "previous_response_id", "truncation"), STRING),
    **dict.fromkeys(("service_tier", "safety_identifier", "prompt_cache_key", "user"), STRING),
    **dict.fromkeys(("input", "conversation", "tool_choice"), ANY),
    **dict.fromkeys(("tools", "include"), ARRAY),
    **dict.fromkeys(("metadata", "reasoning", "text"), OBJECT),
    **dict.fromkeys(("store", "parallel_tool_calls", "stream", "background"), BOOLEAN),
    **dict.fromkeys(("max_output_tokens", "max_tool_calls"), INTEGER),
    **dict.fromkeys(("temperature", "top_p"), DECIMAL),
}


class Responses:
    def __init__(
        self,
        world: World,
        files: Files,
        conversations: Conversations,
        settings: dict[str, object],
    ) -> None:
        self._world, self._files = world, files
        self._conversations, self._settings = conversations, settings
        self._all: dict[str, tuple[Json, list[Json]]] = {}

    def table(self) -> list[Operation]:
        return [
            Operation("createResponse", "POST", "responses", self._create),
            Operation("getResponse", "GET", "responses/{response}", self._get),
            Operation("deleteResponse", "DELETE", "responses/{response}", self._delete),
        ]

    async def _create(self, call: Call) -> Json:
        found = read_body(call.body, SHAPE, ("model", "input"))
        if found.get("stream") or found.get("background"):
            raise ApiError(400, "The emulator neither streams nor works in the background.")
        given = found["input"]
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        items = read_items(given, self._world.new_id, "input")
        tools = found.get("tools", [])
        for index, tool in enumerate(tools):
            check_choice(tool.get("type"), ("function",), f"tools[{index}].type")
        conversation, earlier = self._before(found)
        check_pairs([*earlier, *items])
        if conversation is not None:
            conversation.locked = True
        try:
            await self._world.clock.sleep(cast(float, self._settings["run_ms"]) / 1000)
        finally:
            if conversation is not None:
                conversation.locked = False
        answer = self._answer(found, tools, [*earlier, *items])
        if conversation is not None:
            conversation.items.extend([*items, *answer["output"]])
        if found.get("store", True):
            self._all[answer["id"]] = answer, [*earlier, *items, *answer["output"]]
        return answer

    def _before(self, found: Json) -> tuple[Conversation | None, list[Json]]:
        """The conversation that is meant, and the items before this call's."""
        wished, previous = found.get("conversation"), found.get("previous_response_id")
        if wished is not None and previous is not None:
            text = (
                "Mutually exclusive parameters: Ensure you are only providing one of: "
                "'previous_response_id' or 'conversation'."
            )
            raise ApiError(400, text, None, "mutually_exclusive_parameters")
        if previous is not None:
            if previous not in self._all:
                text = f"Previous response with id '{previous}' not found."
                raise ApiError(400, text, "previous_response_id", "previous_response_not_found")
            return None, self._all[previous][1]
        if wished is None:
            return None, []
        conversation = self._conversations.find(
            wished["id"] if isinstance(wished, dict) else wished
        )
        conversation.check_free()
        return conversation, conversation.items

    def _answer(self, found: Json, tools: list[Json], items: list[Json]) -> Json:
        contents = item_contents(items, self._files)
        options = {
            "tool_choice": found.get("tool_choice"),
            "schema": found.get("text", {}).get("format", {}).get("schema"),
        }
        one_call = found.get("parallel_tool_calls") is False
        said = ask(contents, tools, options, self._world.clock.now().date(), one_call)
        output: list[Json] = [
            {
                "id": self._world.new_id("fc_"),
                "type": "function_call",
                "status": "completed",
                "call_id": self._world.new_id("call_"),
                "name": name,
                "arguments": arguments,
            }
            for name, arguments in said.calls
        ]
        if not output:
            content = [output_text(said.text)]
            output = [message_item(self._world.new_id("msg_"), "assistant", content)]
        prompt = count_tokens(contents, found.get("instructions"), tools)
        return self._view(found, tools, output, prompt, count_tokens([], output))

    def _view(
        self, found: Json, tools: list[Json], output: list[Json], prompt: int, completion: int
    ) -> Json:
        wished: Any = found.get("conversation")
        id_ = wished["id"] if isinstance(wished, dict) else wished
        return {
            "id": self._world.new_id("resp_"),
            "object": "response",
            "created_at": self._world.now(),
            "completed_at": self._world.now(),
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": found.get("instructions"),
            "model": found["model"],
            "output": output,
            "conversation": {"id": id_} if id_ else None,
            "previous_response_id": found.get("previous_response_id"),
            "parallel_tool_calls": found.get("parallel_tool_calls", True),
            "tool_choice": found.get("tool_choice", "auto"),
            "tools": tools,
            "temperature": found.get("temperature", 1.0),
            "top_p": found.get("top_p", 1.0),
            "metadata": found.get("metadata", {}),
            "usage": {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": completion,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": prompt + completion,
            },
        }

    def _get(self, call: Call) -> Json:
        id_ = call.names["response"]
        if id_ not in self._all:
            raise ApiError(404, f"Response with id '{id_}' not found.")
        return self._all[id_][0]

    def _delete(self, call: Call) -> Json:
        id_ = self._get(call)["id"]
        del self._all[id_]
        return {"id": id_, "object": "response.deleted", "deleted": True}
