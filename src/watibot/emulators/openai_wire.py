"""One call of the OpenAI emulator on its way from `openai.py` to the resource that answers it.

`Call` is a request after the doors (`openai_doors.py`) and the routing; `Operation` is a line of
the routing table that each resource gives to `openai.py`. Errors in OpenAI's envelope, lists with
`after` and `before`, and the checks of bodies, which all of them have, are here too.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from watibot.emulators.forms import Form

Json = dict[str, Any]
T = TypeVar("T")
LISTING = frozenset(["limit", "order", "after", "before"])
KINDS: dict[str, tuple[type, ...]] = {
    "a string": (str,),
    "an object": (dict,),
    "an array": (list,),
    "an integer": (int,),
    "a decimal": (int, float),
    "a boolean": (bool,),
    "anything": (object,),
}
STRING, OBJECT, ARRAY, INTEGER, DECIMAL, BOOLEAN, ANY = KINDS
Shape = Mapping[str, str]
"""The fields of a body, each with the kind of its value."""


class ApiError(Exception):
    """An answer that is no success: status, and the four fields of the envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})
        self.body: Json = {
            "error": {"message": message, "type": kind, "param": param, "code": code}
        }

    def response(self) -> Response:
        return JSONResponse(self.body, self.status, self.headers)


@dataclass(frozen=True)
class Call:
    """A request: the path's names, the query (lists without their "[]"), body or form."""

    names: dict[str, str]
    query: dict[str, list[str]] = field(default_factory=dict)
    body: Any = None
    form: Form = field(default_factory=Form)

    def one(self, name: str) -> str | None:
        """A query parameter's value, the last one if it came more than once."""
        return self.query[name][-1] if self.query.get(name) else None


Answer = Json | Response


@dataclass(frozen=True)
class Operation:
    """A line of the routing table. `path` is without "/v1/" or what stands for it."""

    name: str
    method: str
    path: str
    handle: Callable[[Call], Answer | Awaitable[Answer]]
    query: frozenset[str] = frozenset()

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


def no_such(noun: str, id_: str) -> ApiError:
    return ApiError(404, f"No {noun} found with id '{id_}'.")


def unknown_parameter(name: str) -> ApiError:
    return ApiError(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def missing_parameter(name: str) -> ApiError:
    text = f"Missing required parameter: '{name}'."
    return ApiError(400, text, name, "missing_required_parameter")


def check_choice(value: object, choices: Sequence[str], where: str) -> str:
    """The value; ApiError 400 for one that is none of `choices`."""
    if isinstance(value, str) and value in choices:
        return value
    quoted = [f"'{each}'" for each in choices]
    listed = " and ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
    text = f"Invalid value: '{value}'. Supported values are: {listed}."
    raise ApiError(400, text, where, "invalid_value")


def check_length(items: Sequence[object], most: int, where: str) -> None:
    """ApiError 400 for an array of more than `most`."""
    if len(items) > most:
        text = (
            f"Invalid '{where}': array too long. Expected an array with maximum length {most}, "
            f"but got an array with length {len(items)} instead."
        )
        raise ApiError(400, text, where, "array_above_max_length")


def read_body(body: Any, shape: Shape, required: Sequence[str] = (), where: str = "") -> Json:
    """The body's fields that are not null; ApiError 400 for one that is unknown, missing or of the
    wrong kind. `where` is the path of a nested object, "messages[0]"."""
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise _wrong_kind(where or "body", OBJECT, body)
    prefix = f"{where}." if where else ""
    for name, value in body.items():
        if name not in shape:
            raise unknown_parameter(prefix + name)
        if value is None and name not in required:
            continue
        kind = shape[name]
        if not isinstance(value, KINDS[kind]) or (
            isinstance(value, bool) and kind in (INTEGER, DECIMAL)
        ):
            raise _wrong_kind(prefix + name, kind, value)
    for name in required:
        if name not in body:
            raise missing_parameter(prefix + name)
    found = {name: value for name, value in body.items() if value is not None}
    _check_metadata(found.get("metadata", {}), f"{prefix}metadata")
    return found


def _wrong_kind(where: str, kind: str, value: object) -> ApiError:
    got = (
        "null"
        if value is None
        else next(
            name
            for name in (BOOLEAN, INTEGER, STRING, OBJECT, ARRAY, DECIMAL, ANY)
            if isinstance(value, KINDS[name])
        )
    )
    text = f"Invalid type for '{where}': expected {kind}, but got {got} instead."
    return ApiError(400, text, where, "invalid_type")


def _check_metadata(metadata: Json, where: str) -> None:
    if len(metadata) > 16:
        text = (
            f"Invalid '{where}': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(metadata)} properties instead."
        )
        raise ApiError(400, text, where, "object_above_max_properties")
    for key, value in metadata.items():
        if len(key) > 64:
            text = (
                f"Invalid '{where}': property name too long. Expected a property name with maximum "
                f"length 64, but got a property name with length {len(key)} instead."
            )
            raise ApiError(400, text, where, "property_name_above_max_length")
        if not isinstance(value, str):
            raise _wrong_kind(f"{where}.{key}", STRING, value)
        if len(value) > 512:
            text = (
                f"Invalid '{where}.{key}': string too long. Expected a string with maximum length "
                f"512, but got a string with length {len(value)} instead."
            )
            raise ApiError(400, text, f"{where}.{key}", "string_above_max_length")


def read_limit(call: Call, usual: int, most: int) -> int:
    """The wished length of a page; ApiError 400 outside 1..`most`."""
    text = call.one("limit")
    if text is None:
        return usual
    try:
        limit = int(text)
    except ValueError:
        raise _wrong_kind("limit", INTEGER, text) from None
    if limit < 1:
        words = f"integer below minimum value. Expected a value >= 1, but got {limit} instead."
        raise ApiError(400, f"Invalid 'limit': {words}", "limit", "integer_below_min_value")
    if limit > most:
        words = f"integer above maximum value. Expected a value <= {most}, but got {limit} instead."
        raise ApiError(400, f"Invalid 'limit': {words}", "limit", "integer_above_max_value")
    return limit


def page(
    call: Call,
    items: Sequence[T],
    noun: str,
    view: Callable[[T], Json],
    usual: int = 20,
    most: int = 100,
) -> Json:
    """The page that the call asks for of `items`, which are oldest first; newest first by default.

    `before` gives the page that ends just before that object, in the order asked for.
    """
    limit = read_limit(call, usual, most)
    order = call.one("order") or "desc"
    check_choice(order, ("asc", "desc"), "order")
    ordered = [view(each) for each in (reversed(items) if order == "desc" else items)]
    after, before = call.one("after"), call.one("before")
    if before is not None:
        ordered = ordered[: _place(ordered, before, noun)]
    if after is not None:
        ordered = ordered[_place(ordered, after, noun) + 1 :]
    from_the_end = before is not None and after is None
    chosen = ordered[-limit:] if from_the_end else ordered[:limit]
    return envelope(chosen, len(ordered) > len(chosen))


def envelope(data: list[Json], has_more: bool = False) -> Json:
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _place(ordered: Sequence[Json], id_: str, noun: str) -> int:
    for index, each in enumerate(ordered):
        if each["id"] == id_:
            return index
    raise no_such(noun, id_)
