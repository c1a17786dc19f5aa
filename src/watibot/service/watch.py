"""Watches whether the service keeps what it promises, and tells staff when it does not.

What `telemetry.Metrics` counted since the last look becomes tallies by the minute in the store,
which survive a restart; once a minute `slo.py` decides over them, and `alert.py` tells. Staff hear
of an alarm when it is raised and when it is over. Where an alarm stands is among the tallies too,
so that a new process does not raise it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Protocol

from watibot import slo, telemetry
from watibot.ports import Clock
from watibot.ports.charges import Reach, Sum
from watibot.ports.tallies import Tallies, Tally
from watibot.settings import Targets
from watibot.slo import Alarm, Count, Objective, Pace, Raised, Recovered
from watibot.telemetry import Metrics

log = telemetry.logger(__name__)

LOOK_SECONDS = 15.0
LOOKS_PER_DECISION = 4
# Decisions between two looks at what takes longer to sum and changes slowly.
_RARELY = 15
KEPT = timedelta(days=35)
COST = "cost"
_COST_PATIENCE = timedelta(hours=1)

Tell = Callable[[str, str, str], Awaitable[None]]  # key, title, body

_TITLES = {
    "answer": "El asistente tarda demasiado en contestar",
    "answered": "Hay huéspedes que no reciben respuesta",
    "tools": "Al asistente le fallan sus herramientas",
    COST: "Las conversaciones cuestan más de lo previsto",
}
_WHAT = {
    "answer": "respuestas tardaron más de lo previsto",
    "answered": "turnos acabaron en una disculpa",
    "tools": "llamadas a herramientas fallaron",
}
_SPANS = {"fast": "la última hora", "slow": "las últimas 6 horas", "lasting": "los últimos 3 días"}
_LOOK_AT = "Qué mirar: la página de salud de la consola. Se avisará cuando haya pasado."


class Spending(Protocol):
    """`ports.Charges`, as far as it is needed here."""

    async def total(self, since: datetime, until: datetime) -> Sum: ...

    async def reach(self, since: datetime, until: datetime) -> Reach: ...


class Watch:
    """Of one process. `tell` is given the notices for staff. `metrics` were made with the answer
    target of `targets`; `per_conversation` are dollars."""

    def __init__(
        self,
        metrics: Metrics,
        tallies: Tallies,
        spending: Spending,
        clock: Clock,
        targets: Targets,
        per_conversation: float,
        tell: Tell,
    ) -> None:
        self._metrics = metrics
        self._tallies = tallies
        self._spending = spending
        self._clock = clock
        self._targets = targets
        self._per_conversation = per_conversation
        self._tell = tell
        self._objectives = slo.objectives(
            targets.answer_share, targets.answered_share, targets.tools_share
        )
        self._seen: Counter[tuple[str, str]] = Counter()
        self._alarms: dict[str, Alarm] | None = None
        self._decisions = 0
        self._forgot: date | None = None
        for objective in self._objectives:
            metrics.target.labels(objective.name).set(objective.share)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for _ in range(LOOKS_PER_DECISION):
                await self._clock.sleep(LOOK_SECONDS)
                await self.flush()
            await self.decide()

    async def flush(self) -> None:
        """Writes what was counted since the last time; also at the end of the process."""
        now = self._counted()
        new = [
            Tally(name, outcome, count - self._seen[name, outcome])
            for (name, outcome), count in now.items()
            if count > self._seen[name, outcome]
        ]
        if new:
            await self._tallies.add(self._clock.now(), new)
        self._seen = now

    def _counted(self) -> Counter[tuple[str, str]]:
        metrics, found = self._metrics, Counter[tuple[str, str]]()
        for (outcome,), count in telemetry.sums(metrics.turns).items():
            found["turn", outcome] += int(count)
        for (_, outcome), count in telemetry.sums(metrics.tools).items():
            found["tool", outcome] += int(count)
        fast, slow = telemetry.at_most(metrics.answer_seconds, self._targets.answer)
        found["answer", "fast"], found["answer", "slow"] = fast, slow
        return found

    async def decide(self) -> None:
        """Raises and ends alarms."""
        if self._alarms is None:
            self._alarms = await self._standing()
        now = self._clock.now()
        spans = sorted({span for pace in slo.PACES for span in (pace.long, pace.short)})
        for objective in self._objectives:
            sums = await self._tallies.sums(objective.tally, [now - span for span in spans])
            counts = {
                span: objective.count(outcomes) for span, outcomes in zip(spans, sums, strict=True)
            }
            for pace in slo.PACES:
                await self._at(objective, pace, counts, now)
        if self._decisions % _RARELY == 0:
            await self._budgets(now)
            await self._cost(now)
        self._decisions += 1
        if self._forgot != now.date():
            self._forgot = now.date()
            await self._tallies.forget(now - KEPT)

    async def _at(
        self,
        objective: Objective,
        pace: Pace,
        counts: Mapping[timedelta, Count],
        now: datetime,
    ) -> None:
        long, short = counts[pace.long], counts[pace.short]
        louder = [each for each in slo.PACES if each is not pace and each.page >= pace.page]
        said = (
            f"En {_SPANS[pace.name]}, {long.bad} de {long.good + long.bad} {_WHAT[objective.name]} "
            f"({long.rate:.1%}); el objetivo es {1 - objective.share:.1%} como mucho."
        )
        await self._step(
            f"{objective.name}.{pace.name}",
            burns=pace.burns(objective, long, short),
            calm=pace.is_calm(objective, long, short),
            behind=any(self._is_raised(f"{objective.name}.{each.name}") for each in louder),
            patience=pace.short,
            title=("URGENTE: " if pace.page else "") + _TITLES[objective.name],
            said=said,
            now=now,
        )

    async def _cost(self, now: datetime) -> None:
        since = now - slo.COST_SPAN
        micros = (await self._spending.total(since, now)).micros
        reached = (await self._spending.reach(since, now)).conversations
        average = micros / 1_000_000 / max(1, reached)
        await self._step(
            COST,
            burns=slo.is_too_dear(micros, reached, self._per_conversation),
            calm=slo.is_cheap_enough(micros, reached, self._per_conversation),
            behind=False,
            patience=_COST_PATIENCE,
            title=_TITLES[COST],
            said=f"En los últimos 7 días, {reached} conversaciones costaron en promedio "
            f"${average:.3f} cada una; el objetivo es ${self._per_conversation:.3f}.",
            now=now,
        )

    async def _step(
        self,
        name: str,
        *,
        burns: bool,
        calm: bool,
        behind: bool,
        patience: timedelta,
        title: str,
        said: str,
        now: datetime,
    ) -> None:
        assert self._alarms is not None
        before = self._alarms.get(name, Alarm())
        quietly = behind or not self._targets.alerts
        after, news = slo.step(
            before, burns=burns, calm=calm, quietly=quietly, now=now, patience=patience
        )
        # A notice is there once by its key, so it goes first: whoever dies in between tells again.
        match news:
            case Raised():
                log.error("slo.burns", alarm=name, told=after.told)
                if after.told:
                    await self._tell(_key(name, now), title, f"{said} {_LOOK_AT}")
                outcome = "raised" if after.told else "raised_quietly"
                await self._tallies.add(now, [Tally(outcome, name, 1)])
            case Recovered():
                log.info("slo.recovered", alarm=name, told=before.told)
                if before.told and before.raised_at is not None:
                    title = f"Resuelto: {title.removeprefix('URGENTE: ')}"
                    await self._tell(f"{_key(name, before.raised_at)}:recovered", title, said)
                await self._tallies.add(now, [Tally("recovered", name, 1)])
        self._alarms[name] = after

    def _is_raised(self, name: str) -> bool:
        assert self._alarms is not None
        alarm = self._alarms.get(name)
        return alarm is not None and alarm.raised_at is not None

    async def _standing(self) -> dict[str, Alarm]:
        """Alarms that an earlier process raised and nobody has seen the end of."""
        recovered = await self._tallies.latest("recovered")
        found: dict[str, Alarm] = {}
        for told, outcome in ((True, "raised"), (False, "raised_quietly")):
            for name, at in (await self._tallies.latest(outcome)).items():
                standing = found.get(name)
                newer = standing is None or standing.raised_at is None or standing.raised_at < at
                if newer and (name not in recovered or recovered[name] < at):
                    found[name] = Alarm(at, told)
        return found

    async def _budgets(self, now: datetime) -> None:
        for objective in self._objectives:
            (sums,) = await self._tallies.sums(objective.tally, [now - slo.BUDGET_SPAN])
            left = objective.left(objective.count(sums))
            self._metrics.budget_left.labels(objective.name).set(left)


def _key(name: str, raised_at: datetime) -> str:
    return f"slo:{name}:{raised_at:%Y-%m-%dT%H:%M}"
