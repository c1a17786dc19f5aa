"""Is this content one that ManyChat would send? A pure check, used by sendContent.

Limits and names are those of ManyChat's Dynamic Block reference (v2): at most 10 messages, 5
actions and 11 quick replies; 2000 characters a text on Messenger, 1000 bytes on Instagram (Meta's
own limit, in UTF-8). Unknown fields are refused: a typing mistake must not pass a test.
"""

from typing import Any

MESSENGER_CHARACTERS = 2000
INSTAGRAM_BYTES = 1000
LIMITS = {"messages": 10, "actions": 5, "quick_replies": 11}
CONTENT_FIELDS = {"type", *LIMITS, "external_message_callback"}
TYPES = ("instagram", "whatsapp", "telegram")
MEDIA = ("image", "video", "audio", "file")
MESSAGE_FIELDS = {
    "text": {"type", "text", "buttons"},
    **{media: {"type", "url", "buttons"} for media in MEDIA},
    "cards": {"type", "elements", "image_aspect_ratio"},
}
ON_INSTAGRAM = ("text", "image", "cards")


def fits(platform: str, text: str) -> bool:
    """Whether the text fits the platform ("instagram"; anything else is taken for Messenger)."""
    if platform == "instagram":
        return len(text.encode()) <= INSTAGRAM_BYTES
    return len(text) <= MESSENGER_CHARACTERS


def truncated(platform: str, text: str) -> str:
    """The part of the text that fits, as ManyChat cuts it."""
    if platform == "instagram":
        return text.encode()[:INSTAGRAM_BYTES].decode(errors="ignore")
    return text[:MESSENGER_CHARACTERS]


def complaints(data: object, truncate: bool) -> list[str]:
    """What is wrong with a sendContent's `data`; empty when it can be sent."""
    if not isinstance(data, dict):
        return ["data cannot be blank."]
    found = [f"data: unknown field {name}." for name in sorted(set(data) - {"version", "content"})]
    if data.get("version") != "v2":
        found.append("data.version must be v2.")
    content = data.get("content")
    if not isinstance(content, dict):
        return [*found, "data.content cannot be blank."]
    found += [f"content: unknown field {name}." for name in sorted(set(content) - CONTENT_FIELDS)]
    if "type" in content and content["type"] not in TYPES:
        found.append(f"content.type must be one of {', '.join(TYPES)}.")
    for name, most in LIMITS.items():
        items = content.get(name, [])
        if not isinstance(items, list):
            found.append(f"content.{name} must be a list.")
        elif len(items) > most:
            found.append(f"content.{name} should contain at most {most} elements.")
    messages = content.get("messages")
    if not isinstance(messages, list):
        return [*found, "content.messages cannot be blank."]
    platform = content.get("type", "facebook")
    for message in messages:
        found += _message(message, platform, truncate)
    return found


def _message(message: Any, platform: str, truncate: bool) -> list[str]:
    kind = message.get("type") if isinstance(message, dict) else None
    if kind not in MESSAGE_FIELDS:
        return [f"message.type must be one of {', '.join(MESSAGE_FIELDS)}."]
    unknown = sorted(set(message) - MESSAGE_FIELDS[kind])
    found = [f"message: unknown field {name}." for name in unknown]
    if platform == "instagram" and kind not in ON_INSTAGRAM:
        found.append(f"message.type {kind} is not supported on Instagram.")
    needed = {"text": "text", "cards": "elements"}.get(kind, "url")
    if not message.get(needed):
        found.append(f"message.{needed} cannot be blank.")
    elif kind == "text" and not truncate and not fits(platform, message["text"]):
        found.append("message.text is too long.")
    return found
