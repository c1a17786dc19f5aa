"""Words of a guest's data: export and erasure."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "guest_data": ("Datos del huésped", "The guest's data"),
    "export": ("Exportar todo", "Export everything"),
    "export.help": (
        "Un ZIP con todo lo que se guarda de este huésped. Queda anotado en el registro.",
        "A ZIP with all that is kept of this guest. It is noted in the log.",
    ),
    "erase.guest": ("Borrar a este huésped…", "Erase this guest…"),
    "erase.title": ("Borrar al huésped", "Erase the guest"),
    "erase.irrevocable": ("No se puede deshacer.", "It cannot be undone."),
    "erase.what": ("Qué se borra", "What is erased"),
    "erase.rows": (
        "Mensajes, respuestas, reservas, comprobantes, avisos y notas en esta base de datos",
        "Messages, answers, bookings, proofs, escalations and notes in this database",
    ),
    "erase.media": ("Fotos, audios y documentos guardados", "Photos, audio and documents kept"),
    "erase.sessions": ("La sesión en Vertex AI", "The session at Vertex AI"),
    "erase.thread": ("El hilo en OpenAI, si lo hay", "The thread at OpenAI, if there is one"),
    "erase.archive": ("Lo archivado al migrar", "What a migration has archived"),
    "erase.what_not": ("Qué no se alcanza", "What is out of reach"),
    "erase.after": (
        "Si el huésped vuelve a escribir, empieza una conversación nueva. Los costos y el registro "
        "quedan, sin su nombre.",
        "If the guest writes again, a new conversation begins. Costs and the log stay, without the "
        "name.",
    ),
    "erase.confirm": (
        "Para confirmar, escriba el nombre o el número del huésped",
        "To confirm, write the guest's name or number",
    ),
    "erase.do": ("Borrar para siempre", "Erase for ever"),
    "erase.not": ("No borrar", "Do not erase"),
    "erasures": ("Huéspedes borrados", "Erased guests"),
    "erasures.help": (
        "Cada comprobante dice cuándo y quién lo hizo, pero no a quién: su clave solo se vuelve a "
        "calcular con el número.",
        "Each receipt says when and who did it, but not of whom: its key can only be made again "
        "from the number.",
    ),
    "receipt": ("Comprobante", "Receipt"),
    "receipt.key": ("Clave", "Key"),
    "receipt.by": ("Lo pidió", "Asked by"),
    "receipt.asked": ("Pedido", "Asked"),
    "receipt.state": ("Estado", "State"),
    "receipt.complete": ("completo", "complete"),
    "receipt.under_way": ("en curso", "under way"),
    "receipt.given_up": ("necesita a una persona", "needs a person"),
    "receipt.gone": ("Borrado", "Gone"),
    "receipt.left": ("Falta", "Left"),
    "receipt.unreached": ("Fuera de alcance", "Out of reach"),
    "receipt.problem": ("Problema", "Problem"),
    "receipt.again": ("Intentar otra vez", "Try again"),
    "place.rows": ("filas", "rows"),
    "place.media": ("archivos", "files"),
    "place.sessions": ("sesiones", "sessions"),
    "place.thread": ("hilo", "thread"),
    "place.archive": ("archivo de la migración", "archive"),
    "unreached.backups": ("copias de seguridad", "backups"),
    "unreached.channel": (
        "el chat en WhatsApp, Messenger o Instagram",
        "the chat in WhatsApp, Messenger or Instagram",
    ),
    "unreached.notices": ("avisos ya enviados al personal", "notices that staff were sent"),
    "unreached.thread": ("OpenAI, que ya no responde", "OpenAI, which answers no more"),
    "unreached.exports": ("exportaciones ajenas", "exports that others made"),
    "deed.export": ("exportó los datos de un huésped", "exported a guest's data"),
    "deed.erase": ("pidió borrar a un huésped", "asked to erase a guest"),
    "deed.erase.again": ("reintentó borrar a un huésped", "tried an erasure again"),
    "said.erasing": (
        "El borrado está anotado y empieza ahora. Abajo se ve cómo va.",
        "The erasure is noted and begins now. Below you see how it goes.",
    ),
    "said.not_the_guest": (
        "No coincide con el nombre ni con el número. No se borró nada.",
        "It is neither the name nor the number. Nothing was erased.",
    ),
}

REFUSALS: tuple[str, ...] = ("not_the_guest",)
