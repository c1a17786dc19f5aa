"""A migration is killed between any two steps, before and after each call's effect, and begun again
by another process: the end is exact, nothing is lost and nothing there twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.balance import in_history, in_thread
from tests.dying import Fuse, Killed
from tests.migrating import GUEST, Stage
from tests.migrating import sqlite_template as sqlite_template
from watibot.conversations import Provider
from watibot.ports.migrations import State

Scene = Callable[[Stage], Awaitable[None]]


async def first_move(stage: Stage) -> None:
    """A past with tools, turns of this service, staff's words."""
    await stage.settled(messages=3)
    await stage.guest()
    await stage.answer(tools=True)
    await stage.staff()


async def later_move(stage: Stage) -> None:
    """A session that has newer events than those that are still to come."""
    await _back_again(stage)
    stage.post(text=stage.text("Huésped", GUEST))
    await stage.guest()
    await stage.answer()


async def answered_here_first(stage: Stage) -> None:
    """The past comes after the present, which alone is more than one look back."""
    await stage.settled(messages=2, tools=False)
    stage.sql("UPDATE conversations SET provider = 'vertex'")
    for _ in range(4):
        await stage.guest()
        await stage.answer(tools=True)
    await stage.live_mirror()


async def verified_and_grown(stage: Stage) -> None:
    await stage.settled(messages=3)
    await stage.verbs("run", "verify")
    await stage.staff()
    stage.post(at=int(stage.clock.time()))
    await stage.guest()


async def said_since(stage: Stage) -> None:
    await stage.settled(messages=3)
    await stage.verbs("run", "verify", "cutover")
    for author in ("Rosa", None):
        await stage.guest()
        await stage.answer(tools=True)
        await stage.staff(author=author)
    await stage.guest()


async def _back_again(stage: Stage) -> None:
    await said_since(stage)
    await stage.answer()
    await stage.live_mirror()
    await stage.verbs("rollback")


async def killed(stage: Stage, verb: str, fuse: Fuse) -> None:
    """The verb's process ends; a minute later its lease has, too."""
    process = await stage.start(fuse)
    try:
        await stage.verb(verb)
    except Killed:
        pass
    else:
        assert fuse.at is None or fuse.calls < fuse.at
    process.fuse.dead = True
    await stage.clock.advance(61)
    await stage.restart()


async def moved(stage: Stage) -> None:
    await stage.verbs("run", "verify")
    assert await stage.faults() == []


async def cut_over(stage: Stage) -> None:
    move, now = await stage.move(), await stage.conversation()
    assert (move.state, now.provider) in {
        (State.VERIFIED, Provider.OPENAI),
        (State.VERIFIED, Provider.VERTEX),
        (State.CUT_OVER, Provider.VERTEX),
    }
    await stage.verbs("cutover")
    assert (await stage.move()).state is State.CUT_OVER
    assert await stage.answer() is Provider.VERTEX
    await stage.live_mirror()
    assert await stage.faults() == []


async def rolled_back(stage: Stage) -> None:
    move, now = await stage.move(), await stage.conversation()
    assert (move.state, now.provider) in {
        (State.CUT_OVER, Provider.VERTEX),
        (State.CUT_OVER, Provider.OPENAI),
        (State.ROLLED_BACK, Provider.OPENAI),
    }
    await stage.guest()  # whoever has the conversation by now answers
    assert await stage.answer() is now.provider
    await stage.verbs("rollback")
    assert (await stage.conversation()).provider is Provider.OPENAI
    assert (await stage.move()).state is State.ROLLED_BACK
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)
    await stage.live_mirror()
    await stage.verbs("run", "verify")
    assert await stage.faults() == []
    assert in_thread(stage, GUEST) == await in_history(stage, GUEST)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("verb", "scene", "ends"),
    [
        ("run", first_move, moved),
        ("run", later_move, moved),
        ("run", answered_here_first, moved),
        ("cutover", verified_and_grown, cut_over),
        ("rollback", said_since, rolled_back),
    ],
    ids=["first run", "later run", "late past", "cutover", "rollback"],
)
async def test_killed_at_any_call(
    tmp_path: Path, sqlite_template: Path, verb: str, scene: Scene, ends: Scene, *, after: bool
) -> None:
    (tmp_path / "before").mkdir()
    before = Stage(tmp_path / "before", sqlite_template)
    await before.start()
    await scene(before)
    await before.stop()
    number = 0
    while True:
        number += 1
        fuse = Fuse(number, after)
        stage = await before.clone(tmp_path / str(number))
        try:
            await killed(stage, verb, fuse)
            try:
                await ends(stage)
            except AssertionError as error:
                pytest.fail(f"killed at call {number}, {fuse.called[-1]}: {error}")
        finally:
            await stage.stop()
        if fuse.calls < number:
            break
    assert number > 10
