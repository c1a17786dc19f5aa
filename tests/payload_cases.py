"""The labelled payloads of `tests/cases/`: invented ones with what they mean, captured ones (from
`channels/capture.py`) without, which only have to be readable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from watibot.errors import UnreadablePayload
from watibot.messages import Attachment, Delivery

RECEIVED = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
Case = dict[str, Any]


def cases(channel: str) -> list[Any]:
    """Every case of a channel, for `parametrize`."""
    return [
        pytest.param(case, id=case["label"])
        for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
        for case in json.loads(path.read_text("utf-8"))
        if case["channel"] == channel
    ]


def judge(case: Case, read: Any) -> None:
    """Holds `read(body, received_at)` to a case."""
    if "unreadable" in case:
        with pytest.raises(UnreadablePayload) as caught:
            read(case["body"], RECEIVED)
        assert case["unreadable"] == str(caught.value)
        return
    deliveries: Sequence[Delivery] = read(case["body"], RECEIVED)
    if "expect" in case:
        assert case["expect"] == [
            shown(delivery, expected)
            for delivery, expected in zip(deliveries, case["expect"], strict=True)
        ]


def shown(delivery: Delivery, expected: Case) -> Case:
    """A delivery in the form of the cases, no more fields than are expected."""
    whole = {field.name: getattr(delivery, field.name) for field in fields(delivery)}
    plain = {name: _plain(value) for name, value in whole.items() if name in expected}
    return {"is": type(delivery).__name__, **plain}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Attachment):
        return [value.kind, value.source, value.file_name]
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
