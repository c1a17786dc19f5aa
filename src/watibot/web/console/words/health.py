"""Words of the health page."""

from __future__ import annotations

from watibot.errors import Cause

_CAUSES: dict[Cause, tuple[str, str]] = {
    Cause.UNREACHABLE: ("sin conexión", "no connection"),
    Cause.LOST: ("se cortó la conexión", "the connection broke"),
    Cause.TIMEOUT: ("no contestó a tiempo", "no answer in time"),
    Cause.THROTTLED: ("demasiadas solicitudes", "too many requests"),
    Cause.UNAVAILABLE: ("falla del otro lado", "an error on the other side"),
    Cause.UNAUTHORISED: ("acceso rechazado", "access refused"),
    Cause.NOT_FOUND: ("no se encontró", "not found"),
    Cause.EXISTS: ("ya existía", "it existed already"),
    Cause.INVALID: ("la solicitud fue rechazada", "the request was refused"),
    Cause.SIGNATURE: ("rechazó las firmas del modelo", "thought signatures were refused"),
    Cause.BUSY: ("estaba ocupado", "it was busy"),
    Cause.GONE: ("la API ya no existe", "the API is not there any more"),
    Cause.BLOCKED: ("el modelo no dio respuesta", "the model gave no answer"),
}
_TODO: dict[Cause, tuple[str, str]] = {
    Cause.UNREACHABLE: (
        "Revise la dirección en los ajustes, el DNS y el firewall: watibot doctor --live.",
        "Check the address in the settings, the name server and the firewall: watibot doctor "
        "--live.",
    ),
    Cause.LOST: (
        "Se intenta de nuevo solo. Si sigue, busque un proxy en el camino.",
        "It is tried again by itself. If it stays, look for a proxy on the way.",
    ),
    Cause.TIMEOUT: (
        "Se intenta de nuevo solo. Si sigue, revise la red y el estado del proveedor.",
        "It is tried again by itself. If it stays, check the network and the provider's status.",
    ),
    Cause.THROTTLED: (
        "Espere un minuto. Si se repite, baje el límite propio o pida más cuota al proveedor.",
        "Wait a minute. If it comes back, lower your own limit or ask the provider for more quota.",
    ),
    Cause.UNAVAILABLE: (
        "Se intenta de nuevo solo. Mire la página de estado del proveedor.",
        "It is tried again by itself. Look at the provider's status page.",
    ),
    Cause.UNAUTHORISED: (
        "Revise el token o la cuenta de servicio y sus permisos, y reinicie el servicio.",
        "Check the token or the service account and its rights, and restart the service.",
    ),
    Cause.NOT_FOUND: (
        "Revise el nombre del modelo, el engine y la dirección en los ajustes.",
        "Check the model's name, the engine and the address in the settings.",
    ),
    Cause.EXISTS: ("No hay nada que hacer.", "There is nothing to do."),
    Cause.INVALID: (
        "No se arregla repitiendo: lea el motivo y revise los ajustes.",
        "Repeating it does not help: read the reason and check the settings.",
    ),
    Cause.SIGNATURE: (
        "El servicio vuelve a empezar la respuesta. Si se repite, avise a quien lo mantiene.",
        "The service begins the answer anew. If it comes back, tell who maintains it.",
    ),
    Cause.BUSY: ("Se intenta de nuevo solo.", "It is tried again by itself."),
    Cause.GONE: (
        "Termine la migración: watibot migrate sources dice qué se puede leer todavía.",
        "Finish the migration: watibot migrate sources says what can still be read.",
    ),
    Cause.BLOCKED: (
        "El huésped recibió una disculpa y el personal un aviso: conteste desde Avisos.",
        "The guest was given an apology and staff a notice: answer from Escalations.",
    ),
}

WORDS: dict[str, tuple[str, str]] = {
    "health": ("Salud", "Health"),
    "health.all_well": ("Todo funciona.", "Everything works."),
    "health.wrong": ("Hay algo que mirar", "There is something to look at"),
    "health.well": ("bien", "well"),
    "health.look": ("mirar", "look"),
    "health.state": ("Estado", "State"),
    "health.what": ("Qué", "What"),
    "health.now": ("ahora", "now"),
    # providers
    "health.providers": ("Proveedores", "Providers"),
    "health.provider.gemini": ("Gemini, el modelo", "Gemini, the model"),
    "health.provider.sessions": ("Sesiones de Vertex", "Sessions of Vertex"),
    "health.provider.openai": ("OpenAI", "OpenAI"),
    "health.provider.wati": ("WATI, WhatsApp", "WATI, WhatsApp"),
    "health.provider.manychat": (
        "ManyChat, Messenger e Instagram",
        "ManyChat, Messenger and Instagram",
    ),
    "health.provider.google": ("Credenciales de Google", "Google's credentials"),
    "health.provider.staff": ("Avisos al personal", "Notices to staff"),
    "health.last_success": ("Funcionó", "Worked"),
    "health.last_failure": ("Falló", "Failed"),
    "health.todo": ("Qué hacer", "What to do"),
    "health.last_hour": ("Última hora", "Last hour"),
    "health.not_yet": ("todavía no", "not yet"),
    "health.nothing_asked": ("no se le pidió nada", "nothing was asked of it"),
    "health.nothing_heard": (
        "Desde que arrancó el servicio no se le pidió nada a nadie.",
        "Nothing was asked of anybody since the service started.",
    ),
    # queues
    "health.queues": ("Qué espera", "What waits"),
    "health.queues.help": (
        "«Mirar»: lo más antiguo espera más de lo normal. Lo que nadie pudo leer se guarda.",
        "“Look”: the oldest waits for longer than is usual. What nobody could read is kept.",
    ),
    "health.waiting": ("Cuántos", "How many"),
    "health.oldest": ("El más antiguo", "The oldest"),
    "health.queue.messages": ("Mensajes sin empezar", "Messages not begun"),
    "health.queue.turns": ("Respuestas en preparación", "Answers being made"),
    "health.queue.bubbles": ("Respuestas por enviar", "Answers to be sent"),
    "health.queue.bubbles_unknown": ("No se sabe si llegaron", "Not known whether they arrived"),
    "health.queue.mirror": ("Copia a la sesión", "Copies to the session"),
    "health.queue.media": ("Archivos por bajar", "Files to be downloaded"),
    "health.queue.notices": ("Avisos sin entregar", "Notices not told"),
    "health.queue.escalations": ("Casos sin atender", "Escalations nobody sees to"),
    "health.queue.payment_proofs": ("Comprobantes por revisar", "Proofs of payment to check"),
    "health.queue.quarantine": ("Mensajes ilegibles", "Messages nobody could read"),
    # what went wrong
    "health.troubles": ("Errores de hoy", "Errors of today"),
    "health.no_reason": ("sin motivo", "no reason was given"),
    "health.kind.answer": ("Respuesta", "Answer"),
    "health.kind.bubble": ("Envío", "Sending"),
    "health.kind.file": ("Archivo de un huésped", "A guest's file"),
    "health.kind.notice": ("Aviso al personal", "Notice to staff"),
    "health.kind.webhook": ("Mensaje recibido ilegible", "Unreadable delivery"),
    "health.todo.answer": (
        "El huésped recibió una disculpa y el personal un aviso: conteste desde Avisos.",
        "The guest was given an apology and staff a notice: answer from Escalations.",
    ),
    "health.todo.bubble": (
        "Mire la conversación: puede que el huésped no tenga la respuesta.",
        "Look at the conversation: the guest may not have the answer.",
    ),
    "health.todo.file": (
        "Pida al huésped que lo envíe otra vez; los enlaces vencen.",
        "Ask the guest to send it again; the links expire.",
    ),
    "health.todo.notice": (
        "Revise STAFF_NOTIFY_URLS: watibot doctor --live envía una prueba.",
        "Check STAFF_NOTIFY_URLS: watibot doctor --live sends a test.",
    ),
    "health.todo.webhook": (
        "watibot inspect quarantine lo muestra; el proveedor pudo cambiar su formato.",
        "watibot inspect quarantine shows it; the provider may have changed its format.",
    ),
    # retries
    "health.retries": ("Se intenta de nuevo", "Tried again"),
    "health.tries": ("Intentos fallidos", "Tries that failed"),
    "health.since": ("Desde", "Since"),
    "health.again_at": ("Siguiente", "Next"),
    # quotas
    "health.quotas": ("Cuotas", "Quotas"),
    "health.used": ("Último minuto", "Last minute"),
    "health.allowed": ("Límite", "Limit"),
    "health.a_minute": ("por minuto", "a minute"),
    "health.a_month": ("por mes", "a month"),
    "health.not_counted": ("no se cuenta", "not counted"),
    "health.wait": ("espera de", "a wait of"),
    "health.forecast": ("previsto:", "forecast:"),
    "health.quota.model": ("Llamadas al modelo", "Calls of the model"),
    "health.quota.appends": ("Eventos a sesiones", "Events to sessions"),
    "health.quota.writes": ("Sesiones nuevas o cambiadas", "Sessions made or changed"),
    "health.quota.wati_reads": ("Lecturas de WATI", "Reads of WATI"),
    "health.quota.openai": ("Solicitudes a OpenAI", "Requests to OpenAI"),
    "health.quota.wati_month": ("WATI, este mes", "WATI, this month"),
    "health.month.todo": (
        "A este paso se acaban antes de fin de mes: ponga WATI_LOOK=gap, o cambie de plan.",
        "At this pace they are used up before the month ends: set WATI_LOOK=gap, or change plans.",
    ),
    # the machine
    "health.machine": ("Servidor", "Server"),
    "health.version": ("Versión", "Version"),
    "health.started": ("Arrancó", "Started"),
    "health.database": ("Base de datos", "Database"),
    "health.disk": ("Disco libre", "Free disk"),
    "health.of": ("de", "of"),
    "health.disk.todo": ("Haga lugar: al menos 1 GiB.", "Make room: at least 1 GiB."),
    "health.backup": ("Última copia", "Last backup"),
    "health.backup.none": (
        "ninguna que se conozca: watibot backup",
        "none that is known: watibot backup",
    ),
    "health.settings": ("Ajustes", "Settings"),
    "health.settings.help": (
        "(huella de todos, sin secretos: cambia con cualquiera de ellos)",
        "(a digest of all but the secrets: it changes with any of them)",
    ),
    **{f"health.cause.{cause}": both for cause, both in _CAUSES.items()},
    **{f"health.todo.{cause}": both for cause, both in _TODO.items()},
}

REFUSALS: tuple[str, ...] = ()
