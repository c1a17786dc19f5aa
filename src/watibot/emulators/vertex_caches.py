"""Explicit context caches (cachedContents): made, listed, prolonged, deleted, looked up.

Called through the table that `vertex.py` routes by, and by `vertex_models` for a request that names
one. A cache belongs to its model and location. Minimum sizes are in `MODELS`; Google counts tokens,
here they are the guess of `vertex_tokens`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from watibot.emulators.kit import Clock
from watibot.emulators.vertex_rules import check_prompt
from watibot.emulators.vertex_schema import (
    ApiError,
    Json,
    camel,
    read_duration,
    read_time,
    stamp,
    violation,
)
from watibot.emulators.vertex_tokens import blocks, count
from watibot.emulators.vertex_wire import Call, Operation, page

HOUR = timedelta(hours=1)
PAGING = frozenset(["pageSize", "pageToken"])
MULTI_REGION = frozenset(["global", "us", "eu"])


@dataclass(frozen=True)
class Model:
    """Where a model is served (None: everywhere), what it caches at least, or that it is gone."""

    locations: frozenset[str] | None = None
    least_cached: int = 4096
    retired: bool = False


RETIRED = Model(retired=True)
MODELS: dict[str, Model] = {
    "gemini-3.8-flash": Model(MULTI_REGION),
    "gemini-3.7-flash": Model(MULTI_REGION),
    "gemini-3.5-flash": Model(),
    "gemini-3.5-flash-lite": Model(),
    "gemini-3.1-flash-lite": Model(),
    "gemini-3.1-pro-preview": Model(frozenset(["global"])),
    "gemini-4-argon": Model(MULTI_REGION, least_cached=6144),
    "gemini-3.6-flash": RETIRED,
    "gemini-2.5-pro": RETIRED,
    "gemini-2.5-flash": RETIRED,
    "gemini-2.5-flash-lite": RETIRED,
}


def served(call: Call, name: str) -> Model:
    """The model if it is served in the call's location; ApiError 404 as Google words it."""
    model = MODELS.get(name, RETIRED)
    where = call.names["location"]
    if model.retired or (model.locations is not None and where not in model.locations):
        raise ApiError(
            404,
            f"Publisher Model `{call.location}/publishers/google/models/{name}` was not found or "
            "your project does not have access to it. Please ensure you are using a valid model "
            "version.",
        )
    return model


@dataclass
class Cache:
    """A cached beginning of prompts: `body` has systemInstruction, tools, toolConfig, contents."""

    view: Json
    body: Json
    tokens: int
    expires: datetime


class Caches:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[str, Cache] = {}
        self._made = 0

    def table(self) -> list[Operation]:
        one = "cachedContents/{cache}"
        return [
            Operation("createCache", "POST", "cachedContents", self._create),
            Operation("listCaches", "GET", "cachedContents", self._list, PAGING),
            Operation("getCache", "GET", one, lambda call: self.find(_name(call)).view),
            Operation("patchCache", "PATCH", one, self._patch, frozenset(["updateMask"])),
            Operation("deleteCache", "DELETE", one, self._delete),
        ]

    def find(self, name: str) -> Cache:
        """The cache with this resource name; ApiError 404 when there is none or it has expired."""
        cache = self._all.get(name)
        if cache is None or cache.expires <= self._clock.now():
            self._all.pop(name, None)
            raise ApiError(404, f"Not found: cached content metadata for {name.split('/')[-1]}.")
        return cache

    def _create(self, call: Call) -> Json:
        body = call.schema.read("CachedContent", call.body, "cached_content")
        resource = body.get("model", "")
        prefix, _, name = resource.rpartition("/")
        if prefix != f"{call.location}/publishers/google/models":
            raise violation("cached_content.model", f"Invalid model for {call.location}.")
        model = served(call, name)
        if name == "gemini-4-argon":
            raise ApiError(400, f"Explicit context caching is not supported by {name}.")
        kept: Json = {
            key: body[key]
            for key in ("systemInstruction", "tools", "toolConfig", "contents")
            if key in body
        }
        check_prompt(name, {"contents": [{"role": "user", "parts": [{"text": "-"}]}], **kept})
        tokens = sum(count(blocks(kept)).values())
        if tokens < model.least_cached:
            raise ApiError(
                400,
                f"Cached content is too small. total_token_count={tokens}, "
                f"min_total_token_count={model.least_cached}",
            )
        now = self._clock.now()
        self._made += 1
        resource_name = f"{call.location}/cachedContents/{10**18 + self._made * 999_999_893}"
        view: Json = {
            "name": resource_name,
            "model": resource,
            "createTime": stamp(now),
            "updateTime": stamp(now),
            "usageMetadata": {"totalTokenCount": tokens},
        }
        if body.get("displayName"):
            view["displayName"] = body["displayName"]
        cache = self._all[resource_name] = Cache(view, kept, tokens, now + HOUR)
        self._prolong(cache, body)
        return dict(view)

    def _list(self, call: Call) -> Json:
        now, start = self._clock.now(), f"{call.location}/cachedContents/"
        alive = [
            cache.view
            for name, cache in self._all.items()
            if name.startswith(start) and cache.expires > now
        ]
        return page(call, "cachedContents", alive)

    def _patch(self, call: Call) -> Json:
        body = call.schema.read("CachedContent", call.body, "cached_content")
        mask = {camel(name.strip()) for name in call.query.get("updateMask", "").split(",") if name}
        if refused := (set(body) | mask) - {"ttl", "expireTime", "name"}:
            raise violation("update_mask", f"Only expiration can be updated: {sorted(refused)[0]}.")
        cache = self.find(_name(call))
        self._prolong(cache, body)
        return dict(cache.view)

    def _prolong(self, cache: Cache, body: Json) -> None:
        now = self._clock.now()
        if "ttl" in body:
            cache.expires = now + read_duration(body["ttl"])
        elif "expireTime" in body:
            cache.expires = read_time(body["expireTime"])
        if cache.expires <= now:
            raise violation("cached_content.ttl", "The expiration must be in the future.")
        cache.view.update(updateTime=stamp(now), expireTime=stamp(cache.expires))

    def _delete(self, call: Call) -> Json:
        self.find(_name(call))
        del self._all[_name(call)]
        return {}


def _name(call: Call) -> str:
    return f"{call.location}/cachedContents/{call.names['cache']}"
