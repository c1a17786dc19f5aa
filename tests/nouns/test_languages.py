"""In which language a guest writes: a table of what guests write."""

from __future__ import annotations

import pytest

from watibot.languages import language_of

BOTH = ("es", "en")

# One message of a guest in a hotel whose languages are Spanish and English.
ALONE = [
    ("hola", "es"),
    ("Hola!", "es"),
    ("HOLA BUENAS TARDES", "es"),
    ("hi", "en"),
    ("Hi!!", "en"),
    ("hey", "en"),
    ("hello 👋", "en"),
    ("gracias", "es"),
    ("Muchas gracias 🙏", "es"),
    ("thanks", "en"),
    ("thank you", "en"),
    ("thx", "es"),  # nothing says so
    ("ok", "es"),
    ("OK 👍", "es"),
    ("👍", "es"),
    ("", "es"),
    ("   ", "es"),
    ("2", "es"),
    ("23/11/2026", "es"),
    ("$120", "es"),
    ("no", "es"),
    ("si", "es"),
    ("sí", "es"),
    ("yes", "en"),
    ("yes please", "en"),
    ("claro", "es"),
    ("listo", "es"),
    ("perfecto", "es"),
    ("great", "en"),
    ("Precio?", "es"),
    ("price", "en"),
    ("wifi?", "es"),
    ("check in", "es"),
    ("late check-out?", "es"),
    ("a que hora es el check in", "es"),
    ("what time is check-in?", "en"),
    ("Can we get a late checkout on Sunday?", "en"),
    ("¿Me pueden dar late check out?", "es"),
    ("Cuánto cuesta una habitación doble para dos noches?", "es"),
    ("cuanto cuesta una habitacion doble", "es"),
    ("cuanto sale x 2 noches", "es"),
    ("How much is a double room for two nights?", "en"),
    ("how much for 2 ppl", "en"),
    ("Do you have a pool?", "en"),
    ("tienen piscina", "es"),
    ("¿Tienen piscina para niños?", "es"),
    ("Is there parking?", "en"),
    ("hay parqueo", "es"),
    ("I'm arriving tomorrow at 3 pm", "en"),
    ("I’m at the airport", "en"),
    ("Llego mañana a las 3 pm", "es"),
    ("llegamos el viernes", "es"),
    ("We are coming from El Salvador to La Libertad on Friday", "en"),
    ("Is the Ruta de las Flores far from the hotel?", "en"),
    ("Quiero hablar con una persona, por favor.", "es"),
    ("I want to talk to a person please", "en"),
    ("are you a bot?", "en"),
    ("eres un bot?", "es"),
    ("Reservé por booking, me llega la confirmación?", "es"),
    ("I booked through Booking.com, did you get it?", "en"),
    ("Buenos días, is anybody there? I have a question about my room", "en"),
    ("Hello, quisiera saber si tienen disponibilidad para mañana", "es"),
    ("Soy John Smith, hice una reserva para el 24", "es"),
    ("My name is María José, I have a reservation", "en"),
    ("Mi nombre es Michael Johnson", "es"),
    ("Se permiten mascotas?", "es"),
    ("pets allowed?", "en"),
    ("dog ok?", "es"),
    ("we have a small dog", "en"),
    ("[foto: image/jpeg, 120 KB]", "es"),
    ("[documento: reserva para el hotel.pdf]\nplease confirm", "en"),
    ("https://maps.example/the/way/to/the/hotel", "es"),
    ("ana@theinn.example", "es"),
    ("ustedes cobran el desayuno aparte", "es"),
    ("breakfast included?", "en"),
    ("¡Qué bonito!", "es"),
    ("Qué pena", "es"),
    ("don't worry", "en"),
    ("nice, see you soon", "en"),
    ("Wo ist der Parkplatz?", "es"),  # a language that the hotel does not name
    ("дом", "es"),
]


@pytest.mark.parametrize(("text", "language"), ALONE)
def test_one_message(text: str, language: str) -> None:
    assert language_of([text], BOTH) == language


# Several messages, the newest last.
TOGETHER = [
    (["Do you have a room for two tonight?", "gracias"], "en"),
    (["¿Tienen habitación para dos hoy?", "thanks"], "es"),
    (["Do you have a room for two tonight?", "ok"], "en"),
    (["Do you have a room for two tonight?", "ok", "👍", "2"], "en"),
    (["¿Tienen habitación para dos hoy?", "Sorry, do you speak English?"], "en"),
    (["I would like to book a room", "Prefiero que me escriba en español, por favor"], "es"),
    (["hola", "do you have rooms available for tomorrow?"], "en"),
    (["hi", "tienen habitaciones disponibles para mañana?"], "es"),
    (["hello"] * 3 + ["¿A qué hora es el desayuno y cuánto cuesta?"] * 2, "es"),
    (["Is breakfast included in the price?"] + ["[foto: image/jpeg, 120 KB]"] * 4, "en"),
    (["How much is a room?"] + ["¿Cuánto cuesta la habitación?"] * 8, "es"),
    ([], "es"),
]


@pytest.mark.parametrize(("texts", "language"), TOGETHER)
def test_several_messages(texts: list[str], language: str) -> None:
    assert language_of(texts, BOTH) == language


def test_the_hotel_s_first_language_is_what_is_spoken_where_nothing_says_otherwise() -> None:
    assert language_of(["ok"], ("en", "es")) == "en"
    assert language_of(["hola, tienen habitaciones?"], ("en", "es")) == "es"


def test_only_the_hotel_s_languages_are_spoken() -> None:
    assert language_of(["How much is a room for two nights?"], ("es",)) == "es"
    assert language_of(["How much is a room for two nights?"], ("de", "es")) == "de"
    assert language_of(["How much is a room for two nights?"], ("de", "en")) == "en"
