"""The demonstration's morning, as somebody runs it who has just cloned the repository.

`make demo` goes on with a migration, which takes longer than a test may.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest


@pytest.mark.timeout(100)
def test_the_demo_ends_by_itself_and_everything_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watibot", "demo", "--speed", "10", "--no-migration"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(re.findall(r"^([a-z ]+?)  +(\S.*?) *$", done.stdout, re.MULTILINE))
    assert found["guests"] == "15"
    assert [found[name] for name in ("lost", "doubled", "out of order")] == ["0", "0", "0"]
    assert "not ok" not in done.stdout
    for said in ("WhatsApp", "Messenger", "Instagram", "the model is away", "staff are told"):
        assert said in done.stdout
    assert done.stdout.count("is given back") == 3
    for hour in ("2:40 p. m.", "3:10 p. m.", "2:50 p. m."):
        assert len(re.findall(f"← Como le dijo .*{hour}", done.stdout)) > 0, hour
    assert re.search(r"in the console: http://127.0.0.1:\d+/console  \(ana, ", done.stdout)
    assert re.search(r"phone to play with: http://127.0.0.1:\d+$", done.stdout, re.MULTILINE)
    assert "ok     the console showed the morning live" in done.stdout
    laid = re.findall(r"^ *(\S.*?) {2,}(\S+) +(\S+) +ok  \w", done.stdout, re.MULTILINE)
    assert len(laid) == 18
    assert all(console == journals for _, console, journals in laid)
    assert {name: figure for name, _, figure in laid}["calls of the model"] != "0"
    assert "migrate" not in done.stdout
    assert "\x1b" not in done.stdout, "colours are for terminals"


@pytest.mark.timeout(100)
def test_it_stays_until_it_is_stopped() -> None:
    words = ["watibot", "demo", "--speed", "20", "--no-migration", "--stay"]
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = []
        for line in process.stdout:
            told.append(line)
            if "until Ctrl-C" in line:
                break
        console, phone = (
            re.findall(rf"{name}: (\S+)", "".join(told)) for name in ("console", "with")
        )
        assert len(set(console)) == len(set(phone)) == 1
        for url in (console[0], phone[0]):
            with urlopen(url) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
    failed = [line for line in told if line.startswith("not ok")]
    assert process.returncode == (1 if failed else 0)
    with pytest.raises(OSError, match="refused"):
        urlopen(console[0])
