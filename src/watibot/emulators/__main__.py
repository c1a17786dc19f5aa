"""`python -m watibot.emulators`: runs emulators until SIGTERM or Ctrl-C.

Prints the settings of a service that is to talk to them, one KEY=VALUE a line, then "ready".
Without a port option all of them start, on free ports.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import uvloop

from watibot.emulators import EMULATORS
from watibot.emulators.launch import launch, settings_for


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m watibot.emulators", description=__doc__)
    for name in EMULATORS:
        parser.add_argument(f"--{name}", type=int, metavar="PORT", help="0 takes a free port")
    parser.add_argument("--webhook", metavar="URL", help="the service, e.g. http://127.0.0.1:8003")
    parser.add_argument("--secret", default="", help="what the service expects of a webhook")
    parser.add_argument("--clock", metavar="SPEED@EPOCH", help="virtual time; default: real time")
    parser.add_argument(
        "--directory", type=Path, help="for the service account; default: a new one"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME.KEY=VALUE",
        help="a setting of an emulator, e.g. wati.retry_seconds=5; JSON or plain text",
    )
    return parser.parse_args(given)


def options_from(pairs: Sequence[str]) -> dict[str, dict[str, object]]:
    """The settings by emulator of `["wati.retry_seconds=5", ...]`."""
    options: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for pair in pairs:
        target, _, text = pair.partition("=")
        name, _, key = target.partition(".")
        if name not in EMULATORS or not key:
            raise ValueError(f"--set {pair}: NAME.KEY=VALUE is expected, NAME in {list(EMULATORS)}")
        try:
            options[name][key] = json.loads(text)
        except ValueError:
            options[name][key] = text
    return options


async def run(asked: argparse.Namespace) -> None:
    ports = {name: port for name in EMULATORS if (port := getattr(asked, name)) is not None}
    options = options_from(asked.set)
    directory = asked.directory or Path(tempfile.mkdtemp(prefix="watibot-emulators-"))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    chosen = ports or dict.fromkeys(EMULATORS, 0)
    async with launch(chosen, asked.clock, asked.webhook, options, asked.secret) as urls:
        found = settings_for(urls, directory, asked.clock, options, asked.secret)
        lines = [f"{key}={value}\n" for key, value in found.items()]
        sys.stdout.write("".join(lines) + "ready\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    try:
        uvloop.run(run(arguments()))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
