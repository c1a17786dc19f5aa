"""The process itself: its files and its store, its money, what it promises."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from watibot.settings.group import Group, Seconds


class Service(Group):
    """The process, its files and its store."""

    model_config = SettingsConfigDict(env_prefix="WATIBOT_")

    host: str = Field("0.0.0.0", description="Address to listen on")
    port: int = Field(8003, ge=0, le=65535, description="Port to listen on")
    webhook_secret: SecretStr = Field(
        description="Proof that a webhook comes from the provider, in the URL (`?token=`) or in "
        "the header X-Watibot-Secret: neither provider signs its requests. 16 characters or more",
        min_length=16,
    )
    database_url: str = Field(
        "sqlite:///var/watibot.db",
        pattern=r"^(sqlite:///.+|postgresql(\+psycopg)?://.+)$",
        description="sqlite:///path or postgresql://user:password@host/name",
    )
    data_dir: Path = Field(Path("var"), description="Folder for media and captures")
    hotel_file: Path = Field(Path("hotel.toml"), description="The hotel's own facts")
    instructions_file: Path = Field(
        Path("instructions.md"), description="System instructions, UTF-8, read again when changed"
    )
    turns_at_once: int = Field(
        8,
        ge=1,
        le=256,
        description="Turns under work at once; the rest waits as rows. Without a cap 1,000 turns "
        "falling due together hold up the webhooks",
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level"
    )
    capture_per_kind: int = Field(
        0, ge=0, le=1000, description="Keep the first N payloads of each kind, redacted, as cases"
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="Where people reach this service, for links to its console in notices: "
        "https://bot.hotel.example",
    )
    traces: str = Field(
        "off",
        pattern="^(off|otlp)$",
        description="otlp: OpenTelemetry traces to OTEL_EXPORTER_OTLP_ENDPOINT; needs the extra "
        "watibot[traces]",
    )
    phone_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="A guest's phone to play with, of the emulators; the console links to it",
    )
    clock: str = Field(
        "",
        pattern=r"^(\d+(\.\d+)?@\d+(\.\d+)?)?$",
        description="For rehearsals: SPEED@EPOCH runs time SPEED times faster from EPOCH on",
    )


class Costs(Group):
    """Money, in US dollars. What is spent is counted whatever is set here."""

    model_config = SettingsConfigDict(env_prefix="COSTS_")

    per_month: float = Field(
        50, ge=0, description="The month's budget; staff are told at 50, 80 and 100 %. 0: none"
    )
    per_conversation: float = Field(
        0.05, gt=0, description="What a conversation may cost on average; the console compares"
    )
    hold_back: bool = Field(
        False,
        description="At the month's budget guests are given a short polite answer and staff are "
        "told, and the model is not asked any more until the next month",
    )
    prices_file: Path | None = Field(
        None, description="A price list of your own, in the form of providers/prices.toml"
    )
    cache: str = Field(
        "auto",
        pattern="^(auto|off)$",
        description="auto: the instructions are kept in an explicit cache at the model while that "
        "is cheaper than what the model's own caching was measured to save; off: never",
    )


class Targets(Group):
    """What the service promises, and what it says when it falls short."""

    model_config = SettingsConfigDict(env_prefix="TARGETS_")

    answer: Seconds = Field(3, description="From the end of a burst to the hand-over of its answer")
    answer_share: float = Field(
        0.95, gt=0, lt=1, description="Share of answers that are to be so quick"
    )
    answered_share: float = Field(
        0.995, gt=0, lt=1, description="Share of turns that end in an answer"
    )
    tools_share: float = Field(0.98, gt=0, lt=1, description="Share of tool calls that succeed")
    alerts: bool = Field(
        True, description="Staff are told when one of these is being missed, fast or for long"
    )
