"""What single values of the earlier database mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.clocks import NOON
from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.storage.legacy_rows import (
    NEVER,
    Guest,
    Undecodable,
    Value,
    decoded,
    flag,
    guest_of,
    moment_of,
    packed,
    read,
    unpacked,
)

WHATSAPP = Guest(ChannelName.WHATSAPP, "50370000001", "50370000001")
TEN = datetime(2026, 11, 19, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("50370000001", WHATSAPP),
        (50370000001, WHATSAPP),
        ("+50370000001", WHATSAPP),
        ("+503 7000-0001", WHATSAPP),
        (" 503 (7000) 0001\n", WHATSAPP),
        ("fb:4001", Guest(ChannelName.FACEBOOK, "fb:4001", "4001")),
        ("ig:4002", Guest(ChannelName.INSTAGRAM, "ig:4002", "4002")),
        (None, "empty"),
        ("", "empty"),
        (" \t", "empty"),
        ("test", "no number"),
        ("5037000000x", "no number"),
        ("٥٠٣٧٠٠٠٠٠٠١", "no number"),
        ("fb:", "another prefix"),
        ("fb:ana", "another prefix"),
        ("tg:4001", "another prefix"),
        ("123", "no WhatsApp number"),
        ("0050370000001", "no WhatsApp number"),
        ("1234567890123456", "no WhatsApp number"),
        (b"50370000001", "no text"),
        (1.5, "no text"),
        (Undecodable(b"\xff"), "no text"),
    ],
)
def test_whom_a_wa_id_names(value: Value, expected: Guest | str) -> None:
    assert guest_of(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, None)),
        ("", (None, None)),
        ("2026-11-19T10:00:00", (TEN, None)),
        ("2026-11-19 10:00:00", (TEN, None)),
        ("2026-11-19T10:00:00Z", (TEN, None)),
        ("2026-11-19T04:00:00-06:00", (TEN, None)),
        ("2026-11-19 10:00", (TEN, None)),
        ("2026-11-19T10:00:00.250000", (TEN.replace(microsecond=250000), None)),
        ("2026-11-19", (TEN.replace(hour=0), None)),
        ("20261119", (TEN.replace(hour=0), None)),
        (1795082400, (TEN, None)),
        (1795082400.25, (TEN.replace(microsecond=250000), None)),
        (1795082400250, (TEN.replace(microsecond=250000), None)),
        ("1795082400", (TEN, None)),
        (" 1795082400.0 ", (TEN, None)),
        ("1795082400000", (TEN, None)),
        (0, (NEVER, None)),
        ("2026-11-21", (None, "in the future")),
        (10**12 * 3, (None, "in the future")),
        (-1, (None, "before 1970")),
        ("0001-01-01T00:00:00+14:00", (None, "unreadable")),
        (9e99, (None, "unreadable")),
        (10**30, (None, "unreadable")),
        (float("inf"), (None, "unreadable")),
        ("9" * 400, (None, "unreadable")),
        ("yesterday", (None, "unreadable")),
        (b"2026-11-19", (None, "unreadable")),
        (Undecodable(b"\xff"), (None, "unreadable")),
    ],
)
def test_when_a_time_stamp_was(value: Value, expected: tuple[datetime | None, str | None]) -> None:
    assert moment_of(value, NOON) == expected


@pytest.mark.parametrize("value", [1, 2, 1.0, "1", "true", " TRUE ", "yes", "1.0"])
def test_set_flags(value: Value) -> None:
    assert flag(value)


@pytest.mark.parametrize("value", [0, None, 0.0, "0", "false", "", "no", b"1", Undecodable(b"1")])
def test_flags_that_are_not_set(value: Value) -> None:
    assert not flag(value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "ñandú 🐦", 0, 1, 1.0, -0.0, 0.1, 5e-324, 2**63 - 1, -(2**63)),
        *(b"", b"\x00\xff", float("inf"), float("-inf"), Undecodable(b"a\x00b")),
    ],
)
def test_a_value_comes_back_with_its_type(value: Value) -> None:
    back = unpacked(packed(value))
    assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize("raw", [b"\xff", b"a\x00b", b"\xed\xa0\x80"])
def test_text_that_json_or_postgresql_cannot_hold(raw: bytes) -> None:
    assert decoded(raw) == Undecodable(raw)
    assert decoded(b"\xc3\xb1") == "ñ"


@pytest.mark.parametrize(
    ("values", "provider", "thread_id"),
    [
        ({"thread_id": "thread_1"}, Provider.OPENAI, "thread_1"),
        ({"thread_id": " thread_1 ", "vertex_migrated": 0}, Provider.OPENAI, "thread_1"),
        ({"thread_id": "thread_1", "vertex_migrated": "1"}, Provider.VERTEX, "thread_1"),
        ({"thread_id": " "}, Provider.VERTEX, None),
        ({"thread_id": b"thread_1"}, Provider.VERTEX, None),
        ({}, Provider.VERTEX, None),
    ],
)
def test_who_answers(values: dict[str, Value], provider: Provider, thread_id: str | None) -> None:
    row = read({"wa_id": "50370000001", **values}, NOON)
    assert (row.provider, row.thread_id) == (provider, thread_id)


def test_times_that_are_missing_or_odd() -> None:
    row = read({"wa_id": "x", "last_updated": 1795082400, "created_at": "2030-01-01"}, NOON)
    assert (row.last_guest_at, row.created_at) == (TEN, TEN)
    assert row.odd == ("created_at in the future",)
    bare = read({"wa_id": None}, NOON)
    assert (bare.last_guest_at, bare.created_at, bare.odd) == (NEVER, NEVER, ())
