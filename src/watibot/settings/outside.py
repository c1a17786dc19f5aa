"""Who is talked to: the channels, the model and its sessions, the server that still has threads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from watibot.settings.group import Group, Names, PerMinute, Seconds


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
