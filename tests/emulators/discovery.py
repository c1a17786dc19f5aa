"""Google's own description of Vertex AI as a judge of what was sent and what was answered.

The tests of the Vertex emulator and of the sessions client hand it each exchange of a run. It knows
nothing of watibot: the documents come with google-api-python-client (package `googleapiclient`,
their revision in `.revision`). `compact` makes of them the short list of fields that the emulator
holds requests to, `emulators/data/vertex_schema.json`.
"""

import base64
import binascii
import functools
import importlib.resources
import json
import re
from datetime import datetime
from typing import Any

Json = dict[str, Any]

GLOBAL_QUERY = {
    "$.xgafv",
    "$alt",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "prettyPrint",
}
ROOTS = (
    "Session",
    "SessionEvent",
    "GenerateContentRequest",
    "CountTokensRequest",
    "CachedContent",
    "CompactSessionRequest",
)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")


@functools.cache
def document(version: str) -> Json:
    """The discovery document of `version` ("v1" or "v1beta1"), about 4 MB of JSON."""
    folder = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents"
    loaded: Json = json.loads((folder / f"aiplatform.{version}.json").read_text())
    return loaded


def prefix(version: str) -> str:
    return "GoogleCloudAiplatform" + version[0].upper() + version[1:]


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


class Discovery:
    """Checks one exchange against the method and the schemas that Google publishes for it."""

    def __init__(self, *versions: str) -> None:
        self.versions = versions or ("v1", "v1beta1")
        self.revision: str = document(self.versions[0])["revision"]
        self._schemas = {version: document(version)["schemas"] for version in self.versions}
        self._methods = {version: list(_methods(document(version))) for version in self.versions}

    def check(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        request_body: object | None,
        response_body: object | None,
    ) -> list[str]:
        """What Google's description says against this exchange; an empty list when nothing.

        `path` starts with /v1/ or /v1beta1/; bodies are decoded JSON (None: no body). An error
        answer is held to google.rpc.Status. Requests may use proto names (snake_case), as Google's
        servers take both; answers may not.
        """
        version = path.lstrip("/").split("/")[0]
        found = self._find(version, method, path.lstrip("/"))
        if found is None:
            return [f"{method} {path}: no such method in {version}"]
        problems = []
        for name in query or {}:
            if camel(name) not in found["parameters"] and name not in GLOBAL_QUERY:
                problems.append(f"query: unknown parameter {name!r}")
        request = found.get("request")
        if request is None:
            if request_body not in (None, {}):
                problems.append("request: this method takes no body")
        else:
            problems += self._value(version, request, request_body or {}, "request", snake=True)
        if isinstance(response_body, dict) and "error" in response_body and len(response_body) == 1:
            error = response_body["error"]
            status = {"$ref": "GoogleRpcStatus"}
            plain = {key: value for key, value in error.items() if key != "status"}
            return problems + self._value(version, status, plain, "error", snake=False)
        expected = found["response"]
        return problems + self._value(version, expected, response_body, "response", snake=False)

    def _find(self, version: str, method: str, path: str) -> Json | None:
        for pattern, found in self._methods.get(version, []):
            if found["httpMethod"] == method and pattern.fullmatch(path):
                result: Json = found
                return result
        return None

    def _value(self, version: str, shape: Json, value: Any, at: str, *, snake: bool) -> list[str]:
        if "$ref" in shape:
            shape = self._schemas[version][shape["$ref"]]
        kind = shape.get("type")
        if kind == "any" or (value is None and snake):
            return []
        if kind == "array":
            if not isinstance(value, list):
                return [f"{at}: {type(value).__name__} where a list is expected"]
            return [
                problem
                for index, item in enumerate(value)
                for problem in self._value(
                    version, shape["items"], item, f"{at}[{index}]", snake=snake
                )
            ]
        if kind == "object":
            return self._object(version, shape, value, at, snake=snake)
        return _scalar(shape, value, at)

    def _object(self, version: str, shape: Json, value: Any, at: str, *, snake: bool) -> list[str]:
        if not isinstance(value, dict):
            return [f"{at}: {type(value).__name__} where an object is expected"]
        rest = shape.get("additionalProperties")
        problems = []
        for key, item in value.items():
            known = shape.get("properties", {})
            field = known.get(key) or (known.get(camel(key)) if snake else None) or rest
            if field is None:
                problems.append(f"{at}: unknown field {key!r}")
            else:
                problems += self._value(version, field, item, f"{at}.{key}", snake=snake)
        return problems


def _scalar(shape: Json, value: Any, at: str) -> list[str]:
    kind, form = shape.get("type"), shape.get("format")
    wrong = [f"{at}: {value!r:.60} is no {kind}{f' ({form})' if form else ''}"]
    if kind == "boolean":
        return [] if isinstance(value, bool) else wrong
    if kind == "integer":
        return [] if isinstance(value, int) and not isinstance(value, bool) else wrong
    if kind == "number":
        return [] if isinstance(value, int | float) and not isinstance(value, bool) else wrong
    if not isinstance(value, str):
        return wrong
    if "enum" in shape:
        return [] if value in shape["enum"] else [f"{at}: {value!r:.60} is not in the enum"]
    if form == "google-datetime":
        datetime_ok = _DATETIME.fullmatch(value) and datetime.fromisoformat(value[:19])
        return [] if datetime_ok else wrong
    if form == "google-duration":
        return [] if _DURATION.fullmatch(value) else wrong
    if form in ("int64", "uint64"):
        return [] if re.fullmatch(r"-?\d+", value) else wrong
    if form == "byte":
        try:
            base64.b64decode(value.translate(_URL_SAFE), validate=True)
        except binascii.Error:
            return wrong
    return []


_URL_SAFE = str.maketrans("-_", "+/")


def _methods(node: Json) -> list[tuple[re.Pattern[str], Json]]:
    found = []
    for method in node.get("methods", {}).values():
        path = re.escape(method.get("flatPath") or method["path"])
        found.append((re.compile(re.sub(r"\\\{.*?\\\}", "[^/:]+", path)), method))
    for resource in node.get("resources", {}).values():
        found += _methods(resource)
    return found


def compact() -> Json:
    """The request fields that the emulator accepts, as `vertex_schema.json` holds them.

    {"revision", "enums": [[...]], "types": {type: {field: kind}}, "missing_in_v1": ["Type.field"]}.
    A kind is one of s (string), b (bytes), t (time), d (duration), l (64-bit integer), i, n,
    f (flag), any, map, an enum by its index ("e7"), a type ("@Content"), or "[]" or "map:" and one
    of them.
    """
    types, enums, missing = {}, list[list[str]](), []
    head, older = prefix("v1beta1"), document("v1")["schemas"]
    schemas = document("v1beta1")["schemas"]
    todo = list(ROOTS)
    while todo:
        name = todo.pop()
        if name in types:
            continue
        types[name] = fields = dict[str, str]()
        known = older.get(prefix("v1") + name, {}).get("properties", {})
        schema = schemas.get(head + name) or schemas[name]
        for field, shape in sorted(schema.get("properties", {}).items()):
            fields[field] = kind = _kind(shape, head, enums)
            if "@" in kind:
                todo.append(kind.split("@")[1])
            if field not in known and head + name in schemas:
                missing.append(f"{name}.{field}")
    return {
        "revision": document("v1beta1")["revision"],
        "enums": enums,
        "missing_in_v1": sorted(missing),
        "types": dict(sorted(types.items())),
    }


def _kind(shape: Json, head: str, enums: list[list[str]]) -> str:
    if "$ref" in shape:
        return "@" + str(shape["$ref"]).removeprefix(head)
    if "enum" in shape:
        if shape["enum"] not in enums:
            enums.append(shape["enum"])
        return f"e{enums.index(shape['enum'])}"
    kind: str = shape["type"]
    if kind == "array":
        return "[]" + _kind(shape["items"], head, enums)
    if kind == "object":
        rest = _kind(shape["additionalProperties"], head, enums)
        return "map" if rest == "any" else "map:" + rest
    forms = {
        "byte": "b",
        "google-datetime": "t",
        "google-duration": "d",
        "int64": "l",
        "uint64": "l",
    }
    return {"any": "any", "boolean": "f", "integer": "i", "number": "n"}.get(
        kind, forms.get(shape.get("format", ""), "s")
    )
