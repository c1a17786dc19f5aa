"""What is known of a provider from what was heard of it."""

from __future__ import annotations

from tests.contract.stores import at
from watibot.errors import Cause
from watibot.service.provider_watch import Heard, ProviderWatch

MINUTE = 60


def test_nothing_was_heard() -> None:
    watch = ProviderWatch()
    assert watch.last_success("gemini") is None
    assert watch.all(at(0)) == []


def test_the_last_of_each_is_kept() -> None:
    watch = ProviderWatch()
    watch.heard("gemini", "ok", at(0))
    watch.heard("gemini", Cause.THROTTLED, at(5))
    watch.heard("gemini", Cause.TIMEOUT, at(9))
    (found,) = watch.all(at(10))
    assert found == Heard("gemini", at(0), at(9), "timeout", 1, 2)
    assert found.failing
    assert found.share == 1 / 3
    watch.heard("gemini", "ok", at(12))
    (found,) = watch.all(at(12))
    assert not found.failing
    assert found.cause == "timeout"
    assert watch.last_success("gemini") == at(12)


def test_only_failures() -> None:
    watch = ProviderWatch()
    watch.heard("wati", Cause.UNAUTHORISED, at(0))
    (found,) = watch.all(at(1))
    assert found.failing
    assert (found.last_success, found.share) == (None, 0.0)


def test_an_hour_counts() -> None:
    watch = ProviderWatch()
    for minute in range(120):
        watch.heard("wati", "ok" if minute < 90 else Cause.LOST, at(minute * MINUTE))
    (found,) = watch.all(at(119 * MINUTE))
    assert (found.good, found.bad) == (31, 30)
    (found,) = watch.all(at(1000 * MINUTE))
    assert (found.good, found.bad, found.share) == (0, 0, None)
    assert found.last_success == at(89 * MINUTE)


def test_each_minute_takes_one_place_however_busy_it_is() -> None:
    watch = ProviderWatch()
    for number in range(1_000):
        watch.heard("wati", "ok", at(number * 0.05))
    (record,) = watch._records.values()
    assert len(record.minutes) == 1
    assert watch.all(at(60))[0].good == 1_000


def test_providers_in_order_and_the_model_s_other_name() -> None:
    watch = ProviderWatch()
    for name in ("wati", "model", "gemini", "manychat"):
        watch.heard(name, "ok", at(0))
    found = {each.provider: each.good for each in watch.all(at(0))}
    assert list(found.items()) == [("gemini", 2), ("manychat", 1), ("wati", 1)]
