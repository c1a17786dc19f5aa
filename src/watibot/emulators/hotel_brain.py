"""The stand-in model: fixed rules that answer a hotel's guests and call the tools they are given.

`vertex_models` hands it a checked generateContent request and wraps what comes back in a candidate;
the words are in `hotel_phrases`, the dates in `hotel_dates`. A pure function of the request and
the day: the same conversation always gets the same answer. It says what it is when asked, and of
photos, documents and voice notes it sees no more than type and size. What a colleague promised it
repeats when the guest asks about it.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import date
from itertools import takewhile
from typing import Any

from watibot.emulators import hotel_receipts
from watibot.emulators.hotel_dates import Stay, read_stay
from watibot.emulators.hotel_envelopes import (
    StaffWords,
    by_staff,
    guest_words,
    staff_words,
    summary,
    wants_summary,
)
from watibot.emulators.hotel_phrases import (
    ANSWERS,
    BOOKING,
    BOOKING_MARKS,
    ENGLISH,
    GREETING,
    NAME,
    NO_NAME,
    OFFICE,
    PERSON,
    PROMISE,
    PROMISED,
    REASON,
    SAYS,
    SPANISH,
    SUBJECTS,
    THANKS,
    YES,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What goes into the arguments of a tool call."""

    stay: Stay
    name: str
    today: date


def answer(request: Json, today: date) -> Json:
    """The content of the one candidate: {"role": "model", "parts": [...]}, never empty.

    `request` is a generateContent body in camelCase, with the model's name under "model"; relative
    dates count from `today`.
    """
    schema = _json_schema(request.get("generationConfig", {}))
    if schema is not None:
        read = hotel_receipts.filled(schema, request["contents"]) or _fill(schema)
        filled = json.dumps(read, ensure_ascii=False)
        return {"role": "model", "parts": [{"text": filled}]}
    contents = request["contents"]
    if wants_summary(request):
        return {"role": "model", "parts": [{"text": summary(contents)}]}
    start = _turn_start(contents)
    turn = contents[start:]
    messages = [text for content in turn for text in guest_words(content)]
    language = detect_language(messages, contents[:start])
    results = _results(turn)
    stay, booking = _booking(contents, start, messages, today)
    tools = {} if _calls_forbidden(request) else _declared(request)
    named = [match[1] for text in messages if (match := NAME.search(text))]
    known = Known(stay, [*named, NO_NAME][0], today)
    calls = [
        {"name": name, "args": _arguments(tools[name], known)}
        for name in [*_wanted(messages, stay), *hotel_receipts.wanted(turn, messages)]
        if name in tools and name not in results
    ]
    if calls:
        return {"role": "model", "parts": _call_parts(request.get("model", ""), calls, contents)}
    told = _promises(messages, staff_words(contents))
    paragraphs = [
        *_seen(turn, language),
        *(SAYS["promised"][language].format(name=w.name, words=w.text) for w in told.values()),
        *_subjects(messages, language, told),
        *_reports(messages, results, stay, booking, language),
    ]
    text = "\n\n".join(dict.fromkeys(paragraphs)) or _courtesy(messages, language)
    return {"role": "model", "parts": [{"text": text}]}


def signature(model: str, call: Json) -> str:
    """The thought signature (base64) of a functionCall; another model or call has another one."""
    signed = json.dumps([model, call.get("id"), call["name"], call.get("args", {})], sort_keys=True)
    return base64.b64encode(b"emulator:" + hashlib.sha512(signed.encode()).digest()).decode()


def detect_language(messages: list[str], earlier: list[Json]) -> str:
    """ "es" or "en": what most words of `messages` are; undecided, what the guest wrote before."""
    before = (guest_words(content) for content in reversed(earlier[-8:]))
    for texts in [messages, *before]:
        text = " ".join(texts)
        spanish, english = len(SPANISH.findall(text)), len(ENGLISH.findall(text))
        if spanish != english:
            return "es" if spanish > english else "en"
    return "es"


def _turn_start(contents: list[Json]) -> int:
    """Where the current turn begins: after the last answer, the model's or a colleague's."""
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        said = content["role"] == "model" and "functionCall" not in _kinds(content)
        if said or (by_staff(content) and not guest_words(content)):
            return index + 1
    return 0


def _kinds(content: Json) -> set[str]:
    return {kind for part in content["parts"] for kind in part}


def _results(turn: list[Json]) -> dict[str, Json]:
    return {
        part["functionResponse"]["name"]: part["functionResponse"].get("response", {})
        for content in turn
        for part in content["parts"]
        if "functionResponse" in part
    }


def _booking(
    contents: list[Json], start: int, messages: list[str], today: date
) -> tuple[Stay, bool]:
    """The stay spoken of, over the turns in which we asked for what was missing; whether wanted."""
    spoken, wanted = list(messages), any(BOOKING.search(text) for text in messages)
    while start > 0 and _asked_for_more(contents[start - 1]):
        wanted = True
        earlier = list(
            takewhile(lambda content: content["role"] == "user", reversed(contents[: start - 1]))
        )
        spoken = [text for content in reversed(earlier) for text in guest_words(content)] + spoken
        start -= 1 + len(earlier)
    stay = read_stay(spoken, today)
    if read_stay(messages, today) == Stay() and any(THANKS.search(text) for text in messages):
        return Stay(), False  # "Thanks, that is all" ends the questions.
    if stay.check_in and stay.check_out and stay.check_out <= stay.check_in:
        stay = replace(stay, check_out=None)
    return stay if wanted or stay.complete else Stay(), wanted or stay.complete


def _asked_for_more(content: Json) -> bool:
    texts = (part.get("text", "") for part in content["parts"])
    return any(mark in text for text in texts for mark in BOOKING_MARKS)


def _calls_forbidden(request: Json) -> bool:
    config = request.get("toolConfig", {}).get("functionCallingConfig", {})
    return bool(config.get("mode") == "NONE")


def _declared(request: Json) -> dict[str, Json]:
    return {
        declaration["name"]: declaration
        for tool in request.get("tools", [])
        for declaration in tool.get("functionDeclarations", [])
    }


def _wanted(messages: list[str], stay: Stay) -> list[str]:
    asked = {
        "check_office_status": any(OFFICE.search(text) for text in messages),
        "request_booking": stay.complete,
        # "Are you a person?" is a question about us, not a call for one.
        "escalate_to_human": any(
            PERSON.search(text) and not SUBJECTS["identity"].search(text) for text in messages
        ),
    }
    return [name for name, wanted in asked.items() if wanted]


def _call_parts(model: str, calls: list[Json], contents: list[Json]) -> list[Json]:
    """functionCall parts; the first one carries the signature for all of them."""
    seed = json.dumps(contents[-1], sort_keys=True) + str(len(contents))
    parts: list[Json] = []
    for index, call in enumerate(calls):
        digest = hashlib.sha1(f"{seed}{index}{call['name']}".encode()).hexdigest()
        parts.append({"functionCall": {"id": f"call-{digest[:12]}", **call}})
    parts[0]["thoughtSignature"] = signature(model, parts[0]["functionCall"])
    return parts


def _arguments(declaration: Json, known: Known) -> Json:
    """Arguments for whatever properties the tool declares, found by the words in their names."""
    schema = declaration.get("parametersJsonSchema") or declaration.get("parameters") or {}
    required = schema.get("required", [])
    arguments: Json = {}
    for name, shape in schema.get("properties", {}).items():
        value = _argument(name.lower(), shape, declaration["name"], known)
        if value is None and name in required:
            value = known.today.isoformat() if "date" in name.lower() else _fill(shape)
        if value is not None:
            arguments[name] = value
    return arguments


_CHECK_IN = re.compile(r"check_?in|arriv|entrada|llegada|start|from")
_CHECK_OUT = re.compile(r"check_?out|depart|leav|salida|end_|until")
_GUESTS = re.compile(r"guests?$|adult|people|persons?|hu[eé]sped|party|number_of|guest_count")
_REASON = re.compile(r"reason|motivo|summary|why|message|details")


def _argument(name: str, shape: Json, tool: str, known: Known) -> Any:
    stay = known.stay
    if tool == "request_booking":
        if _CHECK_OUT.search(name) and stay.check_out:
            return stay.check_out.isoformat()
        if _CHECK_IN.search(name) and stay.check_in:
            return stay.check_in.isoformat()
        if _GUESTS.search(name):
            return stay.guests
        return known.name if name in ("name", "guest_name", "full_name") else None
    if tool == "escalate_to_human" and _REASON.search(name) and "enum" not in shape:
        return REASON
    return None


def _json_schema(config: Json) -> Json | None:
    if config.get("responseMimeType") != "application/json":
        return None
    schema: Json = config.get("responseJsonSchema") or config.get("responseSchema") or {}
    return schema


def _fill(schema: Json) -> Any:
    """The plainest value that a JSON schema (Google's or the standard's) allows."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        names: list[str] = schema.get("required") or list(properties)
        return {name: _fill(properties.get(name, {"type": "string"})) for name in names}
    plain: Json = {"string": "-", "integer": 0, "number": 0, "boolean": False, "array": []}
    return plain.get(kind)


def _seen(turn: list[Json], language: str) -> list[str]:
    """One line for each photo, document and voice note: its type and its size, nothing else."""
    lines = []
    for content in turn:
        for part in content["parts"] if content["role"] == "user" else []:
            blob = part.get("inlineData") or part.get("fileData")
            if blob is None:
                continue
            kind = blob.get("mimeType", "?")
            size = _size(len(blob["data"].rstrip("=")) * 3 // 4) if "data" in blob else "URI"
            lines.append(SAYS[_noun(kind)][language].format(kind=kind, size=size))
    return lines


def _noun(kind: str) -> str:
    if kind == "application/pdf":
        return "document"
    return {"image": "photo", "audio": "voice"}.get(kind.split("/")[0], "file")


def _size(octets: int) -> str:
    if octets < 1024:
        return f"{octets} B"
    return f"{octets / 1024:.0f} KB" if octets < 1024 * 1024 else f"{octets / 1048576:.1f} MB"


def _promises(messages: list[str], said: list[StaffWords]) -> dict[str, StaffWords]:
    """By subject, the newest promise of a colleague's of what the guest asks about."""
    return {
        subject: replace(words, text=" ".join(words.text.split()), name=words.name or "recepción")
        for subject, pattern in PROMISED.items()
        if any(pattern.search(text) for text in messages)
        for words in said
        if pattern.search(words.text) and PROMISE.search(words.text)
    }


def _subjects(messages: list[str], language: str, told: dict[str, StaffWords]) -> list[str]:
    return [
        ANSWERS[subject][language]
        for text in messages
        for subject, pattern in SUBJECTS.items()
        if pattern.search(text) and subject not in told
    ]


def _reports(
    messages: list[str], results: dict[str, Json], stay: Stay, booking: bool, language: str
) -> list[str]:
    """What the tools said, and what is said where a tool was not at hand."""
    lines = [_worded(name, response, stay, language) for name, response in results.items()]
    wanted = [name for name in _wanted(messages, stay) if name not in results]
    if "check_office_status" in wanted:
        lines.append(SAYS["hours"][language])
    if "request_booking" in wanted:
        lines.append(_say_stay(stay, language))
    if booking and not stay.complete:
        known = {"ask_in": stay.check_in, "ask_out": stay.check_out, "ask_guests": stay.guests}
        missing = [SAYS[name][language] for name, value in known.items() if value is None]
        joint = " y " if language == "es" else " and "
        listed = joint.join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
        lines.append(SAYS["ask"][language].format(missing=listed))
    if "escalate_to_human" in wanted:
        lines.append(SAYS["person"][language])
    return lines


def _worded(name: str, response: Json, stay: Stay, language: str) -> str:
    """A tool's result ({"output": ...}, {"result": ...}, bare, or {"error": ...}) in words."""
    result = response.get("output", response.get("result", response))
    facts = result if isinstance(result, dict) else {"value": result}
    if response.get("error") or facts.get("error") or facts.get("ok") is False:
        return SAYS["failed"][language]
    if name == "check_office_status":
        state = "open" if _is_open(facts) else "closed"
        return SAYS[state][language]
    if name == "request_booking":
        named = next(
            (facts[key] for key in ("reference", "booking_id", "id") if key in facts), None
        )
        reference = f" ({named})" if named is not None else ""
        noted = f"{_say_stay(stay, language)} " if stay.complete else ""
        return noted + SAYS["booked"][language].removesuffix(".") + reference + "."
    if name == hotel_receipts.TOOL:
        return hotel_receipts.worded(facts, language)
    return SAYS["escalated" if name == "escalate_to_human" else "done"][language]


def _is_open(facts: Json) -> bool:
    for key in ("is_open", "open", "isOpen", "abierto"):
        if isinstance(facts.get(key), bool):
            return bool(facts[key])
    return bool(re.search(r"\b(?:open|abiert[oa])\b", json.dumps(facts, ensure_ascii=False)))


def _say_stay(stay: Stay, language: str) -> str:
    return SAYS["stay"][language].format(
        check_in=stay.check_in, check_out=stay.check_out, guests=stay.guests
    )


def _courtesy(messages: list[str], language: str) -> str:
    text = " ".join(messages)
    for name, pattern in (("thanks", THANKS), ("greeting", GREETING), ("yes", YES)):
        if pattern.search(text):
            return SAYS[name][language]
    return SAYS["fallback"][language]
