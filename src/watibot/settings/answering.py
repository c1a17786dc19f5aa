"""How an answer is made: patience, bursts, limits, colleagues."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from watibot.settings.group import Group, Seconds


class Patience(Group):
    """Limits of one answer."""

    model_config = SettingsConfigDict(env_prefix="PATIENCE_")

    interaction: Seconds = Field(180, description="For one model call")
    answer: Seconds = Field(300, description="Of work for one answer, waits for retries left out")
    recoveries: int = Field(3, ge=0, description="Recoveries of one answer")
    tries: int = Field(30, ge=1, description="Tries of one model call")
    backoff_first: Seconds = Field(
        10, description="First wait between two tries; doubles each time"
    )
    backoff_cap: Seconds = Field(300, description="Longest wait between two tries")
    backoff_jitter: float = Field(0.2, ge=0, le=1, description="Share of the wait added by chance")
    tool: Seconds = Field(30, description="For one tool call")
    rounds: int = Field(8, ge=1, description="Rounds of tool calls in one answer")
    restarts: int = Field(2, ge=0, description="Fresh starts for a guest who keeps writing")
    takeover_hours: float = Field(
        12,
        gt=0,
        description="A takeover by staff ends by itself after so many hours without a word",
    )


class Debounce(Group):
    """How long to wait for more messages before answering."""

    quiet: Seconds = Field(4, description="After an ordinary message")
    quiet_when_complete: Seconds = Field(
        2, description="After a message that plainly ends a thought"
    )
    quiet_after_media: Seconds = Field(7, description="After a file: albums come one by one")
    longest_wait: Seconds = Field(20, description="From the first message of a burst on")


class WhatsappDebounce(Debounce):
    model_config = SettingsConfigDict(env_prefix="DEBOUNCE_WHATSAPP_")


class FacebookDebounce(Debounce):
    model_config = SettingsConfigDict(env_prefix="DEBOUNCE_FACEBOOK_")


class InstagramDebounce(Debounce):
    model_config = SettingsConfigDict(env_prefix="DEBOUNCE_INSTAGRAM_")


class Limits(Group):
    """What one guest may use up. Above it the answer is polite and costs nothing."""

    model_config = SettingsConfigDict(env_prefix="LIMITS_")

    turns_per_10_minutes: int = Field(20, ge=1, description="Answers to one guest")
    turns_per_day: int = Field(150, ge=1, description="Answers to one guest in 24 hours")
    characters: int = Field(
        8_000, ge=500, description="Of one message that the model is given; the rest is left out"
    )


class Staff(Group):
    """How colleagues are told."""

    model_config = SettingsConfigDict(env_prefix="STAFF_")

    repeat_minutes: float = Field(
        15, ge=1, description="An escalation that nobody acknowledged is told again after so long"
    )
    repeats: int = Field(8, ge=0, description="How often it is told again")

    notify_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Where alerts go, as apprise URLs, separated by blanks"
    )

    @field_validator("notify_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value
