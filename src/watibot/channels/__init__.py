"""The channels: every provider's messages become one form here, and ours become theirs.

`wiring.py` makes `Wati` and `Manychat` and gives the table below to the service; a new provider is
a class that keeps `ports.outside.Channel` and a line here.
"""

from __future__ import annotations

from watibot.messages import ChannelName
from watibot.ports.outside import Channel

# Which provider carries which channel: the provider's `Channel.name`.
CARRIERS: dict[ChannelName, str] = {
    ChannelName.WHATSAPP: "wati",
    ChannelName.FACEBOOK: "manychat",
    ChannelName.INSTAGRAM: "manychat",
}


def table(*channels: Channel) -> dict[ChannelName, Channel]:
    """The channels that are on, by the name that a conversation has."""
    made = {channel.name: channel for channel in channels}
    return {name: made[carrier] for name, carrier in CARRIERS.items() if carrier in made}
