"""The demonstration's judge of takeovers, and its way through a page's forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watibot.cli.stage.browser import _Forms
from watibot.cli.stage.heads import over_heads
from watibot.cli.stage.journals import Entry

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
WA, FB = {"waId": "50370000001"}, {"subscriber_id": "710001"}


def at(second: float, kind: str, who: dict[str, str], **more: object) -> Entry:
    return {"at": (START + timedelta(seconds=second)).isoformat(), "kind": kind, **who, **more}


def bubble(second: float, who: dict[str, str], arrived: float | None = None) -> Entry:
    left = START + timedelta(seconds=second if arrived is None else arrived)
    return at(second, "bubble", who, text="Hola", arrived=left.isoformat())


@pytest.mark.parametrize(
    ("entries", "over"),
    [
        ([bubble(0, WA)], 0),
        ([at(0, "assigned", WA), bubble(5, WA)], 1),
        ([at(0, "staff", WA), bubble(5, WA)], 1),
        ([at(0, "staff", FB), bubble(5, FB)], 0),
        ([at(0, "assigned", FB, by="tag"), bubble(5, FB)], 1),
        ([at(0, "assigned", WA, by="api"), bubble(5, WA)], 0),
        ([at(0, "assigned", WA, by="api"), at(9, "staff", WA), bubble(15, WA)], 1),
        ([at(0, "assigned", WA), bubble(5, FB)], 0),
        ([at(0, "assigned", WA), at(4, "released", WA), bubble(5, WA)], 0),
        ([at(0, "assigned", WA), at(6, "released", WA), bubble(5, WA)], 1),
        ([at(3, "assigned", WA), bubble(5, WA, arrived=2)], 0),
        ([at(3, "assigned", WA), bubble(5, WA, arrived=3.5)], 0),
        ([at(0, "assigned", WA), at(1, "staff", WA), bubble(1.9, WA)], 1),
        ([bubble(5, WA), at(0, "assigned", WA)], 1),
    ],
)
def test_over_heads(entries: list[Entry], over: int) -> None:
    assert len(over_heads(entries, {})) == over


@pytest.mark.parametrize(("words", "over"), [("Hola", 0), ("Otra cosa", 1)])
def test_what_a_colleague_wrote_is_the_colleagues(words: str, over: int) -> None:
    entries = [at(0, "assigned", FB), bubble(5, FB)]
    assert len(over_heads(entries, {"710001": [words]})) == over


PAGE = """
<form action="sign-out" method="post"><input type="hidden" name="csrf" value="a1"></form>
<form action="/console/conversations/fb%3A1/write" method="post">
  <input type="hidden" name="csrf" value="a1"><input type="hidden" name="once" value="b2">
  <textarea name="text"></textarea><input type="submit" name="go" value="Enviar">
</form>
"""


def test_forms_come_with_their_fields() -> None:
    forms = _Forms(PAGE).found
    assert [form.action for form in forms] == ["sign-out", "/console/conversations/fb%3A1/write"]
    assert forms[0].fields == {"csrf": "a1"}
    assert forms[1].fields == {"csrf": "a1", "once": "b2", "text": ""}
