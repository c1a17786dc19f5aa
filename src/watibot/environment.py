"""Reads the settings, once at the start: variables of the environment and of a `.env` file.

The environment wins. A wrong, missing or misspelt variable stops the start with one line. The
groups are in `settings/`.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from watibot.errors import SettingsError
from watibot.settings import GROUPS, Group, Settings

_PASSWORD = re.compile(r"(://[^/\s:@]*:).*@")  # in a URL


def variables() -> dict[str, tuple[type[Group], str]]:
    """Every variable with its group and field."""
    return {
        f"{group.model_config.get('env_prefix', '')}{field}".upper(): (group, field)
        for group in GROUPS.values()
        for field in group.model_fields
    }


def load(env_file: Path | None = Path(".env")) -> Settings:
    """Reads all settings. Raises SettingsError, which names the first variable that is wrong."""
    if env_file is not None and not env_file.is_file():
        if env_file != Path(".env"):
            raise SettingsError("--env-file", f"no file at {env_file}", "a file of KEY=VALUE lines")
        env_file = None
    _refuse_misspelt(env_file)
    made: dict[str, Any] = {}
    for name, group in GROUPS.items():
        try:
            made[name] = group(_env_file=env_file)
        except ValidationError as error:
            raise _readable(group, error) from None
    settings = Settings(**made)
    _check_together(settings)
    return settings


def _refuse_misspelt(env_file: Path | None) -> None:
    known = variables()
    prefixes = tuple({str(group.model_config.get("env_prefix", "")) for group in GROUPS.values()})
    try:
        given = set(os.environ) | set(dotenv_values(env_file) if env_file else {})
    except UnicodeDecodeError:
        raise SettingsError(str(env_file), "bytes that are not UTF-8", "text in UTF-8") from None
    for variable in sorted(given):
        if variable.startswith(prefixes) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = (
                f"a known setting, perhaps {near[0]}"
                if near
                else "a known setting or no such variable"
            )
            raise SettingsError(variable, "a setting that does not exist", hint)


def _readable(group: type[Group], error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False, include_context=False)[0]
    field = str(first["loc"][0])
    variable = f"{group.model_config.get('env_prefix', '')}{field}".upper()
    described = group.model_fields[field].description or ""
    if first["type"] == "missing":
        return SettingsError(variable, "nothing", described)
    secret = "SecretStr" in str(group.model_fields[field].annotation)
    shown = _PASSWORD.sub(r"\1***@", repr(first["input"]))
    found = "a secret that is not shown" if secret else shown
    return SettingsError(variable, found, f"{described} ({first['msg']})")


def _check_together(settings: Settings) -> None:
    if settings.wati.base_url and not settings.wati.token.get_secret_value():
        raise SettingsError("WATI_TOKEN", "nothing", "WATI's API token, since WATI_BASE_URL is set")
    if not settings.wati.base_url and not settings.manychat.token.get_secret_value():
        raise SettingsError(
            "WATI_BASE_URL", "nothing", "at least one channel: WATI_BASE_URL or MANYCHAT_TOKEN"
        )
    for path, variable in (
        (settings.service.hotel_file, "WATIBOT_HOTEL_FILE"),
        (settings.service.instructions_file, "WATIBOT_INSTRUCTIONS_FILE"),
        (settings.vertex.credentials_file, "VERTEX_CREDENTIALS_FILE"),
    ):
        if path is not None and not path.is_file():
            raise SettingsError(variable, f"no file at {path}", "a file that can be read")
