"""Tokens: from a service account's file, one at a time, early enough, and what a refusal means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from watibot.emulators import kit, vertex
from watibot.errors import Cause, ProviderError
from watibot.providers.google_auth import Tokens


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@asynccontextmanager
async def account(key: str, file: Path) -> AsyncIterator[vertex.Vertex]:
    """A service account's file whose tokens the emulator gives."""
    emulator = vertex.create(kit.Clock(), {})
    async with kit.serve(emulator.app()) as url:
        fields = {
            "type": "service_account",
            "project_id": "hotel",
            "private_key_id": "k1",
            "private_key": key,
            "client_email": "bot@hotel.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }
        await asyncio.to_thread(file.write_text, json.dumps(fields))
        yield emulator


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


def asked(emulator: vertex.Vertex) -> int:
    return len([each for each in emulator.journal.since() if each["operation"] == "token"])


async def test_many_who_ask_at_once_share_one_token(key: str, file: Path) -> None:
    async with account(key, file) as emulator:
        tokens = Tokens()
        headers = await asyncio.gather(*(tokens.headers() for _ in range(20)))
        assert headers == [{"authorization": "Bearer emu-00000001"}] * 20
        assert asked(emulator) == 1


@pytest.mark.parametrize(("minutes", "expected"), [(6, 1), (4, 2)])
async def test_a_token_is_renewed_before_its_end(
    key: str, file: Path, minutes: int, expected: int
) -> None:
    async with account(key, file) as emulator:
        tokens = Tokens()
        credentials = await tokens.credentials()
        end = datetime.now(UTC) + timedelta(minutes=minutes)
        credentials.expiry = end.replace(tzinfo=None)
        assert await tokens.credentials() is credentials
        assert asked(emulator) == expected


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"status": 400, "body": {"error": "invalid_grant"}}, Cause.UNAUTHORISED),
        ({"drop": "before"}, Cause.UNREACHABLE),
    ],
)
async def test_a_token_that_is_not_given(
    key: str, file: Path, fault: dict[str, object], cause: Cause
) -> None:
    async with account(key, file) as emulator:
        emulator.faults.create({"operation": "token", **fault})
        with pytest.raises(ProviderError) as caught:
            await Tokens().headers()
    assert caught.value.cause is cause


async def test_no_credentials_at_all(file: Path) -> None:
    with pytest.raises(ProviderError, match=file.name) as caught:
        await Tokens().headers()
    assert caught.value.cause is Cause.UNAUTHORISED
