"""A tool's declaration, a model's call of it, and the result that goes back.

Tools are declared once, as typed Python functions (`tools/`), and this declaration serves every
provider. The model never names a guest or a channel: those come from the service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from watibot.messages import ChannelName


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asked for. `call_id` is the provider's, where it gave one."""

    name: str
    arguments: dict[str, Any]
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What goes back to the model: a JSON object, `{"error": ...}` when the tool failed."""

    call: ToolCall
    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a tool runs. `key` is the same for each repetition of the same call, so that
    an effect happens once. `wa_id` or `subscriber_id` (with `channel`) names the guest. `latest`:
    what the guest wrote that is being answered, and is no history yet."""

    hotel_id: str
    conversation_id: str
    channel: ChannelName
    wa_id: str | None
    subscriber_id: str | None
    guest_name: str | None
    turn_id: str
    key: str
    now: datetime
    latest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its name and description for the model, its arguments as a pydantic model.

    `effect` tools change something outside the turn (a booking, a handover): once one has run, the
    turn is not started again for a guest who keeps writing.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    effect: bool
    run: Callable[[Any, Caller], Awaitable[dict[str, Any]]]

    def schema(self) -> dict[str, Any]:
        """The arguments as a JSON schema, in the form that function declarations take."""
        schema = self.arguments.model_json_schema()
        schema.pop("title", None)
        for field in schema.get("properties", {}).values():
            field.pop("title", None)
        return schema
