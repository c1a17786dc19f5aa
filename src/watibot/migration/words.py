"""What a migration is called where people read it: states, reasons, what to do about them. Pure.

The ledger keeps reasons in the operator's language. `cli/migrate/` prints them, its report and the
console's page also in Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from watibot.ports.migrations import State

STANDING: Mapping[State, str] = {
    State.PENDING: "not carried over yet",
    State.MISSING: "no source has its thread",
    State.EXPORTED: "in the archive, not in its session yet",
    State.IMPORTED: "carried over, not verified",
    State.VERIFIED: "verified, not cut over",
    State.CUT_OVER: "cut over already",
    State.ROLLED_BACK: "taken back to OpenAI",
}
STATES: Mapping[str, Mapping[State, str]] = {
    "es": {
        State.PENDING: "Pendiente",
        State.MISSING: "Sin historial en ninguna fuente",
        State.EXPORTED: "En el archivo",
        State.IMPORTED: "Copiada, sin comprobar",
        State.VERIFIED: "Comprobada",
        State.CUT_OVER: "Pasada a Gemini",
        State.ROLLED_BACK: "Devuelta a OpenAI",
    },
    "en": {
        State.PENDING: "Pending",
        State.MISSING: "No thread at any source",
        State.EXPORTED: "In the archive",
        State.IMPORTED: "Carried over, not verified",
        State.VERIFIED: "Verified",
        State.CUT_OVER: "Cut over to Gemini",
        State.ROLLED_BACK: "Taken back to OpenAI",
    },
}
# Reasons and kinds of losses are kept in the operator's language.
_SPANISH = (
    (r"no source has its thread", "ninguna fuente tiene su historial"),
    (r"a run is active on the thread", "el asistente de OpenAI estaba contestando"),
    (
        r"it is being answered|a turn has not ended|answer is on its way|writes all the time",
        "se estaba contestando al huésped",
    ),
    (r"has grown|has changed since", "el huésped escribió después"),
    (r"(\S+) items were said since", r"se dijo más después"),
    (r"it is (\d+) days old", r"se comprobó hace \1 días"),
    (r"throttled", "el proveedor pidió esperar"),
    (r"unreachable|timeout|lost|unavailable", "el proveedor no respondió"),
    (r"unauthorised", "el proveedor rechazó las credenciales"),
    (
        r"not the same|missing in|in the session only|other words|without an event",
        "las dos copias no coinciden",
    ),
    (r"cannot be written", "ya no se puede escribir en OpenAI"),
    (r"has no thread", "empezó aquí y no tiene historial en OpenAI"),
    (r"mistake of ours", "un error de WatiBot"),
    (r"tool history .*absent", "las consultas del asistente ya no estaban"),
    (r"tool call that never ended", "una consulta del asistente que no terminó"),
    (r"tool output without its call", "una respuesta sin su consulta"),
    (r"message without content", "mensaje vacío"),
    (r"message of a run absent", "un mensaje del asistente que ya no estaba"),
    (r"content part '(.*)'", r"contenido de tipo desconocido: \1"),
    (r"message of type '(.*)'", r"mensaje de tipo desconocido: \1"),
    (r"tool call '(.*)'", r"consulta de tipo desconocido: \1"),
    (r"run step '(.*)'|item '(.*)'", r"elemento desconocido: \1"),
    (r"role '(.*)'", r"mensaje de un autor desconocido: \1"),
    (r"(.*) not exported: (.*)", r"no se pudo leer: \1"),
)
# What stands in a problem for a number or an id, so that equal problems are counted together.
_SOME = re.compile(r"(?<=first )[^\s;]+|\b(?:[a-z]+_[A-Za-z0-9_-]+|\w*\d[\w-]*)\b")
LATER = "later"
# A problem, the name of what helps against it, and that as commands.
_ADVICE = (
    (
        r"no source has its thread",
        "exports",
        "put exports under MIGRATION_EXPORTS and watibot migrate run; "
        "what is lost for good: watibot migrate cutover --missing",
    ),
    (
        r"source is gone",
        "gone",
        "put exports under MIGRATION_EXPORTS and watibot migrate run; "
        "what nobody has any more: watibot migrate cutover --unread",
    ),
    (
        r"differs from the manifest",
        "archive",
        "remove that file of the archive, then watibot migrate run",
    ),
    (r"no thread$", "stays", "nothing to do: it stays with Vertex"),
    (r"no server is set", "server", "set OPENAI_BASE_URL, then watibot migrate rollback"),
    (r"the thread cannot be written", "unwritable", "it stays with Vertex: its thread is gone"),
    (
        r"grown|not the same|missing in|in the session|other words|without an event|order differs",
        "again",
        "watibot migrate run, then watibot migrate verify",
    ),
    (r"mistake of ours", "ours", "keep the log line migration.failed and report it"),
    (
        r"unauthorised",
        "credentials",
        "mend the credentials (watibot doctor), then the same command",
    ),
    (r"", LATER, "the same command again, later"),
)
HELP = tuple(name for _, name, _ in _ADVICE)


def alike(problem: str) -> str:
    """A problem without what is one conversation's own."""
    return _SOME.sub("…", problem)


def advice(problem: str) -> str:
    """The next command for a problem."""
    return next(words for known, _, words in _ADVICE if re.search(known, problem))


def help_for(problem: str) -> str:
    """What helps against a problem, one of `HELP`."""
    return next(name for known, name, _ in _ADVICE if re.search(known, problem))


def translated(reason: str, lang: str) -> str:
    """A reason or a kind of loss in the page's language; an unknown one as it is."""
    if lang == "en":
        return reason
    for known, words in _SPANISH:
        if (found := re.search(known, reason)) is not None:
            return found.expand(words) if "\\" in words else words
    return reason
