"""Every mistake in the settings is one line that names the variable, what was found and what is
expected, and never a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watibot import samples_folder
from watibot.environment import load, variables
from watibot.errors import SettingsError
from watibot.settings import GROUPS

SECRET = "a-secret-for-tests-only"
GOOD = {
    "WATIBOT_WEBHOOK_SECRET": SECRET,
    "WATIBOT_HOTEL_FILE": str(samples_folder() / "hotel.toml"),
    "WATIBOT_INSTRUCTIONS_FILE": str(samples_folder() / "instrucciones.md"),
    "WATI_BASE_URL": "http://127.0.0.1:1/300100",
    "WATI_TOKEN": "wati-token-for-tests",
    "VERTEX_PROJECT": "demo-hotel",
    "VERTEX_ENGINE_ID": "4242",
}
PREFIXES = tuple(str(group.model_config.get("env_prefix")) for group in GROUPS.values())


@pytest.fixture(autouse=True)
def _only_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.startswith(PREFIXES):
            monkeypatch.delenv(variable)
    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)


# variable, value (None: taken away), what the line says was found, a word of what is expected
WRONG: list[tuple[str, str | None, str, str]] = [
    # missing
    ("WATIBOT_WEBHOOK_SECRET", None, "nothing", "Proof that a webhook comes"),
    ("VERTEX_PROJECT", None, "nothing", "Google Cloud project id"),
    ("VERTEX_ENGINE_ID", None, "nothing", "Agent Engine"),
    ("WATI_TOKEN", None, "nothing", "since WATI_BASE_URL is set"),
    ("WATI_BASE_URL", None, "nothing", "at least one channel"),
    # empty is missing
    ("VERTEX_PROJECT", "", "nothing", "Google Cloud project id"),
    # of the wrong kind
    ("WATIBOT_PORT", "eighty", "'eighty'", "valid integer"),
    ("PATIENCE_ANSWER", "soon", "'soon'", "valid number"),
    # out of range
    ("WATIBOT_PORT", "65536", "'65536'", "less than or equal to 65535"),
    ("WATIBOT_TURNS_AT_ONCE", "0", "'0'", "greater than or equal to 1"),
    ("WATI_SENDS_PER_MINUTE", "0", "'0'", "greater than 0"),
    ("DEBOUNCE_WHATSAPP_QUIET", "-1", "'-1'", "greater than or equal to 0"),
    ("PATIENCE_BACKOFF_JITTER", "1.5", "'1.5'", "less than or equal to 1"),
    ("VERTEX_SESSION_DAYS", "0", "'0'", "greater than or equal to 1"),
    # of the wrong form
    ("WATI_BASE_URL", "live-mt-server.wati.io/300100", "'live-mt-", "With the tenant"),
    ("WATI_BASE_URL", "https://x.example/1?a=b", "'https://x", "With the tenant"),
    ("MANYCHAT_BASE_URL", "ftp://x.example", "'ftp://x.example'", "pattern"),
    ("VERTEX_ENGINE_ID", "my-engine", "'my-engine'", "Agent Engine"),
    ("VERTEX_THINKING_LEVEL", "deep", "'deep'", "low|medium|high"),
    ("WATIBOT_LOG_LEVEL", "loud", "'loud'", "debug|info"),
    ("WATIBOT_CLOCK", "fast", "'fast'", "SPEED@EPOCH"),
    # files
    ("WATIBOT_HOTEL_FILE", "/nowhere/hotel.toml", "no file at /nowhere", "can be read"),
    ("WATIBOT_INSTRUCTIONS_FILE", "/nowhere/i.md", "no file at /nowhere", "can be read"),
    # misspelt
    ("WATIBOT_PROT", "8003", "does not exist", "perhaps WATIBOT_PORT"),
    ("WATI_TOKENS", "x", "does not exist", "perhaps WATI_TOKEN"),
    ("VERTEX_ENGINEID", "4242", "does not exist", "perhaps VERTEX_ENGINE_ID"),
    ("MANYCHAT_ZZZZZZZZZZ", "x", "does not exist", "no such variable"),
    # more than one line in a value
    ("WATIBOT_PORT", "80\n03", "'80\\n03'", "valid integer"),
]


@pytest.mark.parametrize(
    ("variable", "value", "found", "expected"), WRONG, ids=[f"{w[0]}={w[1]}" for w in WRONG]
)
def test_a_wrong_one_is_one_line(
    variable: str, value: str | None, found: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as error:
        load(None)

    line = str(error.value)
    assert line.startswith(f"{variable}: found ")
    assert found in error.value.found
    assert expected in error.value.expected
    assert len(line.splitlines()) == 1


# What is wrong here must not be read by whoever reads the line.
SECRETS = [
    ("WATIBOT_WEBHOOK_SECRET", "too-short-77"),
    ("WATIBOT_DATABASE_URL", "mysql://hotel:pass-word-77@127.0.0.1/watibot"),
    ("WATIBOT_DATABASE_URL", "postgres://hotel:pass-word-77@127.0.0.1/watibot"),
]


@pytest.mark.parametrize(("variable", "value"), SECRETS)
def test_a_wrong_secret_is_not_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: found ") as error:
        load(None)
    assert "77" not in str(error.value)


def test_secrets_are_masked_wherever_settings_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MANYCHAT_TOKEN", "300100:manychat-token")
    monkeypatch.setenv("STAFF_NOTIFY_URLS", "mailtos://user:mail-password@mail.example")
    shown = repr(load(None))
    for secret in (SECRET, GOOD["WATI_TOKEN"], "manychat-token", "mail-password"):
        assert secret not in shown


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("WATIBOT_PORT=9001\nWATIBOT_HOST=127.0.0.1\n", encoding="utf-8")
    monkeypatch.setenv("WATIBOT_PORT", "9002")
    service = load(file).service
    assert (service.host, service.port) == ("127.0.0.1", 9002)


def test_a_misspelt_one_in_the_file_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("WATIBOT_PROT=9001\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="perhaps WATIBOT_PORT"):
        load(file)


def test_lists_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATI_BOT_OPERATORS", "bot, api@hotel.example ,,")
    monkeypatch.setenv("STAFF_NOTIFY_URLS", "json://127.0.0.1/a  json://127.0.0.1/b")
    settings = load(None)
    assert settings.wati.bot_operators == ("bot", "api@hotel.example")
    assert [url.get_secret_value() for url in settings.staff.notify_urls] == [
        "json://127.0.0.1/a",
        "json://127.0.0.1/b",
    ]


def test_every_variable_says_what_it_is() -> None:
    for variable, (group, field) in variables().items():
        assert group.model_fields[field].description, variable


@pytest.mark.parametrize("command", [["serve"], ["db", "upgrade"], ["inspect", "conversations"]])
def test_a_command_prints_the_line_and_ends_with_78(command: list[str], tmp_path: Path) -> None:
    empty = tmp_path / "env"
    empty.touch()
    done = subprocess.run(
        [sys.executable, "-m", "watibot", *command, "--env-file", str(empty)],
        env={**os.environ, "WATIBOT_PORT": "eighty"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("watibot: WATIBOT_PORT: found 'eighty', expected ")


def test_an_env_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--env-file: found no file at"):
        load(tmp_path / "none")


def test_an_env_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_bytes(b"WATIBOT_PORT=\xff")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(path)
