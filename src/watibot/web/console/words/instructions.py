"""Words of the instructions page."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "instructions": ("Instrucciones", "Instructions"),
    "instructions.versions": ("Versiones", "Versions"),
    "instructions.live": ("en uso", "live"),
    "instructions.file": ("Archivo", "File"),
    "instructions.source": (
        "Se editan en ese archivo, no aquí; el servicio lo lee otra vez cuando cambia, y el "
        "siguiente turno ya las usa.",
        "They are edited in that file, not here; the service reads it again when it changes, and "
        "the next turn goes by it.",
    ),
    "instructions.price": (
        "El costo es el de las instrucciones solas, en cada llamada al modelo, a los precios de "
        "hoy",
        "The cost is that of the instructions alone, in each call of the model, at today's prices",
    ),
    "instructions.problem": (
        "El archivo, como está ahora, no se puede usar",
        "The file as it is now cannot be used",
    ),
    "instructions.problem.todo": (
        "Corríjalo y guárdelo otra vez: texto en UTF-8, de 200 caracteres o más, que el servicio "
        "pueda leer. No hace falta reiniciar.",
        "Mend it and save it again: text in UTF-8 of 200 characters or more that the service may "
        "read. No restart is needed.",
    ),
    "instructions.stays": ("Mientras tanto sigue en uso", "Until then this one stays live:"),
    "instructions.first": ("Desde", "Live since"),
    "instructions.last": ("Vista por última vez", "Last seen live"),
    "instructions.size": ("Tamaño", "Size"),
    "instructions.characters": ("caracteres", "characters"),
    "instructions.lines": ("líneas", "lines"),
    "instructions.tokens": ("Tokens", "Tokens"),
    "instructions.exact": ("contados por el proveedor", "counted by the provider"),
    "instructions.estimated": ("aproximados", "an estimate"),
    "instructions.uncacheable": (
        "demasiado cortas para la caché del modelo",
        "too short for the model's cache",
    ),
    "instructions.cost": ("Costo por llamada", "Cost of a call"),
    "instructions.cached": ("desde la caché", "from the cache"),
    "instructions.answers": ("Respuestas", "Answers"),
    "instructions.changed": ("Qué cambió", "What changed"),
    "instructions.before": ("Antes", "Before"),
    "instructions.after": ("Después", "After"),
    "instructions.compare": ("Comparar", "Compare"),
    "instructions.swap": ("al revés", "the other way round"),
    "instructions.same": ("Son iguales.", "They are the same."),
    "instructions.skipped": ("líneas iguales", "lines the same"),
    "instructions.line": ("Línea", "Line"),
    "instructions.sign": ("Cambio", "Change"),
    "instructions.sign.added": ("agregada", "added"),
    "instructions.sign.removed": ("quitada", "removed"),
    "instructions.whole": (
        "Así las recibe el modelo: el archivo, y detrás los datos del hotel.",
        "This is what the model is given: the file, and behind it the hotel's facts.",
    ),
}

REFUSALS: tuple[str, ...] = ()
