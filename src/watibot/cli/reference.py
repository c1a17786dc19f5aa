"""`watibot reference`: the pages that are written by the code itself.

Hidden: for those who change a setting or a command. A test holds the pages to what this prints;
`watibot reference --write .` renews them.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from watibot.settings import GROUPS, Group
from watibot.settings.group import PerMinute, Seconds

app = typer.Typer(add_completion=False)

_WIDTH = 100
_MADE = "Made by `watibot reference`; a change is made in the code."


def settings_page() -> str:
    """docs/reference/settings.md"""
    lines = [
        "# Settings",
        "",
        "From the environment and from `.env`; the environment wins. A wrong, missing or misspelt",
        "variable stops the start with one line. What concerns the hotel stands in the hotel file.",
        _MADE,
    ]
    for group in GROUPS.values():
        lines += ["", f"## {_prefix(group)}", "", _about(group), ""]
        lines += ["| variable | unit | default | meaning |", "|---|---|---|---|"]
        for field in group.model_fields:
            default = _default(group, field)
            shown = "**required**" if default is None else f"`{default}`" if default else ""
            meaning = (group.model_fields[field].description or "").replace("|", "\\|")
            cells = (f"`{_variable(group, field)}`", _unit(group, field), shown, meaning)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def env_example() -> str:
    """.env.example"""
    lines = [
        "# Copy to .env and fill in the lines without `#`. Those with `#` show the defaults.",
        "# Meanings and units: docs/reference/settings.md. Made by `watibot reference`.",
    ]
    for group in GROUPS.values():
        lines += ["", *_comment(f"{_prefix(group)}: {_about(group)}", "# --- ")]
        for field, info in group.model_fields.items():
            lines += _comment(info.description or "")
            default = _default(group, field)
            mark = "" if default is None else "#"
            lines.append(f"{mark}{_variable(group, field)}={default or ''}")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """docs/reference/cli.md"""
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from watibot.cli import app as watibot

    command = get_command(watibot)
    page = get_docs_for_click(obj=command, ctx=typer.Context(command), name="watibot")
    # The lists of commands cut their words off; every command has a section of its own.
    page = re.sub(r"\*\*Commands\*\*:.*?(?=^#)", "", page, flags=re.DOTALL | re.MULTILINE)
    lines = [line.rstrip() for line in page.strip().splitlines()]
    return "\n".join([lines[0], "", _MADE, *lines[1:]]) + "\n"


def metrics_page() -> str:
    """docs/reference/metrics.md"""
    from watibot.telemetry import Metrics

    lines = [
        "# Metrics",
        "",
        "What `/metrics` shows, for Prometheus. Labels never come from guests. A counter's name is",
        "shown with `_total`; a histogram has `_bucket`, `_sum` and `_count`. What to do about",
        f"them is in [Watch it](../howto/watch.md). {_MADE}",
        "",
        "| metric | kind | labels | what it counts |",
        "|---|---|---|---|",
    ]
    # The library names a metric's labels only there.
    collectors: Any = Metrics().registry._collector_to_names
    found = {each._name: each for each in collectors}
    for name, one in sorted(found.items()):
        labels = ", ".join(f"`{label}`" for label in one._labelnames)
        shown = {"counter": f"{name}_total", "info": f"{name}_info"}.get(one._type, name)
        lines.append(f"| `{shown}` | {one._type} | {labels} | {one._documentation} |")
    return "\n".join(lines) + "\n"


def prices_page() -> str:
    """docs/reference/prices.md"""
    from watibot.costs import load

    prices = load()
    lines = [
        "# Prices",
        "",
        "What the service reckons with, from `providers/prices.toml`, which names the sources; a",
        "list of your own in the same form is named by `COSTS_PRICES_FILE`. US dollars. A price",
        "that is not here is unknown; what is used of it is counted as such, never as free.",
        _MADE,
        "",
        "For a million tokens at the location `global`; elsewhere times the factor. Thoughts are",
        "output. `long`: input and output when the prompt is above 200,000 tokens. `kept`: a",
        "million tokens in an explicit cache for an hour; `?` is a guess.",
        "",
        "| model | from | input | cached | output | sound | long | elsewhere | kept |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in sorted(prices.prices, key=lambda each: (each.model, each.begins)):
        rates = one.rates
        own = "" if rates.audio == rates.input else f"{rates.audio:f}"
        long = "" if one.long == rates else f"{one.long.input:f} / {one.long.output:f}"
        kept = "" if one.storage is None else f"{one.storage:f}"
        cells = (
            f"`{one.model}`",
            "" if one.begins.year < 2000 else one.begins.isoformat(),
            *(f"{each:f}" for each in (rates.input, rates.cached, rates.output)),
            *(own, long, "" if one.elsewhere == 1 else f"{one.elsewhere:f}"),
            kept + ("" if one.storage_confirmed or not kept else " ?"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    if prices.session_event is not None:
        sure = "" if prices.session_event_confirmed else ", not confirmed"
        lines.append(f"A thousand events of sessions: {_thousand(prices.session_event)}{sure}.")
    lines += [
        f"A thousand requests to {name}: {_thousand(each)}, beside its plan."
        for name, each in sorted(prices.calls.items())
    ]
    return "\n".join(lines) + "\n"


def _thousand(micros: Decimal) -> str:
    return f"{(micros / 1000).normalize():f}"


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/prices.md": prices_page,
    ".env.example": env_example,
}


@app.command()
def reference(
    page: Annotated[
        str | None, typer.Argument(help="Prints this one; all of them without it")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Writes them below this folder")] = None,
) -> None:
    """Prints the pages that the code writes: settings, commands, metrics, prices,
    .env.example."""
    if page is not None and page not in PAGES:
        raise typer.BadParameter(f"one of {', '.join(PAGES)}")
    for name in PAGES if page is None else [page]:
        if write is None:
            typer.echo(PAGES[name](), nl=False)
        else:
            (write / name).parent.mkdir(parents=True, exist_ok=True)
            (write / name).write_text(PAGES[name](), encoding="utf-8")


def _prefix(group: type[Group]) -> str:
    return str(group.model_config.get("env_prefix", ""))


def _variable(group: type[Group], field: str) -> str:
    return f"{_prefix(group)}{field}".upper()


def _about(group: type[Group]) -> str:
    return " ".join((inspect.getdoc(group) or "").split())


def _default(group: type[Group], field: str) -> str | None:
    """As it is written in a .env file; None for a required one."""
    info = group.model_fields[field]
    if info.is_required():
        return None
    default: Any = info.default
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    if hasattr(default, "get_secret_value"):
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def _unit(group: type[Group], field: str) -> str:
    hint = get_type_hints(group, include_extras=True)[field]
    if hint == Seconds:
        return "seconds"
    return "per minute" if hint == PerMinute else ""


def _comment(text: str, first: str = "# ") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent="# ", break_on_hyphens=False
    )
