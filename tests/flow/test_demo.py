"""The demonstration's morning, as somebody runs it who has just cloned the repository.

`make demo` goes on with a migration, which takes longer than a test may.
"""

from __future__ import annotations

import re
import subprocess
import sys

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
    assert "migrate" not in done.stdout
    assert "\x1b" not in done.stdout, "colours are for terminals"
