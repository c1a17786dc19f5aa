"""What guests, the assistant and the desk say in the generated pasts of `past.py`.

Tables only. Names, places and bookings are invented.
"""

NAMES = (
    *("Ana Lucía Ramos", "Carlos Mejía", "María José Funes", "Diego Lemus", "Lucía Ardón"),
    *("Roberto Alas", "Karla Pineda", "José Efraín Cruz", "Sofía Menjívar", "Óscar Villalta"),
    *("James Porter", "Emma Clarke", "Hannah Weiss", "Luca Ferri"),
)
STAFF = ("Marta", "Rosa", "Julio", "Recepción")

# A question and its answer.
SPANISH = (
    ("Hola, buenas tardes", "¡Hola! Bienvenido a la posada. ¿En qué le puedo ayudar?"),
    (
        "¿Cuánto cuesta la habitación doble por noche?",
        "La habitación doble cuesta $62 por noche, con desayuno e impuestos incluidos.",
    ),
    ("¿A qué hora es el check-in?", "La entrada es a partir de las 15:00."),
    ("¿Y la salida?", "La salida es hasta las 11:00. Con gusto le guardamos el equipaje."),
    ("¿El desayuno está incluido?", "Sí, se sirve de 7:00 a 10:30 y está incluido."),
    ("¿Aceptan mascotas?", "Aceptamos mascotas de hasta 15 kg, por $12 la estadía 🐶"),
    ("¿Tienen parqueo?", "Sí, tenemos parqueo privado sin costo para huéspedes."),
    (
        "Somos 2 adultos y 3 niños, ¿qué habitación nos recomienda?",
        "Le recomiendo la *familiar*: dos camas dobles y una individual, desde $112 por noche.",
    ),
    ("¿Puedo pagar con tarjeta?", "Sí: tarjeta, efectivo o transferencia."),
    ("¿Cómo llego desde San Salvador?", "Son 45 minutos en carro, o el bus 129 hasta el parque."),
    ("¿Hay wifi en las habitaciones?", "Sí, en todo el hotel; la clave se entrega en recepción."),
    ("¿La piscina está abierta el lunes?", "La piscina está abierta todos los días de 9 a 19 h."),
    ("Perfecto, muchas gracias 🙏", "Con mucho gusto. Estamos para servirle."),
    ("ok", "Quedo pendiente por si necesita algo más."),
    (
        "Mi vuelo llega a las 23:40, ¿puedo entrar tarde?",
        "Claro, la recepción nocturna le espera. Solo avísenos si se retrasa el vuelo.",
    ),
    ("¿Tienen restaurante?", "Sí, abre de 12:00 a 21:00.\n\n- Pupusas\n- Sopa de gallina\n- Café"),
    ("Quisiera una cuna para la bebé", "Anotado: la cuna no tiene costo."),
    ("¿Me puede dar factura de crédito fiscal?", "Sí, con su NRC y NIT al momento de pagar."),
)
ENGLISH = (
    ("Hi, do you have rooms for next weekend?", "Hello! Yes, we have double and family rooms."),
    ("How much is a double room?", "A double room is $62 per night, breakfast included."),
    ("Is there parking?", "Yes, private parking is free for guests."),
    ("What time is breakfast?", "From 7:00 to 10:30, every day."),
    ("Do you speak English at the desk?", "Yes, at all hours."),
    ("How far is the lake?", "Ten minutes on foot, downhill 🙂"),
    ("Great, thanks!", "You are welcome. We are here to help."),
)
BURSTS = (
    ("Buenas", "Quería preguntar", "¿Tienen disponible para el viernes?"),
    ("Hola", "somos 4 personas"),
    ("Disculpe", "me equivoqué de fecha", "es el sábado"),
    ("Una consulta más", "¿puedo dejar el carro antes de las 15:00?"),
)
BURST_ANSWER = "Con gusto se lo confirmo. ¿Para cuántas noches sería?"
PHOTOS = (
    ("Este es el comprobante de la transferencia", "Gracias, recibí la foto de su comprobante."),
    ("", "Recibí su foto. ¿En qué le puedo ayudar con ella?"),
    ("¿Es esta la habitación?", "Sí, es una de nuestras habitaciones dobles."),
)
DOCUMENT = ("Le mando la lista de huéspedes", "Recibí la lista【4:0†source】; son 12 personas.")
POLICY = (
    "¿Cuál es la política de cancelación?",
    "Puede cancelar sin costo hasta 48 horas antes【4:0†source】. Después se cobra la primera noche"
    "【4:2†source】.",
)
REFUSED = ("¿Me da el número de la huésped de la 7?", "No puedo dar datos de otros huéspedes.")
UNANSWERED = ("¿Sigue ahí?", "Hola??", "Me urge una respuesta por favor", "¿Me puede ayudar?")
INTERRUPTED = ("Espere, mejor cambio la fecha", "No, perdón, olvide lo anterior")
DESK = (
    ("¿Me pueden confirmar el depósito?", "Sí, ya lo vimos reflejado. Su reserva está firme."),
    ("Llegaremos como a las 8 de la noche", "Sin problema, les esperamos con la cena lista."),
    ("¿Tienen una habitación con vista?", "La 12 tiene vista al lago; se la dejé apartada."),
    ("Olvidé un cargador en la 4", "Lo encontramos; se lo guardamos en recepción."),
)
OFFICE = ("¿Está abierta la recepción ahora?", "La recepción está abierta hasta las 22:00.")
BOOKING = (
    "Quiero reservar del {arrival} al {departure} para {guests}, a nombre de {name}",
    "Anoté su solicitud del {arrival} al {departure} para {guests} personas, a nombre de {name}. "
    "El equipo se la confirma por aquí.",
)
PERSON = (
    "Quiero hablar con una persona, por favor",
    "Ya avisé a una persona del equipo; le escribirá por aquí.",
)
