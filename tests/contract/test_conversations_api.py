"""What the Conversations API has beyond the exam: threads that were moved, mapping files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.openai_standin import Row, StandIn
from tests.contract.source_rigs import client_of
from tests.fakes_threads import ref
from watibot.errors import Cause, ProviderError, SettingsError
from watibot.providers.conversations_api import ConversationsApi, read_mapping


async def test_a_thread_that_was_moved_keeps_its_name() -> None:
    stand_in = StandIn()
    image = {"type": "input_image", "file_id": "file-1", "image_url": None}
    items: list[Row] = [
        {"type": "message", "id": "msg_1", "role": "user", "content": [image]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "arguments": '{"n":2}'},
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "{}"},
    ]
    stand_in.put_conversation("conv_m", items)
    stand_in.files["file-1"] = ({"id": "file-1", "filename": "cuarto.jpg"}, b"x")
    async with client_of(stand_in) as http:
        source = ConversationsApi(http, {"thread_m": "conv_m"})
        raw = await source.read(ref("thread_m"))
        assert await source.thread_ids() is None
        with pytest.raises(ProviderError) as caught:
            await source.read(ref("thread_x"))
    assert (raw.thread_id, raw.thread["id"], raw.messages) == ("thread_m", "conv_m", tuple(items))
    assert (raw.runs, dict(raw.files)) == ((), {"file-1": stand_in.files["file-1"][0]})
    assert caught.value.cause is Cause.NOT_FOUND
    listed = next(seen[2] for seen in stand_in.seen if seen[1].endswith("/items"))
    assert ("include[]", "message.input_image.image_url") in listed
    assert ("order", "asc") in listed


async def test_a_conversation_in_use_is_busy() -> None:
    stand_in = StandIn()
    stand_in.put_conversation("conv_a", [])
    locked = {"error": {"message": "Another process", "code": "conversation_locked"}}
    stand_in.faults.create({"times": 1, "status": 400, "body": locked})
    async with client_of(stand_in) as http:
        with pytest.raises(ProviderError) as caught:
            await ConversationsApi(http).read(ref("conv_a"))
    assert caught.value.cause is Cause.BUSY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("thread_1\tconv_1\nthread_2\tconv_2\n", {"thread_1": "conv_1", "thread_2": "conv_2"}),
        ("thread_1,conv_1\r\n\r\n# said\nthread_1,conv_1", {"thread_1": "conv_1"}),
        ("thread_id,conversation_id\nthread_1, conv_1\n", {"thread_1": "conv_1"}),
        ("\ufeffthread_id\tconv_id\nthread_1\tconv_1\n", {"thread_1": "conv_1"}),
        ('guest,conv_id,thread_id\n"a, b",conv_1,thread_1\n', {"thread_1": "conv_1"}),
        ("thread_1,conv_1,3\n", {"thread_1": "conv_1"}),
    ],
)
def test_mappings(text: str, expected: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mapping.csv"
    path.write_text(text, encoding="utf-8")
    assert read_mapping(path) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"thread_1,conv_1\nthread_2\n", "line 2: found one column"),
        (b"thread_1,50370000001\n", "line 1: found something else"),
        (b"conv_1,thread_1\n", "line 1: found something else"),
        (b",conv_1\n", "line 1: found something else"),
        (b"thread_1,conv_1\nthread_1,conv_2\n", "line 2: found thread_1 a second time"),
        (b"thread_1,conv_\xff\n", "bytes that are not UTF-8"),
        (None, "found FileNotFoundError"),
    ],
)
def test_mappings_that_are_none(data: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SettingsError, match=says) as caught:
        read_mapping(path)
    assert "50370000001" not in str(caught.value)
