"""The pages that the code writes are up to date: `watibot reference --write .` renews them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from watibot.cli.reference import PAGES, env_example
from watibot.environment import variables

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name]()


def test_the_example_names_every_variable_and_leaves_only_the_required_open(
    tmp_path: Path,
) -> None:
    file = tmp_path / ".env"
    file.write_text(env_example(), encoding="utf-8")
    required = {
        name
        for name, (group, field) in variables().items()
        if group.model_fields[field].is_required()
    }
    assert dotenv_values(file) == dict.fromkeys(required, "")
    file.write_text(
        "\n".join(
            line.removeprefix("#")
            for line in env_example().splitlines()
            if line.startswith("#") and "=" in line and not line.startswith("# ")
        ),
        encoding="utf-8",
    )
    assert set(dotenv_values(file)) == set(variables()) - required
