"""In which of the hotel's languages a guest writes. Pure.

`service/` asks before it says something by itself (an apology, what stop words come to); the model
sees for itself. Counted are words that one language uses all the time and the other does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Without accents, as guests often write them. Left out is what both languages use ("no", "me",
# "has", "come") and what hotels have lent to everybody ("parking", "booking", "ok").
_SPANISH = """
adios ahi ahora al algo alguien algun alguna aqui asi ayer ayuda bien buen buena buenas bueno
buenos cada cama camas casi cerca claro cobran comida como con cosa costo cual cuales cuando cuanta
cuantas cuanto cuantos cuarto cuartos cuesta cuestan de del desayuno desde desea deseo despues dia
dias digame disculpe disponibilidad disponible donde dos el ella ellos en entonces entrada entre
era eramos es esa ese eso esta estaba estamos estan estar este esto estoy favor fecha fue gente
gracias gusta gustaria habitacion habitaciones hablar hace hacen hacer hasta hay hola hoy huesped
incluye ir jardin la las le les libre listo llegada llegamos llego llegue lo los luego manana mas
mascota mascotas mejor menos mi mis mismo momento mucha muchas mucho muchos muy nada necesitamos
necesito ninos noche noches nos nosotros nuestra nuestro o oiga otra otro oye pagar pago para
parqueo perfecto pero perro persona personas piscina poco podemos podria podrian por porque precio
precios puede pueden puedo pues que queda queremos queria quien quiere quiero quisiera quisieramos
reserva reservacion reservar saber salida saludos se senor senora ser si sido siempre sigue sobre
solo somos soy su sus tal tambien tan tarde tardes tarjeta te tenemos tener tengo tiene tienen
todavia todo todos tres tu un una unas unos usted ustedes va vamos ver vez viaje viernes y ya yo
"""
_ENGLISH = """
about after again all also am an and any anybody anyone are arrive arriving at availability
available be because bed beds been before breakfast but by bye can cannot children cost could
couple day days did do does dogs double each evening everything family fine for free friday from
get give go going good got great had have having hello help here hey hi him his how i if in into is
it its just kids know last leave leaving let like looking lot many may maybe monday morning much
must my need never next nice night nights not now of off on one only or our out pay people per pets
pick pickup please pool price prices question rate rates ready really reservation reserve right
room rooms saturday see send she should so some somebody someone soon sorry speak stay staying
sunday sure swimming take talk tell than thank thanks that the their them then there these they
thing think this thursday tickets time to today tomorrow tonight too towel towels tuesday two until
us very wait want was water way we wednesday week weekend well were what when where which who why
will with without work would wrong yes yesterday yet you your
"""
_WORDS = {"es": frozenset(_SPANISH.split()), "en": frozenset(_ENGLISH.split())}
_MARKS = {"es": re.compile("[¿¡ñáéíóú]"), "en": re.compile(r"\b\w+'(?:s|m|re|ve|ll|d|t)\b")}
# Our own notes about files, in brackets; addresses; what is said in both languages.
_NO_WORDS = re.compile(
    r"\[[^\]\n]*\]|https?://\S+|\S+@\S+|\b(?:late |early )?check[ -]?(?:in|out)s?\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")

# Messages that are looked at, and how much less one says than the next newer one: who changes the
# language is followed at once, but not for a "thanks".
_NEWEST = 8
_FADING = 0.7
_LOUDEST = 3


def language_of(texts: Sequence[str], known: Sequence[str]) -> str:
    """One of `known` (ISO 639-1 codes, at least one), by the guest's messages, the newest last. The
    first of `known` where nothing says otherwise."""
    votes = dict.fromkeys(known, 0.0)
    weight = 1.0
    for text in reversed(texts[-_NEWEST:]):
        found = _counts(text, known)
        if found:
            ahead, *behind = sorted(found.values(), reverse=True)
            lead = ahead - (behind[0] if behind else 0)
            if lead:
                votes[max(found, key=lambda code: found[code])] += weight * min(lead, _LOUDEST)
        weight *= _FADING
    return max(votes, key=lambda code: votes[code])


def _counts(text: str, known: Sequence[str]) -> dict[str, int]:
    spoken = _NO_WORDS.sub(" ", text.replace("’", "'")).casefold()
    composed = unicodedata.normalize("NFC", spoken)
    bare = "".join(
        sign for sign in unicodedata.normalize("NFD", spoken) if not unicodedata.combining(sign)
    )
    words = _WORD.findall(bare)
    return {
        code: sum(word in _WORDS[code] for word in words) + bool(_MARKS[code].search(composed))
        for code in known
        if code in _WORDS
    }
