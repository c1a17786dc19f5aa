"""`watibot`: one command line for the operator.

Each command's module is imported only when it is called, so that `watibot --help` is quick.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from watibot.errors import SettingsError, StoreError

# command -> (module with a typer app or function `command`, help)
COMMANDS = {
    "serve": "Runs the service",
    "doctor": "Checks settings, store, channels and Vertex, and says what to fix",
    "demo": "Plays a morning of a hotel with emulated providers",
    "rehearse": "Plays recorded dialogues through the emulators",
    "emulate": "Starts emulators of WATI, ManyChat and Vertex",
    "migrate": "Carries conversations from OpenAI's threads into Vertex sessions",
    "inspect": "Looks into conversations, sessions, quarantine and notices",
    "costs": "What the service costs, by conversation, channel, model and day",
    "guest": "Gives out or erases what is kept of a guest, and lists the receipts",
    "user": "Who may sign in to the console",
    "backup": "Copies the store and guests' files while the service runs",
    "restore": "Puts a backup in the store's place",
    "db": "Adopts an earlier system's database and gives it back; the store's schema",
    "reference": "Prints the pages that the code writes",
}
HIDDEN = {"reference"}
LATER_EXIT = 75  # EX_TEMPFAIL: systemd tries again
SETTINGS_EXIT = 78  # EX_CONFIG of sysexits.h: systemd does not try again


class LazyGroup(TyperGroup):
    """Knows the commands' names and imports one when it is asked for."""

    _listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list needs names and one line each, not the commands themselves."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in COMMANDS if name not in HIDDEN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if self._listing:
            return TyperCommand(cmd_name, short_help=COMMANDS[cmd_name])
        module = import_module(f"watibot.cli.{cmd_name}")
        command = get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False)


@app.callback()
def about() -> None:
    """Answers a hotel's guests, and hands over to people."""


def main() -> None:
    """Entry point. A settings mistake is one line and exit status 78; a store that is
    away is one line and 75."""
    os.umask(0o077)  # what is written holds guests' words and numbers
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        typer.echo(f"watibot: {error}", err=True)
        raise SystemExit(SETTINGS_EXIT) from None
    except StoreError as error:
        typer.echo(f"watibot: {error}", err=True)
        raise SystemExit(LATER_EXIT) from None
