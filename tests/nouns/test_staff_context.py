"""Staff's conversations inside a user's message, as tables."""

from __future__ import annotations

import pytest

from tests.threads import START, assistants, message, text
from watibot.history import ItemKind
from watibot.translation import translate
from watibot.translation.staff_context import FOOTER, HEADER, Segment, split

INTRO = (
    "El siguiente historial muestra conversaciones previas entre el cliente y agentes humanos..."
)


def block(*lines: str) -> str:
    return "\n".join([HEADER, INTRO, "", *lines, "", FOOTER])


def guest(words: str, number: int | None = 1) -> Segment:
    return Segment(words, conversation=number)


def staff(words: str, author: str | None = "Ana", number: int = 1) -> Segment:
    return Segment(words, by_staff=True, author=author, conversation=number)


FIRST = ["--- Conversación 1 ---", "Cliente: ¿Hay parqueo?", "Agente (Ana): Sí, gratis."]
TORN = f"{HEADER}\n{INTRO}\n\n--- Conversación 1 ---\nCliente: hola"
ODD = block("--- Conversación 1 ---", "palabras sin hablante")

CASES: list[tuple[str, tuple[Segment, ...] | None]] = [
    ("hola", None),
    ("", None),
    (block(*FIRST), (guest("¿Hay parqueo?"), staff("Sí, gratis."))),
    (block(*FIRST).replace("\n", "\r\n"), (guest("¿Hay parqueo?"), staff("Sí, gratis."))),
    (
        block(*FIRST, "", "--- Conversación 2 ---", "Agente (Luis (noche)): Uno:\n\n- dos",
              "Cliente:"),
        (
            guest("¿Hay parqueo?"),
            staff("Sí, gratis."),
            staff("Uno:\n\n- dos", "Luis (noche)", 2),
            guest("", 2),
        ),
    ),
    (block("--- Conversación 1 ---", "Agente (): Sí"), (staff("Sí", None),)),
    (
        block("--- Conversación 1 ---", "Agente (Ana): mire (aquí): sí"),
        (staff("mire (aquí): sí"),),
    ),
    (
        f"antes\n{block(*FIRST)}\n\ndespués",
        (guest("antes", None), guest("¿Hay parqueo?"), staff("Sí, gratis."),
         guest("después", None)),
    ),
    (
        f"{block(*FIRST)}\n{block('--- Conversación 1 ---', 'Cliente: ¿Y wifi?')}",
        (guest("¿Hay parqueo?"), staff("Sí, gratis."), guest("¿Y wifi?")),
    ),
    # not in the known form: whole
    (TORN, (staff(TORN, None, 0),)),
    (ODD, (staff(ODD, None, 0),)),
    (block(), (staff(block(), None, 0),)),
    (block("Cliente: hola"), (staff(block("Cliente: hola"), None, 0),)),
    # quoted by the guest
    (f"¿qué es {HEADER}?", None),
    (f"me salió esto:\n{HEADER}", None),
    (f"{HEADER} y {FOOTER}", None),
    (FOOTER, None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_segments(words: str, expected: tuple[Segment, ...] | None) -> None:
    assert split(words) == expected


def test_a_block_becomes_what_was_said() -> None:
    said = message(1, "user", text(f"{block(*FIRST)}\ngracias"))
    items = translate(
        assistants(said, message(2, "assistant", text(block(*FIRST)))), "h", "c"
    ).items
    assert [(item.kind, item.text, item.author) for item in items[:3]] == [
        (ItemKind.GUEST, "¿Hay parqueo?", None),
        (ItemKind.STAFF, "Sí, gratis.", "Ana"),
        (ItemKind.GUEST, "gracias", None),
    ]
    assert items[1].content is None
    assert [item.source_id for item in items[:3]] == ["msg_1"] * 3
    assert len({item.item_id for item in items}) == 4
    assert items[1].origin == {
        "context": True,
        "conversation": 1,
        "created_at": START + 1,
        "parts": ["text"],
        "role": "user",
        "source": "exports",
        "sources": ["msg_1"],
        "time": "synthetic",
    }
    assert (items[2].origin or {})["time"] == "exact"
    assert items[3].kind is ItemKind.ASSISTANT  # what the assistant repeats is its own word


def test_our_id_is_one_item_s_only() -> None:
    alone = block("--- Conversación 1 ---", "Agente (Ana): Sí, gratis.")
    ids = []
    for words in (alone, block(*FIRST), f"{alone}\ngracias"):
        said = message(1, "user", text(words), metadata={"watibot_item": "item-7"})
        ids.append([item.item_id for item in translate(assistants(said), "h", "c").items])
    assert ids == [["item-7"]] * 3
