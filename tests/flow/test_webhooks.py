"""The front door: answers to the letter, the secret, the size, quarantine; and no 500, whatever
comes (Schemathesis against the service's own description)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from tests.flow.house import GUEST, SECRET, House, house

WATI = '{"ai_response": "Gathering questions for the assistant"}'
MANYCHAT = '{"status": "ok", "detail": "Message buffered"}'
ANSWERS = {"/webhook": WATI, "/manychat/webhook": MANYCHAT}


def wati_message(**changes: Any) -> bytes:
    message = {
        "id": "6928247827",
        "whatsappMessageId": "wamid.TEST1",
        "eventType": "message",
        "type": "text",
        "text": "Hola",
        "owner": False,
        "timestamp": "1795169656",
        "waId": GUEST,
        "senderName": "Ana",
    }
    return json.dumps(message | changes).encode()


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"eventType": "nobody knows"}',
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"text": NaN}',
        b'{"id": 1e999, "timestamp": "later"}',
        wati_message(text=None, waId=None),
    ],
)
async def test_whatever_comes_has_the_contract_s_answer(
    hotel: House, path: str, body: bytes
) -> None:
    answer = await hotel.webhook(path, body)
    assert (answer.status_code, answer.text) == (200, ANSWERS[path])
    assert answer.headers["content-type"] == "application/json"


async def test_what_is_not_understood_is_kept_with_its_reason(hotel: House) -> None:
    await hotel.webhook("/webhook", b"not json")
    ready = (await hotel.http.get(f"{hotel.service}/readyz")).json()
    assert ready["rows"]["quarantine"] == 1
    metrics = (await hotel.http.get(f"{hotel.service}/metrics")).text
    assert 'watibot_deliveries_total{channel="wati",outcome="quarantined"} 1.0' in metrics


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1]])
async def test_without_the_secret_nothing_is_stored(hotel: House, secret: str) -> None:
    for path in ANSWERS:
        assert (await hotel.webhook(path, wati_message(), secret)).status_code == 401
    assert hotel.app is not None
    counts = await hotel.app.store.counts()
    assert counts["conversations"] == counts["quarantine"] == 0


async def test_the_secret_may_stand_in_the_url(hotel: House) -> None:
    url = f"{hotel.service}/webhook?token={SECRET}"
    answer = await hotel.http.post(url, content=wati_message())
    assert answer.text == WATI
    assert hotel.app is not None
    assert (await hotel.app.store.counts())["conversations"] == 1


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 200), (1024 * 1024 + 1, 413)])
async def test_a_body_of_more_than_one_mebibyte_is_refused(
    hotel: House, size: int, status: int
) -> None:
    assert (await hotel.webhook("/webhook", b"x" * size)).status_code == status

    async def in_pieces() -> Any:
        for start in range(0, size, 65_536):
            yield b"x" * min(65_536, size - start)

    headers = {"x-watibot-secret": SECRET}
    streamed = await hotel.http.post(
        f"{hotel.service}/webhook", content=in_pieces(), headers=headers
    )
    assert streamed.status_code == status


async def test_a_channel_that_is_off_keeps_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, MANYCHAT_TOKEN="") as hotel:
        answer = await hotel.webhook("/manychat/webhook", b'{"contact": {"id": "1"}}')
        assert answer.text == MANYCHAT
        assert hotel.app is not None
        assert (await hotel.app.store.counts())["quarantine"] == 1


async def test_nothing_is_acknowledged_that_was_not_stored(hotel: House, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "watibot.db") as elsewhere:
        elsewhere.execute("ALTER TABLE messages RENAME TO gone")
    assert (await hotel.webhook("/webhook", wati_message())).status_code == 503
    with sqlite3.connect(tmp_path / "watibot.db") as elsewhere:
        elsewhere.execute("ALTER TABLE gone RENAME TO messages")
    assert (await hotel.webhook("/webhook", wati_message())).text == WATI


async def test_a_nul_and_half_a_surrogate_are_stored_as_what_can_be(hotel: House) -> None:
    body = wati_message().replace(b'"Hola"', b'"Ho\\u0000la \\ud83d"')
    assert (await hotel.webhook("/webhook", body)).text == WATI
    assert hotel.app is not None
    assert (await hotel.app.store.counts())["messages_waiting"] == 1


async def test_captures_are_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch, WATIBOT_CAPTURE_PER_KIND="2") as hotel:
        for number in range(3):
            await hotel.webhook("/webhook", wati_message(id=str(number), text="secreto"))
        kept = list((tmp_path / "captures").glob("*.json"))
        assert len(kept) == 2
        for path in kept:
            assert GUEST not in path.read_text()
            assert "secreto" not in path.read_text()


@pytest.mark.timeout(180)
async def test_schemathesis_finds_no_500(hotel: House) -> None:
    await asyncio.to_thread(_judge, hotel.service)


def _judge(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for operation in schema.get_all_operations():
        assert isinstance(operation, Ok), operation

        @settings(
            max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.ok().as_strategy())
        def has_no_500(case: Any) -> None:
            answer = case.call(headers={"x-watibot-secret": SECRET})
            assert answer.status_code < 500, answer.status_code

        has_no_500()
