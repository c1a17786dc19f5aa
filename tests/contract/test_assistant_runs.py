"""What the client of OpenAI's assistant does about runs that are in the way, and that end badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.assistant_rig import DESK, REQUEST, Json, Real, real
from tests.flow.house import until
from watibot.charges import Operation
from watibot.errors import Cause, ProviderError
from watibot.messages import ChannelName
from watibot.modelcalls import Occasion
from watibot.toolcalls import ToolResult


@pytest.fixture
async def client() -> AsyncIterator[Real]:
    async with real() as made:
        yield made


# --- in the way --------------------------------------------------------------


async def test_another_run_that_ends_soon_is_waited_for(client: Real) -> None:
    run = await client.begins()
    client.fault("getRun", times=1, delay_seconds=1)
    answering = client.assistant.answer(REQUEST)
    await _meanwhile(
        client, answering, lambda: client.control(f"runs/{run['id']}", status="completed")
    )
    assert [view["status"] for view in client.views()] == ["completed", "completed"]


@pytest.mark.parametrize("status", ["queued", "in_progress", "requires_action"])
async def test_another_run_that_does_not_end_is_cancelled(client: Real, status: str) -> None:
    await client.begins(status=status)
    assert (await client.assistant.answer(REQUEST)).answer.text
    assert [view["status"] for view in client.views()] == ["cancelled", "completed"]


async def test_a_run_that_never_ends_is_busy(client: Real) -> None:
    await client.begins(cancels=False)
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(REQUEST)
    assert failed.value.cause is Cause.BUSY
    assert failed.value.transient
    assert client.said() == []


async def test_an_old_turn_s_run_is_cancelled_at_once(client: Real) -> None:
    await client.assistant.answer(DESK)
    before = client.emulator.clock.time()
    await client.assistant.answer(replace(DESK, turn_id="turn-2"))
    assert [view["status"] for view in client.views()] == ["cancelled", "requires_action"]
    assert client.emulator.clock.time() - before < 10


@pytest.mark.parametrize("operation", ["createMessage", "createRun"])
async def test_a_run_that_begins_in_between(client: Real, operation: str) -> None:
    texts = {
        "createMessage": "Can't add messages to thread_1 while a run run_X is active.",
        "createRun": "Thread thread_1 already has an active run run_X.",
    }
    body = {"error": {"message": texts[operation], "type": "invalid_request_error"}}
    client.fault(operation, times=1, status=400, body=body)
    assert (await client.assistant.answer(REQUEST)).answer.text
    assert [item for _, _, item in client.said()] == ["item-1", "item-2", None]


# --- that end badly ----------------------------------------------------------

ENDS = [
    ({"status": "failed", "last_error": {"code": "rate_limit_exceeded"}}, Cause.THROTTLED),
    ({"status": "failed", "last_error": {"code": "server_error"}}, Cause.UNAVAILABLE),
    ({"status": "failed", "last_error": {"code": "invalid_prompt"}}, Cause.BLOCKED),
    (
        {
            "status": "failed",
            "last_error": {
                "code": "rate_limit_exceeded",
                "message": "You exceeded your current quota, please check your plan.",
            },
        },
        Cause.INVALID,
    ),
    ({"status": "failed", "last_error": None}, Cause.UNAVAILABLE),
    ({"status": "cancelled"}, Cause.UNAVAILABLE),
    ({"status": "expired"}, Cause.UNAVAILABLE),
    ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, Cause.BLOCKED),
    (
        {"status": "incomplete", "incomplete_details": {"reason": "max_completion_tokens"}},
        Cause.BLOCKED,
    ),
    ({"status": "completed"}, Cause.BLOCKED),
]


@pytest.mark.parametrize(("run", "cause"), ENDS)
async def test_how_runs_end(client: Real, run: Json, cause: Cause) -> None:
    client.ends(**run)
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(REQUEST)
    assert failed.value.cause is cause
    assert failed.value.transient is (cause in (Cause.THROTTLED, Cause.UNAVAILABLE))
    if failed.value.transient:
        assert (await client.assistant.answer(REQUEST)).answer.text
        assert client.runs() == 2
        assert [item for _, _, item in client.said()] == ["item-1", "item-2", None]


@pytest.mark.parametrize(
    "run",
    [
        {"status": "incomplete", "incomplete_details": {"reason": "max_prompt_tokens"}},
        {
            "status": "failed",
            "last_error": {
                "code": "invalid_prompt",
                "message": "This model's maximum context length is 128000 tokens.",
            },
        },
    ],
)
async def test_a_thread_that_is_too_long_is_shortened_once(client: Real, run: Json) -> None:
    client.ends(**run)
    assert (await client.assistant.answer(REQUEST)).answer.text
    last = {"type": "last_messages", "last_messages": 20}
    assert [view["truncation_strategy"] for view in client.views()] == [{"type": "auto"}, last]
    client.fault("run", times=2, body=run)
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(replace(REQUEST, turn_id="turn-2"))
    assert failed.value.cause is Cause.BLOCKED
    assert client.runs() == 4


async def test_a_run_is_charged_once_when_it_has_ended(client: Real) -> None:
    occasion = Occasion("run", "g1", ChannelName.WHATSAPP, "turn-1")
    request = replace(DESK, occasion=occasion)
    first = await client.assistant.answer(request)
    assert client.used == []
    results = (ToolResult(first.answer.calls[0], {"status": "open"}),)
    later = replace(request, words=(), run_id=first.run_id, results=results)
    answer = (await client.assistant.answer(later)).answer
    assert (await client.assistant.answer(request)).answer.text  # its answer was lost on the way
    (use,) = client.used
    assert (use.usage, use.model, use.occasion) == (answer.usage, answer.model, occasion)
    assert (use.provider, use.operation, use.outcome) == ("openai", Operation.RUN, "ok")
    assert answer.usage.prompt > 0


async def test_a_run_that_was_too_long_is_charged_beside_the_short_one(client: Real) -> None:
    reason = {"reason": "max_prompt_tokens"}
    usage = {"prompt_tokens": 128_000, "completion_tokens": 0, "total_tokens": 128_000}
    client.ends(status="incomplete", incomplete_details=reason, usage=usage)
    assert (await client.assistant.answer(REQUEST)).answer.text
    assert [one.outcome for one in client.used] == ["blocked", "ok"]
    assert client.used[0].usage.prompt == 128_000


async def test_a_run_that_expired_over_its_tools(client: Real) -> None:
    first = await client.assistant.answer(DESK)
    await client.control(f"runs/{first.run_id}", status="expired")
    results = (ToolResult(first.answer.calls[0], {"status": "open"}),)
    later = replace(DESK, words=(), run_id=first.run_id, results=results)
    second = await client.assistant.answer(later)
    assert second.run_id != first.run_id
    assert [call.name for call in second.answer.calls] == ["check_office_status"]
    # And again, as after a crash: the run that was begun is found.
    assert (await client.assistant.answer(later)).run_id == second.run_id
    assert client.runs() == 2


async def test_results_that_were_taken_before_a_crash(client: Real) -> None:
    """The run asks for the next round already."""
    first = await client.assistant.answer(DESK)
    taken = (ToolResult(replace(first.answer.calls[0], call_id="call_before"), {"ok": True}),)
    later = replace(DESK, words=(), run_id=first.run_id, results=taken)
    assert (await client.assistant.answer(later)).answer.calls == first.answer.calls
    assert client.counted("submitToolOutputs") == 0


async def test_results_that_come_too_late(client: Real) -> None:
    first = await client.assistant.answer(DESK)
    body = {"error": {"message": 'Runs in status "expired" do not accept tool outputs.'}}
    client.fault("submitToolOutputs", times=1, status=400, body=body)
    results = (ToolResult(first.answer.calls[0], {"status": "open"}),)
    later = replace(DESK, words=(), run_id=first.run_id, results=results)
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(later)  # it still asks: refused for good
    assert failed.value.cause is Cause.INVALID
    await client.control(f"runs/{first.run_id}", status="expired")
    assert (await client.assistant.answer(later)).run_id != first.run_id


async def test_a_run_past_its_time_counts_as_expired(client: Real) -> None:
    run = await client.begins(status="in_progress", cancels=False)
    for kept in client.emulator.world.threads["thread_1"].runs:
        kept.view["expires_at"] = int(client.emulator.clock.time()) - 5
    before = client.counted("cancelRun")
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(REQUEST)
    assert failed.value.cause is Cause.BUSY
    assert client.counted("cancelRun") > before
    await client.control(f"runs/{run['id']}", status="expired")
    assert (await client.assistant.answer(REQUEST)).answer.text


async def test_a_run_that_takes_too_long_is_cancelled(client: Real) -> None:
    client.ends(status="in_progress")
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(replace(REQUEST, timeout=15))
    assert failed.value.cause is Cause.TIMEOUT
    assert (await client.assistant.answer(REQUEST)).answer.text
    assert [view["status"] for view in client.views()] == ["cancelled", "completed"]


async def _meanwhile(
    client: Real, answering: Awaitable[Any], act: Callable[[], Awaitable[Any]]
) -> None:
    async def looked_at() -> bool:
        return client.counted("getRun") > 0

    task = asyncio.ensure_future(answering)
    await until(looked_at)
    await act()
    assert (await task).answer.text
