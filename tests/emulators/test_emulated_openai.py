"""The OpenAI emulator's threads, messages and files over raw HTTP: lists, and what it refuses."""

import httpx2
import pytest

from tests.emulators.openai_rig import (
    PIXEL,
    TEXT,
    Json,
    error_of,
    got,
    id_of,
    new_run,
    new_thread,
    posted,
    uploaded,
)
from tests.emulators.openai_rig import clock as clock
from tests.emulators.openai_rig import http as http
from tests.emulators.openai_rig import openai as openai
from tests.emulators.vertex_world import HeldClock


def over(count: int) -> Json:
    return {f"k{number}": "v" for number in range(count)}


ROLES = "Invalid value: 'system'. Supported values are: 'user' and 'assistant'."
PARTS = "Invalid value: 'x'. Supported values are: 'image_file', 'image_url', and 'text'."


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/threads", {"x": 1}, ("Unknown parameter: 'x'.", "x", "unknown_parameter")),
        (
            "/v1/threads",
            {"messages": [{**TEXT, "x": 1}]},
            ("Unknown parameter: 'messages[0].x'.", "messages[0].x", "unknown_parameter"),
        ),
        (
            "/v1/threads",
            {"metadata": "x"},
            (
                "Invalid type for 'metadata': expected an object, but got a string instead.",
                "metadata",
                "invalid_type",
            ),
        ),
        (
            "/v1/threads",
            {"metadata": {"k": 1}},
            (
                "Invalid type for 'metadata.k': expected a string, but got an integer instead.",
                "metadata.k",
                "invalid_type",
            ),
        ),
        (
            "/v1/threads",
            {"metadata": over(17)},
            (
                "Invalid 'metadata': too many properties. Expected an object with at most 16 "
                "properties, but got an object with 17 properties instead.",
                "metadata",
                "object_above_max_properties",
            ),
        ),
        (
            "/v1/threads",
            {"metadata": {"k" * 65: "v"}},
            (
                "Invalid 'metadata': property name too long. Expected a property name with maximum "
                "length 64, but got a property name with length 65 instead.",
                "metadata",
                "property_name_above_max_length",
            ),
        ),
        (
            "{thread}/messages",
            {**TEXT, "metadata": {"k": "v" * 513}},
            (
                "Invalid 'metadata.k': string too long. Expected a string with maximum length 512, "
                "but got a string with length 513 instead.",
                "metadata.k",
                "string_above_max_length",
            ),
        ),
        (
            "{thread}/messages",
            {"role": "user"},
            (
                "Missing required parameter: 'content'.",
                "content",
                "missing_required_parameter",
            ),
        ),
        ("{thread}/messages", {**TEXT, "role": "system"}, (ROLES, "role", "invalid_value")),
        (
            "{thread}/messages",
            {**TEXT, "content": ""},
            ("Message content must be non-empty.", "content[0]", None),
        ),
        (
            "{thread}/messages",
            {**TEXT, "content": [{"type": "x"}]},
            (PARTS.replace(", and", " and"), "content[0].type", "invalid_value"),
        ),
        (
            "{thread}/messages",
            {**TEXT, "content": [{"type": "text", "text": {"value": "nested", "annotations": []}}]},
            (
                "Invalid type for 'content[0].text': expected a string, but got an object instead.",
                "content[0].text",
                "invalid_type",
            ),
        ),
        (
            "{thread}/runs",
            {},
            (
                "Missing required parameter: 'assistant_id'.",
                "assistant_id",
                "missing_required_parameter",
            ),
        ),
        (
            "/v1/conversations",
            {"items": [TEXT] * 21},
            (
                "Invalid 'items': array too long. Expected an array with maximum length 20, but "
                "got an array with length 21 instead.",
                "items",
                "array_above_max_length",
            ),
        ),
        (
            "/v1/responses",
            {"model": "m", "input": "x", "conversation": "conv_1", "previous_response_id": "r"},
            (
                "Mutually exclusive parameters: Ensure you are only providing one of: "
                "'previous_response_id' or 'conversation'.",
                None,
                "mutually_exclusive_parameters",
            ),
        ),
    ],
)
async def test_refuses_a_bad_body(
    http: httpx2.AsyncClient, path: str, body: Json, expected: tuple[str, str | None, str | None]
) -> None:
    thread = await new_thread(http)
    answer = await http.post(path.format(thread=thread), json=body)
    assert error_of(answer) == (400, *expected)
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert (await got(http, f"{thread}/messages"))["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "{thread}/messages/msg_X", "No message found with id 'msg_X'."),
        ("GET", "{thread}/runs/run_X", "No run found with id 'run_X'."),
        ("POST", "{thread}/runs/run_X/cancel", "No run found with id 'run_X'."),
        ("GET", "{run}/steps/step_X", "No run step found with id 'step_X'."),
        ("POST", "/v1/threads/thread_X/messages", "No thread found with id 'thread_X'."),
        ("GET", "/v1/assistants/asst_X", "No assistant found with id 'asst_X'."),
        ("GET", "/v1/files/file-X", "No such File object: file-X"),
        ("GET", "/v1/conversations/conv_x", "Conversation with id 'conv_x' not found."),
        ("GET", "/v1/conversations/conv_x/items", "Conversation with id 'conv_x' not found."),
    ],
)
async def test_what_is_not_there(
    http: httpx2.AsyncClient, method: str, path: str, expected: str
) -> None:
    thread = await new_thread(http)
    run = await new_run(http, thread)
    answer = await http.request(method, path.format(thread=thread, run=run))
    assert error_of(answer)[:2] == (404, expected)


async def test_a_thread_that_was_deleted(http: httpx2.AsyncClient, clock: HeldClock) -> None:
    thread = await new_thread(http, "hola")
    await new_run(http, thread)
    deleted = (await http.delete(thread)).json()
    assert deleted == {"id": id_of(thread), "object": "thread.deleted", "deleted": True}
    clock.at += 700
    text = f"No thread found with id '{id_of(thread)}'."
    assert error_of(await http.get(thread))[:2] == (404, text)


# Lists


async def ids(http: httpx2.AsyncClient, path: str) -> tuple[list[str], bool]:
    """The texts of a page of messages (which name them here), and whether there are more."""
    found = await got(http, path)
    texts = [each["content"][0]["text"]["value"] for each in found["data"]]
    if found["data"]:
        assert (found["first_id"], found["last_id"]) == (
            found["data"][0]["id"],
            found["data"][-1]["id"],
        )
    return texts, found["has_more"]


async def test_lists(http: httpx2.AsyncClient) -> None:
    thread = await new_thread(http, *(str(number) for number in range(25)))
    messages = f"{thread}/messages"
    whole = (await got(http, f"{messages}?limit=100&order=asc"))["data"]
    name = {int(each["content"][0]["text"]["value"]): each["id"] for each in whole}
    asked = {
        "": ([str(number) for number in range(24, 4, -1)], True),
        "?order=asc&limit=3": (["0", "1", "2"], True),
        f"?order=asc&limit=3&after={name[22]}": (["23", "24"], False),
        f"?limit=3&after={name[1]}": (["0"], False),
        f"?order=asc&limit=3&before={name[5]}": (["2", "3", "4"], True),
        f"?order=asc&limit=9&before={name[2]}": (["0", "1"], False),
        f"?limit=2&before={name[20]}": (["22", "21"], True),
        f"?order=asc&after={name[24]}": ([], False),
    }
    assert {query: await ids(http, messages + query) for query in asked} == asked
    empty = await got(http, f"{await new_thread(http)}/messages")
    assert empty == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("query", "text", "code"),
    [
        (
            "limit=101",
            "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 "
            "instead.",
            "integer_above_max_value",
        ),
        (
            "limit=0",
            "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 "
            "instead.",
            "integer_below_min_value",
        ),
        (
            "limit=x",
            "Invalid type for 'limit': expected an integer, but got a string instead.",
            "invalid_type",
        ),
        (
            "order=up",
            "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.",
            "invalid_value",
        ),
        ("page=2", "Unknown parameter: 'page'.", "unknown_parameter"),
    ],
)
async def test_refuses_a_bad_page(
    http: httpx2.AsyncClient, query: str, text: str, code: str
) -> None:
    thread = await new_thread(http)
    assert error_of(await http.get(f"{thread}/messages?{query}")) == (
        400,
        text,
        query.partition("=")[0],
        code,
    )


# Messages


async def test_what_is_flat_when_written_is_nested_when_read(
    http: httpx2.AsyncClient, clock: HeldClock
) -> None:
    clock.at += 0.7
    file_id = await uploaded(http, "vision")
    content = [
        {"type": "text", "text": "mire"},
        {"type": "image_file", "image_file": {"file_id": file_id}},
        {"type": "image_url", "image_url": {"url": "https://h.invalid/a.jpg", "detail": "low"}},
    ]
    attachments = [{"file_id": file_id, "tools": [{"type": "file_search"}]}]
    thread = await new_thread(http)
    body = {"role": "user", "content": content, "attachments": attachments}
    message = await posted(http, f"{thread}/messages", {**body, "metadata": {"a": "b"}})
    assert message["content"] == [
        {"type": "text", "text": {"value": "mire", "annotations": []}},
        {"type": "image_file", "image_file": {"detail": "auto", "file_id": file_id}},
        {"type": "image_url", "image_url": {"detail": "low", "url": "https://h.invalid/a.jpg"}},
    ]
    assert (message["attachments"], message["metadata"]) == (attachments, {"a": "b"})
    assert (message["created_at"], message["status"]) == (int(clock.at), "completed")
    assert await got(http, f"{thread}/messages/{message['id']}") == message
    changed = await posted(http, f"{thread}/messages/{message['id']}", {"metadata": {}})
    assert changed["metadata"] == {}
    await new_run(http, thread)
    clock.at += 1
    [answer, _] = (await got(http, f"{thread}/messages"))["data"]
    assert "Recibí su foto (image/png, 9 B)." in answer["content"][0]["text"]["value"]


@pytest.mark.parametrize("where", ["content", "attachments"])
async def test_a_file_that_there_is_not(http: httpx2.AsyncClient, where: str) -> None:
    picture = {"type": "image_file", "image_file": {"file_id": "file-X"}}
    body = {**TEXT, where: [picture if where == "content" else {"file_id": "file-X"}]}
    answer = await http.post(f"{await new_thread(http)}/messages", json=body)
    assert error_of(answer)[:2] == (404, "No file found with id 'file-X'.")


async def test_bytes_of_some_purposes_only(http: httpx2.AsyncClient) -> None:
    kept, hidden = await uploaded(http, "vision"), await uploaded(http, "assistants")
    assert (await http.get(f"/v1/files/{kept}/content")).content == PIXEL
    refused = await http.get(f"/v1/files/{hidden}/content")
    text = "Not allowed to download files of purpose: assistants"
    assert error_of(refused)[:2] == (400, text)
    assert (await got(http, f"/v1/files/{hidden}"))["bytes"] == len(PIXEL)
    listed = await got(http, "/v1/files?purpose=vision")
    assert [each["id"] for each in listed["data"]] == [kept]
    files = {"file": ("a", b"a", "text/plain")}
    refused = await http.post("/v1/files", data={"purpose": "x"}, files=files)
    assert error_of(refused)[3] == "invalid_value"
