"""What the properties of the store start from."""

from __future__ import annotations

from tests.contract.conftest import sqlite_template as sqlite_template
