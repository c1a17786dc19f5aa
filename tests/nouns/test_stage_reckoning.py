"""The console's figures beside the journals': the second sum, what a page says, and when they
differ; when a run's clock begins."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from watibot.cli.demo import anchor
from watibot.cli.stage import webpage
from watibot.cli.stage.books import Books, Journals, Tariff, books, cost, tariff, writer
from watibot.cli.stage.figures import Figure, Shown, figures, guests_messages
from watibot.cli.stage.guests import Control
from watibot.cli.stage.journals import Entry
from watibot.cli.stage.processes import Stage
from watibot.cli.stage.reckoning import Reckoning, show
from watibot.engines.clock import SystemClock
from watibot.messages import ChannelName

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHATSAPP, FACEBOOK, INSTAGRAM = ChannelName
MODEL = "/v1beta1/projects/p/locations/{}/publishers/google/models/{}:generateContent"
SESSIONS = "/v1/projects/p/locations/us-central1/reasoningEngines/1/sessions"
PRICES = Tariff(
    [
        {"model": "swift", "input": Decimal(1), "cached": Decimal("0.1"), "output": Decimal(4)},
        {
            "model": "swift",
            "from": (NOON + timedelta(days=1)).date(),
            "input": Decimal(2),
            "cached": Decimal("0.2"),
            "output": Decimal(8),
            "audio": Decimal(3),
            "cached_audio": Decimal("0.5"),
            "elsewhere": Decimal("1.1"),
            "long": {"input": Decimal(9), "cached": Decimal(1), "output": Decimal(90)},
        },
    ],
    Decimal(250),
)


def _entry(kind: str, seconds: float = 0, **more: Any) -> Entry:
    return {"kind": kind, "at": (NOON + timedelta(seconds=seconds)).isoformat(), **more}


def _exchange(operation: str, path: str, request: Any, response: Any = None, **more: Any) -> Entry:
    given = {"operation": operation, "path": path, "query": {}, "status": 200, **more}
    return _entry("exchange", **given, request=request, response=response or {})


def _answered(parts: list[dict[str, Any]], counted: dict[str, int], **more: Any) -> Entry:
    response = {"candidates": [{"content": {"parts": parts}}], "usageMetadata": counted}
    return _exchange("generateContent", MODEL.format("global", "swift"), {}, response, **more)


def _session(name: str, user: str, *events: dict[str, Any]) -> list[Entry]:
    made = _exchange("createSession", SESSIONS, {"userId": user}, query={"sessionId": name})
    path = f"{SESSIONS}/{name}:appendEvent"
    return [made, *(_exchange("appendEvent", path, event) for event in events)]


def _event(author: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"author": author, "content": {"parts": [part]}}


def _call(name: str) -> dict[str, Any]:
    return {"functionCall": {"name": name}}


ANA = _event("user", {"text": "una persona"})
HANDED = _event("watibot", _call("escalate_to_human"))
BYE = _event("watibot", {"text": "Ya aviso."})
ROSA = _event("staff", {"text": "Voy"})
JOURNALS = Journals(
    wati=[
        _entry("guest", waId="503"),
        _entry("guest", waId="503"),
        _entry("request", path="/api/v1/sendSessionMessage/503"),
        _entry("bubble", waId="503"),
    ],
    manychat=[
        _entry("guest", subscriber_id="7", platform="instagram"),
        _entry("guest", subscriber_id="7", platform="facebook"),
        _entry("request", path="/fb/sending/sendContent"),
        _entry("note", subscriber_id="8", text="a chat of nobody who wrote"),
    ],
    vertex=[
        _answered([_call("check_office")], {"promptTokenCount": 100, "candidatesTokenCount": 5}),
        _answered(
            [{"text": "Sí."}],
            {"promptTokenCount": 200, "cachedContentTokenCount": 90, "thoughtsTokenCount": 3},
        ),
        _exchange("generateContent", "", {}, {"error": {}}, status=503),
        *_session("c-1", "503", ANA, HANDED, BYE),
        *_session("c-2", "ig:7", ANA, HANDED, BYE, ROSA),
        *_session("c-3", "fb:8", ROSA),
    ],
)
FOUND = Books(
    guests={WHATSAPP: 1, FACEBOOK: 1, INSTAGRAM: 1},
    messages={WHATSAPP: 2, FACEBOOK: 1, INSTAGRAM: 1},
    answers=2,
    by_staff=1,
    waiting=1,
    tools=1,
    calls=2,
    prompt=300,
    cached=90,
    output=8,
    events=8,
    requests=1,
    micros=(100 + 5 * 4) + (110 + 9 + 3 * 4) + 8 * 250,
)


def test_books_are_made_of_the_journals_alone() -> None:
    assert books(JOURNALS, PRICES) == FOUND


def test_what_came_later_is_left_out() -> None:
    together = replace(JOURNALS, wati=[*JOURNALS.wati, _entry("guest", 60, waId="504")])
    assert books(together.before(NOON + timedelta(seconds=60)), PRICES) == FOUND
    assert books(together, PRICES).messages[WHATSAPP] == 3
    assert books(JOURNALS.before(NOON), PRICES) == Books()


@pytest.mark.parametrize(
    ("days", "location", "counted", "micros"),
    [
        pytest.param(0, "global", {"promptTokenCount": 7}, 7, id="the price of the day"),
        pytest.param(1, "global", {"promptTokenCount": 7}, 14, id="the newer one"),
        pytest.param(1, "us", {"promptTokenCount": 10}, 22, id="elsewhere"),
        pytest.param(0, "us", {"promptTokenCount": 10}, 10, id="the same everywhere"),
        pytest.param(
            0, "global", {"promptTokenCount": 15, "cachedContentTokenCount": 15}, 2, id="½"
        ),
        pytest.param(1, "global", {"promptTokenCount": 200_001}, 1_800_009, id="long"),
        pytest.param(1, "global", {"promptTokenCount": 200_000}, 400_000, id="not long yet"),
        pytest.param(
            1,
            "global",
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 40,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
                "cacheTokensDetails": [
                    {"modality": "AUDIO", "tokenCount": 10},
                    {"modality": "TEXT", "tokenCount": 30},
                ],
            },
            40 * 2 + 20 * 3 + 6 + 5,
            id="sound",
        ),
        pytest.param(
            0,
            "global",
            {"promptTokenCount": 0, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
            20,
            id="thoughts are output",
        ),
    ],
)
def test_a_call_costs(days: int, location: str, counted: dict[str, Any], micros: int) -> None:
    asked = _exchange("generateContent", MODEL.format(location, "swift"), {})
    asked["at"] = (NOON + timedelta(days=days)).isoformat()
    assert cost(counted, asked, PRICES) == micros


def test_a_cache_is_charged_as_a_prompt() -> None:
    model = "projects/p/locations/global/publishers/google/models/swift"
    path = "/v1beta1/projects/p/locations/global/cachedContents"
    counted = {"usageMetadata": {"totalTokenCount": 5000}}
    made = _exchange("createCache", path, {"model": model}, counted)
    assert books(Journals([], [], [made]), PRICES).micros == 5000


def test_a_model_without_a_price_is_not_free() -> None:
    with pytest.raises(LookupError, match="no price of slow"):
        cost({"promptTokenCount": 1}, _exchange("", MODEL.format("global", "slow"), {}), PRICES)


def test_the_list_that_comes_with_this_version_is_read() -> None:
    found = tariff().row("gemini-3.8-flash", NOON.date())
    assert found["input"] > found["cached"] > 0
    assert tariff().event > 0


@pytest.mark.parametrize(
    ("entry", "conversation"),
    [
        ({"waId": "503"}, "503"),
        ({"subscriber_id": "7", "platform": "facebook"}, "fb:7"),
        ({"subscriber_id": "7", "platform": "instagram"}, "ig:7"),
    ],
)
def test_who_wrote(entry: Entry, conversation: str) -> None:
    assert writer(entry).conversation_id == conversation


TODAY = """
<h1>Today, 23 Nov</h1>
<ul class="tiles">
<li><h2>Tools that work</h2><p class="figure">100 %</p><p>1 calls that worked of 2</p></li>
<li><h2><a href="/console/escalations">Escalations</a></h2><p class="figure">1</p>
<p>The oldest: 2 minutes</p></li>
<li><h2>Cost today</h2><p class="figure"><data value="2251" title="$0.002251">$0.00</data></p></li>
</ul>
<section><h2>Conversations and messages today</h2><table>
<thead><tr><th>Channel</th><th>Conversations</th><th>From guests</th><th>From the assistant</th>
<th>From staff</th></tr></thead><tbody>
<tr><th>WhatsApp</th><td>1</td><td>2</td><td>1</td><td>0</td></tr>
<tr><th>Messenger</th><td>1</td><td>1</td><td>0</td><td>0</td></tr>
<tr><th>Instagram</th><td>1</td><td>1</td><td>1</td><td>1</td></tr>
</tbody><tfoot><tr><th>Total</th><td>3</td><td>4</td><td>2</td><td>1</td></tr></tfoot></table>
</section>
"""
MONEY = """
<h1>Money, 2026-11</h1>
<ul class="tiles"><li><h2>Cost this month</h2><p class="figure"><data value="2251">$0.00</data></p>
<p>0 % of the budget</p></li></ul>
<h2>On average</h2>
<ul class="tiles"><li><h3>For each call of the model</h3>
<p class="figure"><data value="125">$0</data></p><p class="dim">Calls: 2</p></li></ul>
<h2>By the day</h2><table>
<thead><tr><th>Day</th><th>Cost</th><th>Charges</th><th>Tokens in</th><th>Tokens out</th></tr>
</thead>
<tr><th>22</th><td><data value="0">$0</data></td><td>0</td><td>0</td><td>0</td></tr>
<tr><th>23</th><td><data value="2251">$0.00</data></td><td>4</td><td>1,300</td><td>8</td></tr>
</table>
"""
CALL = {"prompt_tokens": "150", "cached_tokens": "45", "output_tokens": "4", "micro_dollars": "125"}
REST = {"prompt_tokens": "0", "cached_tokens": "0", "output_tokens": "0"}
CHARGES = [
    {"operation": "answer", "quantity": "1", **CALL, "prompt_tokens": "1150"},
    {"operation": "receipt", "quantity": "1", **CALL, "micro_dollars": "126"},
    {"operation": "event", "quantity": "8", **REST, "micro_dollars": "2000"},
    {"operation": "call", "quantity": "1", **REST, "micro_dollars": "0"},
]
COSTS = {
    "calls": 2,
    "total": {"micros": 2251, "prompt_tokens": 1300, "cached_tokens": 90, "output_tokens": 8},
    "by": {"operation": [{"key": "event", "quantity": 8}]},
}
SHOWN = Shown(webpage.read(TODAY), webpage.read(MONEY), CHARGES, COSTS)
WHOLE = replace(FOUND, prompt=1300, micros=2251)


def _wrong(found: Books, shown: Shown) -> list[str]:
    return [each.name.strip() for each in figures(found, shown) if not each.ok]


def test_a_page_says_what_the_journals_say() -> None:
    laid = figures(WHOLE, SHOWN)
    assert [each for each in laid if not each.ok] == []
    assert all(each.console for each in laid)
    assert guests_messages(SHOWN.today) == 4


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("<th>Instagram</th><td>1", "<th>Instagram</th><td>2", "conversations, Instagram"),
        (
            "<th>WhatsApp</th><td>1</td><td>2",
            "<th>WhatsApp</th><td>1</td><td>1",
            "guests' messages, WhatsApp",
        ),
        ("<td>4</td><td>2</td>", "<td>4</td><td>3</td>", "answers"),
        (
            "<td>2</td><td>1</td></tr></tfoot>",
            "<td>2</td><td>0</td></tr></tfoot>",
            "words of staff",
        ),
        ('"figure">1<', '"figure">0<', "guests waiting for a person"),
        ("1 calls that", "0 calls that", "tool calls"),
        ('"2251" title', '"2252" title', "cost"),
        ("Cost today", "Cost of the day", "cost"),
    ],
)
def test_the_day_differs(old: str, new: str, name: str) -> None:
    assert old in TODAY
    assert _wrong(WHOLE, replace(SHOWN, today=webpage.read(TODAY.replace(old, new)))) == [name]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("Calls: 2", "Calls: 3", "calls of the model"),
        ("1,300", "1,299", "tokens in"),
        ("<td>8</td>", "<td>9</td>", "tokens out"),
        ('figure"><data value="2251"', 'figure"><data value="2250"', "cost"),
        ("By the day", "By day", "tokens in, tokens out"),
    ],
)
def test_the_page_of_money_differs(old: str, new: str, name: str) -> None:
    assert old in MONEY
    wrong = _wrong(WHOLE, replace(SHOWN, money=webpage.read(MONEY.replace(old, new))))
    assert ", ".join(wrong) == name


@pytest.mark.parametrize(
    ("number", "column", "value", "name"),
    [
        (0, "cached_tokens", "46", "of these from a cache"),
        (1, "output_tokens", "5", "tokens out"),
        (2, "quantity", "9", "session events"),
        (3, "quantity", "0", "requests to WATI"),
        (1, "micro_dollars", "127", "cost"),
        (3, "micro_dollars", "", "charges without a price"),
    ],
)
def test_the_file_differs(number: int, column: str, value: str, name: str) -> None:
    charges = [
        {**each, column: value} if place == number else each for place, each in enumerate(CHARGES)
    ]
    assert _wrong(WHOLE, replace(SHOWN, charges=charges)) == [name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("calls",), "calls of the model"),
        (("total", "prompt_tokens"), "tokens in"),
        (("total", "cached_tokens"), "of these from a cache"),
        (("total", "micros"), "cost"),
    ],
)
def test_watibot_costs_differs(path: tuple[str, ...], name: str) -> None:
    if len(path) == 1:
        costs = {**COSTS, path[0]: 1}
    else:
        costs = {**COSTS, "total": {**SHOWN.costs["total"], path[1]: 1}}
    assert _wrong(WHOLE, replace(SHOWN, costs=costs)) == [name]


LAID = [
    Figure("guests' messages, WhatsApp", 25, {"today": 25}),
    Figure("guests' messages, Instagram", 2, {"today": 2}),
    Figure("cost", 85586, {"today": 85586, "file": 85587}, is_money=True),
]


def test_what_differs_says_where() -> None:
    out = io.StringIO()
    show(Console(file=out, width=100), LAID)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]
    assert lines == [
        "console journals where",
        "guests' messages, WhatsApp 25 25 ok today",
        "guests' messages, Instagram 2 2 ok today",
        "cost ? $0.085586 not ok today $0.085586, file $0.085587",
    ]


@pytest.mark.parametrize(
    ("seen", "laid", "expected"),
    [
        ([0, 3, 27], LAID, [True, False]),
        ([0, 3, 27], LAID[:2], [True, True]),
        ([0, 3, 26], LAID[:2], [False, True]),
        ([0, 27], LAID[:2], [False, True]),
        ([], LAID[:2], [False, True]),
    ],
)
def test_what_has_to_hold(seen: list[int], laid: list[Figure], expected: list[bool]) -> None:
    stage = Stage.__new__(Stage)
    object.__setattr__(stage, "service", "http://127.0.0.1:1")
    owner = Reckoning(stage, Control.__new__(Control), SystemClock(), seen)
    assert [check.ok for check in owner.checks(laid)] == expected


@pytest.mark.parametrize(
    ("local", "speed", "begins"),
    [
        ("2026-11-23 09:00:00", 6, "2026-11-23 09:00:00"),
        ("2026-11-23 23:39:00", 6, "2026-11-23 23:39:00"),
        ("2026-11-23 23:50:00", 6, "2026-11-24 00:00:01"),
        ("2026-11-30 23:59:59", 20, "2026-12-01 00:00:01"),
        ("2026-11-23 23:50:00", 1, "2026-11-23 23:50:00"),
    ],
)
def test_a_morning_is_of_one_day(local: str, speed: float, begins: str) -> None:
    zone = ZoneInfo("America/El_Salvador")
    now = datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()
    began = anchor(now, speed, zone)
    virtual = began + (now - began) * speed
    found = datetime.fromtimestamp(round(virtual, 3), zone)
    assert f"{found:%Y-%m-%d %H:%M:%S}" == begins
