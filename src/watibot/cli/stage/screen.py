"""What a person sees of a run: the conversations as they happen, then what they came to.

`demo.py` and `rehearse.py` write through it. Guests and hotel are invented, so their words may be
shown here; the service itself never logs any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from watibot.cli.stage.guests import Guest
from watibot.cli.stage.journals import Check, Entry, Summary
from watibot.messages import ChannelName

COLOURS = {
    ChannelName.WHATSAPP: "green",
    ChannelName.FACEBOOK: "blue",
    ChannelName.INSTAGRAM: "magenta",
}
LABELS = {
    ChannelName.WHATSAPP: "WhatsApp",
    ChannelName.FACEBOOK: "Messenger",
    ChannelName.INSTAGRAM: "Instagram",
}
PLAIN_WIDTH = 132


def console() -> Console:
    """Colours and the terminal's width on a terminal, else plain lines."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


_URL = re.compile(r"https?://\S+")


class Screen:
    """One line for each message; times are the run's own, in the hotel's zone."""

    def __init__(self, out: Console, zone: ZoneInfo) -> None:
        self._out = out
        self._zone = zone

    def said(self, guest: Guest, entry: Entry) -> None:
        words = str(entry["text"] or "")
        if entry["type"] != "text":
            # A document's words are its file's name; ManyChat's media are a URL among the words.
            words = words if entry["type"] in ("button", "image", "video") else ""
            words = f"[{entry['type']}] {_URL.sub('', words)}".rstrip()
        self._line(entry, guest, "→", words, "bold")

    def bubble(self, guest: Guest, entry: Entry) -> None:
        self._line(entry, guest, "←", entry["text"], "default")

    def colleague(self, guest: Guest, entry: Entry, name: str) -> None:
        self._line(entry, guest, "⇐", f"{name}: {entry['text']}", "yellow")

    def notice(self, entry: Entry) -> None:
        self._event(entry["at"], f"staff are told: {entry['title']}", "yellow")

    def assigned(self, guest: Guest, entry: Entry) -> None:
        whom = entry.get("email") or entry.get("name")
        self._event(entry["at"], f"the chat of {guest.name} is given to {whom}", "yellow")

    def released(self, guest: Guest, entry: Entry) -> None:
        self._event(entry["at"], f"the chat of {guest.name} is given back", "yellow")

    def left_note(self, guest: Guest, entry: Entry) -> None:
        words = f"a note on {guest.name} for the assistant: {entry['text']}"
        self._event(entry["at"], words, "yellow")

    def outage(self, at: str, words: str) -> None:
        self._event(at, words, "red")

    def note(self, words: str) -> None:
        self._out.print(Text(words, style="bold"))

    def heading(self, words: str) -> None:
        self._out.print()
        self._out.print(Text(f"═══ {words} ═══", style="bold cyan"))

    def command(self, words: str) -> None:
        self._out.print(Text(f"$ {words}", style="bold"), soft_wrap=True)

    def told(self, words: str) -> None:
        """What a command came to."""
        self._out.print(Text(f"  {words}"), soft_wrap=True)

    def _line(self, entry: Entry, guest: Guest, arrow: str, words: str, style: str) -> None:
        begin = Text.assemble(
            (self._clock(entry["at"]), "dim"),
            "  ",
            (f"{LABELS[guest.channel]:<9}", COLOURS[guest.channel]),
            "  ",
            f"{guest.name:<16} {arrow} ",
        )
        line = Table.grid()
        line.add_column(no_wrap=True)
        line.add_column()
        line.add_row(begin, Text(" ".join(words.split()), style))
        self._out.print(line)

    def _event(self, at: str, words: str, style: str) -> None:
        self._out.print(Text.assemble((self._clock(at), "dim"), "  ", (f"── {words}", style)))

    def _clock(self, at: str) -> str:
        return f"{datetime.fromisoformat(at).astimezone(self._zone):%H:%M:%S}"


def progress(out: Console) -> Progress:
    """A bar with rate and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=out,
        # Without a terminal only the last state is printed, once.
        refresh_per_second=4,
    )


def show(out: Console, run: Summary, found: Sequence[Check], seconds: float) -> None:
    """The summary, then one line for each check."""
    counts = run.tally
    rows = (
        ("guests", f"{run.guests}"),
        ("received", f"{run.received} messages in {run.deliveries} deliveries"),
        ("turns answered", f"{counts.turns}, {counts.turns / seconds:.1f} a second"),
        ("bubbles", f"{counts.bubbles}"),
        ("lost", f"{counts.lost}"),
        ("doubled", f"{counts.doubled}"),
        ("out of order", f"{counts.out_of_order}"),
        ("with staff", f"{counts.held} messages; {run.notices} notices to staff"),
        ("session events", f"{counts.events} (doubled {run.events_doubled})"),
        ("own time", f"p50 {_milliseconds(run.median)}, p95 {_milliseconds(run.slowest)}"),
        ("model", _model(run)),
        ("run", f"{seconds:.1f} s"),
    )
    table(out, rows)
    checks(out, found)
    if run.troubled:
        out.print(Text(f"look at: {', '.join(run.troubled[:10])}", "red"))


def table(out: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Names and values between empty lines."""
    found = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows:
        found.add_row(name, value)
    out.print()
    out.print(found)
    out.print()


def checks(out: Console, found: Sequence[Check]) -> None:
    """One line for each check."""
    for check in found:
        mark = Text("ok     ", "green") if check.ok else Text("not ok ", "bold red")
        out.print(Text.assemble(mark, check.name, (f"  ({check.found})", "dim")))


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _model(run: Summary) -> str:
    share = run.cached_tokens / run.prompt_tokens if run.prompt_tokens else 0.0
    return f"{run.model_calls} calls, {share:.0%} of {run.prompt_tokens} prompt tokens cached"
