"""Short looks beside an open store, on both databases."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from tests.clocks import NOON
from tests.contract.stores import DEBOUNCE, GUEST, UNTIL, inbound
from watibot.errors import SettingsError
from watibot.messages import Attachment, AttachmentKind, MessageKind, Takeover
from watibot.storage import looks, schema
from watibot.storage.store import SqlStore
from watibot.storage.store import open as open_store
from watibot.storage.tables import conversations

HOTEL = "posada"


async def test_what_is_in_the_store_is_seen(store: SqlStore, store_url: str) -> None:
    photo = (Attachment(AttachmentKind.IMAGE, "data/images/x.jpg"),)
    await store.receive(inbound("hola"), b"{}", NOON, DEBOUNCE)
    await store.receive(
        inbound(sent=1, kind=MessageKind.MEDIA, attachments=photo), b"{}", UNTIL, DEBOUNCE
    )
    await store.add_notice("k1", "booking", "Reserva", "...", GUEST, NOON)
    await store.quarantine("wati", "no id", b"\x00raw", NOON)

    with looks.looking(store_url, HOTEL) as tx:
        first, second = looks.messages_of(tx, GUEST)
        assert (first["state"], first["files"]) == ("waiting", [])
        assert [file["state"] for file in second["files"]] == ["pending"]
        assert looks.newest_receipt(tx) == UNTIL
        assert [notice["kind"] for notice in looks.newest_notices(tx, 5)] == ["booking"]
        (kept,) = await store.quarantined(5)
        assert looks.quarantined_body(tx, kept.quarantine_id) == b"\x00raw"
        assert looks.turns_of(tx, GUEST) == looks.bubbles_of(tx, GUEST) == []
    with looks.looking(store_url, "another-hotel") as tx:
        assert looks.messages_of(tx, GUEST) == []
        assert looks.newest_receipt(tx) is None


async def test_items_are_given_to_the_mirror_again_and_then_in_doubt(
    store: SqlStore, store_url: str
) -> None:
    message = inbound("hola")
    taken = Takeover(message.channel, GUEST, GUEST, held=True)
    await store.people.hold(taken, NOON, NOON + timedelta(days=1))
    await store.receive(message, b"{}", NOON, DEBOUNCE)
    job = await store.mirror_job(GUEST, 10)
    assert job is not None
    ids = [item.item_id for item in job.items]
    with looks.changing(store_url, HOTEL) as tx:
        assert looks.mirror_again(tx, GUEST, ids) == 0  # on their way already
    await store.mirror_done(GUEST, ids)
    with looks.looking(store_url, HOTEL) as tx:
        assert [(item.item_id, given) for item, given in looks.items_of(tx, GUEST)] == [
            (ids[0], True)
        ]
    with looks.changing(store_url, HOTEL) as tx:
        assert looks.mirror_again(tx, GUEST, [*ids, "unknown"]) == 1
    again = await store.mirror_job(GUEST, 10)
    assert again is not None
    assert again.in_doubt


async def test_a_look_cannot_write_and_a_failed_change_leaves_nothing(
    store: SqlStore, store_url: str
) -> None:
    await store.receive(inbound("hola"), b"{}", NOON, DEBOUNCE)
    with (
        looks.looking(store_url, HOTEL) as tx,
        pytest.raises(DBAPIError, match=r"readonly|read-only"),
    ):
        tx.run(conversations.delete())
    with suppress(ZeroDivisionError), looks.changing(store_url, HOTEL) as tx:
        tx.run(conversations.delete())
        raise ZeroDivisionError
    assert await store.conversation(GUEST) is not None


async def test_whether_a_service_runs(store: SqlStore, store_url: str) -> None:
    assert not looks.service_runs(store_url)
    async with await open_store(store_url, HOTEL, sole=True):
        assert looks.service_runs(store_url)
    assert not looks.service_runs(store_url)


async def test_a_database_says_how_it_is(store: SqlStore, store_url: str) -> None:
    state = looks.condition(store_url)
    assert state.version == schema.NEWEST
    assert (state.journal, state.now is None) in (("WAL", True), (None, False))


async def test_a_store_without_tables_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(SettingsError, match="watibot db upgrade"), looks.looking(url, HOTEL):
        pass
