"""The exam of `ports.Assistant`, sat by the fake and by the client; then what the client sends, and
what it does when an answer is lost. `test_assistant_runs.py` has what runs can come to.

The client talks to the emulator, both 50 times faster than the wall clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from tests.contract.assistant_rig import DESK, REQUEST, Json, Real, real, said_in
from tests.fakes_assistant import FakeAssistant
from tests.fakes_threads import message
from watibot.errors import Cause, ProviderError
from watibot.ports.threads import Assistant
from watibot.threads import Words
from watibot.toolcalls import ToolResult


class Rig(Protocol):
    """An assistant with one thread, "thread_1", that holds one message of the guest."""

    @property
    def assistant(self) -> Assistant: ...

    def said(self) -> list[tuple[str, str, str | None]]:
        """Role, words and our item id of each message after the first one."""

    def runs(self) -> int: ...

    def end_the_api(self) -> None: ...


@dataclass
class Faked:
    assistant: FakeAssistant

    def said(self) -> list[tuple[str, str, str | None]]:
        return said_in(self.assistant.threads.kept["thread_1"].messages)

    def runs(self) -> int:
        return len(self.assistant.runs)

    def end_the_api(self) -> None:
        self.assistant.threads.gone = True


@pytest.fixture
async def client() -> AsyncIterator[Real]:
    async with real() as made:
        yield made


@pytest.fixture(params=["fake", "emulated"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "fake":
        fake = FakeAssistant()
        fake.threads.put("thread_1", [message("thread_1", 1)])
        yield Faked(fake)
        return
    async with real() as made:
        yield made


# --- the exam ---------------------------------------------------------------------------------


async def test_words_are_there_before_the_answer(rig: Rig) -> None:
    found = await rig.assistant.answer(REQUEST)
    said = rig.said()
    assert said[:2] == [("user", "Hola 🙂", "item-1"), ("user", "¿Tienen wifi?", "item-2")]
    assert said[2] == ("assistant", found.answer.text, None)
    assert set(found.posted) == {"item-1", "item-2"}
    assert found.answer.content == {"role": "model", "parts": [{"text": found.answer.text}]}
    assert found.answer.calls == ()
    assert found.answer.usage.prompt > 0
    assert len(found.sources) == 1
    assert rig.runs() == 1


async def test_tools_are_asked_for_and_given_their_results(rig: Rig) -> None:
    first = await rig.assistant.answer(DESK)
    (call,) = first.answer.calls
    assert call.name == "check_office_status"
    assert first.answer.content["parts"] == [
        {"functionCall": {"id": call.call_id, "name": call.name, "args": {}}}
    ]
    results = (ToolResult(call, {"status": "open"}),)
    later = replace(DESK, words=(), run_id=first.run_id, results=results)
    second = await rig.assistant.answer(later)
    assert second.run_id == first.run_id
    assert second.answer.text
    assert second.sources != first.sources
    assert rig.runs() == 1


async def test_the_same_step_again_begins_nothing_twice(rig: Rig) -> None:
    first = await rig.assistant.answer(DESK)
    again = await rig.assistant.answer(DESK)
    assert (again.run_id, again.answer.calls) == (first.run_id, first.answer.calls)
    assert again.posted == first.posted
    assert [item for _, _, item in rig.said()] == ["item-3"]
    assert rig.runs() == 1


async def test_a_block_is_known_again(rig: Rig) -> None:
    staff = Words("item-0b", "user", "Ya casi", staff="Rosa")
    told = replace(DESK, words=(Words("item-0a", "user", "¿Y mi taxi?"), staff, *DESK.words))
    first = await rig.assistant.answer(told)
    again = await rig.assistant.answer(told)
    assert again.posted == first.posted
    assert first.posted["item-0a"] == first.posted["item-0b"] != first.posted["item-3"]
    assert [item for _, _, item in rig.said()] == ["item-0a item-0b", "item-3"]
    assert "Cliente: ¿Y mi taxi?\nAgente (Rosa): Ya casi\n" in rig.said()[0][1]
    assert rig.runs() == 1


async def test_what_is_not_there(rig: Rig) -> None:
    with pytest.raises(ProviderError) as missing:
        await rig.assistant.answer(replace(REQUEST, thread_id="thread_none"))
    assert missing.value.cause is Cause.NOT_FOUND
    rig.end_the_api()
    with pytest.raises(ProviderError) as gone:
        await rig.assistant.answer(REQUEST)
    assert gone.value.cause is Cause.GONE


# --- the client: what it sends ----------------------------------------------------------------


async def test_what_a_run_is_told(client: Real) -> None:
    await client.assistant.answer(REQUEST)
    (run,) = client.views()
    assert run["instructions"] == "Sea amable.\n[Ahora en el hotel: lunes]"
    assert run["metadata"] == {"watibot_turn": "turn-1"}
    (tool,) = run["tools"]
    assert tool["function"]["name"] == "check_office_status"
    assert tool["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize(
    ("path", "mode", "more"),
    [
        ("/api/projects/hotel", "foundry", {"query": "api-version=v1"}),
        ("/openai", "assistants", {"query": "api-version=2024-05-01", "auth": "api-key"}),
        ("/v1", "assistants", {"api_key": "", "key_command": "echo sk-emulator"}),
    ],
)
async def test_other_servers_doors(path: str, mode: str, more: Json) -> None:
    async with real(path, emulator={"mode": mode}, **more) as made:
        assert (await made.assistant.answer(REQUEST)).answer.text


async def test_pictures_are_uploaded(client: Real) -> None:
    picture = b"\xff\xd8\xff\xe0-foto"
    words = Words("item-9", "user", "[foto: image/jpeg, 1 KB]", (("image/jpeg", picture),))
    found = await client.assistant.answer(replace(REQUEST, words=(words,)))
    sent = client.emulator.world.threads["thread_1"].messages[1]
    assert [part["type"] for part in sent["content"]] == ["text", "image_file"]
    assert sent["metadata"] == {"watibot_item": "item-9"}
    assert "image/jpeg" in found.answer.text


async def test_a_server_without_files_is_given_the_words(client: Real) -> None:
    client.fault("createFile", status=404, body={"error": {"message": "Invalid URL (POST /x)"}})
    words = Words("item-9", "user", "[foto: image/jpeg, 1 KB]", (("image/jpeg", b"x"),))
    await client.assistant.answer(replace(REQUEST, words=(words,)))
    assert client.said()[0] == ("user", "[foto: image/jpeg, 1 KB]", "item-9")


# --- the client: what is lost, and what is found again ----------------------------------------


@pytest.mark.parametrize(
    ("operation", "drop"),
    [
        ("createMessage", "after"),
        ("createMessage", "before"),
        ("createRun", "after"),
        ("createRun", "before"),
        ("getRun", "before"),
    ],
)
async def test_a_lost_answer_doubles_nothing(client: Real, operation: str, drop: str) -> None:
    fault = client.fault(operation, drop=drop, times=1)
    found = await client.assistant.answer(REQUEST)
    assert fault.spent == 1
    assert [item for _, _, item in client.said()] == ["item-1", "item-2", None]
    assert client.runs() == 1
    assert set(found.posted) == {"item-1", "item-2"}


async def test_lost_results_are_not_given_twice(client: Real) -> None:
    first = await client.assistant.answer(DESK)
    results = (ToolResult(first.answer.calls[0], {"status": "open"}),)
    later = replace(DESK, words=(), run_id=first.run_id, results=results)
    client.fault("submitToolOutputs", drop="after", times=1)
    assert (await client.assistant.answer(later)).answer.text
    assert client.counted("submitToolOutputs") == 1
    # And after a crash: the run has ended meanwhile, with these results.
    assert (await client.assistant.answer(later)).answer.text
    assert client.counted("submitToolOutputs") == 1
    assert client.runs() == 1


async def test_a_guest_who_writes_on_before_anything_is_recorded(client: Real) -> None:
    await client.assistant.answer(REQUEST)
    more = Words("item-3", "user", "¿Y piscina?")
    found = await client.assistant.answer(replace(REQUEST, words=(*REQUEST.words, more)))
    roles = [(role, item) for role, _, item in client.said()]
    expected: list[tuple[str, str | None]] = [("user", f"item-{n}") for n in (1, 2, 3)]
    assert roles == [*expected, ("assistant", None)]
    assert "piscina" in found.answer.text.lower()
    assert set(found.posted) == {"item-1", "item-2", "item-3"}


# --- the client: refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "cause"),
    [
        (401, {"code": "invalid_api_key", "message": "Incorrect"}, Cause.UNAUTHORISED),
        (403, {"message": "no"}, Cause.UNAUTHORISED),
        (429, {"code": "insufficient_quota", "message": "no"}, Cause.INVALID),
        (429, {"code": "rate_limit_exceeded", "message": "no"}, Cause.THROTTLED),
        (404, {"message": "Invalid URL (POST /v1/threads/x/runs)"}, Cause.GONE),
        (404, {"message": "No thread found with id 'thread_1'."}, Cause.NOT_FOUND),
        (500, {"message": "oops"}, Cause.UNAVAILABLE),
    ],
)
async def test_refusals(client: Real, status: int, error: Json, cause: Cause) -> None:
    fault = client.fault("createRun", status=status, body={"error": error})
    with pytest.raises(ProviderError) as failed:
        await client.assistant.answer(REQUEST)
    assert failed.value.cause is cause
    assert fault.spent == 1
    assert "wifi" not in str(failed.value)
