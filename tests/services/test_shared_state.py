"""Several processes with one Redis against the naive state, how often they ask it, and what remains without it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from django.conf import settings
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some
from hypothesis.stateful import rule

from config.management.commands.serve import get_loop_factory
from config.outages import FallbackRedisCache
from sites import site_cache
from sites.models import Site
from tests.served import reserve_ports, wait_until
from tests.services import servers
from tests.support import state
from tests.support.endpoints import post_event, send_request
from tests.support.links import NOON, Browser, create_link
from tests.support.naive_state import BEGIN, IDLE, KINDS, StateWalk
from tracking.state import first_seen
from tracking.state.base import State
from tracking.state.memory import MemoryState
from tracking.state.questions import ClaimFirst, JoinVisit, RestoreClaim, RestoreVisit, SenderId, TakeNumber, Window
from tracking.state.redis_batches import MAX_BATCH_SIZE
from tracking.state.redis_codec import DEVICES_KEY, name_visit
from tracking.state.redis_connection import RedisConnection
from tracking.state.redis_link import MIN_PAUSE_SECONDS, TIMEOUT_SECONDS, RedisLink, RedisPause, build_command
from tracking.state.redis_state import RedisState
from tracking.state.visits import OpenVisit, generate_id

pytestmark = pytest.mark.services


def open_process(url: str = "") -> RedisState:
    """The state of a further process, in the Redis of the tests or in another one."""
    return RedisState(url or settings.REDIS_URL, MemoryState(Path("/nonexistent")))


class RedisWalk(StateWalk):
    """A walk with three processes."""

    @staticmethod
    def states() -> list[State]:
        RedisLink(settings.REDIS_URL).execute([build_command("FLUSHDB")])
        return [open_process() for _ in range(3)]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()

    def teardown(self) -> None:
        self.runner.close()

    @rule(data=some.data(), process=some.integers(0, 9), size=some.integers(1, 5), copies=some.integers(1, 40))
    def resolve_calls_of_an_event_loop(self, data: some.DataObject, process: int, size: int, copies: int) -> None:
        """Many calls at once, in several batches: their answers are the naive ones, in the order of the calls."""
        drawn = [data.draw(some.sampled_from(KINDS))(self, data) for _ in range(size)]
        expected = [self.naive.answer(question) for _ in range(copies) for question in drawn]
        state = self.processes[process % len(self.processes)]

        async def ask_at_once() -> list[Any]:
            calls = [state.run(state.ask, question) for _ in range(copies) for question in drawn]
            return list(await asyncio.gather(*calls))

        assert self.runner.run(ask_at_once()) == expected


RedisWalk.TestCase.settings = hypothesis_settings(stateful_step_count=15, deadline=None)
TestRedisState = pytest.mark.services(RedisWalk.TestCase)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What this thread sends to Redis: one entry a round trip. It has the script already.

    Each request of these tests has an event loop of its own, and so a connection, whose greetings do not count.
    """
    sent: list[Any] = []
    send_batch: Callable[..., Any] = RedisConnection.send

    def count_batch(self: RedisConnection, command: Any) -> None:
        sent.append(command)
        send_batch(self, command)

    monkeypatch.setattr(RedisConnection, "send", count_batch)
    thread = threading.get_ident()  # live streams have one of their own, for which no hit waits
    send: Callable[..., Any] = redis.Connection.send_packed_command

    def counted(self: redis.Connection, command: Any, check_health: bool = True) -> Any:
        if threading.get_ident() == thread:
            sent.append(command)
        return send(self, command, check_health)

    current = state.current()
    assert isinstance(current, RedisState)
    current.ask(RestoreClaim(Window("warm", 60), "x", 0.0, 0.0))
    monkeypatch.setattr(redis.Connection, "send_packed_command", counted)
    yield sent


def count(sent: list[Any]) -> int:
    trips = len(sent)
    sent.clear()
    return trips


def test_a_beacon_is_one_round_trip(site: Site, store: Any, trips: list[Any]) -> None:
    site_cache.refresh()
    beacon = {"site_id": site.pk, "type": "pageview", "href": "/a", "host": "example.com", "res": "1x1"}
    send_request("/in.php", beacon)  # the first of all: the functions and the day's salt
    count(trips)
    assert send_request("/in.php", {**beacon, "href": "/b"}).dropped == "" and count(trips) == 1, "a further page"
    assert send_request("/in.php", beacon, peer="203.0.113.8").dropped == "" and count(trips) == 1, "a new visitor"
    again = {**beacon, "x": "an id of a beacon 1", "type": "ping"}
    assert send_request("/in.php", again).dropped == "" and count(trips) == 1, "with an id"
    assert send_request("/in.php", again).dropped == "duplicate" and count(trips) == 0, "this process knows the id"
    assert send_request("/in.php", beacon, user_agent="curl/8").dropped == "bot" and count(trips) == 1
    assert send_request("/in.php", {**beacon, "host": "elsewhere.test"}).dropped and count(trips) == 0, "no question"


def test_an_event_and_its_limit_are_a_round_trip_each_which_it_shares_with_other_hits(
    site: Site, store: Any, api_key: str, trips: list[Any]
) -> None:
    event = {"url": "https://example.com/a"}
    post_event(event, api_key)
    count(trips)
    assert post_event(event, api_key).dropped == ""
    assert [command[0] for command in trips] == ["EVALSHA"] * 2, "both are batches of the event loop"


def test_requests_are_counted_for_all_processes_until_their_time_is_over() -> None:
    processes = [open_process() for _ in range(3)]
    assert [process.count_request("client", 60) for process in processes * 3] == list(range(1, 10))
    assert processes[0].count_request("other", 60) == 1
    state.let_time_pass(60)
    assert processes[0].count_request("client", 60) == 1


def test_a_counter_is_one_round_trip_and_expires(trips: list[Any]) -> None:
    cache = FallbackRedisCache(settings.REDIS_URL, {})
    assert [cache.count("requests", 60), cache.count("requests", 60)] == [1, 2]
    count(trips)
    assert cache.count("requests", 60) == 3 and count(trips) == 1
    assert cache.get("requests") == 3 and 0 < cache.counters.ttl(cache.make_key("requests")) <= 60
    assert cache.decr("requests", 3) == 0 and cache.count("requests", 600) == 1, "all of them were undone"
    assert cache.counters.ttl(cache.make_key("requests")) > 60, "its time begins again"


def test_a_click_is_one_round_trip(account: Any, fresh_links: None, trips: list[Any]) -> None:
    create_link(account)
    Browser().open("/l/offer", at=NOON)
    count(trips)
    Browser(ip="203.0.113.8").open("/l/offer", at=NOON)
    assert count(trips) == 1


def test_a_batch_is_one_round_trip(trips: list[Any]) -> None:
    process, window = state.current(), Window("batch", 60)
    process.resolve([ClaimFirst(window, "first", 0.0)] * 2)
    count(trips)
    answers = process.resolve([ClaimFirst(window, f"{number // 2}", 0.0) for number in range(64)])
    assert answers == [True, False] * 32 and count(trips) == 1


async def take_numbers(process: State, calls: int) -> list[int]:
    return list(await asyncio.gather(*(process.run(process.ask, TakeNumber(77)) for _ in range(calls))))


def test_calls_of_an_event_loop_share_their_round_trips(trips: list[Any]) -> None:
    process = state.current()

    async def measure() -> list[int]:
        await take_numbers(process, 1)  # connects
        count(trips)
        found = []
        for calls in (1, MAX_BATCH_SIZE, 3 * MAX_BATCH_SIZE):
            await take_numbers(process, calls)
            found.append(count(trips))
        return found

    assert asyncio.run(measure()) == [1, 1, 3]


def test_replies_are_read_that_arrive_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    process = state.current()
    receive: Callable[..., Any] = RedisConnection.data_received
    pieces = []

    def receive_piece_by_piece(self: RedisConnection, data: bytes) -> None:
        for first in range(0, len(data), 7):
            pieces.append(data[first : first + 7])
            receive(self, pieces[-1])

    monkeypatch.setattr(RedisConnection, "data_received", receive_piece_by_piece)
    numbers = asyncio.run(take_numbers(process, 3 * MAX_BATCH_SIZE))
    assert numbers == list(range(numbers[0], numbers[0] + 3 * MAX_BATCH_SIZE)) and len(pieces) > 10


def test_an_answer_counts_that_came_while_the_process_was_held_up() -> None:
    async def talk() -> list[int]:
        process, other = open_process(), open_process()
        await take_numbers(process, 1)  # connects
        await take_numbers(other, 5)
        waiting = asyncio.create_task(take_numbers(process, 3))
        for _ in range(3):
            await asyncio.sleep(0)  # it is sent
        time.sleep(TIMEOUT_SECONDS + 0.2)  # noqa: ASYNC251
        found = await waiting
        assert not process.redis.is_away()
        return found

    with asyncio.Runner(loop_factory=get_loop_factory()) as runner:  # its timers are asked before its sockets
        numbers = runner.run(talk())
    assert numbers == list(range(numbers[0], numbers[0] + 3)) and numbers[0] >= 7


def test_redis_may_lose_the_script_between_two_batches() -> None:
    async def talk() -> list[list[int]]:
        process = open_process()
        first = await take_numbers(process, 200)
        process.redis.client.script_flush()
        return [first, await take_numbers(process, 200)]

    first, second = asyncio.run(talk())
    assert sorted(first + second) == list(range(1, 401)) and max(first) == 200


async def take_two_kinds_of_numbers(process: State, calls: int) -> list[int]:
    """Ask for a further number of counter 79 by every call, except by the second: that asks counter 80."""
    counters = [80 if number == 1 else 79 for number in range(calls)]
    return list(await asyncio.gather(*(process.run(process.ask, TakeNumber(counter)) for counter in counters)))


def test_a_question_that_redis_cannot_answer_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    process = open_process()
    process.redis.client.lpush("footfall:clicks:80", "not a number")
    assert asyncio.run(take_two_kinds_of_numbers(process, 5)) == [1, 1, 2, 3, 4], "the second is that of its memory"
    assert process.ask(TakeNumber(80)) == 2, "outside of an event loop, too"
    assert not process.redis.is_away()
    assert caplog.text.count("WRONGTYPE") == 1 and "is away" not in caplog.text
    assert open_process().ask(TakeNumber(79)) == 5, "the others took effect in Redis"


@contextmanager
def start_redis(folder: Path, *options: str) -> Iterator[str]:
    """A Redis of its own, for what concerns all clients: others use the shared one meanwhile. Yields its URL."""
    port = reserve_ports(1)
    server = servers.program("redis-server", "redis-server")
    command = [server, "--port", str(port), "--save", "", *options, "--dir", str(folder)]
    with servers.running(command, port, folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"


def test_redis_that_cannot_write_counts_as_away(tmp_path: Path) -> None:
    with start_redis(tmp_path, "--maxmemory", "1") as url:
        process = open_process(url)
        assert asyncio.run(take_numbers(process, 3)) == [1, 2, 3] and process.redis.pause.seconds > 0
        process.redis.pause = RedisPause()
        assert process.ask(TakeNumber(77)) == 4 and process.redis.pause.seconds > 0, "outside of an event loop, too"


def test_after_one_late_answer_redis_is_asked_again_at_once(tmp_path: Path) -> None:
    with start_redis(tmp_path) as url:
        process, other = open_process(url), open_process(url)
        assert asyncio.run(take_numbers(process, 3)) == [1, 2, 3]
        other.redis.client.execute_command("CLIENT", "PAUSE", 1_500)  # milliseconds; every command waits
        assert asyncio.run(take_numbers(process, 1)) == [4], "counted alone"
        assert process.redis.pause.seconds == MIN_PAUSE_SECONDS
        ping = [build_command("PING")]
        wait_until(lambda: other.redis.execute(ping) and process.redis.execute(ping), lambda: "it is not asked again")
        last = [other.ask(TakeNumber(77)) for _ in range(3)][-1]
        assert process.ask(TakeNumber(77)) == last + 1 > 5 and process.redis.pause.seconds == 0


def test_processes_that_ask_at_the_same_time_give_every_answer_once() -> None:
    """Three event loops, hundreds of calls each: numbers, first clicks, ids and visits are those of one process."""
    window, people, calls = Window("at once", 1800), 20, 200

    def visit(process: State, number: int) -> tuple[int, int, bool, bool]:
        question = ask_for_visit(BEGIN, generate_id())
        question.key = (3, 100 + number % people, 0)
        joined = process.join_visit(question)
        repeated = ask_for_visit(BEGIN, generate_id())
        repeated.sender_id = SenderId(5000 + number, True, BEGIN / 1000)
        is_first_sent = process.join_visit(repeated) != "duplicate"
        assert not isinstance(joined, str)
        is_first_click, taken = process.resolve([ClaimFirst(window, number, BEGIN / 1000), TakeNumber(78)])
        return number % people, joined.id, is_first_click, is_first_sent and bool(taken)

    async def visit_at_once(process: State) -> list[tuple[int, int, bool, bool]]:
        return list(await asyncio.gather(*(process.run(visit, process, number) for number in range(calls))))

    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(asyncio.run, visit_at_once(open_process())) for _ in range(3)]
        found = [row for run in runs for row in run.result()]
    assert len({row[:2] for row in found}) == people, "one visit for each visitor"
    assert sum(row[2] for row in found) == sum(row[3] for row in found) == calls, "each click and id is once the first"
    assert open_process().ask(TakeNumber(78)) == 3 * calls + 1


def test_a_key_counts_again_after_the_clock_was_set_back() -> None:
    process, window = open_process(), Window("set-back", 1800)
    moments = (BEGIN / 1000, BEGIN / 1000 - 7200, BEGIN / 1000 - 7200 + 1799, BEGIN / 1000 - 7200 - 3)
    assert [process.ask(ClaimFirst(window, "a", at)) for at in moments] == [True, True, False, False]


def test_an_id_counts_once_for_processes_whose_clocks_differ() -> None:
    key, answers = generate_id(), []
    for hours in (0, 1, -1):
        question = ask_for_visit(BEGIN, generate_id())
        question.sender_id = SenderId(key, True, BEGIN / 1000 + 3600 * hours)
        answers.append(open_process().ask(question))
    assert answers[0] != "duplicate" and answers[1:] == ["duplicate"] * 2


def ask_for_visit(at: int, number: int) -> JoinVisit:
    return JoinVisit(
        key=(1, 11, 0),
        at=at,
        idle=IDLE,
        reported={},
        open_visit=lambda _: OpenVisit(number, 11, at, at),
    )


def test_a_visit_goes_on_after_redis_lost_its_memory() -> None:
    one, other = open_process(), open_process()
    assert one.ask(ask_for_visit(BEGIN, 5)).id == 5  # type: ignore[union-attr]
    state.flush_redis(one)
    assert one.ask(ask_for_visit(BEGIN + 1000, 6)).id == 5  # type: ignore[union-attr]
    assert other.ask(ask_for_visit(BEGIN + 2000, 7)).id == 5, "and the others hear of it"  # type: ignore[union-attr]


def test_a_process_that_missed_the_end_of_a_visit_joins_the_next_one() -> None:
    one, other = open_process(), open_process()
    one.ask(ask_for_visit(BEGIN, 5))
    assert other.ask(ask_for_visit(BEGIN + 2 * IDLE, 6)).id == 6  # type: ignore[union-attr]
    late = one.ask(ask_for_visit(BEGIN + 1000, 7))
    assert (late.id, late.start) == (7, BEGIN + 1000)  # type: ignore[union-attr]


def test_what_is_restored_is_there_for_all() -> None:
    one, other = open_process(), open_process()
    assert one.begin_restore() and not other.begin_restore()
    window = Window("restored", 1800)
    visit = OpenVisit(5, 11, BEGIN, BEGIN, view_id=9, is_new=1, origin={"source": "Google"}, reported={"screen": "1x1"})
    one.resolve([
        RestoreVisit((1, 11, 0), visit),
        RestoreClaim(window, "a", BEGIN / 1000, BEGIN / 1000 + 5),
    ])  # fmt: skip
    joined = other.ask(ask_for_visit(BEGIN + 1000, 6))
    assert not isinstance(joined, str)
    assert (joined.id, joined.view_id, joined.is_new) == (5, 9, 1)
    assert joined.origin == {"source": "Google"} and joined.reported == {"screen": "1x1"}
    assert other.ask(ClaimFirst(window, "a", BEGIN / 1000 + 1799)) is False


def test_filters_of_devices_are_renewed_and_a_full_one_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_seen, "CAPACITY", 20)
    process = open_process()
    process.redis.client.set(DEVICES_KEY, b"\xff" * first_seen.SIZE)  # by an earlier version

    def is_new(device: int) -> bool:
        question = ask_for_visit(BEGIN, device)
        question.key = (1, device, 0)
        joined = process.ask(question)
        process.redis.execute([build_command("DEL", name_visit(question.key))])  # the next one is another visit
        process.local.visits.by_key.clear()
        return not isinstance(joined, str) and bool(joined.is_new)

    assert [is_new(device) for device in range(1, 300)] == [True] * 299
    assert [is_new(device) for device in range(200, 300)] == [False] * 100
    assert is_new(1), "who came before so many others is forgotten"
