"""Every table, for what needs them all: migrations, a copy of the schema, tests."""

from __future__ import annotations

from watibot.storage import desk_tables, migration_tables, money_tables
from watibot.storage.tables import metadata

__all__ = ["desk_tables", "metadata", "migration_tables", "money_tables"]
