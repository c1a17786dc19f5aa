"""What a form of the migration page asks for, as an order. Pure: what is not understood is refused.

`moving.py` hands in the fields and gives the order to `ports/errands.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping

from watibot.messages import ChannelName
from watibot.migration.words import alike
from watibot.ports.errands import Errand, Order
from watibot.ports.migrations import State
from watibot.ports.standing import Troubled

STARTS = ("sources", "plan", "run", "verify")
FLIPS = ("cutover", "rollback")
_PERCENT = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{1,3})?")
_COUNT = re.compile(r"[1-9][0-9]{0,6}")
# Verified already, or further: nothing is to be carried over again.
_COMPARED = frozenset({State.VERIFIED, State.CUT_OVER})


def start(form: Mapping[str, str]) -> Order | None:
    """A verb that changes for nobody who answers. `most`: so many conversations."""
    verb, most = form.get("verb", ""), form.get("most", "").strip()
    if verb not in STARTS or (most and not _COUNT.fullmatch(most)):
        return None
    if not most:
        return Order(verb)
    if verb == "sources":
        return None
    return Order(verb, ("--sample" if verb == "plan" else "--limit", most))


def preview(form: Mapping[str, str]) -> Order | None:
    """What a cutover or a rollback of a cohort would do. `which`: percent, channel, list, all."""
    verb = form.get("verb", "")
    if verb not in FLIPS:
        return None
    flags: tuple[str, ...] = ()
    if verb == "cutover":
        flags = tuple(f"--{name}" for name in ("missing", "unread") if form.get(name) == "yes")
    cohort: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    match form.get("which", ""):
        case "all":
            cohort = ("--all",)
        case "percent":
            share = form.get("percent", "").strip()
            value = float(share.replace(",", ".")) if _PERCENT.fullmatch(share) else 0.0
            if not 0 < value <= 100:
                return None
            cohort = ("--percent", f"{value:g}")
        case "channel":
            if form.get("channel", "") not in list(ChannelName):
                return None
            cohort = ("--channel", form["channel"])
        case "list":
            ids = listed(form.get("ids", ""))
            if not ids:
                return None
        case _:
            return None
    return Order(verb, cohort, ids, flags, dry_run=True)


def listed(text: str) -> tuple[str, ...]:
    """One id a line, as in the command's file; what stands behind a # is a remark."""
    found = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(dict.fromkeys(each for each in found if each))


def confirmed(seen: Errand) -> Order | None:
    """What a preview showed, for exactly those conversations that it named; None if it is no
    preview that came to its end, or nothing would be done."""
    order = seen.order
    if not order.dry_run or order.verb not in FLIPS or seen.status not in (0, 1, 3):
        return None
    ids = tuple(each.conversation_id for each in seen.results if each.mark == "+")
    return Order(order.verb, (), ids, order.flags) if ids else None


def kind_of(problem: str) -> str:
    """The name under which a form means all problems that are alike."""
    return hashlib.sha256(alike(problem).encode()).hexdigest()[:16]


def retry(troubled: Collection[Troubled]) -> tuple[Order, ...]:
    """Carried over and compared again, or only compared where all of it is over already."""
    ids = tuple(each.conversation_id for each in troubled)
    again = tuple(each.conversation_id for each in troubled if each.state not in _COMPARED)
    if not ids:
        return ()
    compare = Order("verify", (), ids)
    return (Order("run", (), again), compare) if again else (compare,)


def detail(order: Order) -> str:
    """For the log: which conversations were meant."""
    told = [*order.cohort, *order.flags, *([f"{len(order.ids)} ids"] if order.ids else [])]
    return " ".join([order.verb, *told])
