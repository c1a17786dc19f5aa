"""A call of the model: what it is asked, what it answers, what was used up.

`prompts.py` makes requests, `providers/gemini.py` carries them, `costs.py` prices what was used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from watibot.messages import ChannelName
from watibot.toolcalls import Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `prompt` includes `cached` and `audio`; `output` includes `thoughts`.
    `cached_audio` is the part of `cached` that was sound."""

    prompt: int = 0
    cached: int = 0
    output: int = 0
    thoughts: int = 0
    audio: int = 0
    cached_audio: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.output + other.output,
            self.thoughts + other.thoughts,
            self.audio + other.audio,
            self.cached_audio + other.cached_audio,
        )


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a provider is called for: nothing of it reaches the provider. `operation` is a
    `charges.Operation`."""

    operation: str = "answer"
    conversation_id: str | None = None
    channel: ChannelName | None = None
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """`instructions` are byte-identical from call to call; `contents` are wire-form contents, the
    oldest first. Raw bytes in `inlineData.data` are base64 already. `schema`: the answer's text is
    JSON of this JSON schema; not beside tools."""

    instructions: str
    contents: tuple[dict[str, Any], ...]
    tools: tuple[Tool, ...] = ()
    timeout: float = 180.0
    schema: dict[str, Any] | None = None
    occasion: Occasion = field(default_factory=Occasion)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A model's step. `content` is word for word what came back."""

    content: dict[str, Any]
    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    model: str
    finish_reason: str = "STOP"
