"""The words of the report's page, in Spanish for the hotel and in English. Data only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from watibot.conversations import Provider
from watibot.messages import ChannelName
from watibot.ports.migrations import State

WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "title": "Informe de la migración",
        "made": "Hecho el",
        "conversations": "Conversaciones",
        "carried": "Copiadas",
        "verified": "Comprobadas",
        "cut_over": "Ya las atiende Gemini",
        "moved": "Qué se copió",
        "messages": "Mensajes",
        "tool_calls": "Consultas y reservas del asistente",
        "media": "Fotos, audios y documentos",
        "events": "Elementos guardados en Vertex",
        "from": "De dónde se leyó",
        "by_channel": "Por canal",
        "channel": "Canal",
        "all": "Todas",
        "not_moved": "Qué falta y por qué",
        "nothing_missing": "No falta nada.",
        "losses": "Qué no se pudo copiar, por tipo",
        "losses_about": "El resto de cada conversación sí está; lo original queda en el archivo.",
        "no_losses": "Se copió todo lo que se pudo leer.",
        "proofs": "Pruebas",
        "proofs_about": "Cada conversación comprobada se leyó otra vez en los dos lados y se "
        "comparó mensaje por mensaje. La huella nombra la versión comparada.",
        "stale": "Comprobaciones que ya no valen",
        "no_stale": "Todas las comprobaciones siguen valiendo.",
        "costs": "Costos",
        "cost_about": "Guardar {events} elementos en Vertex, una sola vez",
        "unknown": "desconocido",
        "unconfirmed": "precio sin confirmar",
        "times": "Tiempos",
        "began": "Primera copia",
        "ended": "Último paso",
        "last_run": "Conversaciones de la última corrida",
        "rate": "Elementos por minuto",
        "answers": "Quién contesta hoy",
        "each": "Cada conversación",
        "conversation": "Conversación",
        "session": "Sesión",
        "state": "Estado",
        "lost": "Pérdidas",
        "when": "Comprobada",
        "proof": "Huella",
        "why": "Motivo",
        "count": "Cantidad",
        "none": "—",
        "shortened": "Los números de los huéspedes están recortados a propósito.",
        "whole": "Este informe contiene números de huéspedes: no lo comparta.",
    },
    "en": {
        "title": "Migration report",
        "made": "Made on",
        "conversations": "Conversations",
        "carried": "Carried over",
        "verified": "Verified",
        "cut_over": "Answered by Gemini",
        "moved": "What moved",
        "messages": "Messages",
        "tool_calls": "The assistant's tool calls",
        "media": "Photos, audio and documents",
        "events": "Items stored in Vertex",
        "from": "Where it was read",
        "by_channel": "By channel",
        "channel": "Channel",
        "all": "All",
        "not_moved": "What did not move, and why",
        "nothing_missing": "Nothing is missing.",
        "losses": "What could not be carried over, by kind",
        "losses_about": "The rest of each conversation is there; the original is in the archive.",
        "no_losses": "Everything that could be read was carried over.",
        "proofs": "Proofs",
        "proofs_about": "Each verified conversation was read again on both sides and compared "
        "message by message. The digest names the version that was compared.",
        "stale": "Verifications that prove nothing any more",
        "no_stale": "All verifications still hold.",
        "costs": "Costs",
        "cost_about": "Storing {events} items in Vertex, once",
        "unknown": "unknown",
        "unconfirmed": "the price is not confirmed",
        "times": "Times",
        "began": "First export",
        "ended": "Last step",
        "last_run": "Conversations of the last run",
        "rate": "Items a minute",
        "answers": "Who answers today",
        "each": "Every conversation",
        "conversation": "Conversation",
        "session": "Session",
        "state": "State",
        "lost": "Losses",
        "when": "Verified",
        "proof": "Digest",
        "why": "Reason",
        "count": "Count",
        "none": "—",
        "shortened": "Guests' numbers are shortened on purpose.",
        "whole": "This report holds guests' numbers: do not share it.",
    },
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
CHANNELS = {
    ChannelName.WHATSAPP: "WhatsApp",
    ChannelName.FACEBOOK: "Messenger",
    ChannelName.INSTAGRAM: "Instagram",
}
PROVIDERS: Mapping[str, Mapping[Provider, str]] = {
    "es": {Provider.VERTEX: "Gemini (Vertex)", Provider.OPENAI: "El asistente de OpenAI"},
    "en": {Provider.VERTEX: "Gemini (Vertex)", Provider.OPENAI: "OpenAI's assistant"},
}
SOURCES: Mapping[str, Mapping[str, str]] = {
    "es": {
        "assistants": "Hilos de OpenAI",
        "conversations": "Conversaciones de OpenAI",
        "exports": "Exportaciones",
        "archive": "Archivo propio",
        "wati": "Historial de WATI",
    },
    "en": {
        "assistants": "OpenAI's threads",
        "conversations": "OpenAI's conversations",
        "exports": "Exports",
        "archive": "Our archive",
        "wati": "WATI's history",
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


def translated(reason: str, lang: str) -> str:
    """A reason or a kind of loss in the page's language; an unknown one as it is."""
    if lang == "en":
        return reason
    for known, words in _SPANISH:
        if (found := re.search(known, reason)) is not None:
            return found.expand(words) if "\\" in words else words
    return reason
