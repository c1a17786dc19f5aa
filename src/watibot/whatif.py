"""What the same traffic would cost with another model, cache, instructions or history. Pure.

`cli/costs_plan.py` hands in the charges of some weeks. Guests write as they did; each call of the
model is priced again as if the prompt had been shorter, or its beginning had come from an explicit
cache, which is then made and dropped by the rule of `caching.py`. Other models are taken to write
as much, and to cache by themselves as often as was measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

from watibot.caching import CachePrices, Decision, Rental
from watibot.charges import Charge, Operation
from watibot.costs import Price, Prices

MONTH = timedelta(days=365 / 12)
LEAST = timedelta(days=1)  # less says little about a month
_LONG_PROMPT = 200_000  # tokens: the tier for longer ones, as in `costs.py`
_OF_THE_MODEL = (Operation.ANSWER, Operation.SUMMARY, Operation.RECEIPT)
_OF_CACHES = (Operation.CACHE, Operation.STORAGE)
_FOR_EVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the model, in tokens. `history`: what stands in the prompt between the beginning
    and the turn's own steps; 0 for one that has no such beginning (`beginning` 0)."""

    at: datetime
    location: str
    prompt: int
    cached: int
    output: int
    audio: int
    beginning: int = 0
    history: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was called for between two moments. `answers` have instructions and tools before them,
    `beginning` tokens; `others` (summaries, receipts) do not. `hit_rate`: of the answers' tokens,
    served implicitly while no explicit cache was kept; None: never measured. `rest`: micro-dollars
    for what is not the model's; `unknown`: how many of these have no price."""

    since: datetime
    until: datetime
    answers: tuple[Call, ...]
    others: tuple[Call, ...]
    beginning: int
    hit_rate: float | None
    turns: int
    conversations: int
    gap: float  # seconds between two answers, the median
    rest: int
    unknown: int
    model: str  # that most answers came from

    @property
    def span(self) -> timedelta:
        return self.until - self.since

    @property
    def month(self) -> float:
        """Conversations that a month of this has."""
        return self.conversations * (MONTH / self.span)

    @property
    def an_hour(self) -> float:
        """Answers of the model."""
        return len(self.answers) / (self.span / timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Variant:
    """Another prompt: shares of the beginning and of the history that are left."""

    name: str
    beginning: float = 1.0
    history: float = 1.0


AS_NOW = Variant("as now")
VARIANTS = (
    AS_NOW,
    Variant("instructions -25 %", beginning=0.75),
    Variant("instructions -50 %", beginning=0.5),
    Variant("half the history", history=0.5),
    Variant("both halved", beginning=0.5, history=0.5),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Micro-dollars a month and for a conversation. `guessed`: with a price of storage that nobody
    has confirmed. `meets`: both targets."""

    month: int
    conversation: int
    meets: bool
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A way to do it; what it costs on each of the days asked for, None where a price is not
    known."""

    model: str
    explicit: bool
    variant: Variant
    costs: tuple[Cost | None, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conversations a month, and what they may cost in micro-dollars: a month (None: no limit), and
    each."""

    conversations: float
    month: int | None
    conversation: int

    def cost(self, month: float, guessed: bool) -> Cost:
        each = month / self.conversations
        meets = each < self.conversation and (self.month is None or month < self.month)
        return Cost(round(month), round(each), meets, guessed)


def traffic(charges: Iterable[Charge], since: datetime, until: datetime) -> Traffic | None:
    """What was called for; None where the model was never asked for an answer. The beginning is
    taken to be as long as the shortest prompt: nearly nothing else is in it."""
    found = sorted(charges, key=lambda charge: charge.at)
    counted = [each for each in found if each.use.usage.prompt]
    answers = [each for each in counted if each.use.operation is Operation.ANSWER]
    if not answers:
        return None
    beginning = min(charge.use.usage.prompt for charge in answers)
    # The first prompt of a turn has no steps yet.
    firsts: dict[str | None, int] = {}
    for charge in answers:
        firsts.setdefault(charge.use.occasion.turn_id, charge.use.usage.prompt)
    asked = [each for each in counted if each.use.operation in _OF_THE_MODEL]
    named = {charge.use.occasion.conversation_id for charge in asked} - {None}
    rest = [each for each in found if each.use.operation not in (*_OF_THE_MODEL, *_OF_CACHES)]
    gaps = [(two.at - one.at).total_seconds() for one, two in pairwise(answers)]
    return Traffic(
        since=since,
        until=until,
        answers=tuple(
            _call(
                charge,
                beginning,
                min(charge.use.usage.prompt, firsts[charge.use.occasion.turn_id]) - beginning,
            )
            for charge in answers
        ),
        others=tuple(
            _call(charge) for charge in asked if charge.use.operation is not Operation.ANSWER
        ),
        beginning=beginning,
        hit_rate=_hit_rate(answers, list(_kept(found))),
        turns=len(firsts),
        conversations=max(1, len(named)),
        gap=median(gaps) if gaps else 0.0,
        rest=sum(charge.micros or 0 for charge in rest),
        unknown=sum(charge.micros is None for charge in rest),
        model=Counter(charge.use.model for charge in answers).most_common(1)[0][0],
    )


def days_of(prices: Prices, today: date, most: int) -> list[date]:
    """Today and the next days on which a price changes."""
    later = sorted({price.begins for price in prices.prices if price.begins > today})
    return [today, *later[: most - 1]]


def plan(
    seen: Traffic, prices: Prices, models: Sequence[str], days: Sequence[date], wanted: Wanted
) -> list[Line]:
    """Every model with each variant, both ways of caching."""
    shortened = {
        variant: [_shortened(call, variant) for call in seen.answers] for variant in VARIANTS
    }
    known: dict[tuple[Price | None, Variant, bool], Cost | None] = {}

    def cost(price: Price | None, variant: Variant, explicit: bool) -> Cost | None:
        # Most prices are the same on all days, and the rule's way with a cache takes a while.
        key = price, variant, explicit
        if key not in known:
            known[key] = _cost(seen, price, shortened[variant], explicit, wanted)
        return known[key]

    return [
        Line(
            model,
            explicit,
            variant,
            tuple(cost(prices.of(model, day), variant, explicit) for day in days),
        )
        for model in models
        for variant in VARIANTS
        for explicit in (False, True)
    ]


def best(lines: Iterable[Line], present: str = "") -> Line | None:
    """The cheapest that meets the targets on every day: of the present model if it does, then with
    the fewest changes to the prompt."""
    meeting = [
        line for line in lines if all(cost is not None and cost.meets for cost in line.costs)
    ]
    return min(
        meeting,
        key=lambda line: (
            line.model != present,
            VARIANTS.index(line.variant),
            sum(cost.month for cost in line.costs if cost is not None),
        ),
        default=None,
    )


def _cost(
    seen: Traffic, price: Price | None, answers: Sequence[Call], explicit: bool, wanted: Wanted
) -> Cost | None:
    if price is None or (explicit and price.storage is None):
        return None
    # More conversations in the same time stand closer together, which is better for a cache.
    denser = wanted.conversations / seen.month
    if explicit:
        total = _with_cache(seen, price, answers, denser)
    else:
        share = seen.hit_rate or 0.0
        total = sum(_priced(call, price, share * call.prompt) for call in answers)
    total += sum(_priced(call, price, call.cached) for call in seen.others) + seen.rest
    month = total * denser * (MONTH / seen.span)
    return wanted.cost(month, explicit and not price.storage_confirmed)


def _with_cache(seen: Traffic, price: Price, answers: Sequence[Call], denser: float) -> float:
    """The answers, with an explicit cache as the rule has it."""
    share = seen.hit_rate or 0.0
    factor = float(price.factor(answers[0].location))
    rates = CachePrices(
        float(price.rates.input) * factor,
        float(price.rates.cached) * factor,
        float(price.storage or 0) * factor,
    )
    rental = Rental(rates, seen.since, seen.since, answers[0].beginning)
    total = 0.0
    for call in answers:
        at = seen.since + (call.at - seen.since) / denser
        rental = _dropped(rental, at)
        implicit = share * call.prompt
        served = max(call.beginning, implicit) if rental.kept else implicit
        total += _priced(call, price, served)
        rental = rental.called(at, call.prompt, round(served), explicit=rental.kept)
        if rental.decide(at) is Decision.MAKE:
            rental = rental.made(at, call.beginning, at + _FOR_EVER)
    return total + _dropped(rental, seen.since + seen.span / denser).spent


def _dropped(rental: Rental, now: datetime) -> Rental:
    """At `now`, without its cache if that was to go before."""
    if rental.kept and rental.an_hour:
        ends = rental.at + timedelta(hours=rental.regret / rental.an_hour)
        if rental.look_at is not None:
            ends = min(ends, rental.look_at)
        if ends <= now:
            rental = rental.gone(ends)
    return rental.passed(now)


def _priced(call: Call, price: Price, cached: float) -> float:
    rates = price.long if call.prompt > _LONG_PROMPT else price.rates
    cached = min(cached, call.prompt - call.audio)
    amount = (
        float(rates.input) * (call.prompt - cached - call.audio)
        + float(rates.cached) * cached
        + float(rates.audio) * call.audio
        + float(rates.output) * call.output
    )
    return amount * float(price.factor(call.location))


def _shortened(call: Call, variant: Variant) -> Call:
    beginning = round(call.beginning * variant.beginning)
    history = round(call.history * variant.history)
    less = call.beginning - beginning + call.history - history
    prompt = call.prompt - less
    return Call(
        call.at,
        call.location,
        prompt,
        call.cached,
        call.output,
        min(call.audio, prompt - beginning),
        beginning,
        history,
    )


def _call(charge: Charge, beginning: int = 0, history: int = 0) -> Call:
    usage = charge.use.usage
    return Call(
        charge.at,
        charge.use.location,
        usage.prompt,
        usage.cached,
        usage.output,
        usage.audio,
        beginning,
        history,
    )


def _kept(charges: Iterable[Charge]) -> Iterator[tuple[datetime, datetime]]:
    """When an explicit cache was kept: storage is charged at the end of the time it was for."""
    tokens = 0
    for charge in charges:
        if charge.use.operation is Operation.CACHE:
            tokens = charge.use.usage.prompt
        elif charge.use.operation is Operation.STORAGE and tokens:
            yield charge.at - timedelta(hours=charge.use.quantity / tokens), charge.at


def _hit_rate(answers: Iterable[Charge], kept: Sequence[tuple[datetime, datetime]]) -> float | None:
    prompt = cached = 0
    for charge in answers:
        if not any(since <= charge.at <= until for since, until in kept):
            prompt += charge.use.usage.prompt
            cached += charge.use.usage.cached
    return cached / prompt if prompt else None
