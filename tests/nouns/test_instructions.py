"""The system instructions: checked, versioned, read again when changed, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.invented import hotel
from watibot.errors import SettingsError
from watibot.instructions import InstructionsFile, check, compose, facts

GOOD = "Conteste siempre de usted. " * 20


BAD = [
    (b"", "found 0 characters, expected at least 200"),
    (b"corto", "found 5 characters"),
    ((" " * 300).encode(), "found 0 characters"),
    (GOOD.encode() + b"\xe1", f"not UTF-8 at position {len(GOOD)}"),
    (GOOD.encode("utf-16"), "not UTF-8"),
]


@pytest.mark.parametrize(("raw", "words"), BAD)
def test_a_bad_file_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        check(raw)
    assert caught.value.variable == "WATIBOT_INSTRUCTIONS_FILE"


def test_how_a_file_was_saved_does_not_matter() -> None:
    lines = GOOD + "\nÑandú\n"
    saved = b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode()
    assert check(saved) == check(lines.encode())


def test_the_facts_are_in_the_block(tmp_path: Path) -> None:
    text = facts(hotel(tmp_path))
    for fact in (
        "Posada Invento",
        "español, inglés",
        "- sábado: 07:00-12:30, 13:30-22:00",
        "- domingo: cerrado",
        "número 000-000-000001, a nombre de Posada Invento, S.A.",
    ):
        assert fact in text


def test_the_version_covers_file_and_facts(tmp_path: Path) -> None:
    house = hotel(tmp_path)
    block = compose(GOOD, house)
    assert block == compose(GOOD, hotel(tmp_path))
    assert len(block.version) == 12
    other = hotel(tmp_path, ("000-000-000001", "000-000-000009"))
    versions = {block.version, compose(GOOD, other).version, compose(GOOD + "!", house).version}
    assert len(versions) == 3


def test_the_first_reading_must_succeed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"instructions\.md: No such file"):
        InstructionsFile(tmp_path / "instructions.md", hotel(tmp_path))


def test_a_change_is_read_and_a_bad_one_reported_once(tmp_path: Path) -> None:
    path = tmp_path / "instructions.md"
    path.write_text(GOOD)
    file = InstructionsFile(path, hotel(tmp_path))
    first = file.current()
    assert first.problem is None
    assert first.instructions.text.startswith(GOOD.strip())
    assert file.current().instructions is first.instructions

    path.write_text("corto")
    bad = file.current()
    assert bad.instructions == first.instructions
    assert bad.problem is not None
    assert "found 5 characters" in bad.problem
    assert first.instructions.version in bad.problem
    assert file.current().problem is None

    path.unlink()
    assert "No such file" in (file.current().problem or "")
    assert file.current().problem is None

    path.write_text(GOOD + "Salude primero.")
    good = file.current()
    assert good.problem is None
    assert good.instructions.version != first.instructions.version
