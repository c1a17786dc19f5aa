"""Every setting, grouped, with its unit and reason; `environment.py` reads them once at the start.

What concerns the hotel and not the machine stands in the hotel file (`hotel.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from watibot.settings.answering import (
    Debounce,
    FacebookDebounce,
    InstagramDebounce,
    Limits,
    Patience,
    Staff,
    WhatsappDebounce,
)
from watibot.settings.group import Group
from watibot.settings.outside import Manychat, Media, Migration, OpenAI, Vertex, Wati
from watibot.settings.running import Costs, Service, Targets

__all__ = [
    "GROUPS",
    "Costs",
    "Debounce",
    "FacebookDebounce",
    "Group",
    "InstagramDebounce",
    "Limits",
    "Manychat",
    "Media",
    "Migration",
    "OpenAI",
    "Patience",
    "Service",
    "Settings",
    "Staff",
    "Targets",
    "Vertex",
    "Wati",
    "WhatsappDebounce",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """All groups."""

    service: Service
    wati: Wati
    manychat: Manychat
    media: Media
    vertex: Vertex
    openai: OpenAI
    migration: Migration
    patience: Patience
    limits: Limits
    staff: Staff
    costs: Costs
    targets: Targets
    whatsapp: WhatsappDebounce
    facebook: FacebookDebounce
    instagram: InstagramDebounce


GROUPS: dict[str, type[Group]] = {
    "service": Service,
    "wati": Wati,
    "manychat": Manychat,
    "media": Media,
    "vertex": Vertex,
    "openai": OpenAI,
    "migration": Migration,
    "patience": Patience,
    "limits": Limits,
    "staff": Staff,
    "costs": Costs,
    "targets": Targets,
    "whatsapp": WhatsappDebounce,
    "facebook": FacebookDebounce,
    "instagram": InstagramDebounce,
}
