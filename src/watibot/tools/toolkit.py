"""How a typed function becomes a tool, and how a model's call becomes a result.

The modules of `tools/` call `declare`; `service/answer.py` calls `run` for each call of a round,
with its own limit of time around it. Nothing that a tool raises ends the turn: the model is told.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from watibot.errors import LostLease
from watibot.toolcalls import Caller, Tool, ToolCall, ToolResult

# Long enough for a reason, short enough not to fill the prompt with a provider's page of HTML.
LONGEST_ERROR = 300

Function = Callable[[Any, Caller], Awaitable[dict[str, Any]]]


def declare(function: Function, *, effect: bool) -> Tool:
    """The tool that a function `async (arguments: SomeModel, caller: Caller) -> dict` is: its name,
    its docstring for the model, its arguments as the annotation says."""
    arguments = get_type_hints(function)["arguments"]
    if not (isinstance(arguments, type) and issubclass(arguments, BaseModel)):
        raise TypeError(f"{function} does not annotate its arguments with a pydantic model")
    described = inspect.getdoc(function) or ""
    name: str = function.__name__
    return Tool(name, " ".join(described.split()), arguments, effect, function)


async def run(tools: Sequence[Tool], call: ToolCall, caller: Caller) -> ToolResult:
    """Runs one call. A mistake in it or a failure of the tool is a result, `{"error": ...}`."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        names = ", ".join(tool.name for tool in tools)
        return ToolResult(call, {"error": f"There is no tool {call.name}. The tools are: {names}"})
    try:
        arguments = tool.arguments.model_validate(call.arguments)
    except ValidationError as error:
        return ToolResult(call, {"error": _readable(tool.name, error)})
    try:
        return ToolResult(call, await tool.run(arguments, caller))
    except LostLease:
        raise  # another worker answers this guest now: nobody is there to read a result
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        text = f"An error occurred while executing tool {tool.name}: {reason}"
        return ToolResult(call, {"error": text})


def _readable(name: str, error: ValidationError) -> str:
    mistakes = [
        f"{'.'.join(map(str, mistake['loc'])) or 'arguments'}: {mistake['msg']}"
        for mistake in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"The arguments of {name} are not valid: {'; '.join(mistakes)}"[:LONGEST_ERROR]
