"""OpenAI's own client against the OpenAI emulator, in all the places that it can be pointed at."""

import time
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.pagination import AsyncCursorPage
from openai.types.beta import Thread

from tests.emulators.openai_rig import ASSISTANT, KEY, PIXEL, TOOLS_ASKED
from watibot.emulators.kit import Clock, serve
from watibot.emulators.openai import OpenAI, create

# Each call of these parts of the client warns, threads in a sentence, assistants in a word.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:deprecated$:DeprecationWarning"),
]

OPEN = '{"open": true}'
TOOL: Any = {
    "type": "function",
    "name": "check_office_status",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.fixture
def emulator() -> OpenAI:
    """A hundred times as fast as time, so that a run takes milliseconds."""
    return create(Clock(100.0, time.time()), {})


@pytest.fixture
async def url(emulator: OpenAI) -> AsyncIterator[str]:
    async with serve(emulator.app()) as base:
        yield base


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
        yield client


def words(content: Any) -> str:
    return str(content[0].text.value)


async def test_messages_page_by_page(client: AsyncOpenAI) -> None:
    thread = await client.beta.threads.create(
        messages=[{"role": "user", "content": str(number)} for number in range(7)],
        metadata={"guest": "42"},
    )
    assert (await client.beta.threads.retrieve(thread.id)).metadata == {"guest": "42"}
    messages = client.beta.threads.messages
    oldest = [each async for each in messages.list(thread.id, limit=3, order="asc")]
    assert [words(each.content) for each in oldest] == [str(number) for number in range(7)]
    newest = [each async for each in messages.list(thread.id, limit=3)]
    assert newest == oldest[::-1]
    changed = await messages.update(oldest[0].id, thread_id=thread.id, metadata={"a": "b"})
    assert await messages.retrieve(oldest[0].id, thread_id=thread.id) == changed
    assert (await messages.delete(oldest[0].id, thread_id=thread.id)).deleted
    assert (await client.beta.threads.update(thread.id, metadata={"to": "x"})).metadata == {
        "to": "x"
    }
    assert (await client.beta.threads.delete(thread.id)).deleted


async def test_a_run_with_tools_over_polls(client: AsyncOpenAI, emulator: OpenAI) -> None:
    threads = client.beta.threads
    thread = await threads.create(messages=[{"role": "user", "content": TOOLS_ASKED}])
    run = await threads.runs.create_and_poll(
        thread_id=thread.id,
        assistant_id=ASSISTANT,
        parallel_tool_calls=False,
        poll_interval_ms=2,
    )
    called = []
    while run.status == "requires_action":
        assert run.required_action is not None
        [call] = run.required_action.submit_tool_outputs.tool_calls
        called.append(call.function.name)
        run = await threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[{"tool_call_id": call.id, "output": OPEN}],
            poll_interval_ms=2,
        )
    assert (run.status, called) == ("completed", ["check_office_status", "escalate_to_human"])
    assert run.usage is not None
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens
    newest = await threads.messages.list(thread.id, limit=1)
    assert "The front desk is open right now." in words(newest.data[0].content)
    steps = [each async for each in threads.runs.steps.list(run.id, thread_id=thread.id)]
    assert [each.type for each in steps] == ["message_creation", "tool_calls", "tool_calls"]
    calls: Any = steps[2].step_details
    assert calls.tool_calls[0].function.output == OPEN
    assert [each.id async for each in threads.runs.list(thread.id)] == [run.id]
    assert emulator.summary()["active_runs"] == 0


async def test_locks_and_cancel(client: AsyncOpenAI, emulator: OpenAI) -> None:
    emulator.change({"run_ms": 1_000_000})
    threads = client.beta.threads
    thread = await threads.create()
    run = await threads.runs.create(thread.id, assistant_id=ASSISTANT)
    with pytest.raises(openai.BadRequestError, match=f"while a run {run.id} is active") as locked:
        await threads.messages.create(thread.id, role="user", content="?")
    assert (locked.value.code, locked.value.param) == (None, None)
    assert locked.value.type == "invalid_request_error"
    assert (locked.value.request_id or "").startswith("req_")
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        await threads.runs.create(thread.id, assistant_id=ASSISTANT)
    emulator.change({"run_ms": 0})
    assert (await threads.runs.cancel(run.id, thread_id=thread.id)).status == "cancelling"
    ended = await threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=2)
    assert ended.status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        await threads.runs.cancel(run.id, thread_id=thread.id)


async def test_files(client: AsyncOpenAI) -> None:
    stored = await client.files.create(file=("foto.png", PIXEL), purpose="vision")
    assert (stored.bytes, stored.filename, stored.purpose) == (len(PIXEL), "foto.png", "vision")
    assert await client.files.retrieve(stored.id) == stored
    assert (await client.files.content(stored.id)).content == PIXEL
    hidden = await client.files.create(file=("a.pdf", b"%PDF"), purpose="assistants")
    with pytest.raises(openai.BadRequestError, match="Not allowed to download"):
        await client.files.content(hidden.id)
    assert [each.id async for each in client.files.list(purpose="vision")] == [stored.id]
    thread = await client.beta.threads.create(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_file", "image_file": {"file_id": stored.id}},
                    {"type": "text", "text": "mi foto"},
                ],
            }
        ]
    )
    await client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=ASSISTANT, poll_interval_ms=2
    )
    newest = await client.beta.threads.messages.list(thread.id, limit=1)
    assert "Recibí su foto (image/png, 9 B)." in words(newest.data[0].content)
    assert (await client.files.delete(stored.id)).deleted


async def test_assistants(client: AsyncOpenAI) -> None:
    made = await client.beta.assistants.create(model="gpt-4o", name="Otro", instructions="Hi.")
    listed = [each.id async for each in client.beta.assistants.list()]
    assert listed == [made.id, ASSISTANT]
    changed = await client.beta.assistants.update(made.id, instructions="Hello.")
    assert (changed.instructions, changed.model) == ("Hello.", "gpt-4o")
    assert (await client.beta.assistants.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError, match="No assistant found with id"):
        await client.beta.assistants.retrieve(made.id)


async def test_a_conversation_and_its_items(client: AsyncOpenAI) -> None:
    given: list[Any] = [
        {"role": "user", "content": "2 nights?"},
        {"type": "function_call", "call_id": "call_1", "name": "price", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "240"},
        {"role": "assistant", "content": "240 EUR"},
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://h.invalid/a.jpg"}],
        },
        *({"role": "user", "content": str(number)} for number in range(15)),
    ]
    conversation = await client.conversations.create(items=given, metadata={"thread_id": "t"})
    assert conversation.metadata == {"thread_id": "t"}
    more = await client.conversations.items.create(
        conversation.id, items=[{"role": "user", "content": "more"}]
    )
    assert len(more.data) == 1
    with pytest.raises(openai.BadRequestError, match="array too long"):
        await client.conversations.items.create(
            conversation.id, items=[{"role": "user", "content": "x"}] * 21
        )
    items = client.conversations.items.list(conversation.id, limit=8, order="asc")
    found: list[Any] = [each async for each in items]
    assert [each.type for each in found] == [
        "message",
        "function_call",
        "function_call_output",
        *["message"] * 18,
    ]
    assert found[0].content[0].type == "input_text"
    assert found[3].content[0].type == "output_text"
    assert not any(hasattr(each, "created_at") for each in found)
    assert found[4].content[0].image_url is None
    whole: Any = await client.conversations.items.retrieve(
        found[4].id,
        conversation_id=conversation.id,
        include=["message.input_image.image_url"],
    )
    assert whole.content[0].image_url == "https://h.invalid/a.jpg"
    await client.conversations.items.delete(found[4].id, conversation_id=conversation.id)
    changed = await client.conversations.update(conversation.id, metadata={})
    assert changed.metadata == {}
    assert (await client.conversations.delete(conversation.id)).deleted
    with pytest.raises(openai.NotFoundError, match=r"Conversation with id 'conv_\w+' not found"):
        await client.conversations.retrieve(conversation.id)


async def test_a_response_in_a_conversation(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create()
    first = await client.responses.create(
        model="gpt-5", conversation=conversation.id, input=TOOLS_ASKED, tools=[TOOL]
    )
    [call] = first.output
    assert call.type == "function_call"
    assert first.output_text == ""
    with pytest.raises(openai.BadRequestError) as dangling:
        await client.responses.create(model="gpt-5", conversation=conversation.id, input="hola?")
    assert dangling.value.body is not None
    assert f"No tool output found for function call {call.call_id}." in str(dangling.value.body)
    second = await client.responses.create(
        model="gpt-5",
        conversation=conversation.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": OPEN}],
        tools=[TOOL],
    )
    assert "The front desk is open right now." in second.output_text
    assert second.usage is not None
    items: list[Any] = [each async for each in client.conversations.items.list(conversation.id)]
    assert [each.type for each in reversed(items)] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]
    assert (await client.responses.retrieve(second.id)).output == second.output


async def test_a_response_without_a_conversation(client: AsyncOpenAI) -> None:
    first = await client.responses.create(model="gpt-5", input="¿Tienen piscina?")
    assert "La piscina" in first.output_text
    second = await client.responses.create(
        model="gpt-5", input="Quiero reservar", previous_response_id=first.id
    )
    third = await client.responses.create(
        model="gpt-5", input="del 12 al 15 de marzo, 2 personas", previous_response_id=second.id
    )
    assert "Para su reserva me falta" in second.output_text
    assert "Anoté su solicitud" in third.output_text
    with pytest.raises(openai.BadRequestError, match="No tool call found"):
        await client.responses.create(
            model="gpt-5",
            input=[{"type": "function_call_output", "call_id": "call_x", "output": OPEN}],
        )


async def test_a_sunset_in_the_middle_of_a_run(client: AsyncOpenAI, emulator: OpenAI) -> None:
    thread = await client.beta.threads.create(messages=[{"role": "user", "content": "hola"}])
    run = await client.beta.threads.runs.create(thread.id, assistant_id=ASSISTANT)
    emulator.change({"mode": "sunset"})
    with pytest.raises(openai.NotFoundError) as gone:
        await client.beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    path = f"/v1/threads/{thread.id}/runs/{run.id}"
    assert gone.value.body == {
        "message": f"Invalid URL (GET {path})",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    assert (await client.responses.create(model="gpt-5", input="hola")).output_text


async def test_wrong_key_limits_and_drops(client: AsyncOpenAI, url: str, emulator: OpenAI) -> None:
    async with AsyncOpenAI(api_key="sk-x", base_url=f"{url}/v1", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as wrong:
            await stranger.beta.threads.create()
    assert wrong.value.code == "invalid_api_key"
    error = {"message": "You exceeded your current quota.", "code": "insufficient_quota"}
    fault = {"status": 429, "times": 1, "body": {"error": error}}
    emulator.faults.create(fault)
    with pytest.raises(openai.RateLimitError) as spent:
        await client.beta.threads.create()
    assert spent.value.code == "insufficient_quota"
    emulator.faults.create({"operation": "createThread", "times": 1, "drop": "after"})
    with pytest.raises(openai.APIConnectionError):
        await client.beta.threads.create()
    emulator.change({"requests_per_minute": 1})
    await client.beta.threads.create()
    with pytest.raises(openai.RateLimitError) as limited:
        await client.beta.threads.create()
    assert limited.value.code == "rate_limit_exceeded"
    assert 0 < int(limited.value.response.headers["retry-after"]) <= 60
    assert emulator.summary()["threads"] == 2


async def test_azure_openai(url: str, emulator: OpenAI) -> None:
    async with AsyncAzureOpenAI(
        azure_endpoint=url, api_key=KEY, api_version="2024-05-01-preview", max_retries=0
    ) as client:
        thread = await client.beta.threads.create(messages=[{"role": "user", "content": "hola"}])
        run = await client.beta.threads.runs.create_and_poll(
            thread_id=thread.id, assistant_id=ASSISTANT, poll_interval_ms=2
        )
        assert run.status == "completed"
        emulator.change({"mode": "sunset"})
        with pytest.raises(openai.NotFoundError, match="Resource not found"):
            await client.beta.threads.retrieve(thread.id)


async def test_foundry(url: str, emulator: OpenAI) -> None:
    emulator.change({"mode": "foundry"})

    async def token() -> str:
        return KEY

    async with AsyncOpenAI(
        api_key=token,
        base_url=f"{url}/api/projects/hotel",
        default_query={"api-version": "v1"},
        max_retries=0,
    ) as client:
        made = [(await client.beta.threads.create()).id for _ in range(5)]
        listed = client.get_api_list(
            "/threads",
            page=AsyncCursorPage[Thread],
            model=Thread,
            options={"params": {"limit": 2, "order": "asc"}},
        )
        assert [each.id async for each in listed] == made
        await client.beta.threads.messages.create(made[0], role="user", content="hola")
        run = await client.beta.threads.runs.create_and_poll(
            thread_id=made[0], assistant_id=ASSISTANT, poll_interval_ms=2
        )
        assert run.status == "completed"
