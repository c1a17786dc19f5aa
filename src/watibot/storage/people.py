"""The store's door for what concerns people: `ports.People` over SQLite or PostgreSQL."""

from __future__ import annotations

from watibot.storage.door import Door


class SqlPeople:
    """`ports.People` for one hotel; `SqlStore.people` is one."""

    def __init__(self, door: Door) -> None:
        self._door = door
