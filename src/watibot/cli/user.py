"""`watibot user`: who may sign in to the console, beside a running service or without one.

What it writes is in `storage/users.py`; what people did there is in the console's own log.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from watibot.cli import show
from watibot.engines.clock import SystemClock
from watibot.environment import load
from watibot.hotel import Hotel
from watibot.hotel import load as load_hotel
from watibot.ports.console import Entry, Role
from watibot.settings import Settings
from watibot.storage import looks, users
from watibot.web.console.passwords import LONGEST, SHORTEST, hashed

app = typer.Typer(add_completion=False, no_args_is_help=True)

EnvFile = Annotated[Path, typer.Option(help="File with settings, KEY=VALUE")]
Json = Annotated[bool, typer.Option("--json", help="For machines")]
Name = Annotated[str, typer.Argument(help="The name to sign in with: letters, digits, . _ @ -")]
DOT_ENV = Path(".env")
LONGEST_NAME = 60  # characters
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,39}")


@app.callback()
def about() -> None:
    """Who may use the console (/console)."""


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="desk answers guests; owner sees the log too")] = (
        Role.DESK
    ),
    full_name: Annotated[
        str,
        typer.Option(
            "--name", help="What guests and colleagues read; without it NAME with a capital"
        ),
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="One line of standard input, for scripts")
    ] = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """Adds a user. The password is asked for, at least 10 characters."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("up to 40 small letters, digits and . _ @ -, a letter first")
    read = " ".join(full_name.split()) or name[:1].upper() + name[1:]
    if len(read) > LONGEST_NAME or not read.isprintable():
        raise typer.BadParameter(
            f"a name of at most {LONGEST_NAME} characters", param_hint="--name"
        )
    settings, hotel = _here(env_file)
    password = _password(password_stdin)
    at = SystemClock(settings.service.clock).now()
    with looks.changing(settings.service.database_url, hotel.id) as tx:
        if not users.add_user(tx, name, read, hashed(password), role, at):
            _end(f"there is a user {name} already")
        users.note(tx, Entry(at, name, "user.added", None, role.value))
    typer.echo(f"{name} ({read}) may sign in at /console, as {role.value}")


@app.command(name="list")
def list_users(as_json: Json = False, env_file: EnvFile = DOT_ENV) -> None:
    """Users, their roles, and since when they are disabled."""
    settings, hotel = _here(env_file)
    with looks.looking(settings.service.database_url, hotel.id) as tx:
        found = users.all_users(tx)
    lines = [
        {
            "name": one.user_name,
            "full_name": one.full_name,
            "role": one.role.value,
            "created_at": one.created_at,
            "disabled_at": one.disabled_at,
        }
        for one in found
    ]
    if as_json:
        show.as_json(lines)
    else:
        show.rows("Users", lines, hotel.zone)


@app.command()
def password(
    name: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="One line of standard input, for scripts")
    ] = False,
    env_file: EnvFile = DOT_ENV,
) -> None:
    """A new password, for a colleague who forgot it or was disabled; signed out everywhere."""
    settings, hotel = _here(env_file)
    new = _password(password_stdin)
    at = SystemClock(settings.service.clock).now()
    with looks.changing(settings.service.database_url, hotel.id) as tx:
        if not users.change_password(tx, name, hashed(new)):
            _end(f"there is no user {name}")
        users.note(tx, Entry(at, name, "user.password"))
    typer.echo(f"{name} may sign in with the new password")


@app.command()
def disable(name: Name, env_file: EnvFile = DOT_ENV) -> None:
    """The user is signed out everywhere at once and may not sign in any more."""
    settings, hotel = _here(env_file)
    at = SystemClock(settings.service.clock).now()
    with looks.changing(settings.service.database_url, hotel.id) as tx:
        if not users.disable_user(tx, name, at):
            _end(f"there is no user {name} who may sign in")
        users.note(tx, Entry(at, name, "user.disabled"))
    typer.echo(f"{name} may not sign in any more")


def _here(env_file: Path) -> tuple[Settings, Hotel]:
    settings = load(env_file)
    return settings, load_hotel(settings.service.hotel_file)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not SHORTEST <= len(password) <= LONGEST:
        _end(f"a password of {SHORTEST} to {LONGEST} characters is wanted")
    return password


def _end(reason: str) -> None:
    typer.echo(f"watibot user: {reason}", err=True)
    raise typer.Exit(1)
