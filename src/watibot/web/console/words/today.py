"""Words of the page of the day, and of what every page has around it."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "today": ("Hoy", "Today"),
    # around every page
    "nav.waiting": ("En espera", "Waiting"),
    "phone": ("Teléfono", "Phone"),
    "phone.play": ("de prueba", "to play with"),
    "stale": (
        "Hay novedades; esta parte no se cambió porque la está usando.",
        "There is news; this part was left as it is because you are using it.",
    ),
    # figures and their targets
    "met": ("Cumple", "Met"),
    "missed": ("No cumple", "Missed"),
    "no_data": ("Sin datos todavía", "No data yet"),
    "target": ("Meta", "Target"),
    "answer_times": ("Tiempo de respuesta", "Answer time"),
    "answer_times.help": (
        "Desde que el huésped termina de escribir hasta que la respuesta sale.",
        "From the end of what the guest writes until the answer leaves.",
    ),
    "answers": ("Respuestas", "Answers"),
    "p50": ("La mitad, en", "Half of them within"),
    "p95": ("95 de 100, en", "95 of 100 within"),
    "within": ("En menos de", "Within"),
    "availability": ("Disponibilidad", "Availability"),
    "availability.of": ("turnos contestados de", "turns answered of"),
    "tool_success": ("Herramientas que funcionan", "Tools that work"),
    "tool_success.of": ("llamadas buenas de", "calls that worked of"),
    "traffic": ("Conversaciones y mensajes de hoy", "Conversations and messages today"),
    "from_guests": ("De huéspedes", "From guests"),
    "from_assistant": ("Del asistente", "From the assistant"),
    "from_staff": ("Del personal", "From staff"),
    "total": ("Total", "Total"),
    "oldest": ("El más antiguo", "The oldest"),
    "nobody_waits": ("Nadie espera", "Nobody waits"),
    "people_wait": ("Esperan a una persona", "They wait for a person"),
    "by_hour": ("Por hora", "By the hour"),
    "hour": ("Hora", "Hour"),
    "as_table": ("Ver como tabla", "See as a table"),
    # money, as far as the day shows it
    "cost_today": ("Costo de hoy", "Cost today"),
    "cost_month": ("Costo del mes", "Cost this month"),
    "budget": ("Presupuesto", "Budget"),
    "no_budget": ("sin presupuesto", "no budget"),
    "of_budget": ("del presupuesto", "of the budget"),
    "forecast": ("Al fin del mes", "By the end of the month"),
    "forecast.none": ("todavía no se puede decir", "cannot be said yet"),
    "unpriced": ("Sin precio conocido", "Without a known price"),
}

REFUSALS: tuple[str, ...] = ()
