"""The console's words in Spanish and English. Pure.

`frame.py` gives them to the templates as `t("key")`. A key that is missing is shown as it is, which
the tests do not let pass.
"""

from __future__ import annotations

from watibot.escalations import TITLES, EscalationCause
from watibot.payments import ReasonCode

LANGUAGES = ("es", "en")

_CAUSES: dict[EscalationCause, str] = {
    EscalationCause.GUEST_WISH: "They ask for a person",
    EscalationCause.ANGRY: "An upset guest needs a person",
    EscalationCause.EMERGENCY: "URGENT: a guest needs a person now",
    EscalationCause.OTHER: "A person is needed",
    EscalationCause.MODEL: "The assistant could not answer a guest",
    EscalationCause.TOOL: "A task of the assistant failed",
    EscalationCause.WINDOW: "An answer could not be sent to the guest",
    EscalationCause.REFUSED: "An answer could not be sent to the guest",
    EscalationCause.NOT_DELIVERED: "A message did not reach the guest",
    EscalationCause.IN_DOUBT: "It is not known whether an answer reached the guest",
    EscalationCause.PAYMENT: "There is a proof of payment to be checked",
    EscalationCause.WAITS: "A guest waits for a person",
    EscalationCause.STOPPED: "A guest asked the assistant to be silent",
    EscalationCause.LEAK: "An answer of the assistant was stopped",
    EscalationCause.LIMITED: "A guest writes more than is answered",
}
# In Spanish the proof's own reasons are shown, which name the figures.
_REASONS: dict[ReasonCode, str] = {
    ReasonCode.NOT_LEGIBLE: "It cannot be read well",
    ReasonCode.TOO_SMALL: "The picture is too small",
    ReasonCode.BLURRED: "The picture is blurred",
    ReasonCode.EDITED: "There are signs of editing",
    ReasonCode.PICTURE_SEEN: "The very same picture was sent before",
    ReasonCode.REFERENCE_SEEN: "The reference was sent before",
    ReasonCode.PICTURE_SIMILAR: "It looks like a picture that was sent before",
    ReasonCode.ACCOUNT_MISSING: "The account that was paid to cannot be seen",
    ReasonCode.ACCOUNT_UNKNOWN: "The account is not one of the hotel's",
    ReasonCode.NO_BOOKING: "No booking was found for it",
    ReasonCode.NO_AMOUNT_KNOWN: "Nobody has said what the booking costs",
    ReasonCode.AMOUNT_MISSING: "The amount cannot be seen",
    ReasonCode.AMOUNT_LOW: "The amount is less than what is due",
    ReasonCode.AMOUNT_HIGH: "The amount is more than what is due",
    ReasonCode.CURRENCY: "It is another currency",
    ReasonCode.DATE_MISSING: "The date cannot be seen",
    ReasonCode.DATE_OLD: "The date is too long ago",
    ReasonCode.DATE_FUTURE: "The date is in the future",
    ReasonCode.REFERENCE_MISSING: "No reference can be seen",
    ReasonCode.MODEL_UNSURE: "The assistant is not sure of what it read",
}

WORDS: dict[str, tuple[str, str]] = {
    # everywhere
    "console": ("Consola", "Console"),
    "skip": ("Ir al contenido", "Skip to content"),
    "menu": ("Secciones", "Sections"),
    "home": ("Inicio", "Home"),
    "escalations": ("Avisos", "Escalations"),
    "payments": ("Comprobantes", "Payments"),
    "conversations": ("Conversaciones", "Conversations"),
    "log": ("Registro", "Log"),
    "sign_out": ("Salir", "Sign out"),
    "other_language": ("English", "Español"),
    "refresh": ("Actualizar", "Refresh"),
    "nobody_named": ("sin nombre", "no name"),
    "none": ("nada por ahora", "nothing for now"),
    "all": ("ver todo", "see all"),
    "guest": ("Huésped", "Guest"),
    "assistant": ("Asistente", "Assistant"),
    "staff": ("Personal", "Staff"),
    "note": ("Nota", "Note"),
    "send": ("Enviar", "Send"),
    "whatsapp": ("WhatsApp", "WhatsApp"),
    "facebook": ("Messenger", "Messenger"),
    "instagram": ("Instagram", "Instagram"),
    # signing in
    "sign_in": ("Entrar", "Sign in"),
    "name": ("Usuario", "Name"),
    "password": ("Contraseña", "Password"),
    "sign_in.refused": (
        "El usuario o la contraseña no son correctos.",
        "The name or the password is wrong.",
    ),
    "sign_in.throttled": (
        "Demasiados intentos. Espere 15 minutos.",
        "Too many tries. Wait for 15 minutes.",
    ),
    "sign_in.old": (
        "La página estuvo abierta demasiado tiempo. Intente otra vez.",
        "The page was open for too long. Try again.",
    ),
    # home
    "waiting": ("Qué espera", "What waits"),
    "held": ("En manos del personal", "Held by staff"),
    "last_staff": ("Última acción del personal", "Last action of staff"),
    "guest_waits": ("El huésped escribió después", "The guest has written since"),
    "held_by": ("Atiende", "Held by"),
    "until": ("hasta", "until"),
    "until_back": ("hasta que se devuelva", "until it is given back"),
    # escalations
    "acknowledge": ("Me encargo", "I see to it"),
    "told": ("aviso n.º", "notice no."),
    "optional_note": ("Nota (opcional)", "Note (optional)"),
    # proofs of payment
    "verdict.unread": ("Sin leer", "Not read"),
    "verdict.consistent": (
        "Todo coincide: falta confirmar que el dinero llegó",
        "Everything fits: confirm that the money arrived",
    ),
    "verdict.doubtful": ("Dudoso", "Doubtful"),
    "verdict.unreadable": ("No se puede leer", "Unreadable"),
    "verdict.no_receipt": ("No es un comprobante", "Not a receipt"),
    "state.accepted": ("Aceptado", "Accepted"),
    "state.rejected": ("Rechazado", "Rejected"),
    "read": ("Lo que se leyó", "What was read"),
    "amount": ("Monto", "Amount"),
    "date": ("Fecha", "Date"),
    "bank": ("Banco", "Bank"),
    "reference": ("Referencia", "Reference"),
    "payer": ("Paga", "Payer"),
    "payee": ("Recibe", "Payee"),
    "account": ("Cuenta", "Account"),
    "accept": ("Aceptar", "Accept"),
    "reject": ("Rechazar", "Reject"),
    "tell": ("Avisar al huésped", "Tell the guest"),
    "tell.help": (
        "Recibe un mensaje corto en su idioma, de parte suya. Si lo rechaza, la conversación queda "
        "en sus manos. La nota no se le envía.",
        "They are sent a short message in their language, from you. If you reject it, the "
        "conversation is yours. The note is not sent.",
    ),
    "picture": ("Comprobante que envió el huésped", "Receipt that the guest sent"),
    "open_file": ("Abrir el archivo", "Open the file"),
    "booking": ("Reserva", "Booking"),
    "bookings": ("Reservas", "Bookings"),
    "no_booking": ("Sin reserva", "No booking"),
    "amount_due": ("Monto por pagar", "Amount due"),
    "currency": ("Moneda", "Currency"),
    "save": ("Guardar", "Save"),
    # conversations
    "search": ("Buscar", "Search"),
    "search_words": ("Nombre o número", "Name or number"),
    "channel": ("Canal", "Channel"),
    "holder": ("Quién atiende", "Who answers"),
    "any": ("Todos", "Any"),
    "none_found": ("No se encontró ninguna.", "None was found."),
    "only_first": (
        "Se muestran las primeras; busque para ver otras.",
        "These are the first ones; search for others.",
    ),
    "last_guest": ("El huésped escribió", "The guest wrote"),
    # one conversation
    "actions": ("Tomar, escribir, devolver", "Take, write, give back"),
    "transcript": ("Conversación", "Conversation"),
    "older": ("Mensajes anteriores", "Older messages"),
    "newest": ("Los más recientes", "The newest"),
    "take": ("Tomar la conversación", "Take the conversation"),
    "take.help": (
        "El asistente deja de contestar hasta que la devuelva; si nadie escribe, hasta la hora que "
        "se indica al tomarla.",
        "The assistant stops answering until you give it back; if nobody writes, until the time "
        "that is shown then.",
    ),
    "take.over": ("La conversación pasa a sus manos.", "The conversation becomes yours."),
    "write": ("Escribir al huésped", "Write to the guest"),
    "write.help": (
        "Al enviar, la conversación queda en sus manos.",
        "When you send it, the conversation is yours.",
    ),
    "message": ("Mensaje", "Message"),
    "not_sent": ("Lo que no se envió", "What was not sent"),
    "give_back": ("Devolver al asistente", "Give back to the assistant"),
    "give_back.note": (
        "Lo que el asistente debe saber (opcional)",
        "What the assistant should know (optional)",
    ),
    "note.write": ("Dejar una nota al asistente", "Leave the assistant a note"),
    "note.help": ("No se envía al huésped.", "It is not sent to the guest."),
    "assistant_answers": ("Contesta el asistente", "The assistant answers"),
    "staff_answers": ("Atiende el personal", "Staff answer"),
    "window_until": ("Se puede escribir hasta", "Messages possible until"),
    "window_closed": (
        "Pasaron 24 horas: el canal ya no acepta mensajes hasta que el huésped escriba.",
        "24 hours have passed: the channel takes no messages until the guest writes.",
    ),
    "stopped": (
        "El huésped pidió que el asistente no le conteste.",
        "The guest asked the assistant to be silent.",
    ),
    "chat": ("Abrir en el canal", "Open in the channel"),
    "tools": ("Herramientas", "Tools"),
    "call": ("Pide", "Asks"),
    "result": ("Recibe", "Gets"),
    "unanswered": ("sin contestar todavía", "not answered yet"),
    "no_file": ("archivo que no se pudo bajar", "file that could not be downloaded"),
    "file_pending": ("el archivo está por llegar", "the file is on its way"),
    "photo": ("Foto del huésped", "The guest's photo"),
    "audio": ("Audio del huésped", "The guest's audio"),
    "bubble.waiting": ("por salir", "to be sent"),
    "bubble.sending": ("saliendo", "being sent"),
    "bubble.sent": ("enviado", "sent"),
    "bubble.delivered": ("entregado", "delivered"),
    "bubble.read": ("leído", "read"),
    "bubble.failed": ("no llegó", "failed"),
    "bubble.refused": ("no se envió", "not sent"),
    "bubble.unknown": ("no se sabe si llegó", "not known whether it arrived"),
    "bubble.cancelled": ("cancelado, no salió", "cancelled, not sent"),
    # the log
    "when": ("Cuándo", "When"),
    "who": ("Quién", "Who"),
    "what": ("Qué", "What"),
    "conversation": ("Conversación", "Conversation"),
    "detail": ("Detalle", "Detail"),
    "deed.sign_in": ("entró", "signed in"),
    "deed.sign_in.refused": ("no pudo entrar", "was refused"),
    "deed.sign_out": ("salió", "signed out"),
    "deed.take": ("tomó la conversación", "took the conversation"),
    "deed.give_back": ("devolvió la conversación", "gave the conversation back"),
    "deed.write": ("escribió al huésped", "wrote to the guest"),
    "deed.note": ("dejó una nota", "left a note"),
    "deed.acknowledge": ("se encargó de un aviso", "saw to an escalation"),
    "deed.accept": ("aceptó un comprobante", "accepted a proof"),
    "deed.reject": ("rechazó un comprobante", "rejected a proof"),
    "deed.set_amount": ("puso un monto", "set an amount"),
    "deed.user.added": ("fue agregado", "was added"),
    "deed.user.password": ("tiene una clave nueva", "has a new password"),
    "deed.user.disabled": ("fue desactivado", "was disabled"),
    # what came of it
    "said.done": ("Hecho.", "Done."),
    "said.stands": (
        "Ya estaba así, o alguien fue más rápido.",
        "It was so already, or somebody was quicker.",
    ),
    "said.empty": ("No había nada que enviar.", "There was nothing to send."),
    "said.long": ("Es demasiado largo.", "It is too long."),
    "said.window": (
        "No se envió: el canal ya no acepta mensajes para este huésped.",
        "Not sent: the channel takes no messages to this guest any more.",
    ),
    "said.told": (
        "Hecho. El huésped recibe un aviso; la conversación queda en sus manos por ahora.",
        "Done. The guest is sent word of it; the conversation is in your hands for now.",
    ),
    "said.untold": (
        "Hecho, pero no se avisó al huésped: el canal ya no acepta mensajes.",
        "Done, but the guest was not told: the channel takes no messages any more.",
    ),
    "said.amount": (
        "Escriba un monto como 125.00 y una moneda como USD.",
        "Write an amount such as 125.00 and a currency such as USD.",
    ),
    # what went wrong
    "error.403": ("No permitido", "Not allowed"),
    "error.403.help": (
        "Su usuario no puede hacer esto, o la página es vieja: vuelva a abrirla.",
        "Your user may not do this, or the page is old: open it again.",
    ),
    "error.404": ("No existe", "Not found"),
    "error.404.help": ("Aquí no hay nada.", "There is nothing here."),
    "error.500": ("Algo falló", "Something failed"),
    "error.500.help": (
        "No se sabe si quedó hecho. Mire antes de repetirlo.",
        "It is not known whether it was done. Look before you repeat it.",
    ),
    **{f"cause.{cause}": (TITLES[cause], _CAUSES[cause]) for cause in EscalationCause},
    **{f"reason.{code}": ("", english) for code, english in _REASONS.items()},
}

# Of `said.*`, what did not work as it was meant.
REFUSALS = frozenset(f"said.{word}" for word in ("empty", "long", "window", "untold", "amount"))

MONTHS = (
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
)


def say(key: str, language: str) -> str:
    """The word for `key`."""
    found = WORDS.get(key)
    return key if found is None else found[LANGUAGES.index(language)]


def preferred(accepted: str) -> str:
    """The first of our languages in an Accept-Language header; browsers name the best one first."""
    for part in accepted.split(","):
        tag = part.strip()[:2].lower()
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
