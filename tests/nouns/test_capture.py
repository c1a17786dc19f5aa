"""Captured payloads: nothing of the guest, everything of the shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.mutations import ANYTHING
from tests.payload_cases import RECEIVED, Case, cases
from watibot.channels import manychat_payloads, wati_payloads
from watibot.channels.capture import Captures, redact
from watibot.errors import UnreadablePayload
from watibot.messages import Attachment, Inbound


def is_told_without_names_and_times(case: Case) -> bool:
    """Who an operator is (a person or a machine) and which time is later cannot survive."""
    return (
        "expect" in case
        and all(each["is"] not in ("Receipt", "StaffMessage") for each in case["expect"])
        and "both channels:" not in case["label"]
    )


WATI = [param for param in cases("wati") if is_told_without_names_and_times(param.values[0])]
MANYCHAT = [
    param for param in cases("manychat") if is_told_without_names_and_times(param.values[0])
]

TABLE: list[tuple[Any, Any]] = [
    ({"text": "¿Cuánto cuesta, Ana?"}, {"text": "xxxxxxx xxxxxx, xxx?"}),
    ({"waId": "50370000001", "id": 1842539971}, {"waId": "00000000000", "id": 1000000000}),
    ({"owner": True, "data": None, "s": "true"}, {"owner": True, "data": None, "s": "true"}),
    (
        {"eventType": "sentMessageREAD_v2", "type": "text", "statusString": "SENT"},
        {"eventType": "sentMessageREAD_v2", "type": "text", "statusString": "SENT"},
    ),
    ({"type": "Ana Paz"}, {"type": "xxx xxx"}),
    ({"timestamp": "1795169656"}, {"timestamp": "1767323045"}),
    ({"timestamp": 1795169656626}, {"timestamp": 1767323045000}),
    ({"created": "2026-11-20T10:14:16.6268572Z"}, {"created": "2026-01-02T03:04:05.0000000Z"}),
    (
        {"last_interaction": "2026-11-20T10:14:16+00:00"},
        {"last_interaction": "2026-01-02T03:04:05+00:00"},
    ),
    ({"data": "data/images/0b5f-9a.jpg"}, {"data": "data/images/0x0x-0x.jpg"}),
    ({"text": "Pago de Ana.pdf"}, {"text": "xxxx xx xxx.pdf"}),
    ({"text": "vengo.ya"}, {"text": "xxxxx.xx"}),
    (
        {"t": "mira https://lookaside.fbsbx.com/ig_cdn/?asset_id=17&signature=Ab-1"},
        {"t": "xxxx https://lookaside.fbsbx.com/xx_xxx/?xxxxx_xx=00&xxxxxxxxx=xx-0"},
    ),
    ({"t": "https://ana-paz.example/fotos/1.jpg"}, {"t": "https://xxx-xxx.xxxxxxx/xxxxx/0.jpg"}),
    ({"t": "https://ana@fbsbx.com/1"}, {"t": "https://xxx@xxxxx.xxx/0"}),
    ({"localMessageId": "watibot-550e8400"}, {"localMessageId": "watibot-000x0000"}),
    ({"id": "message.Id"}, {"id": "message.Id"}),
    ({"text": "message.Id"}, {"text": "xxxxxxx.xx"}),
    ({"text": "{{last_input_text}}"}, {"text": "{{last_input_text}}"}),
    ({"list": [1.5, -7, "a"]}, {"list": [0.5, 1, "x"]}),
    ({"text": "👍 ok"}, {"text": "x xx"}),
]


@pytest.mark.parametrize(("payload", "expected"), TABLE)
def test_what_is_kept(payload: Any, expected: Any) -> None:
    assert expected == redact(payload)


@pytest.mark.parametrize("case", WATI)
def test_a_redacted_body_of_wati_reads_as_the_same(case: Case) -> None:
    operators = ("api", "bot")
    before = wati_payloads.read(case["body"], RECEIVED, operators)
    after = wati_payloads.read(redact(case["body"]), RECEIVED, operators)
    assert [shape(each) for each in before] == [shape(each) for each in after]


@pytest.mark.parametrize("case", MANYCHAT)
def test_a_redacted_body_of_manychat_reads_as_the_same(case: Case) -> None:
    before = manychat_payloads.read(case["body"], RECEIVED)
    after = manychat_payloads.read(redact(case["body"]), RECEIVED)
    assert [shape(each) for each in before] == [shape(each) for each in after]


def shape(delivery: Any) -> Any:
    """What a redacted copy must still say."""
    if not isinstance(delivery, Inbound):
        return type(delivery)
    files: list[Attachment] = list(delivery.attachments)
    return (
        delivery.channel,
        delivery.kind,
        bool(delivery.text),
        [(file.kind, file.file_name is None) for file in files],
        delivery.repeat_window,
        len(delivery.conversation_id),
    )


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_any_json_can_be_redacted(payload: Any) -> None:
    json.dumps(redact(payload))


def test_what_lies_too_deep_is_dropped() -> None:
    payload: Any = "Ana"
    for _ in range(600):
        payload = {"a": [payload]}
    assert "Ana" not in json.dumps(redact(payload))


async def test_the_first_of_each_kind_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    image = {"eventType": "message", "type": "image", "text": "Ana", "waId": "50370000001"}
    captures = Captures(folder, 2)
    paths = [await captures.keep("wati", image) for _ in range(4)]
    assert [path.name if path else None for path in paths] == [
        "wati-message-image-1.json",
        "wati-message-image-2.json",
        None,
        None,
    ]
    other = await captures.keep("manychat", {"contact": {"id": "1"}, "platform": "instagram"})
    assert other == folder / "manychat-instagram-1.json"
    assert "Ana" not in "".join(path.read_text() for path in folder.iterdir())
    # A restart counts what is there.
    assert await Captures(folder, 2).keep("wati", image) is None
    assert await Captures(folder, 3).keep("wati", image) == folder / "wati-message-image-3.json"


async def test_a_capture_is_a_case(tmp_path: Path) -> None:
    body = WATI[0].values[0]["body"]
    path = await Captures(tmp_path, 1).keep("wati", body)
    assert path
    [case] = json.loads(path.read_text("utf-8"))
    assert case["channel"] == "wati"
    assert wati_payloads.read(case["body"], RECEIVED, ())


@pytest.mark.parametrize("body", [None, [], {"eventType": "../../etc/passwd"}, {"eventType": 7}])
async def test_odd_bodies_are_kept_under_the_channel(tmp_path: Path, body: Any) -> None:
    assert tmp_path / "wati-1.json" == await Captures(tmp_path, 1).keep("wati", body)


def count(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_kinds_are_limited(tmp_path: Path) -> None:
    captures = Captures(tmp_path, 1)
    for number in range(250):
        await captures.keep("wati", {"eventType": f"event{number}"})
    assert count(tmp_path) == 200


def test_unreadable_stays_unreadable() -> None:
    with pytest.raises(UnreadablePayload):
        wati_payloads.read(redact({"eventType": "ticketResolved"}), RECEIVED, ())
