"""What a run says: whether it goes on, what it asks for, what it answered, why it failed. Pure.

`openai_assistant.py` asks here about the JSON of runs and messages; `ModelAnswer` comes out, its
content in the form of Vertex.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from watibot.errors import Cause, ProviderError
from watibot.modelcalls import ModelAnswer, Usage
from watibot.providers.openai_key import PROVIDER
from watibot.toolcalls import Tool, ToolCall
from watibot.translation.parts import without_marks

Json = Mapping[str, Any]

OWNER = "watibot_turn"  # in a run's metadata: the turn that it answers
_ASKS = "requires_action"
_WORKS = frozenset({"queued", "in_progress"})
_ACTIVE = _WORKS | {_ASKS, "cancelling"}
# Messages that fit into any context, for a run whose whole thread did not.
SHORTENED = {"type": "last_messages", "last_messages": 20}

_MARK = re.compile(r"【\d+(?::\d+)?†[^】]{0,80}】")
_TOO_LONG = re.compile(r"context[ _](length|window|of the model)|too (long|many tokens)", re.I)
_NO_CREDIT = re.compile(r"exceeded your current quota|insufficient_quota", re.I)
_FAILURES = {
    "rate_limit_exceeded": Cause.THROTTLED,
    "server_error": Cause.UNAVAILABLE,
    "invalid_prompt": Cause.BLOCKED,
}
_WORD = re.compile(r"\w{1,60}")


def status(run: Json) -> str:
    return str(run.get("status"))


def is_active(run: Json) -> bool:
    """Whether the thread is locked by it."""
    return status(run) in _ACTIVE


def is_working(run: Json) -> bool:
    return status(run) in _WORKS


def asks(run: Json) -> bool:
    """Whether it waits for the results of tools."""
    return status(run) == _ASKS


def has_expired(run: Json, now: float) -> bool:
    """Whether it is past its time, whatever its status still says. `now`: epoch seconds."""
    expires_at = run.get("expires_at")
    return is_active(run) and isinstance(expires_at, (int, float)) and expires_at <= now


def is_of(run: Json, turn_id: str) -> bool:
    return owner(run) == turn_id


def owner(run: Json) -> str | None:
    """The turn that it was begun for, if this service began it."""
    found = (run.get("metadata") or {}).get(OWNER)
    return found if isinstance(found, str) else None


def has_answer(run: Json) -> bool:
    """Whether it ended with words: all of them, or as far as it was allowed to go."""
    return status(run) == "completed" or (
        status(run) == "incomplete" and _reason(run) == "max_completion_tokens"
    )


def was_too_long(run: Json) -> bool:
    """Whether the thread did not fit into the model's context."""
    if status(run) == "incomplete":
        return _reason(run) == "max_prompt_tokens"
    error = run.get("last_error") or {}
    words = f"{error.get('code')} {error.get('message')}"
    return status(run) == "failed" and _TOO_LONG.search(words) is not None


def is_shortened(run: Json) -> bool:
    strategy = run.get("truncation_strategy") or {}
    return bool(strategy.get("type") == SHORTENED["type"])


def failure(run: Json) -> ProviderError:
    """Why a run ended without an answer. Its own words are left out: they may quote the guest."""
    found = status(run)
    if found in ("cancelled", "cancelling", "expired"):
        return ProviderError(PROVIDER, Cause.UNAVAILABLE, f"the run was {found}")
    if found == "incomplete":
        return ProviderError(PROVIDER, Cause.BLOCKED, f"incomplete: {_reason(run)}")
    if found != "failed":
        return ProviderError(PROVIDER, Cause.UNAVAILABLE, "a run in a status that nobody knows")
    error = run.get("last_error") or {}
    if _NO_CREDIT.search(f"{error.get('code')} {error.get('message')}"):
        return ProviderError(PROVIDER, Cause.INVALID, "no credit: insufficient_quota")
    if was_too_long(run):
        return ProviderError(PROVIDER, Cause.BLOCKED, "the run failed: context too long")
    code = _named(error.get("code"))
    cause = _FAILURES.get(code, Cause.UNAVAILABLE)
    return ProviderError(PROVIDER, cause, f"the run failed: {code or 'no reason given'}")


def declaration(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.schema()}
    return {"type": "function", "function": function}


def calls_of(run: Json) -> tuple[ToolCall, ...]:
    """What a run asks for. Raises ProviderError INVALID for what is no function of ours to run.

    Arguments that are no JSON object stay, as text, under the name `arguments`, which no tool
    takes: the model is told what is missing.
    """
    submit = (run.get("required_action") or {}).get("submit_tool_outputs") or {}
    found = []
    for call in submit.get("tool_calls") or ():
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ProviderError(PROVIDER, Cause.INVALID, "the run asks for what is no function")
        given = function.get("arguments")
        found.append(ToolCall(function["name"], _arguments(given), str(call.get("id"))))
    if not found:
        raise ProviderError(PROVIDER, Cause.INVALID, "the run asks for what is no function")
    return tuple(found)


def asking(run: Json, calls: Sequence[ToolCall]) -> ModelAnswer:
    """A step that asks for tools."""
    parts = [
        {"functionCall": {"id": call.call_id, "name": call.name, "args": call.arguments}}
        for call in calls
    ]
    content = {"role": "model", "parts": parts}
    return ModelAnswer(content, "", tuple(calls), usage(run), _model(run), _ASKS.upper())


def answering(run: Json, messages: Sequence[Json]) -> ModelAnswer:
    """The last step. Raises ProviderError BLOCKED when there are no words in it."""
    text = "\n\n".join(words for each in messages if (words := text_of(each)))
    if not text:
        raise ProviderError(PROVIDER, Cause.BLOCKED, f"empty: {_reason(run) or status(run)}")
    content = {"role": "model", "parts": [{"text": text}]}
    return ModelAnswer(content, text, (), usage(run), _model(run), status(run).upper())


def text_of(message: Json) -> str:
    """A message's words, without the marks of sources; a refusal's words are words too."""
    found = []
    for part in message.get("content") or ():
        kind = part.get("type")
        if kind == "text":
            text = part.get("text") or {}
            text = {"value": text} if isinstance(text, str) else text
            value = without_marks(str(text.get("value") or ""), text.get("annotations") or ())
            found.append(_MARK.sub("", value).strip())
        elif kind == "refusal":
            found.append(str(part.get("refusal") or "").strip())
    return "\n\n".join(each for each in found if each)


def others_in(message: Json) -> list[str]:
    """The kinds of parts that are no words."""
    kinds = (_named(part.get("type")) or "?" for part in message.get("content") or ())
    return [kind for kind in kinds if kind not in ("text", "refusal")]


def usage(run: Json) -> Usage:
    """Of the whole run; nothing before its end."""
    counted = run.get("usage") or {}
    details = counted.get("prompt_token_details") or counted.get("prompt_tokens_details") or {}
    return Usage(
        prompt=counted.get("prompt_tokens") or 0,
        cached=details.get("cached_tokens") or 0,
        output=counted.get("completion_tokens") or 0,
    )


def seconds(run: Json) -> float:
    """How long it took; 0 where it does not say."""
    began, ended = run.get("created_at"), run.get("completed_at")
    if isinstance(began, (int, float)) and isinstance(ended, (int, float)):
        return max(0.0, float(ended - began))
    return 0.0


def _model(run: Json) -> str:
    return str(run.get("model") or "")


def _reason(run: Json) -> str:
    return _named((run.get("incomplete_details") or {}).get("reason"))


def _named(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _arguments(given: Any) -> dict[str, Any]:
    if isinstance(given, str) and not given.strip():
        return {}
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        value = given
    return value if isinstance(value, dict) else {"arguments": str(given)}
