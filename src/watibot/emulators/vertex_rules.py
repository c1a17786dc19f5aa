"""What generateContent refuses although every field is known: roles, pairs, signatures, media.

Called by `vertex_models` and `vertex_caches` with a body that `vertex_schema` has read. The texts
are those of Google's errors where they are known (docs on thought signatures and function calling).
"""

import re
from typing import Any

from watibot.emulators.hotel_brain import signature
from watibot.emulators.vertex_schema import ApiError, Json, read_bytes

MEBIBYTE = 1024 * 1024
IMAGES = ("png", "jpeg", "webp", "heic", "heif")
SOUNDS = ("x-aac", "aac", "flac", "mp3", "m4a", "mpeg", "mpga", "mp4", "ogg", "pcm", "wav", "webm")
# MIME type to the largest inline size in bytes; 7 MiB for a picture is the older, stricter limit.
MEDIA: dict[str, int] = {
    **{f"image/{kind}": 7 * MEBIBYTE for kind in IMAGES},
    **{f"audio/{kind}": 256 * MEBIBYTE for kind in SOUNDS},
    "application/pdf": 50 * MEBIBYTE,
    "text/plain": 50 * MEBIBYTE,
}
SKIP = b"skip_thought_signature_validator"
FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")


def check_prompt(model: str, body: Json) -> None:
    """ApiError 400 for the first thing that Vertex would refuse in this body."""
    contents = body.get("contents", [])
    if not contents:
        raise ApiError(
            400, "Unable to submit request because at least one contents field is required."
        )
    for content in contents:
        _check_role(content.get("role"))
        _check_parts(content)
    _check_parts(body.get("systemInstruction", {"parts": [{"text": "-"}]}))
    _check_tools(body.get("tools", []))
    _check_thinking(model, body.get("generationConfig", {}))
    _check_pairs(contents)
    if model.startswith(("gemini-3", "gemini-4")):
        _check_signatures(model, contents)


def _check_role(role: str | None) -> None:
    if role == "system":
        raise ApiError(400, "Content with system role is not supported.")
    if role not in ("user", "model"):
        raise ApiError(
            400, "Please use a valid role: user, model. Role must be either 'user' or 'model'."
        )


def _check_parts(content: Json) -> None:
    parts = content.get("parts", [])
    if not parts:
        raise ApiError(
            400,
            "Unable to submit request because it must include at least one parts field, which "
            "describes the prompt input.",
        )
    for part in parts:
        if part.get("text") == "" and "thoughtSignature" not in part:
            raise ApiError(
                400,
                "Unable to submit request because it has an empty text parameter. Add a value to "
                "the parameter and try again.",
            )
        if not set(part) & DATA:
            raise ApiError(400, "Part must have exactly one data field initialized.")
        blob = part.get("inlineData") or part.get("fileData")
        if blob is not None:
            _check_media(blob)


DATA = {"text", "inlineData", "fileData", "functionCall", "functionResponse"} | {
    "executableCode",
    "codeExecutionResult",
    "thoughtSignature",
}


def _check_media(blob: Json) -> None:
    kind = blob.get("mimeType", "")
    if kind not in MEDIA:
        raise ApiError(
            400,
            f"Unable to submit request because it has a mimeType parameter with value {kind}, "
            "which is not supported. Update the mimeType and try again.",
        )
    if not (blob.get("data") or blob.get("fileUri")):
        raise ApiError(400, "Unable to submit request because its media has no data.")
    if len(blob.get("data", "")) * 3 // 4 > MEDIA[kind]:
        raise ApiError(
            400, f"Unable to submit request because the {kind} exceeds {MEDIA[kind]} bytes."
        )


def _check_tools(tools: list[Json]) -> None:
    for tool in tools:
        for declaration in tool.get("functionDeclarations", []):
            name = declaration.get("name", "")
            if not FUNCTION_NAME.fullmatch(name):
                raise ApiError(400, f"Invalid function name {name!r:.80}.")
            if "parameters" in declaration and "parametersJsonSchema" in declaration:
                raise ApiError(
                    400, "parameters and parameters_json_schema must not both be set: " + name
                )


def _check_thinking(model: str, config: Json) -> None:
    thinking = config.get("thinkingConfig", {})
    if thinking.get("thinkingLevel") == "MINIMAL" and "-lite" not in model:
        raise ApiError(400, f"Thinking level MINIMAL is not supported by {model}.")
    if "thinkingLevel" in thinking and "thinkingBudget" in thinking:
        raise ApiError(400, "You can only set only one of thinking budget and thinking level.")
    if "thinkingBudget" in thinking and model.startswith("gemini-4"):
        raise ApiError(400, f"Thinking budget is not supported by {model}.")


def _check_pairs(contents: list[Json]) -> None:
    """Every content of calls is followed at once by the answers to all of them, id and name."""
    asked: list[Json] = []
    for content in contents:
        calls, responses = _of(content, "functionCall"), _of(content, "functionResponse")
        if responses and not asked:
            raise ApiError(
                400,
                "Please ensure that function response turn comes immediately after a function "
                "call turn.",
            )
        if len(responses) != len(asked):
            raise ApiError(
                400,
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn.",
            )
        unanswered = [(call.get("id"), call.get("name")) for call in asked]
        for response in responses:
            pair = (response.get("id"), response.get("name"))
            if pair not in unanswered:
                raise ApiError(
                    400, f"Function response id {pair[0]} name {pair[1]} matches no function call."
                )
            unanswered.remove(pair)
        if calls and content["role"] != "model":
            raise ApiError(400, "Function calls must be in a content with the role model.")
        if responses and content["role"] != "user":
            raise ApiError(400, "Function responses must be in a content with the role user.")
        if calls and content is contents[0]:
            raise ApiError(
                400,
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn.",
            )
        asked = calls
    if asked:
        raise ApiError(400, "Please ensure that the last function calls have been responded to.")


def _check_signatures(model: str, contents: list[Json]) -> None:
    """In the current turn, the first call of each model content must bring its signature back."""
    start = max(
        (
            index
            for index, content in enumerate(contents)
            if content["role"] == "user" and not _of(content, "functionResponse")
        ),
        default=0,
    )
    for index, content in enumerate(contents):
        first = True
        for part in content["parts"]:
            call, signed = part.get("functionCall"), part.get("thoughtSignature")
            if call is None or content["role"] != "model":
                continue
            if signed is None and first and index >= start:
                raise ApiError(
                    400,
                    f"Unable to submit request because function call `default_api:{call['name']}` "
                    f"in the {index + 1}. content block is missing a `thought_signature`.",
                )
            first = False
            if signed is not None and not _genuine(model, call, signed):
                raise ApiError(400, "Corrupted thought signature.")


def _genuine(model: str, call: Json, signed: str) -> bool:
    return signed == signature(model, call) or read_bytes(signed) == SKIP


def _of(content: Json, kind: str) -> list[Any]:
    return [part[kind] for part in content["parts"] if kind in part]
