"""Words of the page of money."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "money": ("Costos", "Money"),
    "month": ("Mes", "Month"),
    "show": ("Ver", "Show"),
    "download": ("Descargar los cargos (CSV)", "Download the charges (CSV)"),
    "spent": ("Gastado", "Spent"),
    # on average
    "average": ("En promedio", "On average"),
    "each.call": ("Por llamada al modelo", "For each call of the model"),
    "each.turn": ("Por turno", "For each turn"),
    "each.conversation": ("Por conversación", "For each conversation"),
    "each.booking": ("Por reserva", "For each booking"),
    "of.call": ("Llamadas", "Calls"),
    "of.turn": ("Turnos", "Turns"),
    "of.conversation": ("Conversaciones", "Conversations"),
    "of.booking": ("Reservas", "Bookings"),
    "less_than": ("menos de", "less than"),
    "cached": ("Leído de caché", "Read from a cache"),
    "cached.of": (
        "de los tokens de entrada; cuestan una fracción",
        "of the tokens that go in; they cost a fraction",
    ),
    # sums
    "by_day": ("Por día", "By the day"),
    "day": ("Día", "Day"),
    "cost": ("Costo", "Cost"),
    "charges": ("Cargos", "Charges"),
    "tokens_in": ("Tokens de entrada", "Tokens in"),
    "tokens_out": ("Tokens de salida", "Tokens out"),
    "by.channel": ("Por canal", "By channel"),
    "by.operation": ("Por operación", "By operation"),
    "by.model": ("Por modelo", "By model"),
    "channel.": ("De ningún huésped", "Of no guest"),
    "model.": ("Sin modelo", "Without a model"),
    "operation.answer": ("Respuestas", "Answers"),
    "operation.summary": ("Resúmenes de historias largas", "Summaries of long histories"),
    "operation.receipt": ("Lectura de comprobantes", "Reading of receipts"),
    "operation.cache": ("Escritura de caché", "Writing a cache"),
    "operation.storage": ("Almacenamiento de caché", "Storage of a cache"),
    "operation.event": ("Eventos de sesiones", "Events of sessions"),
    "operation.call": ("Llamadas a un canal", "Calls to a channel"),
    "operation.run": ("Asistente de OpenAI", "OpenAI's assistant"),
    # the dearest
    "dearest.conversations": ("Conversaciones más caras", "Most expensive conversations"),
    "dearest.turns": ("Turnos más caros", "Most expensive turns"),
    "turn": ("Turno", "Turn"),
    "gone": ("ya no está", "no longer there"),
    # what has no price
    "unpriced.title": ("Cargos sin precio", "Charges without a price"),
    "unpriced.help": (
        "No se cuentan como gratis: los totales son al menos lo que se ve. Agregue el precio a una "
        "lista propia (COSTS_PRICES_FILE) y reinicie el servicio; vale para lo que venga después.",
        "They are not taken to be free: totals are at least what is shown. Add the price to a list "
        "of your own (COSTS_PRICES_FILE) and restart the service; it counts for what comes then.",
    ),
    # the explicit cache
    "cache": ("Caché de las instrucciones", "Cache of the instructions"),
    "cache.kept": ("Se guarda una", "One is kept"),
    "cache.watching": ("No se guarda ninguna", "None is kept"),
    "cache.why.cheaper": (
        "Con estas llamadas por hora sale más barato que sin ella.",
        "At this rate of calls it is cheaper than without one.",
    ),
    "cache.why.dearer": (
        "Con estas llamadas por hora saldría más caro que la caché propia del modelo.",
        "At this rate of calls it would be dearer than the model's own caching.",
    ),
    "cache.why.soon": (
        "Últimamente convendría: se hace cuando ya se habría pagado.",
        "Lately it would have been cheaper: it is made once it would have paid.",
    ),
    "cache.why.unmeasured": ("Todavía no hay llamadas que medir.", "No call was measured yet."),
    "cache.why.no_price": (
        "No se conoce el precio de guardarla, y sin él no se puede calcular.",
        "The price of keeping one is not known, and without it nothing can be reckoned.",
    ),
    "cache.why.refused": (
        "El proveedor no la acepta: las instrucciones son muy cortas, o no la ofrece.",
        "The provider does not take it: the instructions are too short, or it is not offered.",
    ),
    "cache.hits": ("Aciertos de la caché del modelo", "Hits of the model's own caching"),
    "cache.calls": ("Llamadas por hora", "Calls an hour"),
    "cache.even": ("Conviene desde", "Worth it from"),
    "cache.never": ("nunca con estos precios", "never at these prices"),
    "cache.saved": ("Ahorrado desde el arranque", "Saved since the start"),
    "cache.not_measured": ("sin medir", "not measured"),
    "cache.tokens": ("Tokens en ella", "Tokens in it"),
    "an_hour": ("por hora", "an hour"),
}

REFUSALS: tuple[str, ...] = ()
