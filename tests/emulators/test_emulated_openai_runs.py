"""Runs of the OpenAI emulator in held time: status graph, locks, tools, ends, what a judge sees."""

from typing import Any

import httpx2
import pytest

from tests.emulators.openai_rig import (
    ASSISTANT,
    CONTROL,
    TOOLS_ASKED,
    Json,
    calls_of,
    error_of,
    got,
    id_of,
    new_run,
    new_thread,
    posted,
)
from tests.emulators.openai_rig import clock as clock
from tests.emulators.openai_rig import http as http
from tests.emulators.openai_rig import openai as openai
from tests.emulators.vertex_world import HeldClock
from watibot.emulators.openai import OpenAI

OPEN = '{"open": true}'


async def submitted(http: httpx2.AsyncClient, run: str, outputs: dict[str, str]) -> httpx2.Response:
    given = [{"tool_call_id": id_, "output": output} for id_, output in outputs.items()]
    return await http.post(f"{run}/submit_tool_outputs", json={"tool_outputs": given})


async def waiting_for_tools(http: httpx2.AsyncClient, clock: HeldClock, **more: Any) -> str:
    run = await new_run(http, await new_thread(http, TOOLS_ASKED), **more)
    clock.at += 1
    assert (await got(http, run))["status"] == "requires_action"
    return run


async def test_a_run_goes_on_by_itself(
    http: httpx2.AsyncClient, clock: HeldClock, openai: OpenAI
) -> None:
    began = int(clock.at)
    thread = await new_thread(http, "¿Tienen piscina?")
    run = await new_run(http, thread)
    clock.at += 0.3
    assert (await got(http, run))["status"] == "in_progress"
    assert openai.summary()["active_runs"] == 1
    clock.at += 0.5
    # Nobody asks for the run: the journal knows all the same.
    ended = openai.journal.since(kind="run_ended")
    assert [(each["run"], each["status"]) for each in ended] == [(id_of(run), "completed")]
    clock.at += 100
    found = await got(http, run)
    assert (found["completed_at"], found["expires_at"]) == (int(began + 0.8), None)
    assert found["usage"]["total_tokens"] > 0
    messages = (await got(http, f"{thread}/messages"))["data"]
    assert [each["role"] for each in messages] == ["assistant", "user"]
    assert (messages[0]["run_id"], messages[0]["assistant_id"]) == (id_of(run), ASSISTANT)
    assert messages[0]["content"] == [
        {
            "type": "text",
            "text": {
                "value": "La piscina está abierta de 9:00 a 19:00 para todos los huéspedes.",
                "annotations": [],
            },
        }
    ]
    [step] = (await got(http, f"{run}/steps"))["data"]
    assert step["step_details"]["message_creation"] == {"message_id": messages[0]["id"]}
    assert (await got(http, f"{run}/steps/{step['id']}"))["type"] == "message_creation"
    assert openai.summary() == {
        "requests": 7,
        "threads": 1,
        "messages": 2,
        "messages_doubled": 0,
        "runs": 1,
        "active_runs": 0,
        "throttled": 0,
    }


async def test_tools_in_one_round(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    run = await waiting_for_tools(http, clock)
    calls = calls_of(await got(http, run))
    assert [each["function"]["name"] for each in calls] == [
        "check_office_status",
        "escalate_to_human",
    ]
    assert calls[0]["function"]["arguments"] == "{}"
    [step] = (await got(http, f"{run}/steps"))["data"]
    assert (step["type"], step["status"]) == ("tool_calls", "in_progress")
    kept = step["step_details"]["tool_calls"]
    assert [each["function"]["output"] for each in kept] == [None, None]
    answer = await submitted(http, run, {each["id"]: OPEN for each in calls})
    assert (answer.json()["status"], answer.json()["required_action"]) == ("queued", None)
    clock.at += 1
    assert (await got(http, run))["status"] == "completed"
    steps = (await got(http, f"{run}/steps?order=asc"))["data"]
    assert [each["type"] for each in steps] == ["tool_calls", "message_creation"]
    kept = steps[0]["step_details"]["tool_calls"]
    assert [each["function"]["output"] for each in kept] == [OPEN, OPEN]
    [message, _] = (await got(http, f"{run.rpartition('/runs')[0]}/messages"))["data"]
    assert "The front desk is open right now." in message["content"][0]["text"]["value"]


async def test_tools_in_several_rounds(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    run = await waiting_for_tools(http, clock, parallel_tool_calls=False)
    called = []
    while (found := await got(http, run))["status"] == "requires_action":
        [call] = calls_of(found)
        called.append(call["function"]["name"])
        assert (await submitted(http, run, {call["id"]: OPEN})).status_code == 200
        clock.at += 1
    assert called == ["check_office_status", "escalate_to_human"]
    assert found["status"] == "completed"


async def test_tools_of_the_run_stand_for_those_of_the_assistant(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    tool = {"type": "function", "function": {"name": "check_office_status"}}
    run = await waiting_for_tools(http, clock, tools=[tool])
    assert len(calls_of(await got(http, run))) == 1
    without = await new_run(http, await new_thread(http, TOOLS_ASKED), tools=[])
    clock.at += 1
    assert (await got(http, without))["status"] == "completed"
    forbidden = await new_run(http, await new_thread(http, TOOLS_ASKED), tool_choice="none")
    clock.at += 1
    assert (await got(http, forbidden))["status"] == "completed"


async def test_tool_outputs_that_do_not_fit(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    run = await waiting_for_tools(http, clock)
    first, second = (each["id"] for each in calls_of(await got(http, run)))
    expected = f"Expected tool outputs for call_ids ['{first}', '{second}'], got "
    for outputs, seen in (
        ({first: OPEN}, f"['{first}']"),
        ({first: OPEN, "call_wrong": OPEN}, f"['{first}', 'call_wrong']"),
        ({}, "[]"),
    ):
        answer = await submitted(http, run, outputs)
        assert error_of(answer) == (400, expected + seen, None, None)
    assert (await submitted(http, run, {first: OPEN, second: OPEN})).status_code == 200
    refused = await submitted(http, run, {first: OPEN, second: OPEN})
    text = 'Runs in status "queued" do not accept tool outputs.'
    assert error_of(refused) == (400, text, None, None)


async def test_a_run_locks_its_thread(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    run = await waiting_for_tools(http, clock)
    thread = run.rpartition("/runs")[0]
    message = {"role": "user", "content": "?"}
    text = f"Can't add messages to {id_of(thread)} while a run {id_of(run)} is active."
    refused = await http.post(f"{thread}/messages", json=message)
    assert error_of(refused) == (400, text, None, None)
    assert refused.json()["error"]["type"] == "invalid_request_error"
    body = {"assistant_id": ASSISTANT, "additional_messages": [message]}
    refused = await http.post(f"{thread}/runs", json=body)
    text = f"Thread {id_of(thread)} already has an active run {id_of(run)}."
    assert error_of(refused) == (400, text, None, None)
    assert (await http.post(f"{run}/cancel")).json()["status"] == "cancelling"
    assert (await http.post(f"{thread}/messages", json=message)).status_code == 400
    clock.at += 1
    assert (await http.post(f"{thread}/messages", json=message)).status_code == 200
    assert len((await got(http, f"{thread}/messages"))["data"]) == 2


async def test_cancel(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    run = await waiting_for_tools(http, clock)
    cancelling = (await http.post(f"{run}/cancel")).json()
    assert (cancelling["status"], cancelling["required_action"]) == ("cancelling", None)
    text = "Cannot cancel run with status 'cancelling'."
    assert error_of(await http.post(f"{run}/cancel"))[:2] == (400, text)
    clock.at += 0.4
    found = await got(http, run)
    assert (found["status"], found["cancelled_at"]) == ("cancelled", int(clock.at))
    [step] = (await got(http, f"{run}/steps"))["data"]
    assert step["status"] == "cancelled"
    text = "Cannot cancel run with status 'cancelled'."
    assert error_of(await http.post(f"{run}/cancel")) == (400, text, None, None)


async def test_a_run_that_is_cancelled_says_nothing(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    thread = await new_thread(http, "hola")
    run = await new_run(http, thread)
    clock.at += 0.5
    assert (await http.post(f"{run}/cancel")).status_code == 200
    clock.at += 0.35  # by now it would have spoken
    assert (await got(http, run))["status"] == "cancelling"
    clock.at += 1
    assert (await got(http, run))["status"] == "cancelled"
    assert len((await got(http, f"{thread}/messages"))["data"]) == 1


async def test_expiry(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    began = int(clock.at)
    run = await waiting_for_tools(http, clock)
    found = await got(http, run)
    assert found["expires_at"] == began + 600
    clock.at = began + 599.5
    assert (await got(http, run))["status"] == "requires_action"
    clock.at = began + 600
    found = await got(http, run)
    assert (found["status"], found["expires_at"]) == ("expired", None)
    assert (await got(http, f"{run}/steps"))["data"][0]["status"] == "expired"
    text = 'Runs in status "expired" do not accept tool outputs.'
    assert error_of(await submitted(http, run, {"call": OPEN})) == (400, text, None, None)


ERROR = {"code": "rate_limit_exceeded", "message": "-"}
FULL = {"reason": "max_prompt_tokens"}


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"status": "failed", "last_error": ERROR}, "failed", {"last_error": ERROR}),
        ({"status": "incomplete", "incomplete_details": FULL}, "incomplete", {}),
        ({"status": "completed"}, "completed", {"last_error": None}),
        ({"status": "in_progress"}, "in_progress", {}),
    ],
)
async def test_a_fault_is_another_end(
    http: httpx2.AsyncClient, clock: HeldClock, body: Json, status: str, expected: Json
) -> None:
    fault = {"operation": "run", "times": 1, "body": body}
    made = await posted(http, f"{CONTROL}/faults", fault)
    thread = await new_thread(http, "hola")
    run = await new_run(http, thread)
    clock.at += 1
    found = await got(http, run)
    assert found["status"] == status
    assert {name: found[name] for name in expected} == expected
    assert len((await got(http, f"{thread}/messages"))["data"]) == 1
    assert (await got(http, f"{CONTROL}/faults/{made['id']}"))["spent"] == 1
    clock.at += 600
    found = await got(http, run)
    assert found["status"] == ("expired" if status == "in_progress" else status)


async def test_a_fault_of_requests_is_none_of_runs(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    run = await new_run(http, await new_thread(http, "hola"))
    await posted(http, f"{CONTROL}/faults", {"times": 1, "status": 500})
    clock.at += 1
    assert (await http.get(run)).status_code == 500
    assert (await got(http, run))["status"] == "completed"


@pytest.mark.parametrize(
    ("settings", "more", "reason"),
    [
        ({"context_tokens": 300}, {}, "max_prompt_tokens"),
        ({}, {"max_prompt_tokens": 300}, "max_prompt_tokens"),
        ({}, {"max_completion_tokens": 2}, "max_completion_tokens"),
        ({"context_tokens": 3000}, {"max_prompt_tokens": 3000}, None),
        (
            {"context_tokens": 300},
            {"truncation_strategy": {"type": "last_messages", "last_messages": 1}},
            None,
        ),
    ],
)
async def test_too_long(
    http: httpx2.AsyncClient, clock: HeldClock, settings: Json, more: Json, reason: str | None
) -> None:
    await http.patch(f"{CONTROL}/settings", json=settings)
    thread = await new_thread(http, "palabra " * 300, "¿Tienen piscina?")
    run = await new_run(http, thread, tools=[], **more)
    clock.at += 1
    found = await got(http, run)
    details = None if reason is None else {"reason": reason}
    assert found["status"] == ("completed" if reason is None else "incomplete")
    assert found["incomplete_details"] == details
    last = (await got(http, f"{thread}/messages"))["data"][0]
    if reason == "max_completion_tokens":
        assert last["status"] == "incomplete"
        assert last["content"][0]["text"]["value"] == "La pisci"
    elif reason is not None:
        assert last["role"] == "user"


async def test_a_thread_and_its_run_at_once(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    messages = [{"role": "user", "content": "¿Aceptan mascotas?"}]
    body = {"assistant_id": ASSISTANT, "thread": {"messages": messages}, "metadata": {"a": "b"}}
    run = await posted(http, "/v1/threads/runs", body)
    clock.at += 1
    thread = f"/v1/threads/{run['thread_id']}"
    [listed] = (await got(http, f"{thread}/runs"))["data"]
    assert (listed["status"], listed["metadata"]) == ("completed", {"a": "b"})
    found = (await got(http, f"{thread}/messages?run_id={run['id']}"))["data"]
    assert [each["role"] for each in found] == ["assistant"]


async def test_messages_and_instructions_that_a_run_brings(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    thread = await new_thread(http)
    added = [{"role": "user", "content": "¿Aceptan mascotas?", "metadata": {"watibot_item": "1"}}]
    run = await new_run(
        http, thread, additional_messages=added, additional_instructions="Be brief."
    )
    assert (await got(http, run))["instructions"] == "Answer the hotel's guests.\nBe brief."
    clock.at += 1
    messages = (await got(http, f"{thread}/messages?order=asc"))["data"]
    assert messages[0]["metadata"] == {"watibot_item": "1"}
    assert "mascotas" in messages[1]["content"][0]["text"]["value"]


@pytest.mark.parametrize(
    ("spec", "cancelled", "later"),
    [
        ({}, "cancelled", "cancelled"),
        ({"cancels": False}, "cancelling", "cancelling"),
        ({"cancels": False, "expires_in": 60}, "cancelling", "expired"),
        ({"status": "requires_action", "expires_in": 60}, "cancelled", "cancelled"),
    ],
)
async def test_a_stuck_run(
    http: httpx2.AsyncClient, clock: HeldClock, spec: Json, cancelled: str, later: str
) -> None:
    thread = await new_thread(http, "hola")
    made = await posted(http, f"{CONTROL}/threads/{id_of(thread)}/runs", spec)
    run = f"{thread}/runs/{made['id']}"
    clock.at += 59
    assert (await got(http, run))["status"] == spec.get("status", "in_progress")
    assert (await http.post(f"{thread}/messages", json={"role": "user", "content": "?"})).is_error
    await posted(http, f"{run}/cancel")
    clock.at += 0.5
    assert (await got(http, run))["status"] == cancelled
    clock.at += 10
    assert (await got(http, run))["status"] == later


async def test_a_stuck_run_is_told_to_end(
    http: httpx2.AsyncClient, clock: HeldClock, openai: OpenAI
) -> None:
    thread = await new_thread(http, "hola")
    control = f"{CONTROL}/threads/{id_of(thread)}/runs"
    made = await posted(http, control, {})
    clock.at += 100_000
    assert openai.summary()["active_runs"] == 1
    told = {"status": "failed", "last_error": ERROR}
    await posted(http, f"{control}/{made['id']}", told)
    found = await got(http, f"{thread}/runs/{made['id']}")
    assert (found["status"], found["last_error"]) == ("failed", ERROR)
    assert (await http.post(f"{control}/{made['id']}", json=told)).status_code == 404


async def test_the_judge_sees_runs_and_doubled_messages(
    http: httpx2.AsyncClient, clock: HeldClock, openai: OpenAI
) -> None:
    run = await waiting_for_tools(http, clock)
    thread = run.rpartition("/runs")[0]
    calls = calls_of(await got(http, run))
    await submitted(http, run, {each["id"]: OPEN for each in calls})
    clock.at += 1
    body = {"role": "user", "content": "x", "metadata": {"watibot_item": "i-1"}}
    for _ in range(2):
        await posted(http, f"{thread}/messages", body)
    await posted(http, f"{await new_thread(http)}/messages", body)
    kinds = ("thread_created", "message_created", "run_created", "tool_outputs", "run_ended")
    told = [each for each in openai.journal.since() if each["kind"] in kinds]
    assert [each["kind"] for each in told] == [
        "thread_created",
        "message_created",
        "run_created",
        "tool_outputs",
        "message_created",
        "run_ended",
        "message_created",
        "message_created",
        "thread_created",
        "message_created",
    ]
    assert told[3]["tools"] == ["check_office_status", "escalate_to_human"]
    assert (told[6]["item"], told[6]["role"], told[6]["thread"]) == ("i-1", "user", id_of(thread))
    assert openai.summary()["messages_doubled"] == 1
