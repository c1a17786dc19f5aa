"""Three more guests of the morning: a colleague takes each chat over in the middle of an answer,
promises something and gives the chat back. Data only.

`playing.py` plays them beside those of `morning.py`. The promised hours stand nowhere else, neither
in the hotel's facts nor in the stand-in model: an answer that has one has it from the colleague.
"""

from __future__ import annotations

from watibot.cli.stage.guests import Guest
from watibot.cli.stage.morning import (
    Answer,
    Colleague,
    Console,
    GivesBack,
    LiveChat,
    Outage,
    Part,
    Say,
    Takes,
    Thinking,
)
from watibot.messages import ChannelName

# The guest asks when the model is back.
_LATER = 75.0


def takeovers() -> tuple[Part, ...]:
    """The guests in the order in which they begin."""
    whatsapp, facebook, instagram = ChannelName
    return (
        # In WATI's own inbox: the answer takes the chat, assigning it to Bot gives it back.
        (
            Guest("Marcos Peñate", whatsapp, "50370000013"),
            (
                _say("Buenas, ¿el domingo podemos salir un poco más tarde?", 7),
                Thinking(),
                Colleague("Claro, don Marcos: le doy late check-out hasta las 2:40 p. m.", 0),
                _say("Excelente, muchas gracias", 8),
                GivesBack(),
                Outage(),
                _say("Una consulta: ¿a qué hora quedó mi check-out?", _LATER),
                Answer("2:40"),
            ),
        ),
        # By the tag in ManyChat, then from the service's console.
        (
            Guest("Gabriela Ponce", facebook, "70000000014"),
            (
                _say("Hola, ¿el sábado podríamos salir un poco más tarde?", 9),
                Thinking(),
                Takes(),
                Console("Con gusto, doña Gabriela: le doy late check-out hasta las 3:10 p. m."),
                _say("Qué amables, gracias", 8),
                GivesBack(),
                Outage(),
                _say("Perdón, ¿hasta qué hora era nuestro check-out?", _LATER),
                Answer("3:10"),
            ),
        ),
        # By the tag; what is written in ManyChat's own inbox nobody can read: a note tells of it.
        (
            Guest("Nelson Iraheta", instagram, "70000000015"),
            (
                _say("Buenos días, ¿el lunes se puede salir más tarde?", 11),
                Thinking(),
                Takes(),
                LiveChat("Sí, Nelson, no hay problema. Salga cuando guste después de comer."),
                _say("Buenísimo, gracias", 8),
                GivesBack("Le doy late check-out hasta las 2:50 p. m., sin costo."),
                Outage(),
                _say("¿Me recuerda la hora de mi check-out?", _LATER),
                Answer("2:50"),
            ),
        ),
    )


def _say(text: str, pause: float) -> Say:
    return Say({"text": text}, pause)
