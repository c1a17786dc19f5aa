"""The way to a thread server: keys and their renewal, headers, its rate, lists, the preflight."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock, JumpingClock
from tests.contract.openai_standin import StandIn
from tests.contract.source_rigs import client_of, openai_group
from tests.fakes_threads import message
from watibot.engines.quota import LocalQuota
from watibot.errors import Cause, ProviderError
from watibot.providers.openai_http import CONVERSATIONS, FILES, THREADS, OpenAIHttp

TOKENS = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
n = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(n))
print(f"Bearer token-{n}")
"""


def a_thread(**options: object) -> StandIn:
    stand_in = StandIn(**options)
    stand_in.put("thread_a", [message("thread_a", n) for n in range(3)])
    return stand_in


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Prints token-1, token-2 ...; how often is in the file `count`."""
    (tmp_path / "tokens.py").write_text(TOKENS)
    return f"'{sys.executable}' '{tmp_path}/tokens.py' '{tmp_path}/count'"


@pytest.mark.parametrize(
    ("group", "header", "expected"),
    [
        ({}, "authorization", "Bearer sk-test"),
        ({"api_key": " bearer sk-test\n"}, "authorization", "Bearer sk-test"),
        ({"auth": "api-key"}, "api-key", "sk-test"),
        ({"auth": "api-key"}, "authorization", None),
        ({"api_key": ""}, "authorization", None),
        ({"org_id": "org-1", "project_id": "proj-1"}, "openai-organization", "org-1"),
        ({"org_id": "org-1", "project_id": "proj-1"}, "openai-project", "proj-1"),
        ({}, "openai-project", None),
        ({}, "openai-beta", "assistants=v2"),
    ],
)
async def test_headers(group: dict[str, Any], header: str, expected: str | None) -> None:
    stand_in = a_thread(key="")
    async with client_of(stand_in, **group) as http:
        await http.get(THREADS, "/threads/thread_a")
    assert stand_in.seen[0][3].get(header) == expected


async def test_files_and_conversations_know_no_beta() -> None:
    stand_in = StandIn()
    stand_in.put_conversation("conv_1", [])
    stand_in.files["file-1"] = ({"id": "file-1"}, b"x")
    async with client_of(stand_in) as http:
        await http.get(CONVERSATIONS, "/conversations/conv_1")
        await http.get(FILES, "/files/file-1")
    assert [seen[3].get("openai-beta") for seen in stand_in.seen] == [None, None]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("api-version=v1", [("api-version", "v1")]),
        ("api-version=v1&empty=", [("api-version", "v1"), ("empty", "")]),
    ],
)
async def test_the_extra_query_is_in_every_url(query: str, expected: list[Any]) -> None:
    stand_in = a_thread()
    async with client_of(stand_in, query=query) as http:
        await http.get(THREADS, "/threads/thread_a", {"limit": "5"})
        await http.post(THREADS, "/threads/thread_a/messages", {"role": "user", "content": "Hola"})
    assert [seen[2] for seen in stand_in.seen] == [[*expected, ("limit", "5")], expected]


async def test_a_token_is_kept_until_it_is_refused(command: str, tmp_path: Path) -> None:
    stand_in = a_thread(key="token-1")
    async with client_of(stand_in, key_command=command) as http:
        for _ in range(3):
            await http.get(THREADS, "/threads/thread_a")
        stand_in.change({"key": "token-2"})
        await asyncio.gather(*(http.get(THREADS, "/threads/thread_a") for _ in range(5)))
        assert (tmp_path / "count").read_text() == "2"
        stand_in.change({"key": "another"})
        before = len(stand_in.seen)
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
    assert caught.value.cause is Cause.UNAUTHORISED
    assert len(stand_in.seen) - before == 2
    assert (tmp_path / "count").read_text() == "3"
    assert "token" not in str(caught.value)


async def test_a_key_that_is_refused_is_asked_once() -> None:
    stand_in = a_thread(key="another")
    async with client_of(stand_in) as http:
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
    assert (caught.value.cause, len(stand_in.seen)) == (Cause.UNAUTHORISED, 1)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import sys; print('secret-1'); sys.exit(3)", "ended with status 3"),
        ("import sys; print('secret-1', file=sys.stderr)", "printed nothing"),
        ("print('secret-1 and more')", "printed something that is no token"),
        ("print('secret-1'); print('more')", "printed something that is no token"),
    ],
)
async def test_a_command_that_fails(code: str, says: str) -> None:
    stand_in = a_thread()
    async with client_of(stand_in, key_command=f'"{sys.executable}" -c "{code}"') as http:
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
    assert (caught.value.cause, stand_in.seen) == (Cause.UNAUTHORISED, [])
    assert str(caught.value) == f"openai unauthorised: OPENAI_KEY_COMMAND {says}"


@pytest.mark.parametrize("command", ["/not/there --token", "a 'quote is open", "echo $(whoami)"])
async def test_a_command_is_no_shells(command: str) -> None:
    async with client_of(a_thread(), key_command=command) as http:
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
    assert caught.value.cause is Cause.UNAUTHORISED


async def test_its_own_rate_and_the_servers_pause() -> None:
    stand_in, clock = a_thread(), JumpingClock()
    async with client_of(stand_in, clock, 60) as http:
        for _ in range(3):
            await http.get(THREADS, "/threads/thread_a")
        assert clock.slept == [0, 1, 1]
        for headers, pause in (({"retry-after": "30"}, 30), ({}, 20)):
            stand_in.faults.create({"times": 1, "status": 429, "headers": headers})
            with pytest.raises(ProviderError):
                await http.get(THREADS, "/threads/thread_a")
            await http.get(THREADS, "/threads/thread_a")
            assert clock.slept[-1] == pytest.approx(pause)


async def test_no_credit_is_no_pause() -> None:
    stand_in, clock = a_thread(), JumpingClock()
    body = {"error": {"message": "quota", "code": "insufficient_quota"}}
    stand_in.faults.create({"times": 1, "status": 429, "body": body})
    async with client_of(stand_in, clock) as http:
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
        await http.get(THREADS, "/threads/thread_a")
    assert (caught.value.cause, clock.slept) == (Cause.INVALID, [0, 0])


async def test_a_server_that_is_not_there() -> None:
    clock = JumpingClock()
    http = OpenAIHttp(openai_group("http://127.0.0.1:1"), clock, LocalQuota(60, clock))
    with pytest.raises(ProviderError) as caught:
        await http.get(THREADS, "/threads/thread_a")
    await http.close()
    assert caught.value.cause is Cause.UNREACHABLE


async def test_an_answer_that_does_not_come() -> None:
    stand_in, clock = a_thread(), FakeClock()
    async with client_of(stand_in, clock) as http:
        stand_in.faults.create({"delay_seconds": 60})
        call = asyncio.ensure_future(http.get(THREADS, "/threads/thread_a"))
        await clock.advance(21)
        with pytest.raises(ProviderError) as caught:
            await call
    assert caught.value.cause is Cause.TIMEOUT


async def test_an_answer_that_is_no_object() -> None:
    stand_in = a_thread()
    stand_in.faults.create({"status": 200, "body": "<html>"})
    async with client_of(stand_in) as http:
        with pytest.raises(ProviderError) as caught:
            await http.get(THREADS, "/threads/thread_a")
    assert caught.value.cause is Cause.LOST


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
@pytest.mark.parametrize("has_more", ["honest", "absent", "always", "never"])
async def test_lists_whatever_has_more_says(count: int, has_more: str) -> None:
    stand_in = StandIn(has_more=has_more)
    expected = [message("thread_a", n) for n in range(count)]
    stand_in.put("thread_a", expected)
    async with client_of(stand_in) as http:
        path = "/threads/thread_a/messages"
        assert await http.pages(THREADS, path, {"order": "asc"}) == expected
    assert len(stand_in.seen) <= count // 100 + 2


@pytest.mark.parametrize("has_more", ["honest", "absent", "always"])
async def test_lists_with_smaller_pages_than_were_asked_for(has_more: str) -> None:
    stand_in = StandIn(has_more=has_more, largest_page=20)
    expected = [message("thread_a", n) for n in range(130)]
    stand_in.put("thread_a", expected)
    async with client_of(stand_in) as http:
        path = "/threads/thread_a/messages"
        assert await http.pages(THREADS, path, {"order": "asc"}) == expected
        assert await http.pages(THREADS, path, {"order": "desc"}, most=50) == expected[:-51:-1]


async def test_lists_without_ids() -> None:
    stand_in = StandIn()
    expected = [{"role": "user", "n": n} for n in range(230)]
    stand_in.put("thread_a", expected)
    async with client_of(stand_in) as http:
        path = "/threads/thread_a/messages"
        assert await http.pages(THREADS, path, {"order": "asc"}) == expected


@pytest.mark.parametrize(
    ("has_more", "count", "whole"),
    [("absent", 30, True), ("never", 30, True), ("always", 30, False), ("absent", 130, False)],
)
async def test_a_server_that_always_gives_the_first_page(
    has_more: str, count: int, whole: bool
) -> None:
    stand_in = StandIn(has_more=has_more, after=False)
    expected = [message("thread_a", n) for n in range(count)]
    stand_in.put("thread_a", expected)
    async with client_of(stand_in) as http:
        call = http.pages(THREADS, "/threads/thread_a/messages", {"order": "asc"})
        if whole:
            assert await call == expected
        else:
            with pytest.raises(ProviderError) as caught:
                await call
            assert caught.value.cause is Cause.INVALID


@pytest.mark.parametrize(
    ("options", "cause", "asked"),
    [
        ({"unnamed": True}, Cause.NOT_FOUND, ["/v1/assistants"]),
        (
            {"unnamed": True, "lists_assistants": False, "lists_threads": True},
            Cause.NOT_FOUND,
            ["/v1/assistants", "/v1/threads"],
        ),
        (
            {"unnamed": True, "sunset": True},
            Cause.GONE,
            ["/v1/assistants", "/v1/threads", f"/v1/threads/thread_{'0' * 24}"],
        ),
        ({"sunset": True}, Cause.GONE, []),
        ({}, Cause.NOT_FOUND, []),
    ],
)
async def test_a_404_that_names_nothing_is_looked_into(
    options: dict[str, Any], cause: Cause, asked: list[str]
) -> None:
    stand_in = StandIn(**options)
    async with client_of(stand_in) as http:
        for call in (
            http.get(THREADS, "/threads/thread_b"),
            http.post(THREADS, "/threads/thread_b/messages", {"role": "user", "content": "Hola"}),
        ):
            stand_in.seen.clear()
            with pytest.raises(ProviderError) as caught:
                await call
            assert caught.value.cause is cause
            assert [path for _, path, _, _ in stand_in.seen][1:] == asked


@pytest.mark.parametrize(
    ("options", "fault", "cause"),
    [
        ({}, None, None),
        ({"lists_assistants": False}, None, None),  # the made-up thread is named as not found
        ({"lists_assistants": False, "unnamed": True}, None, Cause.GONE),
        ({"sunset": True}, None, Cause.GONE),
        ({"key": "another"}, None, Cause.UNAUTHORISED),
        ({}, {"status": 405}, None),
        ({}, {"status": 400}, Cause.INVALID),
        ({}, {"status": 503}, Cause.UNAVAILABLE),
        ({}, {"status": 429}, Cause.THROTTLED),
        ({}, {"status": 410}, None),
        ({}, {"drop": "before"}, Cause.LOST),
    ],
)
async def test_the_preflight(
    options: dict[str, Any], fault: dict[str, Any] | None, cause: Cause | None
) -> None:
    stand_in = StandIn(**options)
    if fault:
        stand_in.faults.create({"times": 1, **fault})
    async with client_of(stand_in) as http:
        try:
            await http.preflight(THREADS)
            found = None
        except ProviderError as error:
            found = error.cause
    assert found is cause


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (None, None),
        ({"status": 400, "body": {"error": {"message": "Invalid 'conversation_id'"}}}, None),
        ({"status": 404, "body": {"error": {"message": "Invalid URL"}}}, Cause.GONE),
        ({"status": 404, "body": {"detail": "Not Found"}}, Cause.GONE),
        ({"status": 401}, Cause.UNAUTHORISED),
    ],
)
async def test_the_preflight_of_conversations(fault: Any, cause: Cause | None) -> None:
    stand_in = StandIn()
    if fault:
        stand_in.faults.create(fault)
    async with client_of(stand_in) as http:
        try:
            await http.preflight(CONVERSATIONS)
            found = None
        except ProviderError as error:
            found = error.cause
    assert found is cause
