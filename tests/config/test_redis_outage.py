"""Redis is configured but unreachable: every process continues alone, and nothing fails."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from pytest_django import Settings

from accounts.security import rate_limits
from config.outages import FallbackRedisCache
from links.redirect.click_deduplication import build_unique_question
from tests.support import state
from tests.support.hits import NOW, process_hit
from tracking.state.deduplication import create_sender_id
from tracking.state.memory import MemoryState
from tracking.state.questions import KeepSenderId, TakeNumber
from tracking.state.redis_link import MIN_PAUSE_SECONDS, RedisPause, build_command
from tracking.state.redis_state import RedisState

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def away(settings: Settings) -> Iterator[RedisState]:
    """The state of a process whose Redis does not answer."""
    settings.REDIS_URL = NOBODY
    current = state.forget()
    assert isinstance(current, RedisState)
    yield current
    settings.REDIS_URL = ""
    state.forget()


def test_visits_and_known_devices_continue_without_redis(away: RedisState) -> None:
    first, second = process_hit("/a"), process_hit("/b", now=NOW + timedelta(minutes=5))
    assert (first["visit"], first["device"]) == (second["visit"], second["device"])
    assert first["is_new"] == second["is_new"] == 1
    assert process_hit("/c", session=str(first["visit"]), ip="192.0.2.9")["visit"] == first["visit"]


def test_ids_clicks_and_rotations_are_counted_in_memory(away: RedisState) -> None:
    sender_id = create_sender_id(7, "y", False, NOW)
    assert not away.local.sent_ids.contains(sender_id)
    away.ask(KeepSenderId(sender_id))
    assert away.local.sent_ids.contains(sender_id)
    moments = [NOW + timedelta(seconds=seconds) for seconds in (0, 1799, 1800)]
    clicks = away.resolve([build_unique_question(5, (9,), at.timestamp()) for at in moments])
    assert clicks == [True, False, True]
    assert away.resolve([TakeNumber(5)] * 3) == [1, 2, 3]


def test_requests_are_limited_by_each_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "cache", FallbackRedisCache(NOBODY, {"OPTIONS": {"FALLBACK": "limits"}}))
    limit = rate_limits.RateLimit("away", 2, 60)
    assert [rate_limits.count_request(limit, "203.0.113.7", NOW).remaining for _ in range(3)] == [1, 0, 0]
    assert rate_limits.count_request(limit, "203.0.113.7", NOW).retry_after == 60 - NOW.second


def test_redis_is_tried_once_and_then_only_after_a_pause_that_grows(
    away: RedisState, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    execute = away.redis.client.execute_command

    def note(*words: str) -> object:
        tried.append(words[0])
        return execute(*words)

    monkeypatch.setattr(away.redis.client, "execute_command", note)
    now = [1000.0]
    away.redis.pause = RedisPause(lambda: now[0])
    ping = [build_command("PING")]
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        tried.clear()
        assert [away.execute(ping) for _ in range(3)] == [None] * 3 and len(tried) == 1
        now[0] += seconds - 0.01
        assert away.execute(ping) is None and len(tried) == 1
        now[0] += 0.02
    away.redis.pause.note_answer()
    assert away.execute(ping) is None and away.redis.pause.seconds == MIN_PAUSE_SECONDS
    assert caplog.text.count("continues with its own memory") == 1, "one line a minute"


def test_calls_of_an_event_loop_get_their_answers_from_memory(away: RedisState) -> None:
    async def ask_at_once() -> list[int]:
        return list(await asyncio.gather(*(away.run(away.ask, TakeNumber(5)) for _ in range(100))))

    assert asyncio.run(ask_at_once()) == list(range(1, 101))


async def ask_of_silent_redis(conversation: Callable[[RedisState], Awaitable[list[int]]]) -> list[int]:
    """Talk to the state of a process whose Redis accepts connections and never answers."""

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(be_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        return await conversation(RedisState(f"redis://127.0.0.1:{port}/0", MemoryState(Path("/nonexistent"))))
    finally:
        server.close()


def test_a_batch_that_redis_does_not_answer_is_answered_from_memory(caplog: pytest.LogCaptureFixture) -> None:
    async def conversation(process: RedisState) -> list[int]:
        waiting = [asyncio.create_task(process.run(process.ask, TakeNumber(5))) for _ in range(100)]
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in waiting), "they wait, the event loop does not"
        return list(await asyncio.gather(*waiting))

    assert asyncio.run(ask_of_silent_redis(conversation)) == list(range(1, 101))
    assert caplog.text.count("continues with its own memory: no answer in 0.5 s") == 1, "the line says why"


def test_a_connection_is_closed_on_which_redis_refuses_the_script() -> None:
    async def talk() -> None:
        closed = asyncio.Event()

        async def refuse_script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                is_greeting = b"SCRIPT" not in data
                writer.write(b"+OK\r\n" * data.count(b"CLIENT") if is_greeting else b"-NOPERM no scripts\r\n")
            writer.close()
            closed.set()

        server = await asyncio.start_server(refuse_script, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        process = RedisState(f"redis://127.0.0.1:{port}/0?protocol=2", MemoryState(Path("/nonexistent")))
        assert await process.run(process.ask, TakeNumber(5)) == 1
        await asyncio.wait_for(closed.wait(), 10)
        server.close()

    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(talk())
    assert not [one for one in noted if "unclosed Connection" in str(one.message)], "it was not only forgotten"


def test_a_cancelled_request_takes_no_answer_from_others_and_its_hit_counts() -> None:
    async def conversation(process: RedisState) -> list[int]:
        waiting = [asyncio.create_task(process.run(process.ask, TakeNumber(5))) for _ in range(10)]
        await asyncio.sleep(0)
        waiting.pop(4).cancel()
        return list(await asyncio.gather(*waiting))

    assert asyncio.run(ask_of_silent_redis(conversation)) == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_a_process_ends_when_every_hit_has_its_answer() -> None:
    async def conversation(process: RedisState) -> list[int]:
        waiting = [asyncio.create_task(process.run(process.ask, TakeNumber(5))) for _ in range(100)]
        await asyncio.sleep(0)
        await process.drain()
        await asyncio.sleep(0)
        return [one.result() for one in waiting]

    assert asyncio.run(ask_of_silent_redis(conversation)) == list(range(1, 101))


def test_an_error_of_one_call_reaches_its_caller_alone() -> None:
    def fail(process: RedisState) -> int:
        raise ValueError(process.ask(TakeNumber(5)))

    async def conversation(process: RedisState) -> list[int]:
        calls = [process.run(process.ask, TakeNumber(5)), process.run(fail, process), process.run(int, 7)]
        first, error, last = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(error, ValueError)
        return [cast(int, first), int(str(error)), cast(int, last)]

    assert asyncio.run(ask_of_silent_redis(conversation)) == [1, 2, 7]


def test_the_cache_works_without_redis() -> None:
    cache = FallbackRedisCache(NOBODY, {})
    assert cache.get("a") is None and cache.add("a", 1) and not cache.add("a", 2)
    assert cache.incr("a") == 2 and cache.count("a", 60) == 3 and cache.count("b", 60) == 1
    cache.set("b", {"x": 1}, 60)
    assert cache.get("b") == {"x": 1} and cache.delete("b") and cache.get("b", "gone") == "gone"
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nobody")
