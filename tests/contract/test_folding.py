"""A long past, folded in the real store: what the next prompts begin with. Both databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.contract.stores import GUEST, HISTORY, Hand, at
from tests.invented import hotel
from tests.nouns.test_fold import Model
from watibot.history import HistoryItem, ItemKind
from watibot.instructions import Instructions
from watibot.prompts import build
from watibot.service.fold import Folder
from watibot.storage.store import SqlStore
from watibot.telemetry import Metrics
from watibot.turns import Turn
from watibot.windows import Sizes

SIZES = Sizes(tokens=1_000, items=HISTORY, characters=500)
KINDS = (ItemKind.GUEST, ItemKind.ASSISTANT, ItemKind.GUEST, ItemKind.STAFF)


@pytest.fixture
def hand(store: SqlStore) -> Hand:
    return Hand(store)


def past(count: int) -> list[HistoryItem]:
    """Before noon, one message a minute, of guest, assistant and staff."""
    items = []
    for number in range(count):
        kind, text = KINDS[number % 4], f"p{number:03} " + "x" * 95
        role = "model" if kind is ItemKind.ASSISTANT else "user"
        content = None if kind is ItemKind.STAFF else {"role": role, "parts": [{"text": text}]}
        items.append(HistoryItem(f"p{number}", kind, at((number - count) * 60), text, content))
    return items


def contents(folder: Path, turn: Turn) -> list[dict[str, Any]]:
    told = Instructions("Sea amable.", "v1")
    request = build(told, hotel(folder), turn, {}, at(0), (), 60.0, SIZES)
    return list(request.contents)


async def one_turn(store: SqlStore, hand: Hand, folder: Path, number: int) -> str:
    """Asked and answered; all of the prompt but the burst."""
    await hand.hear(f"g{number} " + "y" * 95, number * 100)
    turn = await hand.begin(number * 100 + 30)
    (bubble,) = await hand.finish(turn, f"a{number} " + "z" * 95, seconds=number * 100 + 31)
    await hand.send(bubble, number * 100 + 32)
    await hand.release()
    return json.dumps(contents(folder, turn)[:-1])[:-1]


async def test_a_long_past_becomes_a_summary_and_the_beginning_then_stays(
    store: SqlStore, hand: Hand, tmp_path: Path
) -> None:
    await hand.hear("hola", 0)
    assert await store.people.take_in_past(GUEST, past(240), None) == 240
    model = Model()
    folder = Folder(
        store,
        store.people,
        model,
        FakeClock(),
        hotel(tmp_path),
        SIZES,
        Metrics(),
        past_wanted=False,
    )
    before = await one_turn(store, hand, tmp_path, 1)
    assert "<resumen>" not in before
    assert await folder.fold(GUEST)
    told = "".join(str(asked.contents[0]["parts"][0]["text"]) for asked in model.asked)
    assert all(f"p{number:03} " in told for number in range(200))
    folds, begins = 0, await one_turn(store, hand, tmp_path, 2)
    assert f"<resumen>Resumen {len(model.asked)}</resumen>" in begins[:120]
    assert '"<huesped>p' in begins[:300]
    for number in range(3, 30):
        folded = await folder.fold(GUEST)
        now = await one_turn(store, hand, tmp_path, number)
        assert folded or now.startswith(begins)
        assert len(now) < 2 * SIZES.tokens * 3.5 * 1.5
        folds, begins = folds + folded, now
    assert 2 <= folds <= 6
