"""Generated pasts: the same every time, whole, and with all that pasts are known for."""

import base64
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from PIL import Image

from watibot.emulators.past import Past, pasts

DAY = date(2026, 11, 22)
MANY = pasts(600, 7, hotel_day=DAY)


def parts_of(past: Past) -> Iterator[tuple[str, str]]:
    for message in past.export["messages"]:
        for part in message["content"]:
            yield message["role"], part["type"]


def test_a_past_depends_on_seed_and_number_alone() -> None:
    assert pasts(3, 7, hotel_day=DAY, start=40) == MANY[40:43]
    assert pasts(1, 8, hotel_day=DAY)[0].export != MANY[0].export
    ids = [past.row["thread_id"] for past in MANY]
    assert len(set(ids)) == len({past.row["wa_id"] for past in MANY}) == len(MANY)


def test_rows() -> None:
    channels = Counter(past.row["wa_id"][:5] for past in MANY)
    assert set(channels) == {"50371", "fb:71", "ig:72"}
    assert channels["50371"] > 0.7 * len(MANY)
    for past in MANY:
        assert list(past.row) == [
            "wa_id",
            "thread_id",
            "last_updated",
            "created_at",
            "history_imported",
            "agent_context_injected",
            "last_agent_context_check",
        ]
        assert past.row["thread_id"] == past.export["thread"]["id"]
        assert past.row["history_imported"] == 0 or past.row["wa_id"].isdigit()
        checked = any("AGENTES HUMANOS" in str(each) for each in past.export["messages"])
        assert (past.row["last_agent_context_check"] is not None) == checked


def test_sizes() -> None:
    sizes = [len(past.export["messages"]) for past in MANY]
    assert (min(sizes), max(sizes)) == (2, 60)
    assert sum(6 <= size <= 30 for size in sizes) > 0.7 * len(MANY)


@pytest.mark.parametrize("size", [1, 2, 30, 600])
def test_a_fixed_number_of_items(size: int) -> None:
    for past in pasts(20, 7, hotel_day=DAY, size=size):
        steps = [step for run in past.export["runs"] for step in run["steps"]]
        calls = [call for step in steps for call in step["step_details"].get("tool_calls", [])]
        assert len(past.export["messages"]) + 2 * len(calls) == size
        assert all(call["function"]["output"] for call in calls)


def test_times_rise_and_end_before_the_day() -> None:
    over = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
    doubled = 0
    for past in MANY:
        times = [message["created_at"] for message in past.export["messages"]]
        assert times == sorted(times)
        assert past.export["thread"]["created_at"] <= times[0]
        assert times[-1] < over
        doubled += len(set(times)) < len(times)
    assert doubled > 100


def test_everything_that_is_named_is_there() -> None:
    for past in MANY:
        messages = {message["id"]: message for message in past.export["messages"]}
        runs = {run["id"]: run for run in past.export["runs"]}
        made = [
            (step["step_details"]["message_creation"]["message_id"], run["id"])
            for run in past.export["runs"]
            for step in run["steps"]
            if step["type"] == "message_creation"
        ]
        answers = [each for each in past.export["messages"] if each["role"] == "assistant"]
        assert [(each["id"], each["run_id"]) for each in answers] == made
        assert len(messages) == len(past.export["messages"])
        assert len(runs) == len(past.export["runs"])
        spoke = {run_id for _, run_id in made}
        assert all((run["status"] == "completed") == (id_ in spoke) for id_, run in runs.items())
        for message in messages.values():
            for attachment in message["attachments"]:
                assert past.export["files"][attachment["file_id"]]["purpose"] == "assistants"
            for part in message["content"]:
                text = part.get("text", {"value": "", "annotations": []})
                assert len(text["annotations"]) == text["value"].count("†source】")
                for note in text["annotations"]:
                    at = slice(note["start_index"], note["end_index"])
                    assert text["value"][at] == note["text"]
                    assert note["file_citation"]["file_id"] in past.export["files"]


def test_all_that_pasts_are_known_for() -> None:
    statuses = Counter(run["status"] for past in MANY for run in past.export["runs"])
    assert set(statuses) == {"completed", "failed", "cancelled", "expired"}
    kinds = Counter(each for past in MANY for each in parts_of(past))
    assert set(kinds) == {
        ("user", "text"),
        ("user", "image_file"),
        ("user", "image_url"),
        ("assistant", "text"),
        ("assistant", "refusal"),
    }
    steps = [step for past in MANY for run in past.export["runs"] for step in run["steps"]]
    calls = [step["step_details"].get("tool_calls", []) for step in steps]
    names = Counter(call["function"]["name"] for made in calls for call in made)
    assert set(names) == {
        "check_office_status",
        "request_booking",
        "create_booking_request",
        "escalate_to_human",
    }
    assert {len(made) for made in calls} == {0, 1, 2}
    assert sum("【4:0†source】" in str(past.export) for past in MANY) > 20


def test_pictures_can_be_seen() -> None:
    kinds: Counter[str | None] = Counter()
    contents = set()
    for past in MANY:
        for file in past.export["files"].values():
            if file["purpose"] == "vision":
                content = base64.b64decode(file["content"])
                contents.add(content)
                with Image.open(io.BytesIO(content)) as image:
                    image.load()
                    kinds[image.format] += 1
    assert set(kinds) == {"JPEG", "PNG"}
    assert len(contents) > 0.99 * kinds.total()


def test_what_staff_said_is_in_the_old_bots_words() -> None:
    text = next(
        message["content"][0]["text"]["value"]
        for past in MANY
        for message in past.export["messages"]
        if message["content"][0].get("text", {}).get("value", "").startswith("=== CONV")
    )
    lines = text.splitlines()
    assert lines[:4] == [
        "=== CONVERSACIONES CON AGENTES HUMANOS ===",
        "El siguiente historial muestra conversaciones previas entre el cliente y agentes "
        "humanos...",
        "",
        "--- Conversación 1 ---",
    ]
    assert lines[4].startswith("Cliente: ")
    assert lines[5].startswith("Agente (")
    assert lines[-2:] == ["", "=== FIN DEL HISTORIAL DE AGENTES ==="]
