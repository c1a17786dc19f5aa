"""`watibot user`: who may sign in to the console."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flow.house import HOTEL, INSTRUCTIONS, SECRET
from watibot.cli.user import app
from watibot.errors import SettingsError
from watibot.hotel import load as load_hotel
from watibot.ports.console import Role
from watibot.storage import looks, schema, users
from watibot.web.console.passwords import hashed, matches

PASSWORD = "una clave de prueba"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    wanted = {
        "WATIBOT_WEBHOOK_SECRET": SECRET,
        "WATIBOT_DATABASE_URL": url,
        "WATIBOT_HOTEL_FILE": str(HOTEL),
        "WATIBOT_INSTRUCTIONS_FILE": str(INSTRUCTIONS),
        "WATI_BASE_URL": "http://127.0.0.1:1",
        "WATI_TOKEN": "invented",
        "VERTEX_PROJECT": "invented",
        "VERTEX_ENGINE_ID": "1",
    }
    for variable, value in wanted.items():
        monkeypatch.setenv(variable, value)
    return url


def user(*arguments: str, given: str = "", status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, input=given)
    if isinstance(result.exception, SettingsError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def test_users_come_and_go(url: str) -> None:
    schema.upgrade(url)
    made = user("add", "rosa", "--name", " Rosa  Menjívar", given=f"{PASSWORD}\n{PASSWORD}\n")
    assert "rosa (Rosa Menjívar) may sign in" in made
    user("add", "ana", "--role", "owner", "--password-stdin", given=f"{PASSWORD}\n")
    assert "already" in user("add", "rosa", "--password-stdin", given=f"{PASSWORD}\n", status=1)
    listed = json.loads(user("list", "--json"))
    assert [(one["name"], one["full_name"], one["role"]) for one in listed] == [
        ("ana", "Ana", "owner"),
        ("rosa", "Rosa Menjívar", "desk"),
    ]
    assert PASSWORD not in user("list")
    user("disable", "rosa")
    assert "no user rosa" in user("disable", "rosa", status=1)
    with looks.looking(url, load_hotel(HOTEL).id) as tx:
        rosa = users.user(tx, "rosa")
        actions = [(one.user_name, one.action, one.detail) for one in users.entries(tx, 9)]
    assert rosa is not None
    assert rosa.disabled_at is not None
    assert rosa.role is Role.DESK
    assert matches(rosa.password_hash, PASSWORD)
    assert actions == [
        ("rosa", "user.disabled", None),
        ("ana", "user.added", "owner"),
        ("rosa", "user.added", "desk"),
    ]


def test_a_forgotten_password_is_replaced(url: str) -> None:
    schema.upgrade(url)
    user("add", "rosa", "--password-stdin", given=f"{PASSWORD}\n")
    user("disable", "rosa")
    user("password", "rosa", "--password-stdin", given="otra clave de prueba\n")
    with looks.looking(url, load_hotel(HOTEL).id) as tx:
        found = users.user(tx, "rosa")
    assert found is not None
    assert found.disabled_at is None
    assert matches(found.password_hash, "otra clave de prueba")
    assert not matches(found.password_hash, PASSWORD)
    told = user("password", "ana", "--password-stdin", given=f"{PASSWORD}\n", status=1)
    assert "there is no user ana" in told


@pytest.mark.parametrize("password", ["", "corta", "123456789", "x" * 201])
def test_a_password_has_a_length(url: str, password: str) -> None:
    schema.upgrade(url)
    said = user("add", "rosa", "--password-stdin", given=f"{password}\n", status=1)
    assert "10 to 200 characters" in said
    assert json.loads(user("list", "--json")) == []


@pytest.mark.parametrize("name", ["Rosa", "", "a b", "-x", "é", "x" * 41, "a/b", "? x"])
def test_a_name_is_plain(url: str, name: str) -> None:
    user("add", "--password-stdin", "--", name, given=f"{PASSWORD}\n", status=2)


@pytest.mark.parametrize("name", ["x" * 61, "Rosa\x1b[2J"])
def test_what_guests_read_is_a_line(url: str, name: str) -> None:
    schema.upgrade(url)
    given = f"{PASSWORD}\n"
    user("add", "rosa", "--password-stdin", "--name", name, given=given, status=2)


def test_a_store_without_tables_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="watibot db upgrade"):
        user("add", "rosa", "--password-stdin", given=f"{PASSWORD}\n")


def test_passwords() -> None:
    one, other = hashed(PASSWORD), hashed(PASSWORD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches(one, PASSWORD)
    assert not matches(one, PASSWORD + " ")
    assert not matches(None, PASSWORD)
    assert not matches(None, "a password that nobody has")
    assert not matches("not a hash", PASSWORD)
