"""How strictly Vertex reads a request body: unknown fields, types, enums, base64, time stamps.

The stop after `vertex.py` has parsed the JSON and before any handler sees it. The fields come from
Google's discovery document (revision in `data/vertex_schema.json`; the tests prove the file equal
to it). camelCase and snake_case are both accepted, as Google's servers do, and handlers get
camelCase only. Also here: the error answer itself, for everybody else in the emulator.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

Json = dict[str, Any]

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
}


class ApiError(Exception):
    """An answer of the API that is an error: HTTP code, message, details (google.rpc types)."""

    def __init__(self, code: int, message: str, details: list[Json] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details or []

    def body(self) -> Json:
        error: Json = {"code": self.code, "message": self.message, "status": STATUSES[self.code]}
        return {"error": {**error, "details": self.details} if self.details else error}


def violation(field: str, description: str, message: str | None = None) -> ApiError:
    """A 400 whose details name the field (google.rpc.BadRequest)."""
    text = message or f"List of found errors:\t1.Field: {field}; Message: {description}\t"
    detail = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": field, "description": description}],
    }
    return ApiError(400, text, [detail])


def stamp(moment: datetime) -> str:
    """A moment as Google prints it: UTC, "Z", three or six digits of a second, or none."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text[:-3] if text.endswith("000") and "." in text else text) + "Z"


def read_time(text: str) -> datetime:
    """RFC 3339 with "Z" or an offset; digits beyond microseconds are cut. ValueError otherwise."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def read_duration(text: str) -> timedelta:
    """A protobuf duration such as "86400s"."""
    return timedelta(seconds=float(text.removesuffix("s")))


def read_bytes(text: str) -> bytes:
    """Base64 in either alphabet, padded or not; binascii.Error otherwise."""
    return base64.b64decode(plain_base64(text), validate=True)


def plain_base64(text: str) -> str:
    """The standard alphabet with padding, which is how Google gives bytes back."""
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


Reader = Callable[[Any, str], Any]


class Schema:
    """The request types of one API version."""

    def __init__(self, version: str) -> None:
        data = json.loads((files("watibot.emulators") / "data" / "vertex_schema.json").read_text())
        missing = set(data["missing_in_v1"]) if version == "v1" else set()
        self._enums: list[frozenset[str]] = [frozenset(names) for names in data["enums"]]
        self._types: dict[str, dict[str, tuple[str, str, Reader]]] = {}
        for name, fields in data["types"].items():
            known: dict[str, tuple[str, str, Reader]] = {}
            self._types[name] = known
            for field, kind in fields.items():
                if f"{name}.{field}" not in missing:
                    known[field] = known[snake(field)] = (field, snake(field), self._reader(kind))

    def read(self, name: str, body: Any, at: str = "") -> Json:
        """`body` as message `name` in camelCase; ApiError 400 as Google words it.

        `at` is the path that errors name for the body itself, such as "event".
        """
        return self._message(name, body, at)

    def _message(self, name: str, value: Any, at: str) -> Json:
        if not isinstance(value, dict):
            raise _invalid(at, f"type.googleapis.com/{name}", value)
        known, read = self._types[name], {}
        for key, item in value.items():
            if key not in known:
                raise unknown_field(key, at)
            if item is None:
                continue
            field, spelled, reader = known[key]
            read[field] = reader(item, f"{at}.{spelled}" if at else spelled)
        return read

    def _reader(self, kind: str) -> Reader:
        if kind.startswith("[]"):
            return _listed(self._reader(kind[2:]))
        if kind.startswith("map"):
            return _mapped(self._reader(kind[4:] or "any"))
        if kind.startswith("@"):
            return lambda value, at: self._message(kind[1:], value, at)
        if re.fullmatch(r"e\d+", kind):
            return _chosen(self._enums[int(kind[1:])])
        return _SCALARS[kind]


@cache
def schema(version: str) -> Schema:
    """The request types of "v1" or "v1beta1"; read once."""
    return Schema(version)


def unknown_field(name: str, at: str) -> ApiError:
    where = f" at '{at}'" if at else ""
    text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
    return violation(at, text, text)


def unknown_parameter(name: str) -> ApiError:
    text = (
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message."
    )
    return violation("", text, text)


@cache
def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: "_" + capital[0].lower(), name)


@cache
def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda letter: letter[1].upper(), name)


def _invalid(at: str, kind: str, value: Any, reason: str = "") -> ApiError:
    shown = reason or (f'"{value:.60}"' if isinstance(value, str) else str(value)[:60])
    text = f"Invalid value at '{at}' ({kind}), {shown}"
    return violation(at, text, text)


def _listed(reader: Reader) -> Reader:
    def read(value: Any, at: str) -> list[Any]:
        items = value if isinstance(value, list) else [value]
        return [reader(item, f"{at}[{index}]") for index, item in enumerate(items)]

    return read


def _mapped(reader: Reader) -> Reader:
    def read(value: Any, at: str) -> Json:
        if not isinstance(value, dict):
            raise _invalid(at, "Map", value)
        if reader is _anything:
            return value
        return {key: reader(item, f"{at}[{key}]") for key, item in value.items()}

    return read


def _chosen(names: frozenset[str]) -> Reader:
    def read(value: Any, at: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise _invalid(at, "TYPE_ENUM", value)
        return value

    return read


def _anything(value: Any, at: str) -> Any:
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise _invalid(at, "TYPE_STRING", value)
    return value


def _flag(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(at, "TYPE_BOOL", value)
    return value


def _integer(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise _invalid(at, "TYPE_INT32", value)
    return int(value)


def _long(value: Any, at: str) -> str:
    if not re.fullmatch(r"-?\d+", str(value)):
        raise _invalid(at, "TYPE_INT64", value)
    return str(value)


def _number(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(at, "TYPE_FLOAT", value)
    return value


def _bytes(value: Any, at: str) -> str:
    text = plain_base64(_text(value, at))
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise _invalid(
            at, "TYPE_BYTES", value, f'Base64 decoding failed for "{text:.40}"'
        ) from None
    return text


def _moment(value: Any, at: str) -> str:
    try:
        return stamp(read_time(_text(value, at)))
    except ValueError:
        kind = "type.googleapis.com/google.protobuf.Timestamp"
        raise _invalid(at, kind, value) from None


def _duration(value: Any, at: str) -> str:
    if not re.fullmatch(r"-?\d+(\.\d{1,9})?s", _text(value, at)):
        raise _invalid(at, "type.googleapis.com/google.protobuf.Duration", value)
    return str(value)


_SCALARS: Mapping[str, Reader] = {
    "s": _text,
    "b": _bytes,
    "t": _moment,
    "d": _duration,
    "l": _long,
    "i": _integer,
    "n": _number,
    "f": _flag,
    "any": _anything,
}
