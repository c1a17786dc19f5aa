"""Two hundred pictures through the tool, a real store and the emulated model over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clocks import JumpingClock
from tests.receipts.cases import Case, two_hundred
from tests.receipts.desk import Desk, desk, emulated
from watibot.payments import ProofState, Verdict
from watibot.storage import schema
from watibot.storage import store as storage

BEFORE_A_PERSON = (Verdict.DOUBTFUL, Verdict.UNREADABLE, Verdict.CONSISTENT)


@pytest.mark.timeout(240)
async def test_two_hundred_pictures(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    schema.upgrade(url)
    clock = JumpingClock()
    cases = list(two_hundred())
    async with await storage.open(url, "posada") as store, emulated(clock) as (model, _):
        house = desk(store, tmp_path, model, clock)
        found = [await _of(house, number, case) for number, case in enumerate(cases)]
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
