"""One round of tool calls: run side by side, each with its limit of time, on the guest's behalf.

`answer.py` calls `run` between a model's step that asks for tools and the next one; the tools are
behind `run_tool`. Nothing that a tool does ends the turn.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from watibot import telemetry
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName
from watibot.ports import Clock
from watibot.service.asking import run_of
from watibot.settings import Patience
from watibot.telemetry import Metrics
from watibot.toolcalls import Caller, Tool, ToolCall, ToolResult
from watibot.turns import Turn
from watibot.wording import history_text

log = telemetry.logger(__name__)

HANDS_OVER = "escalate_to_human"

RunTool = Callable[[Sequence[Tool], ToolCall, Caller], Awaitable[ToolResult]]


class Rounds:
    """The tools of the house. `effects`: names of those that do something outside the turn."""

    def __init__(
        self,
        tools: Sequence[Tool],
        run_tool: RunTool,
        clock: Clock,
        patience: Patience,
        metrics: Metrics,
    ) -> None:
        self.effects = frozenset(tool.name for tool in tools if tool.effect)
        self._tools = tuple(tools)
        self._run_tool = run_tool
        self._clock = clock
        self._patience = patience
        self._metrics = metrics

    async def run(self, turn: Turn) -> list[ToolResult]:
        """Results of the calls in the turn's last step, in their order. Raises LostLease."""
        calls = calls_of(turn.steps[-1].item)
        done = self._done_before(turn, calls)
        return list(
            await asyncio.gather(
                *(
                    self._known(call, done[number])
                    if number in done
                    else self._one(turn, call, number)
                    for number, call in enumerate(calls)
                )
            )
        )

    async def _known(self, call: ToolCall, response: dict[str, object]) -> ToolResult:
        log.info("tool.known", tool=call.name)
        return ToolResult(call, response)

    async def _one(self, turn: Turn, call: ToolCall, number: int) -> ToolResult:
        conversation = turn.conversation
        on_whatsapp = conversation.channel is ChannelName.WHATSAPP
        caller = Caller(
            hotel_id=conversation.hotel_id,
            conversation_id=conversation.conversation_id,
            channel=conversation.channel,
            wa_id=conversation.address if on_whatsapp else None,
            subscriber_id=None if on_whatsapp else conversation.address,
            guest_name=conversation.guest_name,
            turn_id=turn.turn_id,
            key=f"{turn.turn_id}:{len(turn.steps)}:{number}",
            now=self._clock.now(),
            latest=tuple(history_text(message) for message in turn.messages),
        )
        known = call.name if any(tool.name == call.name for tool in self._tools) else "unknown"
        with self._metrics.passing("tool", tool=known) as passage:
            try:
                result = await self._clock.limit(
                    self._patience.tool, self._run_tool(self._tools, call, caller)
                )
            except TimeoutError:
                message = f"An error occurred while executing tool {call.name}: it took too long"
                result = ToolResult(call, {"error": message})
            outcome = "failed" if "error" in result.response else "ok"
            if outcome == "failed":
                passage.failed(outcome)
        self._metrics.tools.labels(known, outcome).inc()
        log.info("tool.ran", turn=turn.turn_id, tool=known, outcome=outcome)
        return result

    def _done_before(self, turn: Turn, calls: Sequence[ToolCall]) -> dict[int, dict[str, object]]:
        """By number, what a call with an effect came to before: a run of OpenAI's that ends after a
        booking is followed by one that knows nothing of it and books again. The n-th call of a name
        in a run is the n-th one of the runs before."""
        this = run_of(turn.steps[-1].item)
        if this is None:
            return {}
        results: dict[str, dict[str, list[dict[str, object]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        seen: dict[str, int] = defaultdict(int)
        for step in turn.steps[:-1]:
            run = run_of(step.item)
            if run == this:
                for call in calls_of(step.item):
                    seen[call.name] += 1
            elif run is not None:
                for name, response in responses_of(step.item):
                    if "error" not in response:
                        results[name][run].append(response)
        known = {}
        for number, call in enumerate(calls):
            before = max(results[call.name].values(), key=len, default=[])
            if call.name in self.effects and seen[call.name] < len(before):
                known[number] = before[seen[call.name]]
            seen[call.name] += 1
        return known


def calls_of(item: HistoryItem) -> list[ToolCall]:
    """What a step asks for."""
    parts = (item.content or {}).get("parts", [])
    asked = [part["functionCall"] for part in parts if "functionCall" in part]
    return [ToolCall(call["name"], call.get("args") or {}, call.get("id")) for call in asked]


def responses_of(item: HistoryItem) -> list[tuple[str, dict[str, object]]]:
    """What a round of results holds: each tool's name and its answer."""
    if item.kind is not ItemKind.TOOL_RESULT:
        return []
    parts = (item.content or {}).get("parts", [])
    given = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return [(one["name"], one.get("response", {})) for one in given]


def handed_over(item: HistoryItem) -> bool:
    """Whether a person was called in this round."""
    return any(
        name == HANDS_OVER and "error" not in response for name, response in responses_of(item)
    )
