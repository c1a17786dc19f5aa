"""WATI's webhook bodies, as a table and under mutation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mutations import ANYTHING, hold_to_the_promise, mutated
from tests.payload_cases import RECEIVED, Case, cases, judge
from watibot.channels import wati_payloads
from watibot.messages import Delivery, Inbound

OPERATORS = ("api", "bot", "system", "wati", "bot@hotel.example")
CASES = cases("wati")
BODIES = [param.values[0]["body"] for param in CASES]
BASE = BODIES[0]


def read(body: Any, received_at: datetime = RECEIVED) -> Sequence[Delivery]:
    return wati_payloads.read(body, received_at, OPERATORS)


@pytest.mark.parametrize("case", CASES)
def test_a_body_is_read(case: Case) -> None:
    judge(case, read)


def test_a_long_text_is_kept_whole() -> None:
    [message] = read({**BASE, "text": "a" * 25_000})
    assert isinstance(message, Inbound)
    assert len(message.text) == 25_000


@given(ANYTHING | mutated(BODIES) | st.lists(mutated(BODIES), max_size=2))
@settings(max_examples=400, deadline=None)
def test_any_json_is_read_or_refused(body: Any) -> None:
    hold_to_the_promise(read, body, "50370000001")
