"""`watibot doctor` beside emulators: what it finds, what it says, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

from tests.flow.house import House
from tests.forking import run


def found(output: str) -> dict[str, str]:
    """The lines by what they are about, the mark before the rest: "ok WATI answers ..."."""
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "not ok "))]
    split = [line.split("  ", 1) for line in lines]
    named = [(mark.strip(), *rest.strip().split(": ", 1)) for mark, rest in split]
    return {name: f"{mark} {words}" for mark, name, words in named}


async def test_all_is_well_and_nothing_was_changed(hotel: House) -> None:
    status, out, errors = await run("doctor")

    assert (status, errors) == (0, "")
    lines = found(out)
    assert list(lines) == [
        *("settings", "hotel file", "instructions", "data folder", "database", "clock"),
        *("staff notification", "WATI", "ManyChat", "Google credentials", "model", "sessions"),
    ]
    assert all(words.startswith("ok ") for words in lines.values())
    assert out.endswith("Everything is in order\n")
    assert "schema 0004, WAL; a service is at work on it" in lines["database"]
    assert "time runs 20 times faster" in lines["clock"]
    asked = {entry["operation"] for entry in await hotel.journal("vertex", "request")}
    # The service itself looks for caches of its own, and counts its instructions.
    assert asked - {"listCaches", "countTokens"} == {"getSession", "listSessions", "token"}
    assert await hotel.journal("staff", "notice") == []


async def test_live_tries_everything_and_clears_up(hotel: House) -> None:
    await hotel.set("vertex", lro_custom_id_400=True, lro_pending_polls=1)
    status, out, errors = await run("doctor", "--live")

    assert (status, errors) == (0, "")
    assert "written, read newest first, deleted" in out
    assert "Once an operation was refused with 400 though its work was done" in out
    assert "clock: agrees with Google's" in out
    assert "answered in" in found(out)["model"]
    assert "Not seen against the live APIs yet" in out
    assert len(await hotel.notices()) == 1
    assert (await hotel.get("vertex", "summary"))["sessions"] == 0


async def test_every_trouble_has_its_line_and_its_remedy(hotel: House, tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.write_text("", encoding="utf-8")
    no_account = tmp_path / "account.json"
    no_account.write_text("{}", encoding="utf-8")
    short = tmp_path / "short.md"
    short.write_text("Sea amable.", encoding="utf-8")
    status, out, errors = await run(
        "doctor",
        WATIBOT_INSTRUCTIONS_FILE=str(short),
        WATIBOT_DATA_DIR=str(file),
        WATIBOT_DATABASE_URL="postgresql://hotel:secret-99@127.0.0.1:1/watibot",
        STAFF_NOTIFY_URLS="json://127.0.0.1/a nonsense-99",
        WATI_TOKEN="secret-99",
        MANYCHAT_TOKEN="secret-99",
        GOOGLE_APPLICATION_CREDENTIALS=str(no_account),
    )

    assert (status, errors) == (1, "")
    assert "99" not in out
    lines = found(out)
    expected = {
        "instructions": "11 characters. Expected: at least 200",
        "data folder": "is no folder. Make ",
        "database": "cannot be used: ",
        "staff notification": "address 2 of 2 is not in a form that apprise knows",
        "WATI": "access refused (HTTP 401). Copy the token again from WATI's API page",
        "ManyChat": "Copy the token again from ManyChat's settings",
        "Google credentials": "GOOGLE_APPLICATION_CREDENTIALS",
    }
    for name, words in expected.items():
        assert lines[name].startswith("not ok "), lines[name]
        assert words in lines[name]
    assert out.endswith(f"\n{len(expected)} things are to be mended\n")


async def test_troubles_that_only_live_can_see(hotel: House) -> None:
    status, out, _ = await run(
        *("doctor", "--live"),
        STAFF_NOTIFY_URLS="json://127.0.0.1:1/nobody",
        WATI_BASE_URL="http://127.0.0.1:1/300100",
        VERTEX_MODEL="gemini-none",
    )
    assert status == 1
    assert "refused with 400" not in out
    broken = {name: words for name, words in found(out).items() if words.startswith("not ok")}
    assert list(broken) == ["staff notification", "WATI", "model"]
    assert "none of 1 addresses took the message" in broken["staff notification"]
    assert "no connection: ConnectError. Check the host in WATI_BASE_URL" in broken["WATI"]
    assert "not found (HTTP 404)" in broken["model"]
    assert "served at global, us and eu only" in broken["model"]


async def test_what_would_silence_somebody(hotel: House) -> None:
    desk = "RECEPCION@CASAJACARANDA.EXAMPLE"
    status, out, _ = await run("doctor", WATI_BOT_OPERATORS=desk, STAFF_NOTIFY_URLS="")
    assert status == 1
    assert "nobody would be told of bookings" in found(out)["staff notification"]
    assert "the desk's e-mail counts as the bot's. Take it out" in found(out)["WATI"]


async def test_a_wrong_setting_is_one_line() -> None:
    status, out, errors = await run("doctor", WATIBOT_PORT="eighty")
    assert (status, errors) == (1, "")
    first, *rest = out.splitlines()
    assert first.startswith("not ok  settings: WATIBOT_PORT: found 'eighty'. Expected: ")
    assert rest == ["", "1 thing is to be mended"]
