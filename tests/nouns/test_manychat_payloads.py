"""Bodies of ManyChat's flows, as a table and under mutation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.mutations import ANYTHING, hold_to_the_promise, mutated
from tests.payload_cases import RECEIVED, Case, cases, judge
from watibot.channels import manychat_payloads
from watibot.channels.manychat_payloads import split_files
from watibot.messages import Delivery, Inbound

CASES = cases("manychat")
BODIES = [param.values[0]["body"] for param in CASES]
CONTACT: dict[str, Any] = BODIES[0]["contact"]


def read(body: Any, received_at: datetime = RECEIVED) -> Sequence[Delivery]:
    return manychat_payloads.read(body, received_at)


def inbound(body: Any) -> Inbound:
    [message] = read(body)
    assert isinstance(message, Inbound)
    return message


@pytest.mark.parametrize("case", CASES)
def test_a_body_is_read(case: Case) -> None:
    judge(case, read)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"first_name": "Otra"}, True),
        ({"last_input_text": "hola"}, False),
        ({"ig_last_interaction": "2026-11-20T10:14:17+00:00"}, False),
        ({"id": "1842539972"}, False),
    ],
)
def test_the_digest_is_of_contact_time_and_text(change: dict[str, str], same: bool) -> None:
    other = inbound({**CONTACT, **change})
    assert (inbound(CONTACT).provider_id == other.provider_id) is same


def test_the_digest_differs_between_the_channels_of_a_contact() -> None:
    ids = {
        inbound({"user_id": "1", "text": "hola", "platform": each}).provider_id
        for each in ("ig", "fb")
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("hosts", "rest"),
    [
        ((), "http://127.0.0.1:8804/a?b=1"),
        (("127.0.0.1:8804",), ""),
        (("127.0.0.1",), ""),
        (("127.0.0.1:8805",), "http://127.0.0.1:8804/a?b=1"),
        (("0.0.1:8804",), "http://127.0.0.1:8804/a?b=1"),
    ],
)
def test_extra_hosts_are_whole_names(hosts: tuple[str, ...], rest: str) -> None:
    assert rest == split_files("http://127.0.0.1:8804/a?b=1", hosts)[0]


@given(ANYTHING | mutated(BODIES))
@settings(max_examples=400, deadline=None)
def test_any_json_is_read_or_refused(body: Any) -> None:
    hold_to_the_promise(read, body, "1842539971")
