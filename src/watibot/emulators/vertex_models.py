"""generateContent and countTokens: checks the prompt, counts it, lets the stand-in model answer.

Called through the table that `vertex.py` routes by. The checks are in `vertex_rules`, the counting
in `vertex_tokens`, explicit caches in `vertex_caches`, the words in `hotel_brain`. A safety block
or any other odd answer is a fault with status 200 and the answer as its body.
"""

from typing import Any, cast

from watibot.emulators.hotel_brain import answer
from watibot.emulators.kit import Clock
from watibot.emulators.vertex_caches import Cache, Caches, Model, served
from watibot.emulators.vertex_rules import check_prompt
from watibot.emulators.vertex_schema import ApiError, Json, stamp
from watibot.emulators.vertex_tokens import (
    CHARACTERS_A_TOKEN,
    Block,
    PrefixCache,
    blocks,
    count,
    details,
)
from watibot.emulators.vertex_wire import Call, Operation, Quotas

RETRY_LATER: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "10s"}
THOUGHTS = {"LOW": 16, "MEDIUM": 48, "HIGH": 128}
NOT_BESIDE_CACHE = ("systemInstruction", "tools", "toolConfig")


class Models:
    """`calls`, `prompt_tokens` and `cached_tokens` count since the start."""

    def __init__(
        self, clock: Clock, settings: dict[str, object], quotas: Quotas, caches: Caches
    ) -> None:
        self._clock, self._settings, self._quotas, self._caches = clock, settings, quotas, caches
        self._prefixes = PrefixCache(clock)
        self.calls = self.prompt_tokens = self.cached_tokens = 0

    def table(self) -> list[Operation]:
        one = "publishers/google/models/{model}"
        return [
            Operation("generateContent", "POST", one + ":generateContent", self._generate),
            Operation("countTokens", "POST", one + ":countTokens", self._count),
        ]

    def _generate(self, call: Call) -> Json:
        name = call.names["model"]
        model = served(call, name)
        body = call.schema.read("GenerateContentRequest", call.body)
        cache = self._cache(call, body)
        if cache is not None:
            kept = cache.body
            body = {**body, **kept, "contents": [*kept.get("contents", []), *body["contents"]]}
        check_prompt(name, body)
        self._quotas.take(
            call, "model_calls_per_minute", "Generate Content Requests", [RETRY_LATER]
        )
        self.calls += 1
        now = self._clock.now()
        content = answer({**body, "model": name}, now.date())
        config = body.get("generationConfig", {})
        finish, tokens = _limited(content, config)
        usage = self._usage(call, model, body, cache)
        level = config.get("thinkingConfig", {}).get("thinkingLevel", "MEDIUM")
        thoughts = THOUGHTS.get(level, 0)
        usage["candidatesTokenCount"] = tokens
        usage["candidatesTokensDetails"] = details({"TEXT": tokens})
        usage["thoughtsTokenCount"] = thoughts
        usage["totalTokenCount"] = usage["promptTokenCount"] + tokens + thoughts
        return {
            "candidates": [{"index": 0, "content": content, "finishReason": finish}],
            "usageMetadata": {**usage, "trafficType": "ON_DEMAND"},
            "modelVersion": name,
            "createTime": stamp(now),
            "responseId": f"emu{self.calls:08d}",
        }

    def _count(self, call: Call) -> Json:
        name = call.names["model"]
        served(call, name)
        body = call.schema.read("CountTokensRequest", call.body)
        check_prompt(name, body)
        totals = count(blocks(body))
        total = sum(totals.values())
        return {
            "totalTokens": total,
            "totalBillableCharacters": total * CHARACTERS_A_TOKEN,
            "promptTokensDetails": details(totals),
        }

    def _cache(self, call: Call, body: Json) -> Cache | None:
        if "cachedContent" not in body:
            return None
        if any(name in body for name in NOT_BESIDE_CACHE):
            raise ApiError(
                400,
                "Tool config, tools and system instruction should not be set in the request when "
                "using cached content.",
            )
        cache = self._caches.find(body["cachedContent"])
        model = f"{call.location}/publishers/google/models/{call.names['model']}"
        if cache.view["model"] != model:
            raise ApiError(
                400, f"Model used by GenerateContent request ({model}) and by the cache differ."
            )
        if not body.get("contents"):
            check_prompt(call.names["model"], body)
        return cache

    def _usage(self, call: Call, model: Model, body: Json, cache: Cache | None) -> dict[str, Any]:
        found = blocks(body)
        totals = count(found)
        prompt = sum(totals.values())
        scope = f"{call.location}/{call.names['model']}"
        seen = self._prefixes.seen(scope, found)
        cached = self._cached(model, seen if self._hits() else [], cache)
        self.prompt_tokens += prompt
        usage = {"promptTokenCount": prompt, "promptTokensDetails": details(totals)}
        if cached:
            cached_tokens = sum(cached.values())
            self.cached_tokens += cached_tokens
            usage["cachedContentTokenCount"] = cached_tokens
            usage["cacheTokensDetails"] = details(cached)
        return usage

    def _hits(self) -> bool:
        """Whether this call may be served implicitly: Google promises none."""
        share = cast(int, self._settings["implicit_hit_percent"])
        return self.calls * share // 100 > (self.calls - 1) * share // 100

    def _cached(self, model: Model, seen: list[Block], cache: Cache | None) -> dict[str, int]:
        if cache is not None:
            return count(blocks(cache.body))
        totals = count(seen)
        return totals if sum(totals.values()) >= model.least_cached else {}

    @property
    def latency(self) -> float:
        """Virtual seconds that the model thinks before it answers."""
        return cast(float, self._settings["model_latency_ms"]) / 1000


def _limited(content: Json, config: Json) -> tuple[str, int]:
    """Finish reason and tokens; a text longer than `maxOutputTokens` is cut in `content`."""
    parts = content["parts"]
    tokens = sum(
        -(-len(part.get("text") or str(part["functionCall"])) // CHARACTERS_A_TOKEN)
        for part in parts
    )
    most = config.get("maxOutputTokens", tokens)
    if tokens <= most or "text" not in parts[0]:
        return "STOP", tokens
    parts[0]["text"] = parts[0]["text"][: most * CHARACTERS_A_TOKEN]
    return "MAX_TOKENS", most
