"""A run of the whole service, each request and answer held to Google's discovery document."""

from __future__ import annotations

from tests.emulators.discovery import Discovery
from tests.flow.house import House


async def test_every_exchange_of_a_run_is_as_google_says(hotel: House) -> None:
    await hotel.set("vertex", journal_bodies=True)
    guest = await hotel.guest()
    await hotel.says(guest, media="photo", caption="¿Está abierta la oficina? Miren la foto.")
    await hotel.answered(guest)
    await hotel.says(
        guest, "Quiero reservar para 2 personas del 2027-02-10 al 2027-02-12, soy Ana Pérez."
    )
    await hotel.answered(guest, 2)
    await hotel.quiet()
    exchanges = await hotel.journal("vertex", "exchange")
    operations = {each["operation"] for each in exchanges}
    assert operations >= {"generateContent", "createSession", "appendEvent"}
    discovery = Discovery()
    for each in exchanges:
        exchange = (each[key] for key in ("method", "path", "query", "request", "response"))
        assert (each["operation"], discovery.check(*exchange)) == (each["operation"], [])
