"""Every setting, grouped, with its unit and reason; `environment.py` reads them once at the start.

What concerns the hotel and not the machine stands in the hotel file (`hotel.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Seconds = Annotated[float, Field(ge=0)]
PerMinute = Annotated[float, Field(gt=0)]
Names = Annotated[tuple[str, ...], NoDecode]


class Group(BaseSettings):
    """A group of settings; `env_prefix` + field name in capitals is the variable."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @field_validator("*", mode="before")
    @classmethod
    def _split_names(cls, value: Any, info: Any) -> Any:
        if (
            isinstance(value, str)
            and cls.model_fields[info.field_name].annotation == tuple[str, ...]
        ):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


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
    clock: str = Field(
        "",
        pattern=r"^(\d+(\.\d+)?@\d+(\.\d+)?)?$",
        description="For rehearsals: SPEED@EPOCH runs time SPEED times faster from EPOCH on",
    )


class Wati(Group):
    """WhatsApp through WATI. Without WATI_BASE_URL the channel is off."""

    model_config = SettingsConfigDict(env_prefix="WATI_")

    base_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="With the tenant: https://live-mt-server.wati.io/300100",
    )
    token: SecretStr = Field(SecretStr(""), description="API token, with or without 'Bearer '")
    bot_operators: Names = Field(
        ("api", "bot", "system", "wati"),
        description="Operator names and e-mails under which WATI shows what the API sent",
    )
    sends_per_minute: PerMinute = Field(300, description="Own limit for sends")
    calls_per_month: int = Field(
        200_000,
        ge=0,
        description="What the plan allows (Growth 10000, Pro 200000, Business 20000000); 0: "
        "nobody counts. Calls are counted, and looks at the history become rare before it is used "
        "up",
    )
    look: str = Field(
        "turn",
        pattern="^(turn|gap|off)$",
        description="When a chat's history at WATI is compared with ours, to see what colleagues "
        "wrote or took: at every turn, after a gap (WATI_MIN_GAP_MINUTES), or never",
    )
    min_gap_minutes: float = Field(
        30, ge=5, description="Silence after which there may be something new to read"
    )
    poll_seconds: Seconds = Field(
        0, description="For plans without webhooks: how often chats are read. 0: webhooks tell"
    )
    past_messages: int = Field(
        1000,
        ge=0,
        description="Messages from before the hotel began with WatiBot that are read, once for "
        "each conversation, as its past; 0: none",
    )
    chat_url: str = Field(
        "",
        description="A chat in WATI's own inbox, for notices to staff: {conversationId} and {waId} "
        "are filled in, as in https://live.wati.io/300100/teamInbox/{conversationId}",
    )
    bubble_gap: Seconds = Field(0.8, description="Between two bubbles to one guest")
    timeout: Seconds = Field(15, description="For one request")


class Manychat(Group):
    """Messenger and Instagram through ManyChat. Without MANYCHAT_TOKEN the channels are off."""

    model_config = SettingsConfigDict(env_prefix="MANYCHAT_")

    base_url: str = Field(
        "https://api.manychat.com", pattern=r"^https?://[^\s?#]+$", description="ManyChat's API"
    )
    token: SecretStr = Field(SecretStr(""), description="API token, page_id:hex")
    sends_per_minute: PerMinute = Field(600, description="Own limit; ManyChat's is 25 a second")
    bubble_gap: Seconds = Field(
        0.8, description="Between two bubbles to one guest: keeps the order"
    )
    timeout: Seconds = Field(15, description="For one request")
    bot_off_names: Names = Field(
        ("bot_off",), description="Tags or custom fields by which staff take a conversation"
    )
    note_fields: Names = Field(
        ("bot_note",),
        description="Custom fields in which staff leave a note for the assistant when they give a "
        "conversation back: ManyChat's own inbox cannot be read",
    )


class Media(Group):
    """Files that guests send."""

    model_config = SettingsConfigDict(env_prefix="MEDIA_")

    extra_hosts: Names = Field(
        (), description="Hosts (name or name:port) trusted beside WATI's own and Meta's CDN"
    )
    largest_bytes: int = Field(25 * 1024 * 1024, ge=1024, description="Larger files are refused")
    timeout: Seconds = Field(20, description="For one download")


class Vertex(Group):
    """Gemini and Agent Engine Sessions. The model is served on global, us and eu, sessions live
    in a region: each has its own location."""

    model_config = SettingsConfigDict(env_prefix="VERTEX_")

    project: str = Field(description="Google Cloud project id", min_length=1)
    engine_id: str = Field(description="Agent Engine (reasoningEngines) id", pattern=r"^\d+$")
    credentials_file: Path | None = Field(
        None,
        validation_alias=AliasChoices(
            "VERTEX_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "credentials_file"
        ),
        description="A service account's JSON file, also as GOOGLE_APPLICATION_CREDENTIALS. Empty: "
        "the machine's own credentials (gcloud, metadata server)",
    )
    model: str = Field("gemini-3.8-flash", min_length=1, description="Model id")
    model_location: str = Field("global", min_length=1, description="Where the model is called")
    sessions_location: str = Field("us-central1", min_length=1, description="Where sessions live")
    model_base_url: str = Field(
        "", pattern=r"^(https?://[^\s?#]+)?$", description="Empty: Google's"
    )
    sessions_base_url: str = Field(
        "", pattern=r"^(https?://[^\s?#]+)?$", description="Empty: Google's, by location"
    )
    thinking_level: str = Field(
        "low", pattern="^(low|medium|high)$", description="Gemini 3 and later"
    )
    model_calls_per_minute: PerMinute = Field(300, description="Own limit, below the quota")
    appends_per_minute: PerMinute = Field(290, description="Own limit; the default quota is 300")
    session_writes_per_minute: PerMinute = Field(90, description="Own limit; the quota is 100")
    session_days: int = Field(365, ge=1, le=3650, description="A session's time to live")
    timeout: Seconds = Field(20, description="For one call of the sessions API")
    history_items: int = Field(
        200,
        ge=20,
        description="History items in a prompt at most; the oldest are left out in blocks of half "
        "of it, so that the prompt's beginning stays the same from call to call",
    )
    history_tokens: int = Field(
        24_000,
        ge=1_000,
        description="Tokens of history in a prompt, about: the older half of more than that is "
        "folded into a summary, which is made once and kept",
    )


class OpenAI(Group):
    """The server that still has the hotel's threads, while there is one: Azure AI Foundry, a
    self-hosted one, OpenAI's Conversations API. Without OPENAI_BASE_URL nothing is asked there."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_")

    base_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="With the version: https://api.openai.com/v1, or "
        "https://RES.services.ai.azure.com/api/projects/PRJ",
    )
    api_key: SecretStr = Field(SecretStr(""), description="API key or token")
    key_command: str = Field(
        "",
        description="A command that prints a fresh token, instead of OPENAI_API_KEY: az account "
        "get-access-token --resource https://ai.azure.com --query accessToken -o tsv",
    )
    auth: str = Field(
        "bearer", pattern="^(bearer|api-key)$", description="The header that carries the key"
    )
    query: str = Field(
        "",
        pattern=r"^([^=&\s]+=[^&\s]*(&[^=&\s]+=[^&\s]*)*)?$",
        description="Added to every URL: api-version=v1",
    )
    org_id: str = Field("", description="Header OpenAI-Organization")
    project_id: str = Field("", description="Header OpenAI-Project")
    assistant_id: str = Field(
        "",
        description="The assistant that answers conversations that are not cut over. Empty: Gemini "
        "answers them too, from what is known here",
    )
    requests_per_minute: PerMinute = Field(600, description="Own limit")
    timeout: Seconds = Field(20, description="For one request")
    poll: Annotated[float, Field(gt=0)] = Field(1, description="Seconds between looks at a run")


class Migration(Group):
    """Carrying threads over into sessions."""

    model_config = SettingsConfigDict(env_prefix="MIGRATION_")

    exports: Path | None = Field(
        None, description="Folder or file with exported threads, in any of the known layouts"
    )
    mapping: Path | None = Field(
        None,
        description="File of lines THREAD_ID,CONVERSATION_ID (or with a tab), for threads that "
        "were copied into OpenAI's Conversations API",
    )
    archive_dir: Path = Field(
        Path("var/archive"), description="Where threads are kept, one compressed file each"
    )
    sources: Names = Field(
        ("assistants", "conversations", "exports", "archive", "wati"),
        description="Which sources are asked, the first that has a conversation gives it: "
        "assistants and conversations (at OPENAI_BASE_URL), exports (MIGRATION_EXPORTS), archive "
        "(MIGRATION_ARCHIVE_DIR, what was kept already), wati (its own history of the chat). Those "
        "that live go before copies, which may be old",
    )
    at_once: int = Field(16, ge=1, le=256, description="Conversations under work at once")


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
    "whatsapp": WhatsappDebounce,
    "facebook": FacebookDebounce,
    "instagram": InstagramDebounce,
}
