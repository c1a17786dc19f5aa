"""What a migration came to: collected from the emulators when everything is at rest, and shown.

`demo.py` calls it after `moving.py`; `moving_checks.py` counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from watibot.cli.stage import screen
from watibot.cli.stage.guests import Control
from watibot.cli.stage.journals import Check, Entry
from watibot.cli.stage.moving import REPORTS, ROLLED_BACK, Moving
from watibot.cli.stage.moving_checks import (
    Exchange,
    Message,
    Score,
    Times,
    astray,
    carried_back,
    doubled,
    exchange,
    score,
    stray_runs,
)


@dataclass(frozen=True, slots=True)
class Moved:
    """Counts of a whole migration. `astray`: messages of threads that their sessions lack or have
    elsewhere; `not_back`: words since the cutover that their threads lack or have twice;
    `strange_threads`: new ones, and those that are gone."""

    score: Score
    runs: tuple[str, ...]
    astray: int
    messages: int
    not_back: int
    strange_threads: int
    messages_doubled: int
    events_doubled: int
    threads: int
    throttled: int


async def collected(control: Control, moving: Moving, times: Times) -> Moved:
    """Asks the emulators."""
    await moving.following.look()
    seen = moving.following.entries
    entries: list[Entry] = [*seen["wati"], *seen["manychat"]]
    ids = [former.thread_id for former in moving.formers]
    there = await control.thread_ids()
    threads = await control.threads([each for each in ids if each in set(there)])
    sessions = await control.sessions()
    runs = await control.journal("openai", kind="run_created")
    summaries = await control.summaries()
    told: list[tuple[Exchange, list[Message]]] = []
    for writer in moving.writers:
        guest, messages = writer.former.guest, threads.get(writer.former.thread_id, [])
        events = sessions.get(guest.conversation_id, [])
        told.append(
            (
                exchange(
                    guest.name,
                    guest.address,
                    writer.goes_back,
                    entries,
                    messages,
                    events,
                    times.began,
                ),
                messages,
            )
        )
    cohort = set(moving.cohort)
    back = {each.thread_id for each in moving.formers if each.guest.conversation_id in cohort}
    return Moved(
        score=sum((score(one, times) for one, _ in told), Score()),
        runs=tuple(stray_runs(runs, times, back)),
        astray=sum(
            astray(
                threads.get(former.thread_id, []),
                sessions.get(former.guest.conversation_id, []),
                times.returning,
            )
            for former in moving.formers
        ),
        messages=sum(map(len, threads.values())),
        not_back=sum(
            carried_back(one, messages, times.began) for one, messages in told if one.goes_back
        ),
        strange_threads=len(set(there) ^ set(ids)),
        messages_doubled=int(summaries["openai"]["messages_doubled"]),
        events_doubled=int(summaries["vertex"]["events_doubled"]) + doubled(sessions),
        threads=len(there),
        throttled=int(summaries["vertex"]["throttled_429"]),
    )


def checks(moving: Moving, moved: Moved, rested: bool) -> list[Check]:
    """What has to hold of a migration."""
    all_, counts = len(moving.formers), moved.score
    written = moving.report is not None and all(
        (moving.report / name).is_file() for name in REPORTS
    )
    once = f"{counts.answered} of {counts.said}; lost {counts.lost}, doubled {counts.doubled}"
    who = f"OpenAI {counts.by_openai}, Gemini {counts.by_gemini}; wrong {counts.strangers}"
    return [
        Check(
            "every message was answered exactly once, in order",
            counts.lost + counts.doubled + counts.out_of_order == 0 and counts.said > 0,
            f"{once}, out of order {counts.out_of_order}",
        ),
        Check("every answer came in time", not moving.late, ", ".join(moving.late) or "all did"),
        Check(
            "OpenAI answered until the cutover and after the rollback, Gemini between",
            counts.strangers == 0 and not moved.runs,
            f"{who}, runs out of time {len(moved.runs)}",
        ),
        Check("all were verified", len(moving.verified) == all_, f"{len(moving.verified)}"),
        Check("all were cut over", len(moving.cut_over) == all_, f"{len(moving.cut_over)}"),
        Check(
            "ten were rolled back",
            len(moving.rolled_back) == ROLLED_BACK,
            f"{len(moving.rolled_back)}",
        ),
        Check(
            "every message of the threads is in its session, in order",
            moved.astray == 0 and moved.messages > 0,
            f"{moved.messages} messages, astray {moved.astray}",
        ),
        Check("no event is twice", moved.events_doubled == 0, f"doubled {moved.events_doubled}"),
        Check(
            "what was said since the cutover went back, once",
            moved.not_back + moved.messages_doubled == 0,
            f"amiss {moved.not_back}, doubled {moved.messages_doubled}",
        ),
        Check(
            "new conversations have no thread",
            moved.strange_threads == 0,
            f"{moved.threads} threads",
        ),
        Check("the report is written", written, ", ".join(REPORTS)),
        Check("the service came to rest", rested, "nothing waits" if rested else "work left"),
    ]


def show(
    out: Console, moving: Moving, moved: Moved, found: Sequence[Check], seconds: float
) -> None:
    """The summary, then one line for each check."""
    planned, counts = moving.planned, moved.score
    by_channel = ", ".join(f"{count} {name}" for name, count in planned["by_channel"].items())
    rows = (
        ("conversations", f"{len(moving.formers)}: {by_channel}"),
        ("carried over", f"{moving.events:,} events, {moved.throttled} answers 429"),
        ("cut over", f"{len(moving.cut_over)}, rolled back {len(moving.rolled_back)}"),
        (
            "guests meanwhile",
            f"{len(moving.writers)} with {counts.said} messages: {counts.by_openai} answered by "
            f"OpenAI, {counts.by_gemini} by Gemini",
        ),
        ("lost", f"{counts.lost + moved.astray + moved.not_back}"),
        ("doubled", f"{counts.doubled + moved.events_doubled + moved.messages_doubled}"),
        ("out of order", f"{counts.out_of_order}"),
        ("migration", f"{seconds:.1f} s"),
    )
    screen.table(out, rows)
    screen.checks(out, found)
