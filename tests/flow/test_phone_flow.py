"""The guest's phone with the service behind it: what is written there is answered there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.house import house, until


async def test_a_guest_on_the_phone_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("wati", "manychat", "vertex", "staff", "phone")
    async with house(tmp_path, monkeypatch, emulators=names) as made:
        phone = made.urls["phone"]
        for channel in ("whatsapp", "instagram"):
            added = await made.http.post(f"{phone}/guests", data={"channel": channel})
            where = f"{phone}/chat{added.headers['location'][1:]}"
            guest = added.headers["location"].rpartition("=")[2]
            said = {"channel": channel, "guest": guest, "text": "¿A qué hora es el desayuno?"}
            await made.http.post(f"{phone}/say", data=said)

            async def answered(where: str = where) -> bool:
                page = (await made.http.get(where)).text
                return '<li class="bot">' in page and "recibido por el hotel" in page

            await until(answered)
        await made.quiet()
