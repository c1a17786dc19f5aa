"""The report as one page: nothing is loaded from elsewhere, so that it can be mailed and printed.

`standing.py` gives it the figures; the page itself is `report.html.j2`, its words are in
`page_words.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from watibot.cli.migrate.page_words import (
    CHANNELS,
    PROVIDERS,
    SOURCES,
    WORDS,
)
from watibot.conversations import Provider
from watibot.migration.report import CARRIED, Report
from watibot.migration.words import STATES, alike, translated
from watibot.ports.migrations import State


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar. `share` in percent, of the bar; `kind`: the class of its colour."""

    name: str
    count: str
    share: float
    kind: str


def page(made: Report, zone: tzinfo, lang: str, *, with_ids: bool = False) -> str:
    """HTML, UTF-8. `zone`: the hotel's; `lang`: es or en."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["j2"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def moment(at: datetime | None) -> str:
        return WORDS[lang]["none"] if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"

    def number(value: float) -> str:
        return f"{value:,.0f}"

    environment.filters |= {
        "moment": moment,
        "number": number,
        "reason": lambda words: translated(alike(words), lang),
        "digest": lambda proof: (proof or "")[:12] or WORDS[lang]["none"],
    }
    return environment.get_template("report.html.j2").render(
        lang=lang,
        w=WORDS[lang],
        made=made,
        states=STATES[lang],
        channels=CHANNELS,
        sources=SOURCES[lang],
        verdict=verdict(made, lang),
        bar=_bar(made, lang),
        answers=_answers(made, lang),
        present=[state for state in State if made.states[state]],
        reasons=_reasons(made, lang),
        losses=_grouped(made.losses, lang),
        stale=_grouped(made.stale, lang),
        dollars=None if made.dollars is None else f"${made.dollars:,.2f}",
        with_ids=with_ids,
    )


def verdict(made: Report, lang: str) -> str:
    """The first sentence."""
    total, over = made.conversations, made.states[State.CUT_OVER]
    missing, left = made.states[State.MISSING], made.conversations - made.carried
    if lang == "en":
        if not total:
            return "There is nothing to migrate."
        if over == total:
            return f"Finished: Gemini answers all {total:,} conversations."
        if not left:
            return f"All {total:,} conversations are in Vertex; Gemini answers {over:,} of them."
        told = f"{made.carried:,} of {total:,} conversations are in Vertex; {left:,} are not yet."
        return told + (f" {missing:,} have no thread at any source." if missing else "")
    if not total:
        return "No hay nada que migrar."
    if over == total:
        return f"Terminado: Gemini atiende las {total:,} conversaciones."
    if not left:
        return f"Las {total:,} conversaciones están en Vertex; Gemini ya atiende {over:,}."
    told = f"{made.carried:,} de {total:,} conversaciones están en Vertex; faltan {left:,}."
    return told + (f" De {missing:,} ninguna fuente tiene el historial." if missing else "")


def _bar(made: Report, lang: str) -> list[Part]:
    kinds = {State.CUT_OVER: "over", State.VERIFIED: "proven", State.MISSING: "bad"}
    order = (State.CUT_OVER, State.VERIFIED, State.IMPORTED, State.ROLLED_BACK, State.EXPORTED)
    return [
        Part(
            STATES[lang][state],
            f"{made.states[state]:,}",
            100 * made.states[state] / made.conversations,
            kinds.get(state, "carried" if state in CARRIED else "open"),
        )
        for state in (*order, State.PENDING, State.MISSING)
        if made.states[state]
    ]


def _answers(made: Report, lang: str) -> list[Part]:
    total = sum(made.answerers.values())
    return [
        Part(PROVIDERS[lang][who], f"{count:,}", 100 * count / total, kind)
        for who, kind in ((Provider.VERTEX, "over"), (Provider.OPENAI, "open"))
        if (count := made.answerers.get(who, 0))
    ]


def _reasons(made: Report, lang: str) -> list[tuple[str, str, int]]:
    """State, reason, conversations; of those that are not carried over, or have a problem."""
    counted: Counter[tuple[str, str]] = Counter()
    for line in made.lines:
        if line.state not in CARRIED or line.problem:
            why = translated(alike(line.problem), lang) if line.problem else ""
            counted[STATES[lang][line.state], why or WORDS[lang]["none"]] += 1
    return [(state, why, count) for (state, why), count in counted.most_common()]


def _grouped(found: dict[str, int], lang: str) -> list[tuple[str, int]]:
    counted: Counter[str] = Counter()
    for what, count in found.items():
        counted[translated(what, lang)] += count
    return counted.most_common()
