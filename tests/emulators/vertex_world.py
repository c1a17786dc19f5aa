"""What the tests of the Vertex emulator share: paths, held time, a client, an error's words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from watibot.emulators.kit import Clock, serve
from watibot.emulators.vertex import Vertex

Json = dict[str, Any]
PROJECT = "/v1beta1/projects/p"
SESSIONS = f"{PROJECT}/locations/europe-west1/reasoningEngines/123/sessions"
MODEL = f"{PROJECT}/locations/eu/publishers/google/models/gemini-3.8-flash"
GENERATE = f"{MODEL}:generateContent"
EVENT: Json = {"author": "user", "invocationId": "i", "timestamp": "2026-11-22T10:00:00Z"}
TOOLS = [
    {
        "functionDeclarations": [
            {"name": "check_office_status", "parametersJsonSchema": {"type": "object"}},
            {"name": "escalate_to_human", "parametersJsonSchema": {"type": "object"}},
        ]
    }
]


class HeldClock(Clock):
    """Virtual time that only the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_795_169_656.0

    def time(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@asynccontextmanager
async def calling(vertex: Vertex) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the emulator that has a token."""
    headers = {"authorization": "Bearer emu"}
    async with (
        serve(vertex.app()) as url,
        httpx2.AsyncClient(base_url=url, headers=headers) as client,
    ):
        yield client


def user(*texts: str) -> Json:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


async def new_session(http: httpx2.AsyncClient, session_id: str = "g-1", **body: Any) -> str:
    url = f"{SESSIONS}?sessionId={session_id}"
    answer = await http.post(url, json={"userId": "50370000001", **body})
    assert answer.status_code == 200, answer.text
    return f"{SESSIONS}/{session_id}"


async def append(http: httpx2.AsyncClient, session: str, second: int, **more: Any) -> Json:
    moment = f"2026-11-22T10:00:{second:02d}.5+00:00"
    answer = await http.post(f"{session}:appendEvent", json={**EVENT, "timestamp": moment, **more})
    body: Json = answer.json()
    return body


def error_of(answer: httpx2.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"], error["message"]
