"""The system instructions: a file that the hotel edits, and the hotel's facts behind it.

`service/answer.py` asks for `current()` at the beginning of a turn; `prompts.py` puts the text
first in every request. It is byte-identical from call to call while neither file nor facts change,
because only an unchanged beginning is served from the provider's cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from watibot.errors import SettingsError
from watibot.hotel import DAYS, Hotel

VARIABLE = "WATIBOT_INSTRUCTIONS_FILE"
SHORTEST = 200  # characters; less is a file cut off while it was saved, not a hotel's instructions

_LANGUAGES = {"es": "español", "en": "inglés", "fr": "francés", "de": "alemán", "pt": "portugués"}


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the model is told, and the first 12 hex digits of its SHA-256."""

    text: str
    version: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The instructions to use now. `problem` is what staff must be told: the file was changed and
    cannot be used, so the last good version stays. It is given once per change."""

    instructions: Instructions
    problem: str | None = None


def check(raw: bytes) -> str:
    """The file's text. Raises SettingsError if it is not UTF-8 or too short."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except UnicodeDecodeError as error:
        found = f"a byte that is not UTF-8 at position {error.start}"
        raise SettingsError(VARIABLE, found, "text in UTF-8") from None
    if len(text) < SHORTEST:
        raise SettingsError(VARIABLE, f"{len(text)} characters", f"at least {SHORTEST}")
    return text


def facts(hotel: Hotel) -> str:
    """The hotel's facts in Spanish, as the instructions' last section."""
    lines = ["# Datos del hotel", "", f"Nombre: {hotel.name}", f"Zona horaria: {hotel.zone.key}"]
    languages = (_LANGUAGES.get(code, code) for code in hotel.languages)
    lines += [f"Idiomas: {', '.join(languages)}", "", "Horario de la oficina de reservas:"]
    for weekday, name in enumerate(DAYS):
        spans = ", ".join(str(span) for span in hotel.office.hours.of(weekday))
        lines.append(f"- {name}: {spans or 'cerrado'}")
    if hotel.office.closed_on_holidays:
        lines.append("- asuetos nacionales: cerrado")
    lines += ["", "Cuentas para pagos por transferencia (cópielas exactamente; no hay otras):"]
    for account in hotel.payment_accounts:
        lines.append(
            f"- {account.bank}, {account.kind} en {account.currency}, número {account.number}, "
            f"a nombre de {account.holder}"
        )
    if not hotel.payment_accounts:
        lines.append("- ninguna: recepción informa cómo pagar")
    return "\n".join(lines)


def compose(file_text: str, hotel: Hotel) -> Instructions:
    """The file's text and the facts as one block with its version."""
    text = f"{file_text}\n\n{facts(hotel)}\n"
    return Instructions(text, hashlib.sha256(text.encode()).hexdigest()[:12])


class InstructionsFile:
    """The file, read again when it has changed. Raises SettingsError if the first reading fails."""

    def __init__(self, path: Path, hotel: Hotel) -> None:
        self._path = path
        self._hotel = hotel
        self._seen = self._mark()
        self._good = self._read()

    def current(self) -> Reading:
        """What to use for the turn that begins now."""
        mark = self._mark()
        if mark == self._seen:
            return Reading(self._good)
        self._seen = mark
        try:
            self._good = self._read()
        except SettingsError as error:
            return Reading(self._good, f"{error}. Version {self._good.version} stays in use")
        return Reading(self._good)

    def _mark(self) -> tuple[int, int, int] | None:
        """Taken before the file is read: a change during the reading is seen the next time."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> Instructions:
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            found = f"{self._path.name}: {error.strerror}"
            raise SettingsError(VARIABLE, found, "a file that can be read") from None
        return compose(check(raw), self._hotel)
