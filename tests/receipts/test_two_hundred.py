"""Two hundred pictures through the tool, a real store and the emulated model over HTTP."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from tests.clocks import JumpingClock
from tests.receipts.cases import Case, two_hundred
from tests.receipts.desk import Desk, desk, emulated
from watibot.payments import ProofState, Verdict
from watibot.storage import schema
from watibot.storage import store as storage

# Guests who send at once. What is used again comes at least so many pictures after the first time.
AT_ONCE = 20
BEFORE_A_PERSON = (Verdict.DOUBTFUL, Verdict.UNREADABLE, Verdict.CONSISTENT)


@pytest.mark.timeout(240)
async def test_two_hundred_pictures(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    schema.upgrade(url)
    clock = JumpingClock()
    drawing, cases, found = two_hundred(), list[Case](), list[str | None]()

    async def draw() -> list[Case]:
        return await asyncio.to_thread(lambda: list(islice(drawing, AT_ONCE)))

    async with await storage.open(url, "posada") as store, emulated(clock) as (model, _):
        house = desk(store, tmp_path, model, clock)
        drawn = await draw()
        while drawn:
            next_ones = asyncio.create_task(draw())
            numbered = enumerate(drawn, len(cases))
            found += await asyncio.gather(*(_of(house, number, case) for number, case in numbered))
            cases += drawn
            drawn = await next_ones
        waiting = await house.proofs.waiting(1000)
    assert "\n".join(line for line in found if line) == ""
    assert len(cases) == 200
    asked = [case for case in cases if case.verdict in BEFORE_A_PERSON]
    assert len(waiting) == len(asked)
    assert all(proof.state is ProofState.WAITING for proof in waiting)
    assert len(house.escalated) == sum(case.verdict is Verdict.DOUBTFUL for case in cases)


async def _of(house: Desk, number: int, case: Case) -> str | None:
    """What is wrong with the outcome."""
    guest = f"5037000{number + 1000}"
    if case.due != -1:
        await house.books(guest, case.due, case.currency)
    caller = await house.sends(guest, case.data, case.mime)
    answer = await house.asks(caller)
    if "verdict" not in answer:
        return f"{case.name}: {answer}"
    verdict, reasons = answer["verdict"], set(answer["reasons"])
    if verdict == case.verdict and case.reasons <= reasons <= case.reasons | case.may:
        return None
    wanted = sorted(code.value for code in case.reasons)
    return f"{case.name}: {verdict} {sorted(reasons)}, not {case.verdict} {wanted}"
