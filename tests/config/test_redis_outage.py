"""Redis is configured but unreachable: every process continues alone, and nothing fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts.security import rate_limits
from config.outages import FallbackRedisCache
from links.redirect import click_deduplication
from tests.support.hits import NOW, process_hit, reset_state
from tracking.state import deduplication, shared_redis, visits

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def away(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = NOBODY
    shared_redis.redis.cache_clear()
    shared_redis.forget_outage()
    visits._visit_store = None
    reset_state()
    yield
    visits._visit_store = None
    shared_redis.redis.cache_clear()
    shared_redis.forget_outage()
    click_deduplication.forget()


def test_visits_and_known_devices_continue_without_redis() -> None:
    assert isinstance(visits.get_visit_store(), visits.RedisVisits)
    first, second = process_hit("/a"), process_hit("/b", now=NOW + timedelta(minutes=5))
    assert (first["visit"], first["device"]) == (second["visit"], second["device"])
    assert first["is_new"] == second["is_new"] == 1
    assert process_hit("/c", session=str(first["visit"]), ip="192.0.2.9")["visit"] == first["visit"]


def test_ids_clicks_and_rotations_are_counted_in_memory() -> None:
    assert [deduplication.is_duplicate(7, "x", brief, NOW) for brief in (True, True)] == [False, True]
    assert not deduplication.is_duplicate(7, "y", False, NOW)
    deduplication.remember_id(7, "y", NOW)
    assert deduplication.is_duplicate(7, "y", False, NOW)
    moments = [NOW + timedelta(seconds=seconds) for seconds in (0, 1799, 1800)]
    assert [click_deduplication.is_unique_click(5, (9,), at.timestamp()) for at in moments] == [True, False, True]
    assert [click_deduplication.click_counters.next(5) for _ in range(3)] == [1, 2, 3]


def test_requests_are_limited_by_each_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "cache", FallbackRedisCache(NOBODY, {"OPTIONS": {"FALLBACK": "limits"}}))
    limit = rate_limits.RateLimit("away", 2, 60)
    assert [rate_limits.count_request(limit, "203.0.113.7", NOW).remaining for _ in range(3)] == [1, 0, 0]
    assert rate_limits.count_request(limit, "203.0.113.7", NOW).retry_after == 60 - NOW.second


def test_redis_is_tried_once_and_then_only_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    shared_redis.run_or_none(lambda client: client.ping())
    shared_redis.run_or_none(lambda client: asked.append(1))
    assert asked == []
    shared_redis.forget_outage()
    shared_redis.run_or_none(lambda client: asked.append(1))
    assert asked == [1]


def test_the_cache_works_without_redis() -> None:
    cache = FallbackRedisCache(NOBODY, {})
    assert cache.get("a") is None and cache.add("a", 1) and not cache.add("a", 2)
    assert cache.incr("a") == 2
    cache.set("b", {"x": 1}, 60)
    assert cache.get("b") == {"x": 1} and cache.delete("b") and cache.get("b", "gone") == "gone"
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nobody")
