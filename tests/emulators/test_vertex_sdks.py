"""Google's own clients against the Vertex emulator: google-genai and google-cloud-agentplatform."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import agentplatform
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google import genai
from google.auth.transport.requests import Request as AuthRequest
from google.genai import errors, types
from google.oauth2 import credentials, service_account

from tests.emulators.discovery import Discovery
from watibot.emulators.kit import Clock, serve
from watibot.emulators.vertex import Vertex, create

# agentplatform is imported late, inside a fixture, and its pydantic models are of an older style.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:agentplatform.*")

DISCOVERY = Discovery("v1beta1")
MODEL = "gemini-3.8-flash"
STATIC: Any = credentials.Credentials(token="emu")  # type: ignore[no-untyped-call]
ENGINE = "reasoningEngines/123"


@pytest.fixture
def vertex() -> Iterator[Vertex]:
    """The emulator; afterwards Google's description judges all that the clients and it said."""
    emulator = create(Clock(), {"journal_bodies": True})
    yield emulator
    exchanges: list[Any] = emulator.journal.since(kind="exchange")
    fields = ("method", "path", "query", "request", "response")
    problems = [DISCOVERY.check(*(each[field] for field in fields)) for each in exchanges]
    assert [found for found in problems if found] == []


@pytest.fixture
async def url(vertex: Vertex) -> AsyncIterator[str]:
    async with serve(vertex.app()) as base:
        yield base


def options(url: str) -> types.HttpOptions:
    retry = types.HttpRetryOptions(attempts=1)
    return types.HttpOptions(base_url=url, timeout=10_000, retry_options=retry)


@pytest.fixture
async def models(url: str) -> AsyncIterator[genai.client.AsyncClient]:
    client = genai.Client(
        vertexai=True,
        project="proj",
        location="global",
        credentials=STATIC,
        http_options=options(url),
    )
    async with client.aio as aio:
        yield aio
    client.close()


@pytest.fixture
async def sessions(url: str) -> AsyncIterator[Any]:
    client = agentplatform.Client(
        project="proj",
        location="us-central1",
        credentials=STATIC,
        http_options=options(url),
    )
    yield client.aio.sessions
    await client.aio.aclose()
    client._api_client.close()


def declaration(name: str, **properties: Any) -> types.FunctionDeclaration:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.FunctionDeclaration(name=name, parameters_json_schema=schema)


CONFIG = types.GenerateContentConfig(
    system_instruction="Answer the hotel's guests.",
    tools=[
        types.Tool(
            function_declarations=[
                declaration("check_office_status"),
                declaration("escalate_to_human", reason={"type": "string"}),
            ]
        )
    ],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW),
    max_output_tokens=800,
)


async def test_a_tool_round_with_signatures(models: genai.client.AsyncClient) -> None:
    asked = types.UserContent("Is the front desk open? I want to talk to a person")
    first = await models.models.generate_content(model=MODEL, contents=asked, config=CONFIG)
    assert first.function_calls is not None
    assert [call.name for call in first.function_calls] == [
        "check_office_status",
        "escalate_to_human",
    ]
    assert first.candidates is not None
    content = first.candidates[0].content
    assert content is not None
    responses = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": {"is_open": True}}
            )
        )
        for call in first.function_calls
    ]
    replay: list[Any] = [asked, content, types.Content(role="user", parts=responses)]
    second = await models.models.generate_content(model=MODEL, contents=replay, config=CONFIG)
    assert second.text is not None
    assert "The front desk is open right now." in second.text
    assert second.usage_metadata is not None
    assert second.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND
    assert content.parts is not None
    content.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a `thought_signature`"):
        await models.models.generate_content(model=MODEL, contents=replay, config=CONFIG)


async def test_media_counts_and_json(models: genai.client.AsyncClient) -> None:
    photo = types.Part.from_bytes(data=b"\xff\xd8\xff" * 3000, mime_type="image/jpeg")
    contents: list[Any] = [types.Content(role="user", parts=[photo, types.Part(text="mi foto")])]
    seen = await models.models.generate_content(model=MODEL, contents=contents)
    assert seen.text == "Recibí su foto (image/jpeg, 9 KB)."
    counted = await models.models.count_tokens(model=MODEL, contents=contents)
    assert counted.total_tokens == 1120 + 1 + 2
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_schema={"type": "OBJECT", "properties": {"amount": {"type": "NUMBER"}}},
    )
    filled = await models.models.generate_content(model=MODEL, contents="read", config=config)
    assert filled.parsed == {"amount": 0}


async def test_a_cache(models: genai.client.AsyncClient) -> None:
    made = await models.caches.create(
        model=MODEL,
        config=types.CreateCachedContentConfig(
            system_instruction="Rules. " * 3000, ttl="3600s", display_name="hotel-h1"
        ),
    )
    assert made.name is not None
    config = types.GenerateContentConfig(cached_content=made.name)
    answer = await models.models.generate_content(model=MODEL, contents="hola", config=config)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.cached_content_token_count == 5250
    later = types.UpdateCachedContentConfig(ttl="7200s")
    updated = await models.caches.update(name=made.name, config=later)
    assert made.expire_time is not None
    assert updated.expire_time is not None
    assert updated.expire_time > made.expire_time
    assert [each.name async for each in await models.caches.list()] == [made.name]
    await models.caches.delete(name=made.name)
    with pytest.raises(errors.ClientError, match="404"):
        await models.caches.get(name=made.name)


async def test_errors_arrive_as_the_clients_own(
    models: genai.client.AsyncClient, vertex: Vertex
) -> None:
    with pytest.raises(errors.ClientError, match="was not found") as retired:
        await models.models.generate_content(model="gemini-2.5-pro", contents="hola")
    assert (retired.value.code, retired.value.status) == (404, "NOT_FOUND")
    error = {"error": {"code": 503, "message": "Try later.", "status": "UNAVAILABLE"}}
    vertex.faults.create({"operation": "generateContent", "status": 503, "body": error})
    with pytest.raises(errors.ServerError, match="Try later"):
        await models.models.generate_content(model=MODEL, contents="hola")


async def test_a_session_through_agentplatform(sessions: Any, vertex: Vertex) -> None:
    vertex.change({"lro_pending_polls": 1})
    config = {"session_id": "g-1", "ttl": "604800s", "session_state": {"lang": "es"}}
    made = await sessions.create(name=ENGINE, user_id="50370000001", config=config)
    name = made.response.name
    assert name.endswith("/sessions/g-1")
    now = datetime.now(UTC)
    signature = bytes(range(248, 256)) * 3
    parts = [
        {
            "function_call": {"id": "c", "name": "f", "args": {"n": 1}},
            "thought_signature": signature,
        }
    ]
    for index in range(3):
        await sessions.events.append(
            name=name,
            author="model",
            invocation_id=f"i{index}",
            timestamp=now + timedelta(seconds=index),
            config={
                "content": {"role": "model", "parts": parts},
                "actions": {"state_delta": {"step": index}},
                "event_metadata": {"custom_metadata": {"event_id": f"e{index}"}},
                "raw_event": {"id": f"e{index}"},
            },
        )
    paged = await sessions.events.list(name=name, config={"page_size": 2})
    events = [event async for event in paged]
    assert [event.raw_event["id"] for event in events] == ["e0", "e1", "e2"]
    assert events[0].content.parts[0].thought_signature == signature
    assert events[0].timestamp == now
    since = (now + timedelta(seconds=1)).isoformat()
    filtered = await sessions.events.list(name=name, config={"filter": f'timestamp>="{since}"'})
    assert len([event async for event in filtered]) == 2
    assert (await sessions.get(name=name)).session_state == {"lang": "es", "step": 2}
    found = await sessions.list(name=ENGINE, config={"filter": 'user_id="50370000001"'})
    assert [session.name async for session in found] == [name]
    change = {"display_name": "d", "update_mask": "displayName"}
    updated = await sessions.update(name=name, config=change)
    assert updated.display_name == "d"
    await sessions.delete(name=name)
    with pytest.raises(errors.ClientError, match="not found"):
        await sessions.get(name=name)


async def test_a_service_account_gets_a_token(url: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "client_email": "bot@proj.invalid",
        "private_key": pem.decode(),
        "token_uri": f"{url}/token",
    }
    issued: Any = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        account, scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    await asyncio.to_thread(issued.refresh, AuthRequest())
    assert issued.token == "emu-00000001"
