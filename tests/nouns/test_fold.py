"""The older half of a long conversation becomes a summary, once, or stays as it was."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.invented import FakeRecords, conversation, hotel, item
from watibot.conversations import Conversation, Provider
from watibot.errors import Cause, ProviderError
from watibot.history import HistoryItem, ItemKind
from watibot.messages import ChannelName
from watibot.modelcalls import ModelAnswer, ModelRequest, Occasion, Usage
from watibot.prompts import SUMMARISING
from watibot.service.fold import AGAIN_AFTER, Folder
from watibot.telemetry import Metrics
from watibot.windows import Sizes

GUEST = "50370000001"
SIZES = Sizes(tokens=1_000, items=40)


def said(count: int, first: int = 0) -> list[HistoryItem]:
    """100 tokens each, guest and assistant in turns."""
    kinds = (ItemKind.GUEST, ItemKind.ASSISTANT)
    return [item(i, kinds[i % 2], f"{i:04}" + "x" * 342) for i in range(first, first + count)]


class Store(FakeRecords):
    def __init__(self, *items: HistoryItem, **changes: Any) -> None:
        super().__init__(*items)
        self.now = conversation(**changes)
        self.reads: list[int] = []

    async def conversation(self, conversation_id: str) -> Conversation | None:
        return self.now if conversation_id == GUEST else None

    async def history(self, conversation_id: str, newest: int) -> list[HistoryItem]:
        self.reads.append(newest)
        return await super().history(conversation_id, newest)

    async def fold(self, conversation_id: str, summary: str, until: datetime) -> None:
        self.now = conversation(summary=summary, folded_until=until)


class Model:
    """Answers with a numbered summary, or with what is planned."""

    def __init__(self, *planned: ProviderError | str) -> None:
        self.asked: list[ModelRequest] = []
        self.planned = list(planned)

    async def generate(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        told = self.planned.pop(0) if self.planned else f"Resumen {len(self.asked)}"
        if isinstance(told, ProviderError):
            raise told
        return ModelAnswer({"role": "model", "parts": [{"text": told}]}, told, (), Usage(), "m")


class Stage:
    def __init__(
        self,
        folder: Any,
        store: Any,
        *planned: ProviderError | str,
        sizes: Sizes = SIZES,
        past_wanted: bool = False,
    ) -> None:
        self.store: Any = store
        self.model = Model(*planned)
        self.clock = FakeClock()
        self.folder = Folder(
            store,
            store,
            self.model,
            self.clock,
            hotel(folder),
            sizes,
            Metrics(),
            past_wanted=past_wanted,
        )


def asked_text(request: ModelRequest) -> str:
    (content,) = request.contents
    return str(content["parts"][0]["text"])


async def test_the_older_half_is_folded_once(tmp_path: Any) -> None:
    items = said(20)
    stage = Stage(tmp_path, Store(*items))
    assert await stage.folder.fold(GUEST)
    assert stage.store.now.summary == "Resumen 1"
    assert stage.store.now.folded_until == items[15].at
    (request,) = stage.model.asked
    assert request.instructions == SUMMARISING
    assert request.tools == ()
    assert request.occasion == Occasion("summary", GUEST, ChannelName.WHATSAPP)
    assert asked_text(request).count("<huesped ") == asked_text(request).count("<asistente ") == 8
    assert not await stage.folder.fold(GUEST)
    assert len(stage.model.asked) == 1


async def test_a_later_fold_builds_on_the_summary(tmp_path: Any) -> None:
    items = said(40)
    store = Store(*items, summary="antes", folded_until=items[19].at)
    stage = Stage(tmp_path, store)
    assert await stage.folder.fold(GUEST)
    text = asked_text(stage.model.asked[0])
    assert text.startswith("<resumen>antes</resumen>\n")
    assert "0019" not in text
    assert "0020" in text
    assert store.now.folded_until == items[35].at


async def test_a_long_past_is_folded_in_portions(tmp_path: Any) -> None:
    stage = Stage(tmp_path, Store(*said(300)))
    assert await stage.folder.fold(GUEST)
    texts = [asked_text(each) for each in stage.model.asked]
    assert len(texts) == 15
    assert all(len(text) < 2 * 1_000 * 3.5 * 1.5 for text in texts)
    assert [text.count("<resumen>") for text in texts] == [0] + [1] * 14
    assert f"<resumen>Resumen {len(texts) - 1}</resumen>" in texts[-1]
    assert sum(text.count("<huesped ") for text in texts) == 148
    assert stage.store.now.summary == "Resumen 15"


async def test_what_was_folded_before_a_failure_is_kept(tmp_path: Any) -> None:
    store = Store(*said(60))
    failing = ProviderError("gemini", Cause.UNAVAILABLE, "503")
    stage = Stage(tmp_path, store, "primero", failing)
    assert not await stage.folder.fold(GUEST)
    assert store.now.summary == "primero"
    assert store.now.folded_until == said(60)[19].at
    assert await stage.folder.fold(GUEST)
    assert "<resumen>primero</resumen>" in asked_text(stage.model.asked[2])


@pytest.mark.parametrize("planned", [ProviderError("gemini", Cause.THROTTLED, "429"), "  "])
async def test_a_failure_changes_nothing_and_is_tried_again_later(
    tmp_path: Any, planned: ProviderError | str
) -> None:
    stage = Stage(tmp_path, Store(*said(20)), planned)
    working = asyncio.create_task(stage.folder.run())
    try:
        for _ in range(3):
            stage.folder.look(GUEST)
            await stage.clock.advance(1)
        assert len(stage.model.asked) == 1
        assert stage.store.now.summary is None
        await stage.clock.advance(AGAIN_AFTER.total_seconds())
        stage.folder.look(GUEST)
        await stage.clock.advance(1)
        assert stage.store.now.summary == "Resumen 2"
    finally:
        working.cancel()


@pytest.mark.parametrize(
    "changes",
    [{"provider": Provider.OPENAI, "thread_id": "thread_1"}, {"past_page": 3}],
)
async def test_whose_history_is_no_prompt_yet_is_left_alone(
    tmp_path: Any, changes: dict[str, Any]
) -> None:
    stage = Stage(tmp_path, Store(*said(20), **changes))
    assert not await stage.folder.fold(GUEST)
    assert not await stage.folder.fold("50370000009")
    assert stage.model.asked == []


@pytest.mark.parametrize(
    ("changes", "folds"),
    [
        ({}, False),
        ({"history_imported": True}, True),
        ({"history_imported": True, "past_page": 3}, False),
        ({"channel": ChannelName.FACEBOOK}, True),
    ],
)
async def test_what_is_to_stand_before_is_read_first(
    tmp_path: Any, changes: dict[str, Any], folds: bool
) -> None:
    stage = Stage(tmp_path, Store(*said(20), **changes), past_wanted=True)
    assert await stage.folder.fold(GUEST) is folds


async def test_a_short_conversation_is_rarely_read(tmp_path: Any) -> None:
    store = Store(*said(4))
    stage = Stage(tmp_path, store, sizes=Sizes(tokens=24_000, items=200))
    working = asyncio.create_task(stage.folder.run())
    try:
        for _ in range(20):
            stage.folder.look(GUEST)
            await stage.clock.advance(0)
        assert store.reads == [200, 200]  # 4 items of 200: not again for 17 turns
    finally:
        working.cancel()
