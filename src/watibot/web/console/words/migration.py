"""Words of the migration page."""

from __future__ import annotations

from watibot.migration.words import STATES
from watibot.ports.migrations import State

_VERBS: dict[str, tuple[str, str]] = {
    "sources": ("Mirar las fuentes", "Look at the sources"),
    "plan": ("Planear", "Plan"),
    "run": ("Copiar", "Carry over"),
    "verify": ("Comprobar", "Verify"),
    "cutover": ("Pasar a Gemini", "Cut over to Gemini"),
    "rollback": ("Devolver a OpenAI", "Roll back to OpenAI"),
}
_MARKS: dict[str, tuple[str, str]] = {
    "=": ("no había nada nuevo, o ya estaba hecho", "nothing was new, or it was done already"),
    "+": ("hecho", "done"),
    "-": ("ninguna fuente tiene su historial", "no source has its thread"),
    "*": ("las dos copias no coinciden", "it differs, and stays where it is"),
    "!": ("falló", "failed"),
    "~": ("queda para después", "put off"),
    "verify.=": ("todo está y es igual", "all there and the same"),
    "verify.+": ("en Vertex hay algo de más", "the session has more"),
    "verify.-": ("en Vertex falta algo", "the session lacks something"),
    "verify.*": ("algo es distinto", "something differs"),
    "verify.!": ("no se pudo comparar", "it could not be compared"),
    "verify.~": ("queda para después", "put off"),
}
_STATUS: dict[str, tuple[str, str]] = {
    "0": ("Terminó: todo se hizo.", "It came to its end: all was done."),
    "1": (
        "Terminó, pero con algunas conversaciones hay problemas: vea abajo cuáles.",
        "It came to its end, but some conversations have problems: see below which.",
    ),
    "2": ("No se entendió el pedido; no se hizo nada.", "Not understood; nothing was done."),
    "3": (
        "Terminó, pero algunas conversaciones quedaron para después: repita el mismo paso.",
        "It came to its end, but some conversations were put off: do the same step again.",
    ),
    "4": (
        "Ninguna fuente se puede leer ahora. Lo que falta quedó como estaba.",
        "No source can be read now. What was not done is as it was.",
    ),
    "5": (
        "Un proveedor rechazó las credenciales: corríjalas y repita el paso.",
        "A provider refused the credentials: mend them and do the step again.",
    ),
    "75": (
        "La base de datos no responde, u otra migración está en marcha. Espere y repita.",
        "The store is away, or another migration is under way. Wait, then do it again.",
    ),
    "78": (
        "Un ajuste del servicio no es correcto: vea abajo cuál.",
        "A setting of the service is wrong: see below which.",
    ),
    "130": (
        "Se detuvo como usted pidió. Nada se perdió: el mismo paso sigue donde quedó.",
        "Stopped at your word. Nothing is lost: the same step goes on where it was.",
    ),
    "other": (
        "Terminó antes de tiempo. Nada se perdió: repita el paso.",
        "It ended before its time. Nothing is lost: do the step again.",
    ),
}
_NEXT: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "plan": (
        "Siga con «Planear»: cuenta lo que hay y lo que costará, sin cambiar nada.",
        'Go on with "Plan": it counts what there is and what it will cost, and changes nothing.',
    ),
    "run": (
        "Siga con «Copiar». A los huéspedes les sigue contestando el asistente de OpenAI.",
        'Go on with "Carry over". OpenAI\'s assistant goes on answering guests.',
    ),
    "verify": (
        "Siga con «Comprobar»: solo lo comprobado se puede pasar a Gemini.",
        'Go on with "Verify": only what was verified can be cut over.',
    ),
    "cutover": (
        "Siga con «Pasar a Gemini»: primero unas pocas, después todas.",
        'Go on with "Cut over": a few first, then all.',
    ),
    "again": (
        "Si quiere seguir con las que se devolvieron, siga con «Copiar».",
        'To go on with those that were taken back, go on with "Carry over".',
    ),
    "missing": (
        "Quedan conversaciones sin historial en ninguna fuente: ponga exportaciones y copie, o "
        "páselas a Gemini sin su historial.",
        "Some are left whose thread no source has: put exports there and carry over, or cut them "
        "over without their past.",
    ),
    "report": (
        "No queda nada por pasar: baje el informe.",
        "Nothing is left to cut over: download the report.",
    ),
}
_HELP: dict[str, tuple[str, str]] = {
    "exports": (
        "Ponga exportaciones en la carpeta de MIGRATION_EXPORTS y repita. Lo que se perdió del "
        "todo se puede pasar sin historial.",
        "Put exports into the folder of MIGRATION_EXPORTS and try again. What is lost for good can "
        "be cut over without its past.",
    ),
    "gone": (
        "La fuente ya no existe: ponga exportaciones en la carpeta de MIGRATION_EXPORTS y repita, "
        "o pase a Gemini lo que nadie puede leer.",
        "The source is gone: put exports into the folder of MIGRATION_EXPORTS and try again, or "
        "cut over what nobody can read.",
    ),
    "archive": (
        "Quite ese archivo de MIGRATION_ARCHIVE_DIR y repita.",
        "Remove that file of MIGRATION_ARCHIVE_DIR and try again.",
    ),
    "stays": ("No hay nada que hacer: sigue con Gemini.", "Nothing to do: it stays with Gemini."),
    "server": ("Ponga OPENAI_BASE_URL y repita.", "Set OPENAI_BASE_URL and try again."),
    "unwritable": (
        "Sigue con Gemini: su hilo de OpenAI ya no existe.",
        "It stays with Gemini: its thread is gone.",
    ),
    "again": (
        "Repita: se copia y se comprueba otra vez.",
        "Try again: it is carried over and verified anew.",
    ),
    "ours": (
        "Guarde la línea migration.failed del registro y avísenos.",
        "Keep the log line migration.failed and report it.",
    ),
    "credentials": (
        "Corrija las credenciales (watibot doctor) y repita.",
        "Mend the credentials (watibot doctor) and try again.",
    ),
    "later": ("Repita más tarde.", "Try again later."),
}

WORDS: dict[str, tuple[str, str]] = {
    "migration": ("Migración", "Migration"),
    "moving.empty": (
        "No hay nada que migrar: ninguna conversación tiene su pasado en OpenAI. Si lo tiene en la "
        "base de datos del sistema anterior, adóptela primero con «watibot db adopt»; los pasos "
        "están en docs/howto/migrate.md.",
        "There is nothing to migrate: no conversation has a past at OpenAI. If there is one in the "
        'earlier system\'s database, adopt that first with "watibot db adopt"; the steps are in '
        "docs/howto/migrate.md.",
    ),
    "moving.sources_anyway": (
        "Puede mirar qué fuentes hay.",
        "You can look at what sources there are.",
    ),
    "moving.progress": ("Cómo va", "How it stands"),
    "moving.table": ("tabla", "table"),
    "moving.state": ("Estado", "State"),
    "moving.all": ("Todas", "All"),
    "moving.conversations": ("conversaciones", "conversations"),
    "moving.carried": ("copiadas", "carried over"),
    "moving.over": ("pasadas a Gemini", "cut over"),
    "moving.of": ("de", "of"),
    "moving.sums": ("Copiado hasta ahora", "Carried over so far"),
    "moving.messages": ("mensajes", "messages"),
    "moving.tool_calls": ("consultas y reservas", "tool calls"),
    "moving.media": ("archivos", "files"),
    "moving.items": ("elementos", "events"),
    "moving.answers": ("Quién contesta hoy", "Who answers today"),
    "moving.vertex": ("Gemini", "Gemini"),
    "moving.openai": ("el asistente de OpenAI", "OpenAI's assistant"),
    "moving.next": ("Lo que sigue", "What is next"),
    "moving.rate": ("Últimos minutos", "The last minutes"),
    "moving.per_minute": ("por minuto", "a minute"),
    "moving.allows": ("la cuota permite", "the quota allows"),
    "moving.left": ("faltan", "to go:"),
    "moving.at_quota": (
        "Va tan rápido como permite la cuota; lo que contesta a los huéspedes va primero.",
        "As fast as the quota allows; what answers guests goes first.",
    ),
    "moving.held_until": (
        "Vertex pidió una pausa, o los huéspedes ocupan la cuota, hasta las",
        "Vertex asked for a pause, or guests take the quota, until",
    ),
    "moving.wait": ("Por qué no va más rápido", "Why it does not go faster"),
    "moving.wait.patience": ("pidió esperar hasta las", "asked for patience until"),
    "moving.wait.pause": ("pidió una pausa hasta las", "asked for a pause until"),
    "moving.wait.trouble": ("Hay un problema pasajero", "A trouble that passes"),
    "moving.wait.quota": (
        "La cuota por minuto está llena; lo que contesta a los huéspedes va primero",
        "The quota per minute is full; what answers guests goes first",
    ),
    "moving.elsewhere": (
        "Otra migración está en marcha, en una terminal (proceso {}). Aquí se ve cómo va; para "
        "detenerla use esa terminal.",
        "Another migration is under way, in a terminal (process {}). Its progress is shown here; "
        "to stop it use that terminal.",
    ),
    "moving.errand": ("Paso en marcha", "The step under way"),
    "moving.last": ("Último paso", "The last step"),
    "moving.by": ("lo pidió", "asked for by"),
    "moving.preview": ("solo se mira qué haría", "only looks at what it would do"),
    "moving.starting": ("Está empezando …", "It is beginning …"),
    "moving.stop": ("Detener", "Stop"),
    "moving.stop.help": (
        "Las conversaciones que están en curso terminan; el mismo paso sigue después donde quedó.",
        "The conversations under work come to their end; the same step goes on later.",
    ),
    "moving.stop.now": ("Terminar ya", "End at once"),
    "moving.stopping": (
        "Se está deteniendo: terminan las conversaciones en curso.",
        "It is stopping: the conversations under work come to their end.",
    ),
    "moving.seen": (
        "Nada ha cambiado todavía. Esto pasaría:",
        "Nothing has changed yet. This would happen:",
    ),
    "moving.would": ("Se haría con", "Would be done for"),
    "moving.already": ("ya está hecho con", "done already for"),
    "moving.cannot": ("ahora no se puede con", "cannot be done now for"),
    "moving.passed": ("Se dejan como están", "Left where they are"),
    "moving.nothing": (
        "No se haría nada: ninguna de esas conversaciones está lista.",
        "Nothing would be done: none of these conversations is ready.",
    ),
    "moving.confirm.cutover": (
        "Sí, pasarlas a Gemini: {} conversaciones",
        "Yes, cut them over: {} conversations",
    ),
    "moving.confirm.rollback": (
        "Sí, devolverlas a OpenAI: {} conversaciones",
        "Yes, roll them back: {} conversations",
    ),
    "moving.says": ("Lo que dice el programa", "What the program says"),
    "moving.results": ("Conversación por conversación", "Conversation by conversation"),
    "moving.sign": ("Signo", "Sign"),
    "moving.meaning": ("Significa", "Meaning"),
    "moving.why": ("Motivo", "Reason"),
    "moving.count": ("Cantidad", "Count"),
    "moving.verify.file": (
        "Bajar la comprobación (= + - * !), con los números de los huéspedes",
        "Download the comparison (= + - * !), with guests' numbers",
    ),
    "moving.failures": ("Con problemas", "With problems"),
    "moving.no_failures": ("Ninguna conversación tiene problemas.", "No conversation has one."),
    "moving.what_helps": ("Qué hacer", "What to do"),
    "moving.retry": ("Repetir", "Try again"),
    "moving.retry_all": ("Repetir todas", "Try all again"),
    "moving.each": ("Una por una", "One by one"),
    "moving.more": ("y otras más", "and more"),
    "moving.start": ("Empezar un paso", "Begin a step"),
    "moving.most.plan": (
        "Solo esta cantidad, para estimar (opcional)",
        "Only so many, to estimate (optional)",
    ),
    "moving.most": ("Solo esta cantidad (opcional)", "Only so many (optional)"),
    "moving.sources.help": (
        "Qué fuente se puede leer hoy, y cuántas conversaciones puede dar.",
        "Which source can be read today, and how many conversations it can give.",
    ),
    "moving.plan.help": (
        "Lee los hilos y cuenta: mensajes, pérdidas, horas y costo. No cambia nada.",
        "Reads the threads and counts: messages, losses, hours and cost. Changes nothing.",
    ),
    "moving.run.help": (
        "Copia los hilos al archivo y a Vertex. Quien contesta no cambia.",
        "Threads go into the archive and into Vertex. Who answers does not change.",
    ),
    "moving.verify.help": (
        "Lee otra vez los dos lados y los compara mensaje por mensaje.",
        "Reads both sides again and compares them message by message.",
    ),
    "moving.flip": ("Cambiar quién contesta", "Change who answers"),
    "moving.flip.help": (
        "En dos pasos: primero se muestra qué pasaría, después usted confirma.",
        "In two steps: first it is shown what would happen, then you confirm.",
    ),
    "moving.cutover.help": (
        "Solo las comprobadas. Gemini les contesta desde entonces, con todo su pasado.",
        "Only verified ones. Gemini answers them from then on, with all of their past.",
    ),
    "moving.rollback.help": (
        "Lo que se dijo desde entonces va primero al hilo de OpenAI.",
        "What was said since goes to OpenAI's thread first.",
    ),
    "moving.no_server": (
        "No hay servidor de OpenAI (OPENAI_BASE_URL): no se puede devolver ninguna.",
        "No server of OpenAI's is set (OPENAI_BASE_URL): none can be rolled back.",
    ),
    "moving.which": ("Cuáles", "Which"),
    "moving.which.percent": ("Un porcentaje", "A percentage"),
    "moving.which.channel": ("Un canal", "One channel"),
    "moving.which.list": ("Las de una lista", "Those of a list"),
    "moving.which.all": ("Todas", "All"),
    "moving.percent": ("Porcentaje", "Percentage"),
    "moving.ids": (
        "Lista: una conversación por línea, con su número o su id",
        "List: one conversation a line, by its number or id",
    ),
    "moving.missing": (
        "También las que no tienen historial en ninguna fuente",
        "Also those whose thread no source has",
    ),
    "moving.unread": (
        "También las que nadie puede leer ya (su pasado se queda)",
        "Also those that nobody can read any more (their past stays)",
    ),
    "moving.show": ("Mostrar qué pasaría", "Show what would happen"),
    "moving.report": ("Informe", "Report"),
    "moving.report.help": (
        "Qué se copió, qué no y por qué, pruebas, costos y tiempos. Sin números de huéspedes.",
        "What moved, what did not and why, proofs, costs and times. Without guests' numbers.",
    ),
    "moving.report.html": ("Bajar la página", "Download the page"),
    "moving.report.json": ("Bajar los datos (JSON)", "Download the data (JSON)"),
    "moving.plan.title": ("El último plan", "The last plan"),
    "moving.plan.ours": ("nuestras, con pasado en OpenAI", "ours, with a past at OpenAI"),
    "moving.plan.imported": ("importadas antes una vez", "imported once before"),
    "moving.plan.no_thread": ("sin id de hilo", "without a thread id"),
    "moving.plan.done": ("ya contesta Gemini", "answered by Gemini already"),
    "moving.plan.looked": ("leídas por el plan", "read by the plan"),
    "moving.plan.from": ("leídas de", "read from"),
    "moving.plan.missing": ("ninguna fuente tiene su hilo", "no source has their thread"),
    "moving.plan.unknown": ("una fuente no pudo decirlo", "a source could not say"),
    "moving.plan.not_ours": ("hilos que no son de nadie aquí", "threads that are nobody's here"),
    "moving.plan.not_at": ("no están entre los contactos de", "not among the contacts of"),
    "moving.plan.not_with": ("contactos que no están aquí, de", "contacts that are not here, of"),
    "moving.plan.events": ("elementos por guardar, en total", "events to be stored, in all"),
    "moving.plan.hours": ("tiempo con la cuota de hoy", "time at today's quota"),
    "moving.plan.dollars": ("costo de guardarlos", "cost of storing them"),
    "moving.plan.lost": ("se pierde", "lost"),
    "moving.plan.estimated": ("Estimado con una parte.", "Estimated from a part."),
    "moving.unknown": ("desconocido", "unknown"),
    "moving.sources.title": ("Fuentes", "Sources"),
    "moving.source": ("Fuente", "Source"),
    "moving.today": ("Hoy", "Today"),
    "moving.gives": ("Puede dar", "Can give"),
    "moving.asked_each": ("se pregunta una por una", "asked one by one"),
    "moving.ok": ("se puede leer", "ok"),
    "moving.not_ok": ("no se puede leer", "not ok"),
    "said.moving_begun": ("Empezó.", "It has begun."),
    "said.moving_stopping": (
        "Se está deteniendo: terminan las conversaciones en curso.",
        "It is stopping: the conversations under work come to their end.",
    ),
    "said.moving_busy": (
        "No empezó: hay una migración en marcha. Espere a que termine.",
        "It did not begin: a migration is under way. Wait for its end.",
    ),
    "said.moving_old": (
        "No se hizo: lo que vio ya no es lo último, o es viejo. Mire otra vez qué pasaría.",
        "Not done: what you saw is not the latest, or old. Look again at what would happen.",
    ),
    "said.moving_form": (
        "No empezó: la cantidad debe ser un número mayor que 0.",
        "It did not begin: so many must be a number above 0.",
    ),
    "said.moving_cohort": (
        "No empezó: diga cuáles. El porcentaje va de 0.001 a 100; la lista, una por línea.",
        "It did not begin: say which. A percentage is from 0.001 to 100; a list, one a line.",
    ),
    "said.moving_unknown": (
        "No empezó: en la lista hay conversaciones que la migración no conoce:",
        "It did not begin: the list names conversations that the migration does not know:",
    ),
    "deed.migration.sources": ("miró las fuentes", "looked at the sources"),
    "deed.migration.plan": ("planeó la migración", "planned the migration"),
    "deed.migration.run": ("copió conversaciones", "carried conversations over"),
    "deed.migration.verify": ("comprobó conversaciones", "verified conversations"),
    "deed.migration.preview": ("miró qué pasaría", "looked at what would happen"),
    "deed.migration.cutover": ("pasó conversaciones a Gemini", "cut conversations over"),
    "deed.migration.rollback": ("devolvió conversaciones a OpenAI", "rolled conversations back"),
    "deed.migration.retry": ("repitió conversaciones", "tried conversations again"),
    "deed.migration.stop": ("detuvo la migración", "stopped the migration"),
    **{f"moving.verb.{verb}": both for verb, both in _VERBS.items()},
    **{f"moving.mark.{mark}": both for mark, both in _MARKS.items()},
    **{f"moving.status.{status}": both for status, both in _STATUS.items()},
    **{f"moving.next.{name}": both for name, both in _NEXT.items() if all(both)},
    **{f"moving.help.{name}": both for name, both in _HELP.items()},
    **{f"moving.state.{each}": (STATES["es"][each], STATES["en"][each]) for each in State},
}

REFUSALS: tuple[str, ...] = (
    "moving_busy",
    "moving_old",
    "moving_form",
    "moving_cohort",
    "moving_unknown",
)
