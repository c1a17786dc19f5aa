"""However deliveries come, in whatever order, repeated, in parallel: each message counts once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.stores import DEBOUNCE, Hand, at
from watibot.messages import ChannelName, Inbound, MessageKind
from watibot.storage import store as storage

GUESTS = ("50370000001", "50370000002", "bsuid:SV.1")
# The third guest is known by two names; which of them a message comes under is up to it.
OTHER_NAME = "50370000003"


@st.composite
def inbounds(draw: st.DrawFn) -> list[Inbound]:
    """Messages of three guests, with times that may be equal."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        guest = draw(st.sampled_from(GUESTS))
        third = guest == GUESTS[2]
        name = draw(st.sampled_from((guest, OTHER_NAME))) if third else guest
        found.append(
            Inbound(
                channel=ChannelName.WHATSAPP,
                conversation_id=name,
                address=name,
                provider_id=f"wamid.{number}",
                provider_time=at(draw(st.integers(0, 30))),
                kind=MessageKind.TEXT,
                text=f"{guest} {number}",
                aliases=(guest, OTHER_NAME) if third else (),
            )
        )
    return found


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Inbound]]:
    """Batches that come together; every message at least once, in any order."""
    messages = draw(inbounds())
    more = draw(st.lists(st.sampled_from(messages), max_size=12))
    order = draw(st.permutations(messages + more))
    batches: list[list[Inbound]] = [[]]
    for message in order:
        if draw(st.booleans()):
            batches.append([])
        batches[-1].append(message)
    return batches


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=deliveries())
def test_each_message_once_and_in_order(
    sqlite_template: Path, batches: list[list[Inbound]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        shutil.copy(sqlite_template, path)
        asyncio.run(_receive_all(f"sqlite:///{path}", batches))


async def _receive_all(url: str, batches: list[list[Inbound]]) -> None:
    async with await storage.open(url, "posada") as store:
        new: Counter[str] = Counter()
        owners: dict[str, set[str]] = {}
        for number, batch in enumerate(batches):
            now = at(40) + timedelta(milliseconds=number)
            received = await asyncio.gather(
                *(store.receive(message, b"{}", now, DEBOUNCE) for message in batch)
            )
            for message, answer in zip(batch, received, strict=True):
                new[message.provider_id] += answer.new
                guest = message.text.split()[0]
                owners.setdefault(guest, set()).add(answer.conversation_id)
        assert set(new.values()) == {1}
        assert all(len(ids) == 1 for ids in owners.values())
        wanted = {message.provider_id: message for batch in batches for message in batch}
        for guest, (conversation_id,) in owners.items():
            turn = await Hand(store, conversation_id).begin(100)
            mine = [m for m in wanted.values() if m.text.startswith(f"{guest} ")]
            assert sorted(m.text for m in turn.messages) == sorted(m.text for m in mine)
            times = [m.provider_time for m in turn.messages]
            assert times == sorted(times)
        assert (await store.counts())["messages_waiting"] == 0
