"""What the stand-in model knows and says: words that name a subject, and its answers.

`hotel_brain` reads these tables; they hold no logic. The hotel is made up.
"""

import re

Phrase = dict[str, str]


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})", re.IGNORECASE)


SPANISH = _words(
    r"(?:hola|buen[oa]s|d[ií]as|tardes|noches|gracias|por favor|qu[eé]|cu[aá]l|cu[aá]nto|"
    r"cu[aá]ndo|d[oó]nde|"
    r"c[oó]mo|tienen?|hay|quiero|quisiera|puedo|puede|para|con|los|las|una|el|la|de|del|es|"
    r"est[aá]|somos|"
    r"necesito|reserva\w*|habitaci\w+|desayuno|piscina|personas?|hasta|mi|su|y|en|a|al|s[ií]|"
    r"favor|foto)(?!\w)"
)
ENGLISH = _words(
    r"(?:hello|hi|hey|good|morning|thanks?|thank you|please|what|which|when|where|how|do|does|"
    r"is|are|the|an?|"
    r"you|your|i|i'd|we|my|can|could|would|like|have|need|want|room|breakfast|pool|for|with|and|"
    r"of|to|in|"
    r"from|people|night|nights|there|any|price|book|yes|it|that|this|great)(?!\w)"
)

# In the order in which they are answered. A pattern names the subject in both languages.
SUBJECTS: dict[str, re.Pattern[str]] = {
    "identity": _words(
        r"eres (?:un |una )?(?:bot|robot|humano|persona|m[aá]quina|ia)|qui[eé]n eres|"
        r"es usted (?:un )?(?:bot|robot)|"
        r"are you (?:a |an )?(?:bot|robot|human|real|ai|person|machine)|who are you|what are you|"
        r"qu[eé] modelo|which model|what model"
    ),
    "breakfast": _words(r"desayun\w*|breakfast"),
    "check_in": _words(
        r"check[- ]?in\b(?! (?:on|next|tomorrow|today|date|is))|hora de (?:entrada|llegada)|"
        r"a qu[eé] hora (?:puedo |podemos )?(?:entrar|llegar|ingres)\w*"
    ),
    "check_out": _words(
        r"check[- ]?out\b(?! (?:on|next|tomorrow|date|is|the))|hora de salida|late check"
    ),
    "wifi": _words(r"wi-?fi|internet|contraseña|password"),
    "pool": _words(r"piscina|alberca|pool\b|swim\w*"),
    "parking": _words(
        r"parking|parqueo|estacionamiento|aparcamiento|cochera|park (?:my|the|our|a) car|garaje"
    ),
    "pets": _words(r"mascotas?|perr[oa]s?\b|gat[oa]s?\b|pets?\b|dogs?\b|cats?\b"),
    "prices": _words(
        r"precios?|tarifas?|cu[aá]nto (?:cuesta|vale|es|sale)|costo|prices?\b|rates?\b|how much|"
        r"costs?\b"
    ),
    "location": _words(
        r"d[oó]nde (?:est[aá]n?|queda|se encuentra)|ubicaci[oó]n|direcci[oó]n|c[oó]mo llego|"
        r"address|location|"
        r"located|where (?:are you|is (?:the|your) hotel)|directions"
    ),
    "phone": _words(r"tel[eé]fono|phone|telephone"),
    "payment": _words(
        r"cuentas? (?:bancarias?|para|de)|transferencia|transferir|dep[oó]sito|depositar|pagar|"
        r"forma de pago|"
        r"bank account|wire|how (?:can|do) i pay|pay(?:ment)?\b"
    ),
    "rooms": _words(r"tipos? de habitaci\w+|qu[eé] habitaciones|room types?|kinds? of rooms?"),
    "laundry": _words(r"lavander[ií]a|laundry"),
}

# What a colleague may have promised, wider than the subjects: a guest asks in other words.
PROMISED: dict[str, re.Pattern[str]] = {
    "check_out": _words(
        r"check[- ]?out|salida|salir|salimos|salgo|dejar (?:la habitaci\w+|el cuarto)|leave\b|"
        r"leaving|departure"
    ),
    "check_in": _words(r"check[- ]?in\b|entrada|llegada|llegar|llegamos|llego\b|arriv\w*"),
    "prices": _words(
        r"precios?|tarifas?|descuentos?|cu[aá]nto (?:cuesta|vale|es|sale)|prices?\b|rates?\b|"
        r"how much|discount"
    ),
    "transport": _words(r"transporte|taxi|traslado|aeropuerto|airport|shuttle|pick(?:ed)? up"),
    "rooms": _words(r"habitaci\w+|cuartos?|vista|balc[oó]n|rooms?\b|view|balcony|upgrade"),
    "pets": SUBJECTS["pets"],
    "parking": SUBJECTS["parking"],
    "breakfast": SUBJECTS["breakfast"],
}
# Without a figure or a word such as these a colleague's sentence promises nothing.
PROMISE = re.compile(
    r"\d|\b(?:le (?:doy|dejo|dejamos|guardo|aparto|regalo|confirmo)|cortes[ií]a|gratis|sin costo|"
    r"free|on the house|late|early|prometo|i promise)\b",
    re.IGNORECASE,
)

ANSWERS: dict[str, Phrase] = {
    "identity": {
        "es": "Soy el modelo de ensayo del emulador: respondo con reglas fijas, no soy "
        "una persona ni un "
        "modelo de Google.",
        "en": "I am the emulator's stand-in model: I answer from fixed rules; I am "
        "neither a person nor one of "
        "Google's models.",
    },
    "breakfast": {
        "es": "El desayuno se sirve de 7:00 a 10:30 y está incluido en su tarifa.",
        "en": "Breakfast is served from 7:00 to 10:30 and is included in your rate.",
    },
    "check_in": {
        "es": "La entrada (check-in) es a partir de las 15:00.",
        "en": "Check-in is from 3:00 pm.",
    },
    "check_out": {
        "es": "La salida (check-out) es hasta las 11:00.",
        "en": "Check-out is until 11:00.",
    },
    "wifi": {
        "es": "El wifi es gratuito en todo el hotel; la clave se entrega en recepción.",
        "en": "Wi-Fi is free in the whole hotel; the desk gives you the password.",
    },
    "pool": {
        "es": "La piscina está abierta de 9:00 a 19:00 para todos los huéspedes.",
        "en": "The pool is open from 9 am to 7 pm for all guests.",
    },
    "parking": {
        "es": "Tenemos parqueo privado sin costo para huéspedes.",
        "en": "We have private parking, free for guests.",
    },
    "pets": {
        "es": "Aceptamos mascotas de hasta 15 kg, por $12 la estadía; le pedimos avisar antes.",
        "en": "Pets up to 15 kg are welcome for $12 a stay; please tell us before you arrive.",
    },
    "prices": {
        "es": "La habitación doble cuesta desde $62 por noche y la familiar desde $112, con "
        "desayuno e impuestos.",
        "en": "A double room is from $62 per night and a family room from $112, breakfast and "
        "taxes included.",
    },
    "location": {
        "es": "Estamos en la 3.ª Calle Oriente 27, barrio El Calvario, Suchitoto.",
        "en": "We are at 3.ª Calle Oriente 27, barrio El Calvario, Suchitoto.",
    },
    "phone": {
        "es": "Puede escribirnos por aquí a cualquier hora; por teléfono atiende la recepción.",
        "en": "You can write to us here at any hour; the front desk answers the phone.",
    },
    "payment": {
        "es": "Puede pagar con tarjeta, en efectivo o por transferencia; recepción le "
        "confirma la cuenta "
        "bancaria antes de que deposite.",
        "en": "You can pay by card, in cash or by bank transfer; the desk confirms the "
        "account before you pay.",
    },
    "rooms": {
        "es": "Tenemos habitaciones dobles y familiares, todas con baño privado y aire "
        "acondicionado.",
        "en": "We have double and family rooms, all with a private bathroom and air conditioning.",
    },
    "laundry": {
        "es": "Hay servicio de lavandería de lunes a sábado; se entrega el mismo día.",
        "en": "There is a laundry service from Monday to Saturday, returned the same day.",
    },
}

OFFICE = _words(
    r"horarios?\b(?! (?:de(?:l| la)? )?(?:desayuno|piscina|check))|(?:est[aá]n?|"
    r"siguen?) abiert[oa]s?|abren|"
    r"cierran|hay alguien|atienden|recepci[oó]n (?:est[aá]|abierta)|opening hours|office hours|"
    r"are you (?:still )?open|(?:anyone|someone|anybody) (?:at|in|on) the|(?:desk|reception|"
    r"office) (?:is )?open|"
    r"what time do you (?:open|close)"
)
PERSON = _words(
    r"(?:con|a) (?:una |un |alguna )?(?:persona|humano|agente|gerente|encargad[oa]|alguien|"
    r"recepcionista)|"
    r"human\b|real person|(?:speak|talk) (?:to|with) (?:a |an |the |some|your )?\w*|manager|"
    r"representative|"
    r"queja|reclamo|reclamar|molest[oa]\b|p[eé]simo|terrible|horrible|complain\w*|refund(?!able)|"
    r"reembolso|unacceptable|"
    r"inaceptable"
)
BOOKING = _words(
    r"reserv\w+|book(?:ing)?\b|disponib\w+|availab\w+|hospedar\w*|quedarnos|stay(?:ing)?\b|"
    r"alojar\w*"
)
THANKS = _words(r"(?:muchas )?gracias|thanks?\b|thank you|mil gracias|thx")
GREETING = _words(
    r"hola|buenos d[ií]as|buenas(?: tardes| noches)?|hello|hi\b|hey\b|good (?:morning|afternoon|"
    r"evening)"
)
YES = _words(
    r"(?:s[ií]|yes|yeah|yep|claro|perfecto|great|sounds good|ok(?:ay)?|de acuerdo|correct)(?!\w)"
)

SAYS: dict[str, Phrase] = {
    "thanks": {
        "es": "Con mucho gusto. Estamos para servirle.",
        "en": "You are welcome. We are here to help.",
    },
    "greeting": {
        "es": "¡Hola! ¿En qué le puedo ayudar?",
        "en": "Hello! How can I help you?",
    },
    "yes": {
        "es": "Perfecto. ¿Le ayudo con algo más?",
        "en": "Great. Is there anything else I can help you with?",
    },
    "fallback": {
        "es": "Gracias por su mensaje. ¿Me puede dar un poco más de detalle para ayudarle?",
        "en": "Thank you for your message. Could you give me a little more detail so "
        "that I can help?",
    },
    "promised": {
        "es": "Como le dijo {name}: «{words}»",
        "en": "As {name} told you: “{words}”",
    },
    "photo": {
        "es": "Recibí su foto ({kind}, {size}).",
        "en": "I received your photo ({kind}, {size}).",
    },
    "document": {
        "es": "Recibí su documento ({kind}, {size}).",
        "en": "I received your document ({kind}, {size}).",
    },
    "voice": {
        "es": "Recibí su nota de voz ({kind}, {size}).",
        "en": "I received your voice note ({kind}, {size}).",
    },
    "file": {
        "es": "Recibí su archivo ({kind}, {size}).",
        "en": "I received your file ({kind}, {size}).",
    },
    "ask_in": {"es": "la fecha de entrada", "en": "the check-in date"},
    "ask_out": {"es": "la fecha de salida", "en": "the check-out date"},
    "ask_guests": {"es": "el número de huéspedes", "en": "the number of guests"},
    "ask": {
        "es": "Para su reserva me falta {missing}.",
        "en": "For your booking I still need {missing}.",
    },
    "stay": {
        "es": "Anoté su solicitud: del {check_in} al {check_out}, {guests} huéspedes.",
        "en": "I noted your request: {check_in} to {check_out}, {guests} guests.",
    },
    "booked": {
        "es": "Su solicitud de reserva quedó registrada; el equipo se la confirmará pronto.",
        "en": "Your booking request is registered; the team will confirm it soon.",
    },
    "open": {
        "es": "La recepción está abierta en este momento.",
        "en": "The front desk is open right now.",
    },
    "closed": {
        "es": "La recepción está cerrada en este momento.",
        "en": "The front desk is closed right now.",
    },
    "escalated": {
        "es": "Ya avisé a una persona del equipo; le escribirá por aquí.",
        "en": "I have told a person of our team; they will write to you here.",
    },
    "done": {"es": "Listo.", "en": "Done."},
    "failed": {
        "es": "No pude completar esa gestión ahora; el equipo la revisará.",
        "en": "I could not complete that right now; the team will look into it.",
    },
    "hours": {
        "es": "La recepción atiende de 7:00 a 22:00.",
        "en": "The front desk is open from 7 am to 10 pm.",
    },
    "person": {
        "es": "Con gusto le comunico con una persona del equipo.",
        "en": "I will gladly put you in touch with a person of our team.",
    },
}
# Written for the hotel's staff, whatever language the guest speaks.
REASON = "El huésped pide hablar con una persona o presenta una queja."
NO_NAME = "Huésped (no dijo su nombre)"
NAME = re.compile(
    r"(?i:me llamo|mi nombre es|a nombre de|my name is|in the name of|under the name(?: of)?|soy)"
    r"\s+([A-ZÁÉÍÓÚÑ][\wáéíóúñ'-]+(?:\s+[A-ZÁÉÍÓÚÑ][\wáéíóúñ'-]+){0,3})"
)
BOOKING_MARKS = tuple(SAYS["ask"][language].split("{")[0].strip() for language in ("es", "en"))
