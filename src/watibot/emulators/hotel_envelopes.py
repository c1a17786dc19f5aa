"""Who says what in a prompt: guests' words, staff's words, and the notes that are nobody's.

`hotel_brain` reads contents through these. People's words may come in envelopes (`<huesped>`,
`<personal nombre="..." hora="...">`, `<resumen>`), in the block in which threads have had staff's
words, or bare; lines in brackets are the system's notes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_ENVELOPE = re.compile(r"<(huesped|personal|resumen|asistente|herramienta)\b([^<>]*)>([^<]*)</\1>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_THREAD_BLOCK = re.compile(
    r"=== CONVERSACIONES CON AGENTES HUMANOS ===.*?(?:=== FIN DEL HISTORIAL DE AGENTES ===|\Z)",
    re.S,
)
_AGENT = re.compile(r"^Agente \(([^)]*)\): (.*(?:\n(?!Cliente: |Agente \(|---|===).*)*)", re.M)
_PROMISE = re.compile(r"^Promesa de ([^,\n]*), ([^:\n]*): (.*)$", re.M)
_TAPPED = re.compile(r"\[[^:\]]* elegid[oa]: (.*)\]$")


@dataclass(frozen=True)
class StaffWords:
    """What a colleague wrote. `when` is as it stands in the prompt, "" where nobody says."""

    name: str
    text: str
    when: str = ""


def guest_words(content: Json) -> list[str]:
    """The guest's texts in a user's content, without the system's notes; none of a model's content.
    A tapped button's label stands in such a note and is the guest's word."""
    said = (
        "\n".join(_without_notes(bare)).strip() for text in _texts(content) for bare in _bare(text)
    )
    return [text for text in said if text]


def staff_words(contents: Iterable[Json]) -> list[StaffWords]:
    """All that colleagues wrote, the oldest first, but for notes that are internal; from a summary,
    what it says they promised."""
    return [words for content in contents for text in _texts(content) for words in _staff(text)]


def by_staff(content: Json) -> bool:
    """Whether a content holds a colleague's message."""
    return any(
        _THREAD_BLOCK.search(text)
        or any(tag == "personal" for tag, _, _ in _ENVELOPE.findall(text))
        for text in _texts(content)
    )


def wants_summary(request: Json) -> bool:
    """Whether the instructions ask for a summary of the conversation, and for nothing else."""
    parts = request.get("systemInstruction", {}).get("parts", [])
    told = "".join(part.get("text", "") for part in parts)
    return told.lstrip("# \n").lower().startswith("resum")


def summary(contents: Sequence[Json]) -> str:
    """A summary by fixed rules: how much was said, the guest's last words, what staff promised."""
    guest = [text for content in contents for text in guest_words(content)]
    lines = [f"Resumen de prueba: {len(guest)} mensajes del huésped."]
    if guest:
        lines.append(f"Lo último que dijo: {_line(guest[-1])[:200]}")
    for said in staff_words(contents):
        name, when = said.name or "recepción", said.when.replace(":", ".") or "antes"
        lines.append(f"Promesa de {name}, {when}: {_line(said.text)[:300]}")
    return "\n".join(dict.fromkeys(lines))


def _texts(content: Json) -> list[str]:
    if content.get("role") != "user":
        return []
    return [part["text"] for part in content.get("parts", []) if part.get("text")]


def _bare(text: str) -> list[str]:
    """What guests say in a text: inside their envelopes, or all of it where there is none."""
    found = _ENVELOPE.findall(text)
    if found:
        return [inside for tag, _, inside in found if tag == "huesped"]
    return [_THREAD_BLOCK.sub("", text)]


def _staff(text: str) -> Iterator[StaffWords]:
    for tag, attributes, inside in _ENVELOPE.findall(text):
        if tag == "personal":
            told = dict(_ATTRIBUTE.findall(attributes))
            if told.get("nota") == "interna":
                continue
            yield StaffWords(told.get("nombre", ""), inside.strip(), told.get("hora", ""))
        elif tag == "resumen":
            for name, when, words in _PROMISE.findall(inside):
                yield StaffWords(name, words, when)
    for block in _THREAD_BLOCK.finditer(text) if "<personal" not in text else ():
        yield from (StaffWords(name, words.strip()) for name, words in _AGENT.findall(block[0]))


def _without_notes(text: str) -> Iterator[str]:
    for line in text.strip().splitlines():
        if tapped := _TAPPED.match(line):
            yield tapped[1]
        elif not line.startswith("["):
            yield line


def _line(text: str) -> str:
    return " ".join(text.split())
