"""What runs and messages say, and how words are told to a thread: tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.invented import item
from watibot.errors import Cause, ProviderError
from watibot.history import ItemKind
from watibot.modelcalls import Usage
from watibot.providers import openai_runs as runs
from watibot.thread_words import guest_words, words_of
from watibot.threads import Words
from watibot.toolcalls import ToolCall

Json = dict[str, Any]


def asking_for(*arguments: Any) -> Json:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "book", "arguments": each}}
        for n, each in enumerate(arguments)
    ]
    submit = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    return {"status": "requires_action", "required_action": submit, "model": "gpt-4o"}


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ('{"nights": 2}', {"nights": 2}),
        ("{}", {}),
        ("", {}),
        ('{"nights": 2', {"arguments": '{"nights": 2'}),
        ("[1, 2]", {"arguments": "[1, 2]"}),
        ("null", {"arguments": "null"}),
        (None, {"arguments": "None"}),
        ({"nights": 2}, {"nights": 2}),
    ],
)
def test_arguments(given: Any, arguments: Json) -> None:
    assert runs.calls_of(asking_for(given)) == (ToolCall("book", arguments, "call_0"),)


@pytest.mark.parametrize(
    "action",
    [
        None,
        {"type": "submit_tool_approval"},
        {"submit_tool_outputs": {"tool_calls": [{"id": "c", "type": "mcp", "mcp": {}}]}},
    ],
)
def test_what_nobody_can_run(action: Any) -> None:
    with pytest.raises(ProviderError) as refused:
        runs.calls_of({"status": "requires_action", "required_action": action})
    assert refused.value.cause is Cause.INVALID


def text(value: str, *annotations: Json) -> Json:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


CITED = {"type": "file_citation", "text": "【4:0†source】", "start_index": 9, "end_index": 21}


@pytest.mark.parametrize(
    ("content", "said", "others"),
    [
        ([text("A las 15.")], "A las 15.", []),
        ([text("A las 15.【4:0†source】", CITED)], "A las 15.", []),
        ([text("A las 15【4:0†politicas.pdf】 en punto.")], "A las 15 en punto.", []),
        ([text("Uno"), text(" "), text("dos")], "Uno\n\ndos", []),
        ([{"type": "refusal", "refusal": "No puedo."}], "No puedo.", []),
        ([text("Mire"), {"type": "image_file", "image_file": {}}], "Mire", ["image_file"]),
        ([{"type": "hologram 503700"}], "", ["?"]),
        ([{"type": "text", "text": "plano"}], "plano", []),
        ([], "", []),
    ],
)
def test_words_of_a_message(content: list[Json], said: str, others: list[str]) -> None:
    assert runs.text_of({"content": content}) == said
    assert runs.others_in({"content": content}) == others


def test_several_messages_are_one_answer() -> None:
    run = {
        "status": "completed",
        "model": "gpt-4o",
        "usage": {
            "prompt_tokens": 90,
            "completion_tokens": 7,
            "prompt_token_details": {"cached_tokens": 80},
        },
    }
    said = runs.answering(run, [{"content": [text("Uno.")]}, {"content": [text("Dos.")]}])
    assert said.text == "Uno.\n\nDos."
    assert said.content == {"role": "model", "parts": [{"text": "Uno.\n\nDos."}]}
    assert (said.usage, said.model) == (Usage(90, 80, 7), "gpt-4o")


def test_what_is_cut_is_given_as_far_as_it_goes() -> None:
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_completion_tokens"}}
    assert runs.has_answer(cut)
    assert runs.answering(cut, [{"content": [text("A las")]}]).text == "A las"
    with pytest.raises(ProviderError) as empty:
        runs.answering(cut, [])
    assert empty.value.cause is Cause.BLOCKED


def test_no_guest_s_word_in_a_failure() -> None:
    error = {"code": "invalid_prompt", "message": "The text 'llámame al 50370000001' is too long"}
    for run in (
        {"status": "failed", "last_error": error},
        {"status": "failed", "last_error": {"code": "llámame al 50370000001"}},
        {"status": "llámame"},
    ):
        assert "llámame" not in str(runs.failure(run))


@pytest.mark.parametrize(
    ("status", "expires_at", "expired"),
    [
        ("in_progress", 99, True),
        ("in_progress", 100, True),
        ("in_progress", 101, False),
        ("requires_action", 99, True),
        ("in_progress", None, False),
        ("completed", 99, False),
    ],
)
def test_a_run_s_time(status: str, expires_at: int | None, expired: bool) -> None:
    assert runs.has_expired({"status": status, "expires_at": expires_at}, 100.0) is expired


def test_who_said_what() -> None:
    items = (
        item(1, ItemKind.GUEST, "hola"),
        item(2, ItemKind.ASSISTANT, "buenas"),
        item(3, ItemKind.TOOL_CALL, ""),
        item(4, ItemKind.TOOL_RESULT, ""),
        item(5, ItemKind.STAFF, "Le espero {aquí}", author="Rosa"),
        item(6, ItemKind.STAFF, "Ya casi"),
        item(7, ItemKind.GUEST, " "),
    )
    told = words_of(items)
    assert [(words.item_id, words.role) for words in told] == [
        (items[0].item_id, "user"),
        (items[1].item_id, "assistant"),
        (items[4].item_id, "user"),
        (items[5].item_id, "user"),
    ]
    assert [words.text for words in told] == ["hola", "buenas", "Le espero {aquí}", "Ya casi"]
    assert [words.staff for words in told] == [None, None, "Rosa", "recepción"]
    assert told[2].said_at == items[4].at
    assert guest_words("i", "hola", [("image/png", b"x")]) == Words(
        "i", "user", "hola", (("image/png", b"x"),)
    )
