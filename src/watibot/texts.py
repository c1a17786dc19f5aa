"""What the service says to guests by itself, when the model does not: each text in each language.

Read by `hotel.py`, which lays the hotel file's own texts over these; said by `service/` and handed
to the model by `tools/`. They promise nothing that the service does not do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """One language's. `unreadable` holds `{kinds}`, `waits_closed` holds `{when}`; in the hotel
    file `stopped` holds `{word}`, which is filled in when the file is read."""

    apology: str  # every attempt to answer has failed; staff are told
    unreadable: str  # files that the model cannot read
    handed_over: str  # the chat goes to a person
    waits: str  # a person will answer, in office hours
    waits_closed: str  # the same outside of them
    limited: str  # the guest writes more than is answered
    held_back: str  # the month's money is spent: a person answers
    stopped: str  # the guest asked for silence
    resumed: str  # and asked for answers again
    refused: str  # what may not be told
    payment_accepted: str  # the desk has found the money
    payment_rejected: str  # the desk cannot accept the proof, and a colleague holds the chat


# For a language that is not built in and has no text of its own in the hotel file.
FALLBACK = "en"

BUILT_IN: dict[str, Texts] = {
    "es": Texts(
        apology="Disculpe, en este momento no logro responderle. Ya avisé a recepción por este "
        "chat.",
        unreadable="Gracias. Por aquí no puedo abrir {kinds}; ¿me lo cuenta en un mensaje o en una "
        "foto?",
        handed_over="Su mensaje ya está con recepción; una persona le contesta por este mismo "
        "chat.",
        waits="Una persona de recepción le contesta por este mismo chat en cuanto pueda.",
        waits_closed="En este momento la oficina está cerrada. Abre {when}, y entonces una persona "
        "le contesta por este mismo chat.",
        limited="He recibido muchos mensajes suyos en poco tiempo. Deme un rato, por favor, y con "
        "gusto le sigo atendiendo. Si es urgente, llame a recepción.",
        held_back="Gracias por su mensaje. Una persona de recepción le contesta por este mismo "
        "chat en cuanto pueda. Si es urgente, llame a recepción.",
        stopped="De acuerdo, ya no le contesto por aquí. Si quiere que vuelva a contestarle, "
        "escriba {word}.",
        resumed="Aquí estoy de nuevo. ¿En qué le ayudo?",
        refused="Eso no se lo puedo compartir por aquí. ¿Le ayudo con algo de su estadía o de una "
        "reserva?",
        payment_accepted="Recepción revisó su comprobante y confirmó su pago. Muchas gracias.",
        payment_rejected="Recepción revisó su comprobante y todavía no puede confirmar el pago. "
        "Una persona lo ve con usted por este mismo chat.",
    ),
    "en": Texts(
        apology="I am sorry, I cannot answer you right now. I have already told the front desk "
        "about this chat.",
        unreadable="Thank you. I cannot open {kinds} here; could you tell me in a message or send "
        "a photo?",
        handed_over="Your message is with the front desk now; a person will answer you in this "
        "chat.",
        waits="A person at the front desk will answer you in this chat as soon as possible.",
        waits_closed="The office is closed right now. It opens {when}, and then a person will "
        "answer you in this chat.",
        limited="I have received many messages from you in a short time. Please give me a while, "
        "and I will gladly go on. If it is urgent, please call the front desk.",
        held_back="Thank you for your message. A person at the front desk will answer you in this "
        "chat as soon as possible. If it is urgent, please call the front desk.",
        stopped="All right, I will not answer here any more. If you want me to answer again, write "
        "{word}.",
        resumed="I am back. How can I help you?",
        refused="I cannot share that here. May I help you with your stay or with a booking?",
        payment_accepted="The front desk has checked your proof of payment and confirmed the "
        "payment. Thank you very much.",
        payment_rejected="The front desk has checked your proof of payment and cannot confirm the "
        "payment yet. A person will look into it with you in this chat.",
    ),
}
