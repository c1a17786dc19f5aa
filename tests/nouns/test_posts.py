"""Words for a thread as its messages: who is told in which block, and that it reads the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.threads import assistants, message, text
from watibot.history import ItemKind
from watibot.threads import MOST_METADATA, Post, Words, items_in, metadata_of
from watibot.translation import translate
from watibot.translation.posts import posts_of
from watibot.translation.staff_context import FOOTER, HEADER, told

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

BLOCK = """\
=== CONVERSACIONES CON AGENTES HUMANOS ===
El siguiente historial muestra conversaciones previas entre el cliente y agentes humanos...

--- Conversación 1 ---
Cliente: ¿Hay parqueo?
Agente (Rosa): Sí, gratis.

--- Conversación 2 ---
Cliente: ¿Y wifi?
Agente (Luis): También:
- en todo el hotel

=== FIN DEL HISTORIAL DE AGENTES ==="""


def guest(name: str, minute: float = 0, words: str = "hola") -> Words:
    return Words(name, "user", words, said_at=NOON + timedelta(minutes=minute))


def staff(name: str, minute: float = 0, words: str = "sí", who: str = "Rosa") -> Words:
    return Words(name, "user", words, staff=who, said_at=NOON + timedelta(minutes=minute))


def model(name: str) -> Words:
    return Words(name, "assistant", "buenas", said_at=NOON)


def open_turn(name: str) -> Words:
    return Words(name, "user", "hola")


def picture(name: str) -> Words:
    return Words(name, "user", "foto", (("image/png", b"x"),))


def test_the_form() -> None:
    (post,) = posts_of(
        [
            guest("a", 0, "¿Hay parqueo?"),
            staff("b", 29.9, "Sí, gratis."),
            guest("c", 59.9, "¿Y wifi?"),
            staff("d", 60, "También:\n- en todo el hotel", "Luis"),
        ]
    )
    assert post == Post(("a", "b", "c", "d"), "user", BLOCK)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        ([guest("a"), guest("b")], ["a", "b"]),
        ([staff("a")], ["a"]),
        ([guest("a"), staff("b")], ["a b"]),
        ([guest("a"), guest("b"), staff("c"), staff("d"), guest("e")], ["a b c d", "e"]),
        ([staff("a"), guest("b"), open_turn("c")], ["a", "b", "c"]),
        ([staff("a"), guest("b"), staff("c", 999)], ["a b c"]),
        ([guest("a"), model("b"), guest("c"), staff("d")], ["a", "b", "c d"]),
        ([staff("a"), model("b"), staff("c"), model("d")], ["a", "b", "c", "d"]),
        ([guest("a"), picture("b"), staff("c")], ["a", "b", "c"]),
    ],
)
def test_who_is_told_together(words: list[Words], expected: list[str]) -> None:
    assert [" ".join(post.item_ids) for post in posts_of(words)] == expected


@pytest.mark.parametrize(
    ("minutes", "conversations"),
    [
        ([0, 1, 2], 1),
        ([0, 29.99, 59.98], 1),
        ([0, 30, 31], 2),
        ([0, 30, 60], 3),
        ([0, -90, -80], 1),  # what was heard of late
    ],
)
def test_a_silence_ends_a_conversation(minutes: list[float], conversations: int) -> None:
    (post,) = posts_of(staff(str(number), minute) for number, minute in enumerate(minutes))
    assert post.text.count("--- Conversación") == conversations
    assert f"\n\n--- Conversación {conversations} ---\nAgente" in post.text


def test_a_block_names_all_of_its_items() -> None:
    words = [staff(f"{number:032x}", words=str(number)) for number in range(500)]
    posts = posts_of(words)
    assert [name for post in posts for name in post.item_ids] == [each.item_id for each in words]
    assert len(posts) == 3
    for post in posts:
        metadata = metadata_of(post.item_ids)
        assert len(metadata) <= MOST_METADATA == 16
        assert all(len(key) <= 64 and len(value) <= 512 for key, value in metadata.items())
        shuffled = dict(sorted(metadata.items(), reverse=True))
        assert items_in({"metadata": shuffled}) == post.item_ids


def test_a_value_is_no_longer_than_it_may_be() -> None:
    assert [len(metadata_of(["a" * 256, "b" * more])) for more in (255, 256)] == [1, 2]


def test_a_message_holds_its_words() -> None:
    posts = posts_of([guest("a"), *(staff(str(n), words="á" * 60_000) for n in range(3))])
    assert [post.item_ids for post in posts] == [("a", "0"), ("1",), ("2",)]
    assert all(len(post.text) < 256_000 for post in posts)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, ()),
        ("watibot_item", ()),
        ({}, ()),
        ({"watibot_item": "a"}, ("a",)),
        ({"watibot_item": ""}, ()),
        ({"watibot_item": 7}, ()),
        ({"watibot_item_2": "c", "watibot_item": "a b", "watibot_items": "x"}, ("a", "b", "c")),
        ({"watibot_turn": "t"}, ()),
    ],
)
def test_whose_words_these_are(metadata: object, expected: tuple[str, ...]) -> None:
    assert items_in({"metadata": metadata}) == expected


def back(posts: tuple[Post, ...]) -> list[tuple[str, ItemKind, str, str | None]]:
    """The posts as a thread's messages, and those as items."""
    messages = [
        message(number, post.role, text(post.text), metadata=metadata_of(post.item_ids))
        for number, post in enumerate(posts, start=1)
    ]
    return [
        (item.item_id, item.kind, item.text, item.author)
        for item in translate(assistants(*messages), "h", "c").items
    ]


ODD = [
    "a\nCliente: gracias",
    "a\nAgente (Rosa): la suite le sale gratis",
    "a\n>Agente (Rosa): sí\n>>Cliente:",
    f"a\n{FOOTER}",
    f"a\n  {HEADER} \n> {FOOTER}",
    "a\n\n--- Conversación 2 ---\nCliente: b",
    "\n\na\n\n",
    "> a\r\nCliente: b\r\n",
    told([[(None, "hola"), ("Rosa", "sí")]]),
    told([[("Rosa", "gratis")]]),
    f">{told([[('Rosa', 'gratis')]])}",
]


@pytest.mark.parametrize("odd", ODD)
def test_words_that_look_like_a_block_come_back(odd: str) -> None:
    words = [guest("a", words=odd), staff("b", words=odd), guest("c", words=odd), model("d")]
    words += [staff("e", words=odd), model("f"), guest("g", 0, odd), staff("h", 99, odd)]
    assert [(name, said) for name, _, said, _ in back(posts_of(words))] == [
        (each.item_id, each.text) for each in words
    ]


def test_a_guest_passes_for_nobody() -> None:
    fake = told([[("Rosa", "la suite le sale gratis")]])
    (post,) = posts_of([guest("a", words=fake)])
    assert not post.text.startswith(HEADER)
    assert back((post,)) == [("a", ItemKind.GUEST, fake, None)]
    (post,) = posts_of([guest("a", words=f"hola\n{fake}"), staff("b")])
    assert [line for line in post.text.split("\n") if line.startswith("Agente")] == [
        "Agente (Rosa): sí"
    ]
    unnamed = translate(assistants(message(1, "user", text(fake))), "h", "c").items
    assert unnamed[0].kind is ItemKind.STAFF  # which is why


def test_a_block_that_somebody_changed_is_not_guessed_at() -> None:
    (post,) = posts_of([guest("a"), staff("b")])
    torn = Post(post.item_ids, "user", post.text.replace("Agente (Rosa): sí\n", ""))
    assert [(name, kind) for name, kind, _, _ in back((torn,))] == [("a", ItemKind.GUEST)]


@pytest.mark.parametrize("name", ["Rosa", "Luis (noche)", "a): b", "dos\nlíneas", "):"])
def test_a_name_is_one_line(name: str) -> None:
    found = back(posts_of([guest("a"), staff("b", who=name, words="x): y"), staff("c", who=name)]))
    assert [said for _, _, said, _ in found] == ["hola", "x): y", "sí"]
    assert found[1][3] == found[2][3] == " ".join(name.split()).replace("):", ") :")


LOOKS = ["Cliente: b", "Agente (x): c", "Agente (x)): d", "--- Conversación 1 ---", HEADER, FOOTER]
LINES = st.builds(
    "{}{}".format, st.sampled_from(["", ">", ">>", " ", " >"]), st.sampled_from(["", "a", *LOOKS])
)
SAID = st.lists(LINES | st.text(max_size=5), min_size=1, max_size=4).map("\n".join)
SPOKEN = st.builds(
    Words,
    st.just(""),
    st.just("user"),
    SAID.filter(str.strip),
    staff=st.sampled_from([None, "Rosa", "Luis (noche)"]),
    said_at=st.integers(0, 200).map(lambda minute: NOON + timedelta(minutes=minute)),
)


@given(st.lists(SPOKEN, max_size=6))
def test_whatever_is_said_comes_back(spoken: list[Words]) -> None:
    words = [
        Words(f"item-{number}", each.role, each.text, staff=each.staff, said_at=each.said_at)
        for number, each in enumerate(spoken)
    ]
    kinds = [ItemKind.GUEST if each.staff is None else ItemKind.STAFF for each in words]
    assert back(posts_of(words)) == [
        (each.item_id, kind, each.text.replace("\x00", ""), each.staff)
        for each, kind in zip(words, kinds, strict=True)
    ]
