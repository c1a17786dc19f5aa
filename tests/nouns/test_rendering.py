"""Bubbles: within the limit, cut where nothing is misread, shown as the channel shows text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watibot.messages import ChannelName
from watibot.rendering import LIMITS, bubbles

WA, FB, IG = ChannelName.WHATSAPP, ChannelName.FACEBOOK, ChannelName.INSTAGRAM


SHOWN: list[tuple[str, str, str | None]] = [
    # (what the model wrote, on WhatsApp, elsewhere if that differs)
    ("Hola.", "Hola.", None),
    ("  Hola.\r\n\r\n\r\n\r\nAdiós. ", "Hola.\n\nAdiós.", None),
    ("la **Suite** y __el lago__", "la *Suite* y *el lago*", "la Suite y el lago"),
    ("***muy*** bien", "*muy* bien", "muy bien"),
    ("**Nota:** sí", "*Nota:* sí", "Nota: sí"),
    ("un *buen* día, _muy_ bueno", "un *buen* día, _muy_ bueno", "un buen día, muy bueno"),
    ("~~$90~~ `JAC15`", "~$90~ JAC15", "$90 JAC15"),
    ("2*3*4, 5 * 3 * 2, a_b_c", "2*3*4, 5 * 3 * 2, a_b_c", None),
    ("## Tarifas ##\n**Alta**", "*Tarifas*\n*Alta*", "Tarifas\nAlta"),
    ("# La **Suite**", "*La Suite*", "La Suite"),
    ("#1 en la lista", "#1 en la lista", None),
    ("* uno\n+ dos\n- tres\n1. cuatro", "- uno\n- dos\n- tres\n1. cuatro", None),
    ("[el mapa](https://x.example/a_(b)_c)", "el mapa: https://x.example/a_(b)_c", None),
    ("[x.example](https://x.example/)", "https://x.example/", None),
    ("[a@x.example](mailto:a@x.example)", "a@x.example", None),
    ('![foto](https://x.example/f.jpg "Foto")', "foto: https://x.example/f.jpg", None),
    ("vea <https://x.example/_a_?b=*c*>.", "vea https://x.example/_a_?b=*c*.", None),
    ("**https://x.example/a**", "https://x.example/a", None),
    ("(vea https://x.example/a_b).", "(vea https://x.example/a_b).", None),
    ("*ana_maria_x@x.example*", "*ana_maria_x@x.example*", "ana_maria_x@x.example"),
    ("uno\n\n---\n\ndos\n***", "uno\n\ndos", None),
    ("```\ncódigo\n```", "código", None),
    ("> dicho", "> dicho", "dicho"),
    ("5 \\* 3 y \\_no\\_", "5 * 3 y _no_", None),
    (
        "|Cuarto|Precio|\n|:--|--:|\n|Patio|$62|\n|Suite|$102|\nfin",
        "Patio: $62\nSuite: $102\nfin",
        None,
    ),
    (
        "Cuarto | Precio | Personas\n--- | --- | ---\nPatio | **$62** | 2",
        "Patio: Precio *$62*, Personas 2",
        "Patio: Precio $62, Personas 2",
    ),
    ("sí | no", "sí | no", None),
]


@pytest.mark.parametrize(("written", "whatsapp", "elsewhere"), SHOWN)
def test_markdown_becomes_what_the_channel_shows(
    written: str, whatsapp: str, elsewhere: str | None
) -> None:
    assert bubbles(written, WA) == (whatsapp,)
    assert bubbles(written, FB) == (elsewhere or whatsapp,)
    assert bubbles(written, IG) == (elsewhere or whatsapp,)


@pytest.mark.parametrize("text", ["", "  \n\n ", "---", "```\n```", "\u200b\n\n\u200b", "**"])
def test_no_bubble_is_empty(text: str) -> None:
    assert all(bubble.strip() for channel in ChannelName for bubble in bubbles(text, channel))
    assert text == "**" or bubbles(text, WA) == ()


def paragraph(characters: int) -> str:
    return ("palabra " * characters)[: characters - 1] + "."


PACKED = [
    ([60, 60, 60, 60], [3 * 2 + 240]),
    ([400, 400, 400], [400, 400, 400]),
    ([300, 300, 300, 300], [602, 602]),
    ([699], [699]),
    ([1500], [1500]),
    ([500] * 9, [3 * 500 + 4] * 3),  # a long answer gets longer bubbles, not more of them
]


@pytest.mark.parametrize(("paragraphs", "sizes"), PACKED)
def test_paragraphs_share_bubbles(paragraphs: list[int], sizes: list[int]) -> None:
    text = "\n\n".join(paragraph(characters) for characters in paragraphs)
    assert [len(bubble) for bubble in bubbles(text, WA)] == sizes


WORDS = "bla " * 600

CUTS = [
    ("x" * 1500 + ".\n" + "y" * 700, ["x" * 1500 + ".", "y" * 700]),
    ("a" * 900 + ". b" + "b" * 900 + "\n" + "c " * 400, ["a" * 900 + ". b" + "b" * 900]),
    ("a" * 900 + "? b" + "b" * 500 + " " + "c" * 900, ["a" * 900 + "?"]),
    ("a" * 900 + ".» b" + "b" * 500 + " " + "c" * 900, ["a" * 900 + ".»"]),
    ("a" * 1900 + " " + "b" * 200, ["a" * 1900, "b" * 200]),
]


@pytest.mark.parametrize(("text", "begins"), CUTS)
def test_lines_are_better_than_sentences_and_sentences_than_words(
    text: str, begins: list[str]
) -> None:
    made = bubbles(text, FB)
    assert list(made[: len(begins)]) == begins
    assert all(made)


WHOLES = [
    "US$ 1,250.00",
    "US$ 1,250.00 por noche",
    "$85 por noche",
    "$ 85",
    "€ 90",
    "90 €",
    "1,250.00 USD",
    "85 dólares",
    "₡ 90.50",
    "+503 7000 0001",
    "(503) 7000-0001",
    "+503 7000-0001",
    "7000 0001",
    "3:00 p. m.",
    "https://pago.example/x?monto=85&moneda=USD#a_b",
    "www.posada.example/reservas",
    "ana.maria_x@posada.example",
    "👨‍👩‍👧‍👦",
    "🇸🇻",
    "👍🏽",
    "e\u0301",
]


@pytest.mark.parametrize("channel", ChannelName)
@pytest.mark.parametrize("whole", WHOLES)
def test_what_would_be_misread_stays_whole(channel: ChannelName, whole: str) -> None:
    limit, size = LIMITS[channel]
    for room in range(-1, size(whole) + 2):
        before = "x" * (limit - size(whole) + room - 2) + " "
        made = bubbles(f"{before}{whole} {WORDS}", channel)
        assert any(whole in bubble for bubble in made), room
        assert all(size(bubble) <= limit for bubble in made)


SIGNS = ["👨‍👩‍👧‍👦", "🇸🇻", "👍🏽", "e\u0301", "🏴\U000e0067\U000e0062\U000e007f"]


@pytest.mark.parametrize("channel", ChannelName)
@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("offset", range(4))
def test_an_endless_word_is_cut_between_signs(channel: ChannelName, sign: str, offset: int) -> None:
    limit, size = LIMITS[channel]
    made = bubbles("x" * offset + sign * 3000, channel)
    assert "".join(made) == "x" * offset + sign * 3000
    assert all(size(bubble) <= limit for bubble in made)
    assert all(bubble.lstrip("x").replace(sign, "") == "" for bubble in made)


def test_a_sign_longer_than_a_bubble_ends_too() -> None:
    made = bubbles("e" + "\u0301" * 10_000, IG)
    assert "".join(made) == "e" + "\u0301" * 10_000


# No marks of Markdown, nothing invisible: what remains must arrive to the last character. Repeated,
# so that most examples are longer than a bubble.
CHARACTERS = st.characters(
    exclude_categories=("C", "Z", "M"), exclude_characters="*_~`#|<>[]()\\-=+!"
)
WORD = st.text(CHARACTERS, min_size=1, max_size=12) | st.sampled_from(
    ["US$ 1,250.00 por noche", "€ 90", "503 7000 0001", "https://x.example/a?b=c", "👍🏽", "fin."]
)
PLAIN = st.builds(
    lambda words, gaps, times: "".join(map("".join, zip(words, gaps, strict=False))) * times,
    st.lists(WORD, min_size=1, max_size=30),
    st.lists(st.sampled_from(["", " ", " ", ". ", "\n", "\n\n"]), min_size=30, max_size=30),
    st.integers(1, 60),
)


@given(PLAIN, st.sampled_from(ChannelName))
def test_nothing_is_lost_and_nothing_too_long(text: str, channel: ChannelName) -> None:
    limit, size = LIMITS[channel]
    made = bubbles(text, channel)
    assert re.sub(r"\s", "", "".join(made)) == re.sub(r"\s", "", text)
    assert all(0 < size(bubble) <= limit and bubble == bubble.strip() for bubble in made)


@given(st.text(max_size=3000), st.sampled_from(ChannelName))
def test_whatever_comes_is_within_the_limit(text: str, channel: ChannelName) -> None:
    limit, size = LIMITS[channel]
    assert all(0 < size(bubble) <= limit for bubble in bubbles(text, channel))
